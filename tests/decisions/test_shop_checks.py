"""Campaigns that take over the shop's limits are checked against them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from campaigns.decisions.candidate import ShopPolicy
from campaigns.decisions.shop_checks import check_with_shop
from campaigns.domain.campaign_file import edit_campaign, parse_campaign, read_campaign
from campaigns.domain.campaign_values import Hours

LIBRARY = Path(__file__).parents[2] / "campaigns" / "library"
CART = (LIBRARY / "abandoned_cart.yaml").read_text(encoding="utf-8")
SHOP = ShopPolicy()


def test_shipped_campaigns_fit_the_default_settings():
    for path in [*LIBRARY.glob("*.yaml"), *LIBRARY.glob("drafts/*.yaml")]:
        assert check_with_shop(read_campaign(path), SHOP) == []


def test_a_step_sooner_than_the_shops_cap_could_never_go_out():
    campaign = parse_campaign(edit_campaign(CART, {"steps.1.after": "10h"}), file="c.yaml")
    assert check_with_shop(campaign, SHOP) == [
        (
            1,
            "it could never go out: due 9h after reminder, and the shop's frequency cap is 16h; wait longer, or set "
            "frequency_cap for this campaign",
        )
    ]
    assert check_with_shop(campaign, replace(SHOP, frequency_cap=timedelta(hours=9))) == []


def test_without_cap_and_re_entry_mails_have_no_bound():
    campaign = parse_campaign(edit_campaign(CART, {"trigger.reentry": "off"}), file="c.yaml")
    assert check_with_shop(campaign, SHOP) == []
    assert len(check_with_shop(campaign, replace(SHOP, frequency_cap=None))) == 3


def test_a_step_that_follows_a_conditional_one_may_go_out():
    changes = {"steps.1.after": "10h", "steps.0.when": {"field": "orders.count", "operator": "is", "value": 0}}
    assert check_with_shop(parse_campaign(edit_campaign(CART, changes), file="c.yaml"), SHOP) == []


def test_hours_to_send_within_the_shops_night_never_come():
    campaign = parse_campaign(edit_campaign(CART, {"policy.send_hours": "22:00-23:00"}), file="c.yaml")
    night = replace(SHOP, quiet_hours=Hours.parse("21:00-08:00"))
    assert {what for _, what in check_with_shop(campaign, night)} == {
        "it could never go out: send_hours 22:00-23:00 lie within the shop's quiet hours 21:00-08:00"
    }
    assert check_with_shop(campaign, SHOP) == []
