"""`rekindle replay` of the Taobao file, end to end: wall time and peak memory.

python -m benchmarks.replay [--until 2017-11-28]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "taobao_userbehavior.csv.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--until", default="", help="stop at this day")
    arguments = parser.parse_args()
    if not FILE.exists():
        print("replay: skipped, the shared data folder is not beside this checkout")
        return
    with tempfile.TemporaryDirectory(prefix="rekindle-bench-") as folder:
        shop = Path(folder) / "shop"
        rekindle = [sys.executable, "-m", "campaigns.cli"]
        subprocess.run([*rekindle, "init", str(shop)], check=True, stdout=subprocess.DEVNULL)
        command = [*rekindle, "-w", str(shop), "--json", "replay", str(FILE)]
        command += ["--until", arguments.until] if arguments.until else []
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - started
    result = json.loads(done.stdout)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    sent = sum(row["count"] for row in result["messages"])
    print(
        f"replay: {result['events']:,} events, {sent:,} mails in {seconds:.1f} s"
        f" ({result['events'] / seconds:,.0f} events/s), peak memory of the process {peak:,.0f} MB"
    )


if __name__ == "__main__":
    main()
