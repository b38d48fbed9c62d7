"""Messages and stored events a second in one thread: checking, normalising, writing and reading the stored form.

python -m benchmarks.collect_normalise [--count 50000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from benchmarks.collect_http import event as message
from campaigns.domain.segment import event_from_payload, event_to_payload, find_fault, normalise
from triggers.events import Event

NOW = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)


def per_second(count: int, work: Callable[[int], object]) -> float:
    """How often `work` runs in a second of processor time."""
    started = time.process_time()
    for number in range(count):
        work(number)
    return count / (time.process_time() - started)


def main() -> None:
    """Prints one line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50_000)
    count = parser.parse_args().count
    messages = [message(number) for number in range(1_000)]
    events = [found for one in messages if isinstance(found := normalise(one, source="s", received_at=NOW), Event)]
    stored = [orjson.dumps(event_to_payload(event)) for event in events]
    steps: dict[str, Callable[[int], object]] = {
        "find_fault": lambda number: find_fault(messages[number % 1000], received_at=NOW),
        "normalise": lambda number: normalise(messages[number % 1000], source="s", received_at=NOW),
        "event to stored JSON": lambda number: orjson.dumps(event_to_payload(events[number % 1000])),
        "stored JSON to event": lambda number: event_from_payload(orjson.loads(stored[number % 1000])),
    }
    for name, work in steps.items():
        print(f"{name}: {per_second(count, work):,.0f}/s")
    print(f"stored event: {sum(map(len, stored)) / len(stored):,.0f} bytes on average")


if __name__ == "__main__":
    main()
