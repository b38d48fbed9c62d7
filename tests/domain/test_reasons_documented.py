"""Every reason, trigger, option, field and setting has its line in the documentation, and its sentence."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from campaigns.domain.campaign_condition import FIELDS, OPERATORS
from campaigns.domain.campaign_reasons import (
    EXIT_SENTENCES,
    NOT_STARTED_SENTENCES,
    SENTENCES,
    ExitReason,
    NotStartedReason,
    Reason,
)
from campaigns.domain.campaigns_yaml.layout import COUPON, POLICY, SLOT, STEP
from campaigns.domain.decision import explain_exit, explain_not_started, explain_reason
from triggers.registry import TRIGGERS

ROOT = Path(__file__).parents[2]
REASONS = (ROOT / "docs" / "decisions-and-reasons.md").read_text(encoding="utf-8")
FILES = (ROOT / "docs" / "campaign-files.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return REASONS.split(f"## {title}")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("reasons", "title"),
    [
        (Reason, "Gates in their order"),
        (ExitReason, "Why an enrollment ended"),
        (NotStartedReason, "Why a campaign never started"),
    ],
)
def test_the_documented_reasons_are_exactly_those_in_use(reasons, title):
    first_cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section(title), re.M)
    documented = re.findall(r"`(\w+)`", " ".join(first_cells))
    assert documented == list(reasons) if reasons is Reason else set(documented) == set(reasons)


def test_every_reason_has_its_sentence():
    assert (set(SENTENCES), set(EXIT_SENTENCES)) == (set(Reason), set(ExitReason))
    assert set(NOT_STARTED_SENTENCES) == set(NotStartedReason)
    assert all(explain_reason(reason, {}) for reason in Reason)


def test_reasons_in_the_source_of_triggers_are_in_the_closed_list():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "triggers").glob("*.py")]
    used = set(re.findall(r'Ended\("(\w+)"\)', " ".join(texts)))
    assert used and used <= set(ExitReason)
    refused = set(re.findall(r'^REASON_\w+: Final = "(\w+)"', "\n".join(texts), re.M))
    assert refused <= {*NotStartedReason, *ExitReason}


def test_a_refused_start_tells_when_the_next_may_be():
    told = explain_not_started("entered_recently", {"until": "2026-03-03T12:00:00+00:00"})
    assert told == "the shopper entered this campaign shortly before. The next entry may be from 3 March 2026 12:00 on."
    assert all(explain_not_started(reason, {}) for reason in NotStartedReason)


def test_a_reason_of_another_version_reads_as_it_stands():
    assert explain_reason("from_the_future", {}) == "from_the_future."
    assert explain_exit("from_the_future") == "from_the_future."


@pytest.mark.parametrize("name", TRIGGERS)
def test_every_trigger_has_its_page_with_all_options(name):
    page = (ROOT / "docs" / "triggers" / f"{name}.md").read_text(encoding="utf-8")
    assert all(f"`{option.name}`" in page for option in fields(TRIGGERS[name]))


@pytest.mark.parametrize("name", [*FIELDS, *POLICY.settings, *STEP.settings, *SLOT.settings, *COUPON.settings])
def test_every_field_and_setting_of_campaign_files_is_documented(name):
    assert f"`{name}`" in FILES


def test_every_operator_is_documented():
    assert all(f"`{operator}`" in FILES for operators in OPERATORS.values() for operator in operators)
