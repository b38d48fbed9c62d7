"""How long slates take at decision time: one shopper, and a batch of 500, rules and filters included.

    python benchmarks/recsys_serving.py [--products 1000000] [--profiles 1000000]

The cache is a dict in this process with one record for every product and profile; reading it stands for the MGET.
Prints milliseconds of processor time: p50 and p99 for single shoppers, and for a whole batch from keys to slates, with
garbage collection and without it: deciding runs batches without.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from recsys import keys
from recsys.packing import Ranked, pack
from recsys.request import Fetched, Request, Signal, SlotSpec
from recsys.serving import keys_needed, products_needed, recommend_mail
from recsys.slates import SlotKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEIGHBOURS, KINDS, SLOTS = 40, 200, 1


@dataclass(frozen=True)
class Facts:
    """A product as the shop would hand it over."""

    product_id: str
    category: str
    title: str = "A product of the shop"
    brand: str = "brand"
    price_minor: int | None = 1999
    hidden: bool = False
    in_stock: bool = True
    attributes: dict[str, object] = field(default_factory=dict)


class Cache:
    """Records for any product and profile, made when asked for and kept: the size of the shop costs no memory here."""

    def __init__(self, products: int, profiles: int) -> None:
        self.products, self.profiles, self.made = products, profiles, dict[str, bytes]()

    def get_many(self, wanted: list[str]) -> dict[str, bytes | None]:
        """Stand in for one MGET."""
        return {key: self.made.get(key) or self._make(key) for key in wanted}

    def _make(self, key: str) -> bytes:
        seed = np.random.default_rng(abs(hash(key)) % 2**32)
        names = ("next", "similar", "complement") if key.startswith("p:") else ("list",)
        lists = {name: self._ranked(seed) for name in names}
        self.made[key] = pack(lists, version="benchmark", made_at=NOW)
        return self.made[key]

    def _ranked(self, seed: np.random.Generator) -> Ranked:
        ids = [f"product-{i}" for i in np.unique(seed.zipf(1.3, NEIGHBOURS * 2) % self.products)[:NEIGHBOURS]]
        return Ranked(ids, np.linspace(1, 0.1, len(ids)).tolist(), "item_knn")


def mail_of(seed: np.random.Generator, products: int, profiles: int) -> list[Request]:
    """The slots of one mail for a shopper with eight touched products and a cart."""
    touched = [f"product-{i}" for i in seed.integers(0, products, 8)]
    signals = [Signal(p, age_seconds=60.0 * n, category=f"c{n % 3}") for n, p in enumerate(touched)]
    shared = {"profile_id": f"u{seed.integers(profiles)}", "signals": signals, "cart": touched[:2]}
    slots = (SlotSpec("next", SlotKind.NEXT_BEST), SlotSpec("goes_with", SlotKind.COMPLEMENT))
    return [Request(slot, referral_source="google", **shared) for slot in slots[:SLOTS]]


def slates(mails: list[list[Request]], cache: Cache) -> float:
    """Return the seconds from keys to slates for a batch, without making cache records or facts."""
    flat = [r for mail in mails for r in mail]
    fetched = Fetched(cache.get_many(keys_needed(flat)))
    facts = {p: Facts(p, f"c{hash(p) % KINDS}") for p in products_needed(flat, fetched)}
    mails = [[replace(r) for r in mail] for mail in mails]  # a request remembers what was made of it
    flat = [r for mail in mails for r in mail]
    start = time.process_time()
    fetched = Fetched(cache.get_many(keys_needed(flat)))
    products_needed(flat, fetched)
    fetched = fetched.with_facts(facts)
    for mail in mails:
        recommend_mail(mail, fetched)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--profiles", type=int, default=1_000_000)
    parser.add_argument("--shoppers", type=int, default=2000)
    arguments = parser.parse_args()
    cache = Cache(arguments.products, arguments.profiles)
    seed = np.random.default_rng(1)
    mails = [mail_of(seed, arguments.products, arguments.profiles) for _ in range(arguments.shoppers)]
    gc.freeze()  # as workers do once they have loaded
    alone = [1e3 * slates([mail], cache) for mail in mails]
    starts = range(0, arguments.shoppers - 499, 500)
    batches = [1e3 * slates(mails[i : i + 500], cache) for i in starts]
    gc.disable()
    uncollected = [1e3 * slates(mails[i : i + 500], cache) for i in starts]
    gc.enable()
    result = {
        "slots_per_shopper": SLOTS,
        "shopper_p50_ms": round(float(np.quantile(alone, 0.5)), 3),
        "shopper_p99_ms": round(float(np.quantile(alone, 0.99)), 3),
        "batch_of_500_ms": round(min(batches), 1),
        "batch_of_500_uncollected_ms": round(min(uncollected), 1),
        "keys": len(keys_needed(mails[0])),
        "popular_key": keys.GLOBAL,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
