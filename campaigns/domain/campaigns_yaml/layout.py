"""The layout of a campaign file: its sections and settings, for the reader, the JSON Schema and the documentation."""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import timedelta
from typing import Any, Final

from campaigns.domain.campaign import PRIORITIES, Delivery
from campaigns.domain.campaign_values import WEEKDAYS, spell_duration
from campaigns.domain.campaigns_yaml.condition_kind import ConditionKind
from campaigns.domain.campaigns_yaml.kinds import (
    Choice,
    CodePattern,
    Flag,
    HoursOrOff,
    Kind,
    Length,
    ListOf,
    MapOf,
    Section,
    Setting,
    Share,
    Text,
    TextByLocale,
    Whole,
)
from campaigns.domain.campaigns_yaml.slot_rules import RULES
from triggers.registry import TRIGGERS

SLUG: Final = Text(r"[a-z][a-z0-9_-]{0,62}", 'small letters, digits, "-" and "_", at most 63')
SLOT_KINDS: Final = ("similar", "complement", "next_best", "cross_sell", "recently_viewed", "new_for_you")
MAX_STEPS: Final = 20

POLICY: Final = Section(
    {
        "priority": Setting(
            Choice(PRIORITIES), "Who goes first when several campaigns want to write, best first; by trigger."
        ),
        "quiet_hours": Setting(
            HoursOrOff(),
            "Hours of the shopper's night in which the mail waits; off, or shop for the shop's.",
            default="shop",
        ),
        "frequency_cap": Setting(
            Length(may_be_off=True, may_be_shop=True),
            "Least time between two mails to one shopper. With off the mail neither waits for others nor counts.",
            default="shop",
        ),
        "holdout": Setting(
            Share(), "Share of shoppers that gets no mail, to measure by; off, or shop.", default="shop"
        ),
        "after_order": Setting(
            Length(may_be_off=True),
            "How long after any order of the shopper nothing goes out: 24h for cart, checkout and browse, else off.",
        ),
        "max_late": Setting(
            Length(may_be_off=True), "How long after it was due a mail may still go out.", default="24h"
        ),
        "send_hours": Setting(
            HoursOrOff(may_be_shop=False, may_be_off=False), "Hours of the day in which it may go out."
        ),
        "send_days": Setting(ListOf(Choice(WEEKDAYS), least=1, most=7), "Days of the week on which it may go out."),
        "consent": Setting(
            Choice(("marketing", "not_needed")),
            "marketing: only with consent. not_needed: also without, for mail that belongs to an order.",
            default="marketing",
        ),
        "delivery": Setting(
            Choice([str(one) for one in Delivery]),
            "When nobody knows whether a mail left: leave it (at_most_once) or send it again (at_least_once).",
            default="at_most_once",
        ),
    }
)

SLOT: Final = Section(
    {
        "kind": Setting(Choice(SLOT_KINDS), "How products are chosen.", needed=True),
        "size": Setting(Whole(1, 24), "How many products at most.", default=4),
        "minimum": Setting(Whole(1, 24), "With fewer products the slot is short.", default=1),
        "when_short": Setting(
            Choice(("fold", "skip")), "fold leaves the block out; skip sends no mail.", default="fold"
        ),
        "title": Setting(Text(), "The heading over the block."),
        "rules": Setting(RULES, "The slot's business rules; those of `[recs]` hold where it has none."),
    }
)

COUPON: Final = Section(
    {
        "pool": Setting(SLUG, "The pool its codes come from (`rekindle import coupons POOL FILE`).", needed=True),
        "pattern": Setting(
            CodePattern(),
            "Makes a code where the pool has none left; each # becomes a letter or digit: SPRING-####-####.",
        ),
        "description": Setting(
            TextByLocale(), "What it is worth, in words for the shopper: 10 % off; or such words by locale."
        ),
        "valid_for": Setting(Length(), "How long after the mail the code is valid; a code's own end may be earlier."),
        "when_empty": Setting(
            Choice(("skip", "fold")),
            "When the pool is empty: skip sends no mail; fold sends it without a coupon.",
            default="skip",
        ),
    }
)

STEP: Final = Section(
    {
        "name": Setting(SLUG, "The step's name in reports and variants."),
        "after": Setting(
            Length(may_be_none=True),
            "First step: the wait after the last activity. Later steps: the time since the moment of abandonment.",
            needed=True,
        ),
        "template": Setting(
            Text(r"[a-z0-9][a-z0-9_/-]*", "the name of a folder under templates/emails"),
            "The mail to render.",
            needed=True,
        ),
        "slots": Setting(MapOf(SLOT), "Places for recommendations, by the name the template uses."),
        "coupon": Setting(COUPON, "A code of its own for each mail of this step."),
        "when": Setting(ConditionKind(), "Condition for this step alone; the later steps go on."),
        "policy": Setting(POLICY, "What this step handles differently from the campaign."),
    }
)

EXPERIMENT: Final = Section(
    {
        "salt": Setting(Text(), "Salt of the draws. Campaigns that share a salt draw the same shoppers."),
        "variants": Setting(
            ListOf(
                Section(
                    {
                        "name": Setting(SLUG, "The variant's name in reports.", needed=True),
                        "weight": Setting(
                            Whole(1, 1000), "How often it is drawn, in proportion to the others.", default=1
                        ),
                        "templates": Setting(MapOf(Text()), "Step name to the template of this variant."),
                    }
                ),
                least=2,
                most=10,
            ),
            "Versions of the mails, drawn once for each shopper.",
        ),
    }
)


def trigger_section() -> Section:
    """The `trigger` section: its type, re-entry, and the options of all triggers."""
    return Section(
        {
            "type": Setting(Choice(tuple(TRIGGERS)), "What starts the campaign.", needed=True),
            "reentry": Setting(
                Length(may_be_off=True),
                "Least time between two entries of one shopper, or off. Each trigger has a default.",
            ),
            "once_per_profile": Setting(Flag(), "Whether a shopper passes through at most once ever.", default=False),
            **_options(),
        }
    )


def _options() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for trigger in TRIGGERS.values():
        for name, kind in option_kinds(trigger).items():
            owners = ", ".join(one.name for one in TRIGGERS.values() if name in option_kinds(one))
            found[name] = Setting(kind, f"Option of {owners}; see its page in docs/triggers.")
    return found


def option_kinds(trigger: type[Any]) -> dict[str, Kind]:
    """The options of a trigger by name: the fields of its dataclass."""
    return {option.name: _option_kind(option) for option in fields(trigger)}


def _option_kind(option: Any) -> Kind:
    default = option.default if option.default is not MISSING else option.default_factory()
    if isinstance(default, bool):
        return Flag()
    if isinstance(default, int):
        return Whole(option.metadata.get("least", 1), option.metadata.get("most", 20))
    if isinstance(default, timedelta):
        return Length()
    if isinstance(default, tuple):
        return ListOf(Text(), least=1, most=20)
    if "words" in option.metadata:
        return Choice(option.metadata["words"])
    if isinstance(default, dict):
        return MapOf(Length())
    return Text()


def spell_default(value: Any) -> str:
    """A trigger option's default as a file would write it."""
    return spell_duration(value) if isinstance(value, timedelta) else str(value)


def campaign_section() -> Section:
    """The whole file."""
    return Section(
        {
            "id": Setting(SLUG, "The campaign's id in reports and links; never changes.", needed=True),
            "name": Setting(Text(), "The campaign's name for people.", needed=True),
            "description": Setting(Text(may_be_empty=True), "What it is for."),
            "trigger": Setting(trigger_section(), "What starts and ends it.", needed=True),
            "audience": Setting(ConditionKind(), "Whom it is for; everyone where it is left out."),
            "steps": Setting(ListOf(STEP, least=1, most=MAX_STEPS), "Its mails in order.", needed=True),
            "policy": Setting(POLICY, "What all its steps are bound by."),
            "experiment": Setting(EXPERIMENT, "Variants and salts."),
        }
    )
