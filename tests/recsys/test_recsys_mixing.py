"""The weights of serving are found by what they gain; a weight changes only for a gain worth having."""

from __future__ import annotations

from recsys.mixing import Mix, tuned, tuned_for_old


def test_what_gains_most_is_found_one_weight_after_the_other() -> None:
    best = tuned(lambda mix: 10.0 - abs(mix.session - 1.0) - abs(mix.slate - 0.5))
    assert (best.session, best.slate) == (1.0, 0.5)
    assert (best.own, best.old_slate) == (Mix().own, Mix().old_slate)


def test_a_gain_of_less_than_a_hundredth_changes_nothing() -> None:
    assert tuned(lambda mix: 10.0 + 0.04 * mix.session) == Mix()


def test_an_old_slate_that_knows_less_than_nothing_is_not_listened_to() -> None:
    found = tuned_for_old(lambda mix: 10.0 - 2.0 * mix.old_slate, Mix(session=2.0, slate=0.1))
    assert found == Mix(session=2.0, slate=0.1, old_slate=0.0)
    assert tuned_for_old(lambda mix: 10.0 + mix.old_slate, Mix()).old_slate == 1.0
