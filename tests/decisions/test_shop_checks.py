"""Campaigns that take over the shop's limits are checked against them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from campaigns.decisions.candidate import ShopPolicy
from campaigns.decisions.shop_checks import check_with_shop
from campaigns.domain.campaign_file import edit_campaign, parse_campaign, read_campaign

LIBRARY = Path(__file__).parents[2] / "campaigns" / "library"
CART = (LIBRARY / "abandoned_cart.yaml").read_text(encoding="utf-8")
SHOP = ShopPolicy()


def test_shipped_campaigns_fit_the_default_settings():
    for path in [*LIBRARY.glob("*.yaml"), *LIBRARY.glob("more/*.yaml")]:
        assert check_with_shop(read_campaign(path), SHOP) == []


def test_a_step_sooner_than_the_shops_cap_could_never_go_out():
    campaign = parse_campaign(edit_campaign(CART, {"steps.1.after": "10h"}), file="c.yaml")
    assert check_with_shop(campaign, SHOP) == [
        "abandoned_cart: second_reminder is due 9h after reminder, and the frequency cap is 16h: it could never go out"
    ]
    assert check_with_shop(campaign, replace(SHOP, frequency_cap=timedelta(hours=9))) == []


def test_without_cap_and_re_entry_mails_have_no_bound():
    campaign = parse_campaign(edit_campaign(CART, {"trigger.reentry": "off"}), file="c.yaml")
    assert check_with_shop(campaign, SHOP) == []
    assert len(check_with_shop(campaign, replace(SHOP, frequency_cap=None))) == 3
