"""Slates at decision time: the ladder, the business rules, and what happens when pieces are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from recsys.mixing import Mix
from recsys.packing import Ranked, pack, unpack
from recsys.request import Fetched, Request, Rules, Signal, SlotSpec
from recsys.serving import explain, keys_needed, products_needed, recommend, recommend_mail
from recsys.slates import Filled, Rung, SlotKind
from recsys.training import train

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Facts:
    product_id: str
    title: str = ""
    category: str = ""
    brand: str = ""
    price_minor: int | None = 1000
    hidden: bool = False
    in_stock: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)


def packed(**lists: list[str]) -> bytes:
    ranked = {name: Ranked(ids, [1.0 - i / 10 for i in range(len(ids))], "item_knn") for name, ids in lists.items()}
    return pack(ranked, version="v1", made_at=NOW)


STORE = {
    "p:mug": packed(next=["saucer", "spoon", "pot"], similar=["cup", "glass"],
                    complement=["tea", "cup"], substitute=["cup"]),
    "p:tea": packed(next=["pot", "honey"], complement=["honey"]),
    "p:jug": packed(complement=["cup", "lid"]),
    "s:ann": packed(blend=["lamp", "spoon"]),
    "pop:c:kitchen": packed(list=["pan", "knife"]),
    "pop:r:google": packed(list=["vase"]),
    "pop:global": packed(list=["hit1", "hit2", "hit3", "hit4", "hit5"]),
    "pop:new": packed(list=["fresh1", "fresh2"]),
}  # fmt: skip
NO_NEW = Rules(new_share=0.0)


def slate(kind: SlotKind = SlotKind.NEXT_BEST, facts: Mapping[str, Facts] | None = None, **request: Any):
    spec = {k: request.pop(k) for k in ("size", "minimum", "when_short", "rules") if k in request}
    asked = Request(SlotSpec("grid", kind, **{"rules": NO_NEW, **spec}), **request)
    return recommend(asked, Fetched({k: STORE.get(k) for k in keys_needed(asked)}, facts))


def test_a_shopper_who_viewed_gets_neighbours_of_the_view():
    found = slate(signals=[Signal("mug")], kind=SlotKind.NEW_FOR_YOU, size=3)
    assert found.product_ids == ["saucer", "spoon", "pot"]
    assert {i.rung for i in found.items} == {Rung.SESSION}
    assert found.version == "v1" and found.made_at == NOW


def test_what_was_viewed_last_counts_most():
    found = slate(signals=[Signal("tea"), Signal("mug", age_seconds=600_000)], kind=SlotKind.NEW_FOR_YOU, size=2)
    assert found.product_ids[0] == "pot"


def test_the_profile_slate_joins_and_agreement_wins():
    found = slate(profile_id="ann", signals=[Signal("mug")], kind=SlotKind.NEW_FOR_YOU, size=3)
    assert found.product_ids[0] == "spoon"


def test_a_slate_that_knows_the_session_leads_and_the_session_takes_over_right_after_a_touch():
    later = NOW.timestamp() + 3600
    looked_before = slate(profile_id="ann", signals=[Signal("tea", age_seconds=7200)], at=later, size=4)
    assert set(looked_before.product_ids[:2]) == {"tea", "lamp"}
    assert looked_before.items[looked_before.product_ids.index("lamp")].rung is Rung.PROFILE
    just_now = slate(profile_id="ann", signals=[Signal("mug", age_seconds=60)], at=later, size=4)
    assert just_now.product_ids[:2] == ["mug", "spoon"]
    assert "lamp" in just_now.product_ids  # the slate of before still has a say


def test_an_own_product_that_the_slate_names_too_says_that_it_was_looked_at():
    found = slate(profile_id="ann", signals=[Signal("spoon", age_seconds=9)], size=1)
    assert (found.product_ids, found.items[0].reason) == (["spoon"], "You looked at this recently")


def test_weights_found_in_training_change_the_order():
    asked = Request(SlotSpec("x", SlotKind.NEXT_BEST, size=1, rules=NO_NEW), "ann", [Signal("mug", age_seconds=9)])
    for mix, first in ((Mix(own=2.0), "mug"), (Mix(slate=9.0), "lamp"), (Mix(session=20.0), "saucer")):
        store = STORE | dict([mix.packed(version="v", made_at=NOW)])
        assert recommend(asked, Fetched({k: store.get(k) for k in keys_needed(asked)})).product_ids == [first]


def test_a_stranger_gets_the_session_first_and_bestsellers_last():
    order = [Rung.SESSION, Rung.AFFINITY, Rung.REFERRAL, Rung.GLOBAL]
    signals = [Signal("mug", category="kitchen")]
    found = slate(kind=SlotKind.NEW_FOR_YOU, signals=signals, referral_source="google", size=11)
    rungs = [i.rung for i in found.items]
    assert rungs == sorted(rungs, key=order.index)
    assert set(rungs) == set(order)


@pytest.mark.parametrize(
    ("request_", "first", "rung"),
    [
        ({"signals": [Signal("unknown", category="kitchen")]}, "pan", Rung.AFFINITY),
        ({"top_categories": ["kitchen"]}, "pan", Rung.AFFINITY),
        ({"referral_source": "google"}, "vase", Rung.REFERRAL),
        ({}, "hit1", Rung.GLOBAL),
    ],
)
def test_a_stranger_falls_down_the_ladder(request_: dict[str, Any], first: str, rung: Rung):
    found = slate(kind=SlotKind.NEW_FOR_YOU, **request_)
    assert (found.items[0].product_id, found.items[0].rung) == (first, rung)
    assert found.filled is Filled.FULL


def test_reasons_name_the_product_they_start_from():
    facts = {p: Facts(p, title=f"The {p}") for p in ("mug", "tea", "saucer", "cup", "honey")}
    item = slate(SlotKind.COMPLEMENT, facts, cart=["mug"], size=1).items[0]
    assert (item.product_id, item.reason) == ("tea", "Often bought with The mug")
    assert "The mug" in item.explanation and "session" in item.explanation


def test_complements_are_never_substitutes_and_never_in_the_cart():
    found = slate(SlotKind.COMPLEMENT, cart=["mug"], size=9)
    assert "cup" not in found.product_ids and "mug" not in found.product_ids
    assert {d.rule for d in found.dropped if d.product_id == "cup"} == {"substitute of what was bought"}


def test_complements_are_no_substitutes_of_the_cart_nor_of_the_last_order():
    of_cart = slate(SlotKind.COMPLEMENT, cart=["mug"], last_order=["tea"], size=3)
    assert "tea" not in of_cart.product_ids and "cup" not in of_cart.product_ids
    assert "cup" in {d.product_id for d in of_cart.dropped}
    of_order = slate(SlotKind.COMPLEMENT, cart=["jug"], last_order=["mug"], size=1)
    assert of_order.product_ids == ["lid"]  # a cup stands in for the mug that was just bought


@pytest.mark.parametrize(
    ("changed", "rules", "rule"),
    [
        ({"in_stock": False}, Rules(new_share=0), "out of stock"),
        ({"hidden": True}, Rules(new_share=0), "hidden"),
        ({"price_minor": 5}, Rules(new_share=0, minimum_price_minor=100), "below the price floor"),
        ({"attributes": {"cost_minor": 990}}, Rules(new_share=0, minimum_margin_minor=50), "below the margin floor"),
        ({"category": "adult"}, Rules(new_share=0, hidden_categories=frozenset({"adult"})), "hidden"),
    ],
)
def test_live_facts_take_products_out(changed: dict[str, Any], rules: Rules, rule: str):
    facts = {p: Facts(p) for p in ("spoon", "pot", "hit1")} | {"saucer": Facts("saucer", **changed)}
    found = slate(SlotKind.NEW_FOR_YOU, facts, signals=[Signal("mug")], size=2, rules=rules)
    assert found.product_ids == ["spoon", "pot"]
    assert next(d.rule for d in found.dropped if d.product_id == "saucer") == rule


@pytest.mark.parametrize(
    ("request_", "rule"),
    [
        ({"cart": ["saucer"]}, "in the cart"),
        ({"last_order": ["saucer"]}, "just bought"),
        ({"bought": {"saucer": 10.0}}, "just bought"),
        ({"returned": {"saucer": 400.0}}, "returned"),
        ({"taken": frozenset({"saucer"})}, "already in this mail"),
    ],
)
def test_what_the_shopper_has_is_not_offered_again(request_: dict[str, Any], rule: str):
    found = slate(SlotKind.NEW_FOR_YOU, signals=[Signal("mug")], **request_)
    assert "saucer" not in found.product_ids
    assert next(d.rule for d in found.dropped if d.product_id == "saucer") == rule


def test_a_product_bought_in_rhythm_is_offered_when_due():
    store = STORE | {"p:spoon": pack({"next": Ranked([], [], "item_knn", 30.0)}, version="v1", made_at=NOW)}
    for days, offered in ((10.0, False), (28.0, True)):
        asked = Request(
            SlotSpec("x", SlotKind.NEXT_BEST, rules=NO_NEW), signals=[Signal("mug")], bought={"spoon": days}
        )
        found = recommend(asked, Fetched({k: store.get(k) for k in keys_needed(asked)}))
        assert ("spoon" in found.product_ids) is offered


def test_caps_spread_categories_and_pins_lead():
    facts = {p: Facts(p, category="hits", brand="b") for p in ("hit1", "hit2", "hit3")} | {
        "vase": Facts("vase", category="x"),
        "pin": Facts("pin"),
    }
    found = slate(facts=facts, referral_source="google", rules=Rules(pinned=("pin",), max_per_category=1, new_share=0))
    assert found.product_ids == ["pin", "vase", "hit1"]


@pytest.mark.parametrize("rules", [Rules(max_per_brand=1, new_share=0), Rules(max_per_price_band=1, new_share=0)])
def test_caps_spread_brands_and_prices(rules: Rules):
    facts = {p: Facts(p, brand="b", price_minor=1100) for p in ("hit1", "hit2", "hit3")}
    found = slate(facts=facts | {"hit4": Facts("hit4", brand="c", price_minor=9000)}, rules=rules)
    assert found.product_ids == ["hit1", "hit4"]


def test_when_all_that_fits_is_sold_out_the_bestsellers_remain():
    many = [f"gone{n}" for n in range(120)]
    store = STORE | {"p:mug": pack({"next": Ranked(many, [1.0] * 120, "item_knn")}, version="v", made_at=NOW)}
    asked = Request(SlotSpec("x", SlotKind.NEW_FOR_YOU, size=2, rules=NO_NEW), signals=[Signal("mug")])
    fetched = Fetched({k: store.get(k) for k in keys_needed(asked)})
    facts = {p: Facts(p, in_stock=not p.startswith("gone")) for p in products_needed(asked, fetched)}
    assert recommend(asked, fetched.with_facts(facts)).product_ids == ["hit1", "hit2"]


def test_boosts_move_products_up():
    found = slate(SlotKind.NEW_FOR_YOU, signals=[Signal("mug")], size=1, rules=Rules(boosted={"pot": 9.0}, new_share=0))
    assert found.product_ids == ["pot"]


@pytest.mark.parametrize(("when_short", "filled"), [("fold", Filled.FOLD), ("skip", Filled.SKIP)])
def test_below_the_minimum_the_slot_folds_or_the_mail_is_skipped(when_short: str, filled: Filled):
    facts = {"hit1": Facts("hit1")}
    assert slate(facts=facts, size=4, minimum=2, when_short=when_short).filled is filled
    assert slate(facts=facts, size=4, minimum=1, when_short=when_short).filled is Filled.SHORT


def test_a_shop_that_is_sold_out_folds_the_slot_and_says_why_for_each_product():
    facts = {p: Facts(p, in_stock=False) for p in ("saucer", "spoon", "pot", *(f"hit{n}" for n in range(1, 6)))}
    found = slate(SlotKind.NEW_FOR_YOU, facts, signals=[Signal("mug")])
    assert found.product_ids == []
    assert found.filled is Filled.FOLD
    assert {d.rule for d in found.dropped if d.product_id in facts} == {"out of stock"}


def test_recently_viewed_picks_up_where_the_shopper_left_off():
    found = slate(
        SlotKind.RECENTLY_VIEWED, signals=[Signal("a"), Signal("b", "Product Added", 60.0), Signal("c")], cart=["c"]
    )
    assert found.product_ids == ["b", "a"]
    assert [i.reason for i in found.items] == ["You had this in your cart", "You looked at this recently"]


def test_no_product_comes_twice_in_one_mail():
    requests = [Request(SlotSpec(str(i), SlotKind.NEXT_BEST, size=2), signals=[Signal("mug")]) for i in range(4)]
    slates = recommend_mail(requests, Fetched({k: STORE.get(k) for k in keys_needed(requests)}))
    shown = [p for s in slates for p in s.product_ids]
    assert len(shown) == len(set(shown)) == 8


def test_new_products_get_their_share_and_say_so():
    rungs = [slate(profile_id=str(i), rules=Rules(new_share=0.25)).items[-1].rung for i in range(20)]
    assert set(rungs) == {Rung.NEW}


@pytest.mark.parametrize("damage", [b"", b"RK", b"garbage" * 9, STORE["p:mug"][:40], b"\xff" * 200])
def test_missing_or_damaged_cache_falls_down_and_never_raises(damage: bytes):
    asked = Request(SlotSpec("x", SlotKind.NEXT_BEST, minimum=1), profile_id="ann", signals=[Signal("mug")])
    found = recommend(asked, Fetched(dict.fromkeys(keys_needed(asked), damage)))
    assert found.product_ids == ["mug"] or found.filled is Filled.FOLD
    assert "p:mug" in found.missing


def test_one_read_serves_a_batch_and_each_key_comes_once():
    requests = [
        Request(SlotSpec("x", SlotKind.NEXT_BEST), profile_id=str(i), signals=[Signal("mug")]) for i in range(50)
    ]
    keys = keys_needed(requests)
    assert len(keys) == len(set(keys)) == 50 + 5
    fetched = Fetched({k: STORE.get(k) for k in keys})
    assert {"saucer", "fresh1", "mug", "hit1"} <= set(products_needed(requests, fetched))


def test_packing_gives_back_what_was_packed():
    ranked = {"next": Ranked(["ü", "b"], [1.0, 0.5], ["als", "item_knn"], 14.0), "similar": Ranked([], [], "rules")}
    read = unpack(pack(ranked, version="abc", made_at=NOW))
    assert (read.version, read.made) == ("abc", NOW)
    assert read.lists["next"][0] == ["ü", "b"] and read.lists["next"][3] == 14.0
    assert read.lists["similar"][0] == []


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"product_id": []}),
        pd.DataFrame({"product_id": ["a"]}),
        pd.DataFrame({"product_id": ["a"] * 10_000, "session_id": 1, "profile_id": "bot"}),
        pd.DataFrame({"product_id": [str(i) for i in range(5000)], "session_id": "bot", "profile_id": "bot"}),
        pd.DataFrame(
            {"product_id": ["a", "b", None, "a"], "session_id": [1, 1, 2, None], "profile_id": [None, "x", "x", None]}
        ),
    ],
)
def test_odd_histories_train_and_serve(frame: pd.DataFrame):
    store = dict(train(frame, None, now=NOW).packed())
    asked = Request(SlotSpec("x", SlotKind.NEXT_BEST), profile_id="bot", signals=[Signal("a")])
    recommend(asked, Fetched({k: store.get(k) for k in keys_needed(asked)}))


def test_a_slate_can_be_explained_candidate_by_candidate():
    asked = Request(SlotSpec("x", SlotKind.NEW_FOR_YOU, size=1, rules=NO_NEW), signals=[Signal("mug")], cart=["saucer"])
    told = {c.product_id: c for c in explain(asked, Fetched({k: STORE.get(k) for k in keys_needed(asked)}))}
    assert told["saucer"].rule == "in the cart" and told["saucer"].seed == "mug"
    assert [c.product_id for c in told.values() if c.place == 1] == ["spoon"]
    assert told["hit1"].rung is Rung.GLOBAL
