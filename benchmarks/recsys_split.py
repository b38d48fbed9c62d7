"""What a full training costs its coordinator when it is split up, beside one that is not.

    python -m benchmarks.recsys_split [--interactions 200000] [--products 5000] [--processes 2]

The same history trained three times in one run, on embedded servers in a folder of their own: in one process, split up
with nobody to help, and with `rekindle worker --learner`. Seconds are processor time of the coordinator, and of the
learners; `artifacts_mib` is what the split training had on disk at its end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.recsys_refresh import Shop
from campaigns.config import scaffold
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.recs_champion import challenge
from campaigns.pipeline.recs_split import HandOut
from campaigns.storage.database import transaction
from workers.app import configure
from workers.tasks import hand_out

ROOT = Path(__file__).parents[1]


def timed(engine: Engine, offer: HandOut | None) -> dict[str, object]:
    wall, processor, size = time.perf_counter(), time.process_time(), 0
    shared = engine.workspace.artifacts / "recs" / "live" / "training"

    def noted(job: str, log: str, parts: Sequence[str]) -> None:
        nonlocal size
        size = max(size, sum(path.stat().st_size for path in shared.rglob("*") if path.is_file()))
        if offer is not None:
            offer(job, log, parts)

    found = challenge(engine, force=True, hand_out=noted if offer is not None else None)
    assert found.published is not None
    return {
        "version": found.published.version,
        "s": round(time.perf_counter() - wall, 1),
        "cpu_s": round(time.process_time() - processor, 1),
        "artifacts_mib": round(size / 2**20),
    }


def with_learners(folder: Path, processes: int, work: Callable[[], dict[str, object]]) -> dict[str, object]:
    command = ["-m", "campaigns.cli", "-w", str(folder), "worker", "--learner", "--processes", str(processes)]
    learner = subprocess.Popen([sys.executable, *command], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        time.sleep(20)
        found = work()
        pool = psutil.Process(learner.pid).children(recursive=True)
        found["learners_cpu_s"] = round(sum(sum(one.cpu_times()[:2]) for one in pool), 1)
        return found
    finally:
        learner.terminate()
        learner.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=200_000)
    parser.add_argument("--products", type=int, default=5_000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="rekindle-split-") as folder:
        about = {"shop_id": "units", "shop_name": "Units", "shop_url": "https://units.example"}
        workspace = scaffold(Path(folder) / "w", **about).workspace
        with open_engine(workspace.root, environ={"REKINDLE_RECS_SPLIT_ABOVE": "1"}) as engine:
            shop, now = Shop(options.products, options.interactions // 20), datetime.now(UTC) - timedelta(minutes=5)
            with transaction(engine.database) as connection:
                shop.found(connection)
            shop.add(engine, options.interactions, now - timedelta(days=60), now)
            configure(workspace, engine.settings, engine.broker_url)
            print(json.dumps({"one process": timed(engine, None)}), flush=True)
            print(json.dumps({"split, alone": timed(engine, lambda job, log, parts: None)}), flush=True)
            shared = with_learners(workspace.root, options.processes, lambda: timed(engine, hand_out))
            print(json.dumps({"split, with learners": shared}), flush=True)


if __name__ == "__main__":
    main()
