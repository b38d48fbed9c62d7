"""Coupon codes handed out a second from a large pool, and codes made by a pattern.

    python -m benchmarks.coupons [--pool 1000000] [--codes 100000] [--batch 500]

What a batch of decisions adds where its mails carry coupons: codes are held, and written down with their messages. The
first and the last tenth are shown apart: a pool must not slow down as it empties.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from campaigns.config import scaffold
from campaigns.domain.coupon import make_code
from campaigns.pipeline.coupon_pools import close_import
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.storage.coupon_redemptions import Redemption as Used
from campaigns.storage.coupon_redemptions import redeem_codes
from campaigns.storage.coupons import Reservation, find_taken, hold_free, reserve_codes
from campaigns.storage.database import statement, transaction

FILL = statement(
    "INSERT INTO coupon_codes (pool, code, status, added_at)"
    " SELECT 'spring', upper(md5(n::text)), 'free', now() FROM generate_series(1, :codes) AS n"
)


def from_pool(engine: Engine, number: int, batch: int) -> list[str]:
    """One batch of mails that take their codes out of the pool."""
    now = datetime.now(UTC)
    with transaction(engine.database) as connection:
        held = hold_free(connection, "spring", batch, lives_until=now)
        found = [
            Reservation(one.code_id, "spring", one.code, f"pool-{number}-{place}", now, None)
            for place, one in enumerate(held)
        ]
        reserve_codes(connection, found)
    return [one.code for one in found]


def by_pattern(engine: Engine, number: int, batch: int) -> list[str]:
    """One batch of mails whose codes are made."""
    now, secret = datetime.now(UTC), b"a secret of this benchmark"
    refs = [f"made-{number}-{place}" for place in range(batch)]
    codes = [make_code(secret, "SPRING-####-####", "made", ref, "0") for ref in refs]
    with transaction(engine.database) as connection:
        assert not find_taken(connection, "made", codes)
        rows = [Reservation(None, "made", code, ref, now, None) for code, ref in zip(codes, refs, strict=True)]
        reserve_codes(connection, rows)
    return codes


def measure(work: Callable[[Engine, int, int], list[str]], engine: Engine, codes: int, batch: int) -> list[str]:
    """Prints codes a second, of all and of the first and last tenth; returns the codes."""
    taken, times = list[str](), list[float]()
    for number in range(codes // batch):
        begun = time.perf_counter()
        taken += work(engine, number, batch)
        times.append(time.perf_counter() - begun)
    tenth = max(1, len(times) // 10)
    speeds = [batch * len(part) / sum(part) for part in (times, times[:tenth], times[-tenth:])]
    assert len(taken) == len(set(taken)) == len(times) * batch
    name = work.__name__.replace("_", " ")
    print(f"{name}: {speeds[0]:,.0f} codes/s; first tenth {speeds[1]:,.0f}, last tenth {speeds[2]:,.0f}")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=int, default=1_000_000)
    parser.add_argument("--codes", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "shop"
        scaffold(root, shop_id="shop", shop_name="Shop", shop_url="https://shop.example")
        with open_engine(root) as engine:
            with transaction(engine.database) as connection:
                connection.execute(FILL, {"codes": asked.pool})
            close_import(engine)
            taken = measure(from_pool, engine, asked.codes, asked.batch)
            measure(by_pattern, engine, asked.codes, asked.batch)
            begun, now = time.perf_counter(), datetime.now(UTC)
            for start in range(0, len(taken), asked.batch):
                used = [Used(code, f"o-{code}", 4_990, now) for code in taken[start : start + asked.batch]]
                with transaction(engine.database) as connection:
                    assert redeem_codes(connection, used) == len(used)
            print(f"marked as used: {len(taken) / (time.perf_counter() - begun):,.0f} codes/s")


if __name__ == "__main__":
    main()
