"""`make bench`: every benchmark one after the other, each in a process of its own.

python -m benchmarks [NAME ...]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ORDER = (
    ("replay", ()),
    ("ingest", ()),
    ("timers", ()),
    ("catalog_changes", ("--viewers", "50000")),
    ("end_to_end", ()),
    ("coupons", ()),
    ("backtest", ()),
    ("collect_http", ()),
    ("collect_normalise", ()),
    ("rendering_speed", ()),
    ("preview_reload", ()),
    ("delivery_speed", ("--mails", "600")),
    ("recsys_serving", ()),
    ("recsys_training", ()),
)


def main() -> None:
    wanted = sys.argv[1:]
    failed = []
    for name, arguments in ORDER:
        if (wanted and name not in wanted) or not Path(__file__).with_name(f"{name}.py").exists():
            continue
        print(f"\n== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False)
        if done.returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
