"""What `plan` shows of an edit."""

from __future__ import annotations

from pathlib import Path

from campaigns.domain.campaign_change import list_changes, refuse_change
from campaigns.domain.campaign_file import edit_campaign, parse_campaign

TEXT = (Path(__file__).parents[2] / "campaigns" / "library" / "abandoned_cart.yaml").read_text(encoding="utf-8")
CART = parse_campaign(TEXT, file="cart.yaml")


def edited(**changes: object):
    return parse_campaign(edit_campaign(TEXT, {k.replace("__", "."): v for k, v in changes.items()}), file="cart.yaml")


def test_the_same_file_has_no_changes_whatever_its_version():
    assert list_changes(CART, parse_campaign(TEXT, file="cart.yaml", version=7)) == []


def test_changes_are_told_setting_by_setting():
    after = edited(
        name="Cart", steps__0__after="30m", policy__max_late="off", trigger__reentry="2d",
        audience={"field": "orders.count", "operator": "at_least", "value": 2},
    )  # fmt: skip
    told = [str(change) for change in list_changes(CART, after)]
    assert told[:2] == ["name: Abandoned cart -> Cart", "steps.reminder.after: 1h -> 30m"]
    assert "audience: orders.count at least 2 (new)" in told or "audience: none -> orders.count at least 2" in told
    assert "reentry: 1d -> 2d" in told and "policy.max_late: 1d -> none" in told


def test_a_new_and_a_gone_campaign_list_everything():
    assert "trigger.type: abandoned_cart (new)" in map(str, list_changes(None, CART))
    assert "trigger.type: abandoned_cart (gone)" in map(str, list_changes(CART, None))


def test_a_campaign_keeps_its_trigger():
    other = edited(trigger={"type": "post_purchase"}, policy__after_order="off")
    assert refuse_change(CART, CART) == ""
    assert "cannot turn from abandoned_cart into post_purchase" in refuse_change(CART, other)
