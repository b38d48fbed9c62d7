"""Sticky draws: the same side for ever, the share that was asked for, and layers that know nothing of each other."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from itertools import combinations

import pytest

from campaigns.decisions.assignment import assignment_key, draw, is_held_out, merges_arms, pick_variant
from campaigns.decisions.candidate import ShopPolicy
from campaigns.domain.campaign import Campaign, Experiment, Policy, Step, Variant
from triggers.abandoned_cart import AbandonedCart

PEOPLE = [str(number) for number in range(20_000)]


def campaign(name: str, *variants: Variant, salt: str = "") -> Campaign:
    steps = (Step("one", timedelta(hours=1), "t"),)
    return Campaign(name, name, AbandonedCart(), steps, experiment=Experiment(salt, variants))


def test_draws_are_the_same_on_every_machine():
    digest = sha256(b"4:saltprofile-1").hexdigest()
    assert draw("salt", "profile-1") == pytest.approx(int(digest[:16], 16) / 2**64, abs=1e-15)


def test_draws_are_uniform():
    counts = [0] * 20
    for person in PEOPLE:
        counts[int(draw("s", person) * 20)] += 1
    chi_square = sum((count - 1000) ** 2 / 1000 for count in counts)
    assert chi_square < 43.8  # p = 0.001 with 19 degrees of freedom


@pytest.mark.parametrize(("one", "other"), list(combinations(["a", "b", "a1", "shop/holdout/a", "shop/holdout/b"], 2)))
def test_layers_with_different_salts_are_independent(one, other):
    both = sum(draw(one, person) < 0.3 and draw(other, person) < 0.3 for person in PEOPLE)
    assert abs(both - 1800) < 4 * (20_000 * 0.09 * 0.91) ** 0.5


def test_holdout_has_its_share_and_a_larger_share_only_adds():
    small = {person for person in PEOPLE if is_held_out("shop", campaign("cart"), person, 0.1)}
    large = {person for person in PEOPLE if is_held_out("shop", campaign("cart"), person, 0.2)}
    assert abs(len(small) - 2000) < 4 * (20_000 * 0.1 * 0.9) ** 0.5
    assert small < large
    assert not any(is_held_out("shop", campaign("cart"), person, 0) for person in PEOPLE[:100])


def test_campaigns_that_share_a_salt_hold_out_the_same_shoppers():
    ones, others = campaign("cart", salt="spring"), campaign("browse", salt="spring")
    sides = [(is_held_out("s", ones, p, 0.5), is_held_out("s", others, p, 0.5)) for p in PEOPLE[:500]]
    assert all(one == other for one, other in sides)


def test_variants_are_drawn_by_weight_and_apart_from_the_holdout():
    weighted = campaign("cart", Variant("a", 1), Variant("b", 3))
    drawn = [pick_variant("shop", weighted, person).name for person in PEOPLE]
    assert abs(drawn.count("b") - 15_000) < 4 * (20_000 * 0.75 * 0.25) ** 0.5
    held = [d for d, person in zip(drawn, PEOPLE, strict=True) if is_held_out("shop", weighted, person, 0.2)]
    assert abs(held.count("b") / len(held) - 0.75) < 0.03


def test_without_variants_there_is_nothing_to_draw():
    assert pick_variant("shop", campaign("cart"), "1") is None


def test_identities_from_different_arms_are_flagged():
    held = next(p for p in PEOPLE if is_held_out("shop", campaign("cart"), p, 0.1))
    free = [p for p in PEOPLE[:100] if not is_held_out("shop", campaign("cart"), p, 0.1)]
    shop = ShopPolicy(salt="shop", holdout_share=0.1)
    assert merges_arms(shop, [campaign("cart")], [held, free[0]])
    assert not merges_arms(shop, [campaign("cart")], free[:2])


def test_a_step_with_a_holdout_of_its_own_has_arms_of_its_own():
    policy = Policy(holdout=0.5)
    half = Campaign("cart", "cart", AbandonedCart(), (Step("one", timedelta(hours=1), "t", policy=policy),))
    shop = ShopPolicy(salt="shop", holdout_share=0.1)
    held = next(p for p in PEOPLE if is_held_out("shop", half, p, 0.5) and not is_held_out("shop", half, p, 0.1))
    free = next(p for p in PEOPLE if not is_held_out("shop", half, p, 0.5))
    assert merges_arms(shop, [half], [held, free])
    assert not merges_arms(shop, [campaign("cart")], [held, free])


def test_assignment_keys_follow_from_the_first_id_alone():
    assert assignment_key("user", "mia") == assignment_key("user", "mia")
    assert len({assignment_key(kind, value) for kind in ("user", "email") for value in ("a", "b")}) == 4
