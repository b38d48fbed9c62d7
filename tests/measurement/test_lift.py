"""Lift from sums: known answers, and intervals that hold what they say."""

from __future__ import annotations

from datetime import timedelta
from math import isnan

import numpy as np
import pytest
from scipy import stats

from campaigns.decisions.assignment import assignment_key, is_held_out
from campaigns.domain.campaign import Campaign, Step
from campaigns.measurement.arms import Arm
from campaigns.measurement.lift import (
    Lift,
    NotEnoughData,
    conversion_lift,
    minimum_detectable_lift,
    revenue_lift,
)
from campaigns.measurement.ratio import check_ratio
from triggers.abandoned_cart import AbandonedCart


def arm(revenues: np.ndarray) -> Arm:
    buyers = int((revenues > 0).sum())
    return Arm(len(revenues), buyers, buyers, float(revenues.sum()), float((revenues**2).sum()))


def drawn(random: np.random.Generator, profiles: int, rate: float, basket: float) -> np.ndarray:
    return (random.random(profiles) < rate) * random.lognormal(np.log(basket), 0.8, profiles)


def test_conversion_lift_is_that_of_the_textbook():
    found = conversion_lift(Arm(9000, 990), Arm(1000, 100))
    assert isinstance(found, Lift)
    assert found.relative == pytest.approx(0.10)
    assert (found.relative_low, found.relative_high) == pytest.approx((-0.094, 0.3355), abs=2e-3)
    assert found.difference == pytest.approx(0.01)
    assert not found.is_clear


def test_revenue_interval_is_welchs():
    random = np.random.default_rng(7)
    mailed, ghosts = drawn(random, 5000, 0.2, 4000), drawn(random, 700, 0.17, 4000)
    found = revenue_lift(arm(mailed), arm(ghosts))
    assert isinstance(found, Lift)
    expected = stats.ttest_ind(mailed, ghosts, equal_var=False).confidence_interval(0.95)
    assert (found.difference_low, found.difference_high) == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert arm(mailed).variance == pytest.approx(mailed.var(ddof=1))


@pytest.mark.parametrize("ghosts", [Arm(1000, 99), Arm(), Arm(100_000, 0)])
def test_no_number_without_a_hundred_buyers_in_each_group(ghosts: Arm):
    for lift in (conversion_lift, revenue_lift):
        found = lift(Arm(9000, 900, 900, 900_000.0, 1e9), ghosts)
        assert isinstance(found, NotEnoughData)
        assert "each group needs 100" in str(found)


@pytest.mark.slow
@pytest.mark.parametrize("lift", [conversion_lift, revenue_lift])
@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_intervals_cover_the_truth_as_often_as_they_say(lift, effect: float):
    random = np.random.default_rng(2026)
    covered = tried = 0
    for _ in range(1000):
        mailed = arm(drawn(random, 9000, 0.15 * (1 + effect), 4000))
        ghosts = arm(drawn(random, 1000, 0.15, 4000))
        found = lift(mailed, ghosts)
        if isinstance(found, Lift):
            tried += 1
            covered += found.relative_low <= effect <= found.relative_high
    assert tried > 990
    assert 0.935 <= covered / tried <= 0.965


def test_the_least_lift_that_shows_is_found_as_often_as_its_power_says():
    rate, mailed, ghosts = 0.1, 18_000, 2_000
    effect = minimum_detectable_lift(rate, mailed, ghosts)
    random = np.random.default_rng(11)
    clear = 0
    for _ in range(1000):
        found = conversion_lift(
            Arm(mailed, int(random.binomial(mailed, rate * (1 + effect)))),
            Arm(ghosts, int(random.binomial(ghosts, rate))),
        )
        clear += isinstance(found, Lift) and found.is_clear
    assert 0.75 <= clear / 1000 <= 0.85
    assert isnan(minimum_detectable_lift(0.0, 10, 10))


def test_a_small_holdout_shows_only_large_lifts():
    """Orders of magnitude that planning relies on: 10 % held out, 5 % buy."""
    found = [minimum_detectable_lift(0.05, round(n * 0.9), round(n * 0.1)) for n in (20_000, 100_000, 1_000_000)]
    assert found == pytest.approx([0.29, 0.13, 0.041], abs=0.01)


def test_sample_ratio():
    fine, wrong = check_ratio(9_050, 950, 0.1), check_ratio(9_200, 800, 0.1)
    assert fine.p == pytest.approx(stats.chisquare([9050, 950], [9000, 1000]).pvalue)
    assert fine.is_fine and not wrong.is_fine
    assert check_ratio(0, 0, 0.1).is_fine
    with pytest.raises(ValueError, match="between 0 and 1"):
        check_ratio(1, 1, 0.0)


def test_a_fair_draw_is_seldom_called_wrong():
    random = np.random.default_rng(5)
    ghosts = random.binomial(10_000, 0.1, 5000)
    wrong = sum(not check_ratio(10_000 - int(n), int(n), 0.1).is_fine for n in ghosts)
    assert wrong <= 15


def test_only_ghosts_tell_what_the_mail_did() -> None:
    """Eager shoppers leave more carts and buy more, mail or no mail: compared with everybody held out, or credited with
    every order that follows, a mail seems to do several times what it does."""
    random, shoppers, effect = np.random.default_rng(11), 150_000, 0.2
    eagerness = random.beta(1, 9, shoppers)
    campaign = Campaign("cart", "cart", AbandonedCart(), (Step("one", timedelta(hours=1), "t"),))
    held = np.array([is_held_out("shop", campaign, assignment_key("user", str(n)), 0.5) for n in range(shoppers)])
    abandons = random.random(shoppers) < eagerness * 2
    buys = random.random(shoppers) < eagerness * np.where(abandons & ~held, 1 + effect, 1)
    mailed, ghosts = (arm(buys[abandons & group] * 100.0) for group in (~held, held))
    everybody_held = arm(buys[held] * 100.0)
    found = conversion_lift(mailed, ghosts)
    assert isinstance(found, Lift)
    assert found.relative_low < effect < found.relative_high
    assert found.relative == pytest.approx(effect, abs=0.06)
    assert mailed.rate / everybody_held.rate - 1 > 3 * effect
    assert mailed.buyers > 4 * (mailed.rate - ghosts.rate) * mailed.profiles
