# ruff: noqa: E501
"""Campaign files: what is read, and what a marketer is told about a mistake - file, line, key, and what is allowed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.domain.campaign import Delivery
from campaigns.domain.campaign_file import (
    CampaignProblems,
    edit_campaign,
    list_advice,
    list_problems,
    parse_campaign,
    read_campaign,
    schema_text,
)

LIBRARY = Path(__file__).parents[2] / "campaigns" / "library"
SHIPPED = sorted([*LIBRARY.glob("*.yaml"), *LIBRARY.glob("drafts/*.yaml")])
HOUR = timedelta(hours=1)

GOOD = """\
id: cart
name: Cart
trigger:
  type: abandoned_cart
steps:
  - after: 1h
    template: abandoned_cart
"""


def with_(more: str, text: str = GOOD) -> list[str]:
    return [str(problem) for problem in list_problems(text + more, file="cart.yaml")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_campaigns_read_and_are_named_after_their_file(path):
    assert read_campaign(path).campaign_id == path.stem


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_templates_of_shipped_campaigns_exist(path):
    shipped = {folder.name for folder in (LIBRARY.parents[1] / "templates" / "emails").iterdir()}
    assert read_campaign(path).templates <= shipped


def test_published_schema_is_current():
    published = (LIBRARY / "campaign.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), (
        "run: python -m campaigns.domain.campaign_file > campaigns/library/campaign.schema.json"
    )


def test_defaults_of_the_trade():
    cart = read_campaign(LIBRARY / "abandoned_cart.yaml")
    assert [step.after for step in cart.steps] == [HOUR, 24 * HOUR, 72 * HOUR]
    assert (cart.reentry, cart.policy.after_order, cart.policy.priority) == (24 * HOUR, 24 * HOUR, "cart")
    browse = read_campaign(LIBRARY / "browse_abandonment.yaml")
    assert (browse.steps[0].after, browse.reentry) == (2 * HOUR, timedelta(days=14))
    assert (browse.trigger.min_views, browse.trigger.no_order_for) == (2, timedelta(days=10))
    thanks = read_campaign(LIBRARY / "post_purchase.yaml")
    assert [step.after.days for step in thanks.steps] == [0, 10, 14]
    assert thanks.steps[0].policy.holdout is None and thanks.steps[1].policy.holdout == "shop"


def test_a_step_inherits_the_policy_and_may_differ():
    text = GOOD + "    policy: {max_late: 2h}\npolicy: {delivery: at_least_once, priority: checkout, max_late: off}\n"
    campaign = parse_campaign(text, file="c.yaml")
    assert campaign.policy.max_late is None
    policy = campaign.steps[0].policy
    assert (policy.max_late, policy.delivery, policy.rank) == (2 * HOUR, Delivery.AT_LEAST_ONCE, 0)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("polcy: {}\n", "cart.yaml:8: polcy: is unknown (did you mean policy?); allowed: id, name, description, trigger, "
                        "audience, steps, policy, experiment"),
        ("policy:\n  frequency_cap: 0\n", 'cart.yaml:9: policy.frequency_cap: "0" is not a length of time; '
                                          "off or shop is allowed too"),
        ("policy:\n  frequency_cap: 0h\n", 'cart.yaml:9: policy.frequency_cap: "0h" is no time at all; '
                                           "off or shop is allowed too"),
        ("policy: {priority: crat}\n", 'cart.yaml:8: policy.priority: "crat" is unknown (did you mean cart?); '
                                       "allowed: checkout, cart, product, browse, lifecycle"),
        ("policy: {holdout: 0%}\n", "cart.yaml:8: policy.holdout: 0% must lie between 0% and 100%, both excluded; "
                                    "off switches it off"),
        ("audience: {field: orders.cuont, operator: at_least, value: 2}\n",
         'cart.yaml:8: audience.field: "orders.cuont" is unknown (did you mean orders.count?); see docs/campaign-files.md'),
        ("audience: {field: orders.last, operator: at_least, value: 2}\n",
         'cart.yaml:8: audience.operator: "at_least" does not fit orders.last; '
         "allowed: within, longer_ago_than, exists, missing"),
        ("audience: {field: cart.items, operator: at_least, value: two}\n",
         'cart.yaml:8: audience.value: must be a number, not "two"'),
        ("audience: {any: []}\n", "cart.yaml:8: audience.any: is empty, so that nobody would ever fit; "
                                  "leave it out to reach everyone"),
        ("name: Again\n", 'cart.yaml:8: "name" occurs twice'),
        ("  - after: 1h\n    template: x\n", "cart.yaml:8: steps[1].after: 1h must be later than the step before it (1h)"),
        ("steps: [\n", "cart.yaml:9: this is not YAML: "),
        ("experiment: {variants: [{name: a}, {name: a}]}\n", 'cart.yaml:8: experiment.variants[1].name: "a" occurs twice'),
        ("experiment: {variants: [{name: a}, {name: b, templates: {stp_1: x}}]}\n",
         "cart.yaml:8: experiment.variants[1].templates.stp_1: there is no such step (did you mean step_1?); steps: step_1"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line_and_what_is_allowed(more, told):
    [line, *_] = with_(more)
    assert line.startswith(told)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("audience: [{field: orders.count, operator: at_least, value: 3}, {field: orders.count, operator: is, value: 1}]\n",
         "nobody can ever be in it: (orders.count at least 3) and (orders.count is 1) exclude each other"),
        ("audience: {field: cart.items, operator: is, value: 0}\n",
         "nobody can ever be in it: (cart.items at least 1) and (cart.items is 0) exclude each other"),
        ("audience: {all: [{field: profile.country, operator: in, value: [DE, AT]}], "
         "none: [{field: profile.country, operator: in, value: [de, at, ch]}]}\n", "nobody can ever be in it"),
        ("audience: {all: [{field: orders.last, operator: within, value: 5d}, "
         "{field: orders.last, operator: longer_ago_than, value: 30d}]}\n", "nobody can ever be in it"),
        ("policy: {send_hours: '22:00-06:00', quiet_hours: '21:00-08:00'}\n",
         "it could never go out: send_hours 22:00-06:00 lie within quiet_hours 21:00-08:00"),
        ("policy: {frequency_cap: off}\n", ""),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_fire_is_refused(more, told):
    lines = with_(more)
    assert (told in lines[0]) if told else not lines


@pytest.mark.parametrize(
    ("trigger", "audience"),
    [
        ("win_back", "{field: orders.last, operator: within, value: 30d}"),
        ("win_back", "{field: profile.is_customer, operator: is, value: false}"),
        ("replenishment", "{field: orders.count, operator: is, value: 0}"),
        ("abandoned_checkout", "{field: cart.items, operator: less_than, value: 1}"),
        ("welcome\n  until_first_order: true", "{field: orders.total_minor, operator: at_least, value: 1}"),
        ("price_drop", "{field: views.count, operator: more_than, value: 60}"),
        ("price_drop", "{field: orders.count, operator: at_least, value: 41}"),
        ("price_drop", "{field: orders.count, operator: less_than, value: 0}"),
        (
            "price_drop",
            "[{field: orders.count, operator: is, value: 0}, {field: orders.last, operator: within, value: 9d}]",
        ),
        (
            "price_drop",
            "[{field: orders.first, operator: missing}, {field: profile.is_customer, operator: is, value: true}]",
        ),
    ],
)
def test_an_audience_that_the_trigger_or_common_sense_rules_out_is_refused(trigger, audience):
    text = GOOD.replace("abandoned_cart\nsteps", f"{trigger}\nsteps").replace("after: 1h", "after: 60d")
    [line] = with_(f"audience: {audience}\n", text)
    assert "nobody can ever be in it" in line


def test_what_only_looks_like_a_contradiction_passes():
    text = GOOD.replace("abandoned_cart\nsteps", "price_drop\nsteps")
    recent = "{field: orders.count, operator: is, value: 0, within: 30d}, {field: orders.count, operator: at_least, value: 1}"
    assert with_(f"audience: [{recent}]\n", text) == []


def test_a_rule_that_would_mail_without_bound_is_refused():
    text = GOOD.replace("abandoned_cart\nsteps", "abandoned_cart\n  reentry: off\nsteps")
    assert "without bound" in with_("policy: {frequency_cap: off}\n", text)[0]
    assert with_("", text) == []


def test_after_order_must_not_swallow_what_follows_an_order():
    text = GOOD.replace("type: abandoned_cart", "type: post_purchase")
    assert (
        "it is due 1h after an order, and after_order keeps 1d free of mail"
        in with_("policy: {after_order: 24h}\n", text)[0]
    )


def test_an_audience_that_somebody_may_meet_passes():
    some = "{field: orders.count, operator: at_least, value: 3}, {field: orders.last, operator: missing}"
    assert with_(f"audience: {{any: [{some}]}}\n") == []
    assert with_("audience: {field: profile.trait.plan, operator: has_any, value: [gold]}\n") == []


def test_custom_events_are_read_and_checked():
    custom = GOOD.replace("type: abandoned_cart", "type: custom_event\n  {0}")
    campaign = parse_campaign(custom.format("starts_on: [Quiz Taken]\n  stops_on: [Order Completed]"), file="c.yaml")
    assert campaign.trigger.starts_on == ("Quiz Taken",) and campaign.rule().trigger.ends_on == {"Order Completed"}
    assert "trigger.starts_on: is missing" in with_("", custom.format("key: product"))[0]
    assert '"Product Added" has a trigger of its own' in with_("", custom.format("starts_on: [Product Added]"))[0]
    assert "cannot end it" in with_("", custom.format("starts_on: [Quiz]\n  stops_on: [Page Viewed]"))[0]


def test_option_of_another_trigger_is_told():
    text = GOOD.replace("abandoned_cart\nsteps", "abandoned_cart\n  min_views: 3\nsteps")
    assert with_("", text) == [
        "cart.yaml:5: trigger.min_views: is no option of abandoned_cart; allowed: type, reentry, once_per_profile"
    ]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "- a\n", "just text", "a: [1", "\x00", "a: !!python/object:os.system x", "&a [*a]"]
)
def test_what_is_no_campaign_is_told_in_one_line(text):
    with pytest.raises(CampaignProblems) as caught:
        parse_campaign(text, file="x.yaml")
    assert str(caught.value).startswith("x.yaml:")
    assert caught.value.exit_status == 1


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.integers(0, len(GOOD)))
def test_no_text_whatever_makes_the_reader_fail(junk: str, at: int):
    list_problems(GOOD[:at] + junk + GOOD[at:], file="x.yaml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_editing_a_file_keeps_its_comments_and_order(path):
    before = path.read_text(encoding="utf-8")
    after = edit_campaign(before, {"name": "Another name", "steps.0.after": "5m"})
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    assert [new.split("#")[0].strip() for old, new in pairs if old != new] == ["name: Another name", "after: 5m"]


def test_schema_lists_every_setting_with_a_description():
    schema = json.loads(schema_text())
    assert all(setting["description"] for setting in schema["properties"].values())
    assert schema["properties"]["trigger"]["properties"]["type"]["enum"]


COUPON = GOOD + "    coupon: {pool: spring, pattern: SPRING-####-####, description: {en: 10 % off, de: 10 % Rabatt}}\n"


def test_a_step_may_promise_a_coupon():
    rule = parse_campaign(COUPON, file="c.yaml").steps[0].coupon
    assert (rule.pool, rule.pattern, rule.when_empty) == ("spring", "SPRING-####-####", "skip")
    assert [rule.describe(locale, "fr") for locale in ("de-AT", "de", "en_GB", "pl")] == [
        "10 % Rabatt",
        "10 % Rabatt",
        "10 % off",
        "10 % off",
    ]


@pytest.mark.parametrize(
    ("coupon", "said"),
    [
        ("{pattern: SPRING-########}", "coupon.pool: is missing"),
        ("{pool: spring, pattern: SPRING-####}", 'has 4 "#"; with fewer than 8 drawn signs codes could be guessed'),
        ("{pool: spring, pattern: 'SPRING ########'}", 'may hold letters, digits, "-", "_", "."'),
        ("{pool: Spring sale}", "small letters"),
        ("{pool: spring, valid_for: 0s}", "is no time at all"),
        ("{pool: spring, when_empty: send}", "allowed: skip, fold"),
        ("{pool: spring, description: {deutsch!: x}}", "is no locale"),
    ],
)
def test_a_coupon_that_makes_no_sense_is_refused(coupon, said):
    [problem] = list_problems(f"{GOOD}    coupon: {coupon}\n", file="c.yaml")
    assert said in str(problem)


def test_a_discount_in_the_first_mail_about_a_cart_is_warned_of():
    [advice] = list_advice(COUPON, file="c.yaml")
    assert (advice.line, advice.key) == (len(COUPON.splitlines()), "steps[0].coupon")
    assert "no discount in the first mail about a cart" in advice.what
    assert list_advice(GOOD, file="c.yaml") == []


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("max_per_brnd: 2", "max_per_brand"),
        ("pinned: P1", "must be a list"),
        ("max_per_category: 0", 'zero never means "no limit"'),
        ("new_share: 30", "must lie between 0 and 1"),
        ("boosted: { P1: lots }", "the factor on a product's score"),
    ],
)
def test_rules_of_a_slot_are_checked(rules, told):
    slot = f"    slots: {{ grid: {{ kind: next_best, rules: {{ {rules} }} }} }}\n"
    [problem] = with_(slot)
    assert "slots.grid.rules" in problem
    assert told in problem


def test_product_ids_that_look_like_numbers_are_ids():
    text = GOOD + "    slots: { grid: { kind: next_best, rules: { pinned: [12, x-1], boosted: { 7: 2 } } } }\n"
    [slot] = parse_campaign(text, file="cart.yaml").steps[0].slots
    assert slot.options == {"pinned": ["12", "x-1"], "boosted": {"7": 2.0}}
