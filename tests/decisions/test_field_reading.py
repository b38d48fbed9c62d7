"""Audiences read what the shopper did: recency, frequency, money, cart, order, visit and traits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.decisions.candidate import Candidate
from campaigns.decisions.field_reading import READERS, reader_of
from campaigns.domain.campaign_condition import FIELDS, FieldKind, FieldTest, Group, unmet
from campaigns.domain.campaign_file import parse_campaign
from campaigns.domain.enrollment import EnrollmentMark, EnrollmentStatus
from campaigns.domain.profile import Profile
from triggers.events import Event, EventName, Line, Visit
from triggers.instants import micros
from triggers.state import ProfileState, fold

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR


def shopper() -> Candidate:
    state = ProfileState()
    visit = Visit(source="mail", campaign="spring", device="phone", landing_url="https://shop.example/sale")
    shirt = Line("shirt", 2, 1000, category="Clothes", brand="Acme")
    for n, (before, name, lines, more) in enumerate(
        [
            (200 * DAY, EventName.ORDER_COMPLETED, [Line("hat", 1, 3000, category="Hats")], {"order_id": "o1"}),
            (20 * DAY, EventName.ORDER_COMPLETED, [shirt], {"order_id": "o2", "total_minor": 2500}),
            (10 * DAY, EventName.ORDER_COMPLETED, [shirt], {"order_id": "o3"}),
            (9 * DAY, EventName.ORDER_REFUNDED, [], {"order_id": "o3"}),
            (3 * HOUR, EventName.IDENTIFIED, [], {"traits": {"country": "DE", "segments": ["vip"], "plan": 7}}),
            (2 * HOUR, EventName.PRODUCT_VIEWED, [shirt], {"visit": visit}),
            (1 * HOUR, EventName.PRODUCT_ADDED, [shirt, Line("shoe", 1, 500, category="Shoes")], {}),
        ]
    ):
        at = NOW - before
        fold(state, Event("s", f"m{n}", name, at, at, lines=tuple(lines), **more), micros(at))
    text = "id: c\nname: c\ntrigger: {type: abandoned_cart}\nsteps: [{after: 1h, template: t}]\n"
    entered = NOW - 2 * HOUR
    mark = EnrollmentMark("c", "cart@o3", EnrollmentStatus.ARMED, 0, NOW, entered, NOW - HOUR)
    profile = Profile("1", "ada@Example.com", zone="Europe/Berlin", locale="de", segments=frozenset({"early"}))
    return Candidate(parse_campaign(text, file="c"), mark, NOW, profile, state)


@pytest.mark.parametrize(
    ("field", "operator", "value", "within"),
    [
        ("profile.email_domain", "is", "example.com", None),
        ("profile.country", "in", ("at", "de"), None),
        ("profile.segment", "has_all", ("VIP", "early"), None),
        ("profile.trait.plan", "at_least", 7, None),
        ("profile.is_customer", "is", True, None),
        ("profile.first_seen", "longer_ago_than", 199 * DAY, None),
        ("profile.last_seen", "within", HOUR, None),
        ("cart.items", "is", 3, None),
        ("cart.total_minor", "is", 2500, None),
        ("cart.categories", "has", "shoes", None),
        ("cart.brands", "has_any", ("acme", "other"), None),
        ("orders.count", "is", 2, None),
        ("orders.count", "is", 1, 30 * DAY),
        ("orders.total_minor", "is", 5500, None),
        ("orders.average_minor", "at_least", 2750, None),
        ("orders.last", "within", 20 * DAY, None),
        ("orders.last", "longer_ago_than", 19 * DAY, None),
        ("orders.products", "has_none", ("shoe",), None),
        ("orders.categories", "has", "hats", None),
        ("orders.products", "has_none", ("hat",), 90 * DAY),
        ("order.products", "has", "shirt", None),
        ("session.source", "contains", "spring", None),
        ("session.device", "is", "phone", None),
        ("session.views", "is", 1, None),
        ("views.products", "has", "shirt", 7 * DAY),
        ("profile.trait.nothing", "missing", None, None),
        ("profile.trait.nothing", "is_not", "x", None),
    ],
)
def test_condition_holds(field, operator, value, within):
    test = FieldTest(field, operator, value, within)
    assert test.holds(reader_of(shopper(), NOW))


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_reads_a_stranger_without_failing(field):
    blank = shopper()
    stranger = Candidate(blank.campaign, blank.mark, NOW, Profile("2"), ProfileState())
    value = READERS[field](reader_of(stranger, NOW), None)
    assert value is None or FIELDS[field] is not FieldKind.AGE


def test_documented_fields_are_the_readable_ones():
    assert set(READERS) == set(FIELDS)


def test_unmet_names_the_smallest_part_that_failed():
    rich, young = FieldTest("orders.total_minor", "at_least", 9999), FieldTest("profile.first_seen", "within", DAY)
    fits = FieldTest("cart.items", "at_least", 1)
    read = reader_of(shopper(), NOW)
    assert unmet(Group("all", (fits, rich)), read) == rich
    assert str(unmet(Group("any", (rich, young)), read)) == (
        "any of (orders.total_minor at least 9999, profile.first_seen within 1d)"
    )
    assert unmet(Group("none", (rich, fits)), read) == Group("none", (fits,))
    assert unmet(Group("none", (rich, young)), read) is None
