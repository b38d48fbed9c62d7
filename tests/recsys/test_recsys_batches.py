"""Slates of a whole batch: the same for every shopper as alone, and ranked by the sum the recommender promises."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from recsys.mixing import OWN_DECAY, SLATE_DECAY, Mix
from recsys.packing import Ranked, pack, unpack
from recsys.request import Fetched, Request, Rules, Signal, SlotSpec
from recsys.serving import explain, keys_needed, products_needed, recommend, recommend_mail
from recsys.slates import Rung, SlotKind

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PRODUCTS = [f"p{number}" for number in range(60)]  # p1 and p10 .. p19 begin alike
LISTS = ("next", "similar", "complement", "substitute")


def ranked(seed: random.Random, most: int = 50) -> Ranked:
    ids = seed.sample(PRODUCTS, seed.randrange(most))
    return Ranked(ids, sorted((seed.random() for _ in ids), reverse=True), [seed.choice(["als", "ease"]) for _ in ids])


def store_of(seed: random.Random) -> dict[str, bytes]:
    """A cache in which one record in ten is missing."""
    lists = {f"p:{p}": {name: ranked(seed) for name in seed.sample(LISTS, 3)} for p in PRODUCTS}
    lists |= {f"s:u{n}": {name: ranked(seed) for name in seed.choice([["blend"], ["own", "new"]])} for n in range(9)}
    lists |= {key: {"list": ranked(seed, 20)} for key in ("pop:global", "pop:new", "pop:c:c1", "pop:r:google")}
    return {key: pack(one, version="v", made_at=NOW) for key, one in lists.items() if seed.random() < 0.9}


def mail_of(seed: random.Random) -> list[Request]:
    touched = seed.choices(PRODUCTS, k=seed.choice([0, 3, 9, 20]))
    signals = [
        Signal(p, seed.choice(["Product Viewed", "Product Added"]), 60.0 * n, seed.choice(["c1", "c2", ""]))
        for n, p in enumerate(touched)
    ]
    lines = seed.sample(PRODUCTS, 2)
    shared: dict[str, Any] = {
        "profile_id": seed.choice([None, *(f"u{n}" for n in range(9))]),
        "signals": signals,
        **seed.choice([{}, {"cart": lines}, {"last_order": lines}]),
        "bought": dict.fromkeys(seed.sample(PRODUCTS, seed.choice([0, 4])), 20.0),
        "referral_source": seed.choice(["", "google"]),
        "at": seed.choice([0.0, NOW.timestamp() + 60, NOW.timestamp() + 9000]),
    }
    kinds = seed.choices(list(SlotKind), k=seed.choice([1, 2, 3]))
    return [Request(SlotSpec(f"slot{n}", kind, rules=Rules(new_share=0.3)), **shared) for n, kind in enumerate(kinds)]


@pytest.mark.parametrize("number", range(20))
def test_a_shopper_gets_the_same_slates_in_a_batch_and_alone(number: int):
    seed = random.Random(number)
    store = store_of(seed)
    mails = [mail_of(seed) for _ in range(30)]
    flat = [request for mail in mails for request in mail]
    together = Fetched({key: store.get(key) for key in keys_needed(flat)})
    needed = set(products_needed(flat, together))
    for mail in mails:
        alone = Fetched({key: store.get(key) for key in keys_needed(mail)})
        assert set(products_needed(mail, alone)) <= needed
        assert recommend_mail(mail, alone) == recommend_mail(mail, together)
        assert explain(mail[0], alone) == explain(mail[0], together)


@pytest.mark.parametrize("number", range(20))
def test_a_slate_is_ranked_by_the_weighed_sum_of_session_own_products_and_precomputed_slate(number: int):
    seed = random.Random(number)
    store = store_of(seed) | {"s:ann": pack({"blend": ranked(seed)}, version="v", made_at=NOW)}
    signals = [Signal(p, age_seconds=0.0) for p in seed.sample(PRODUCTS, 8)]
    asked = Request(SlotSpec("x", SlotKind.NEXT_BEST, size=12, rules=Rules(new_share=0.0)), "ann", signals)
    session: dict[str, float] = {}
    for place, signal in enumerate(signals):
        record = store.get(f"p:{signal.product_id}")
        ids, scores, *_ = unpack(record).lists.get("next", ([], ())) if record else ([], ())
        for product_id, score in list(zip(ids, scores, strict=True))[: max(10, 40 - 4 * place)]:
            session[product_id] = session.get(product_id, 0.0) + 0.85**place * score
    mix, peak = Mix(), max(session.values(), default=1.0)
    score = {product_id: mix.session * much / peak for product_id, much in session.items()}
    for place, signal in enumerate(signals):
        score[signal.product_id] = score.get(signal.product_id, 0.0) + mix.own * OWN_DECAY**place
    for place, product_id in enumerate(unpack(store["s:ann"]).lists["blend"][0]):
        score[product_id] = score.get(product_id, 0.0) + mix.slate * SLATE_DECAY**place
    found = recommend(asked, Fetched({key: store.get(key) for key in keys_needed(asked)}))
    shown = [item for item in found.items if item.rung in (Rung.SESSION, Rung.PROFILE)]
    best = sorted(score, key=score.__getitem__, reverse=True)[: len(shown)]
    assert [item.product_id for item in shown] == best and len(shown) >= 8
    assert [item.score for item in shown] == pytest.approx([score[product_id] for product_id in best])


def test_a_neighbour_is_traced_to_the_seed_that_spoke_loudest():
    def neighbours(**scores: float) -> bytes:
        ids = sorted(scores, key=scores.__getitem__, reverse=True)
        return pack({"next": Ranked(ids, [scores[i] for i in ids], "ease")}, version="v", made_at=NOW)

    store = {"p:a": neighbours(p10=0.9, p1=0.2), "p:b": neighbours(p1=0.9, p100=0.8)}
    asked = Request(SlotSpec("x", SlotKind.NEW_FOR_YOU, rules=Rules(new_share=0.0)), signals=[Signal("a"), Signal("b")])
    found = recommend(asked, Fetched({key: store.get(key) for key in keys_needed(asked)}))
    assert {i.product_id: (i.source, i.seed_product_id) for i in found.items} == {
        "p10": ("ease", "a"),
        "p1": ("ease", "b"),
        "p100": ("ease", "b"),
    }


def test_a_product_is_found_in_a_packed_list_as_in_the_decoded_one():
    ids = ["p1", "p10", "ü", "1", "p", "p1 p10", "x"]
    record = unpack(pack({"a": Ranked([], [], "als"), "b": Ranked(ids, [6, 5, 4, 3, 2, 1, 0], "ease")},
                         version="v", made_at=NOW))  # fmt: skip
    _, scores, codes, _ = record.lists["b"]
    for most in (0, 3, 7, 99):
        told = [record.said(record.find("b"), most, product_id.encode()) for product_id in ids]
        assert told == [(scores[n], codes[n]) if n < most else None for n in range(len(ids))]
    assert record.said(record.find("b"), 99, b"p1\n") is None and record.said(record.find("b"), 99, b"0") is None
    assert record.said(record.find("a"), 99, b"p1") is None
    assert record.find("c") == 0
