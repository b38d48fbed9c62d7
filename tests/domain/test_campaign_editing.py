"""A form changes a setting in a campaign file: that setting changes, and not another character."""

from __future__ import annotations

import copy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from campaigns.domain.campaign_file import edit_campaign, parse_campaign

LIBRARY = Path(__file__).parents[2] / "campaigns" / "library"
SHIPPED = sorted([*LIBRARY.glob("*.yaml"), *LIBRARY.glob("drafts/*.yaml")])

TEXT = """\
# Ours since 2019.

id:   cart            # never changes
name: 'The cart'
description: "a long one that goes on and on and on and on and on and on and on and on and on and on and on and on"
trigger: { type: abandoned_cart,   reentry: 24h }
audience:
    all:
    - { field: cart.total_minor, operator: at_least, value: 2000 }   # no small ones
    # and nobody of ours
    - field: profile.locale
      operator: is
      value: "de"
steps:
- after: 1h      # soon
  template: abandoned_cart

- after: 24h
  template: abandoned_cart_reminder
# the end
policy:
    quiet_hours: off
    frequency_cap: 16h
"""


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        ({"name": "It's new"}, "name: 'The cart'", "name: 'It''s new'"),
        ({"steps.0.after": "2h"}, "after: 1h      # soon", "after: 2h      # soon"),
        ({"trigger.reentry": "3d"}, "reentry: 24h }", "reentry: 3d }"),
        ({"trigger.once_per_profile": True}, "reentry: 24h }", "reentry: 24h, once_per_profile: true }"),
        ({"trigger.reentry": None}, "abandoned_cart,   reentry: 24h }", "abandoned_cart }"),
        ({"audience.all.0.value": 3000}, "value: 2000 }", "value: 3000 }"),
        ({"audience.all.1.value": "fr"}, 'value: "de"', 'value: "fr"'),
        ({"policy.max_late": "12h"}, "    frequency_cap: 16h\n", "    frequency_cap: 16h\n    max_late: 12h\n"),
        ({"policy.quiet_hours": None}, "    quiet_hours: off\n", ""),
        ({"policy.quiet_hours": None, "policy.frequency_cap": "off"}, "    quiet_hours: off\n    frequency_cap: 16h",
         "    frequency_cap: off"),
        ({"steps.0.when": {"field": "orders.count", "operator": "at_least", "value": 1}},
         "  template: abandoned_cart\n\n",
         "  template: abandoned_cart\n  when: {field: orders.count, operator: at_least, value: 1}\n\n"),
        ({"steps.0.policy.max_late": "2h"}, "  template: abandoned_cart\n\n",
         "  template: abandoned_cart\n  policy: {max_late: 2h}\n\n"),
        ({"steps.0.after": None, "steps.0.name": "first"}, "- after: 1h      # soon\n  template: abandoned_cart\n",
         "- template: abandoned_cart\n  name: first\n"),
        ({"steps.2": {"after": "3d", "template": "abandoned_cart_last_call"}},
         "abandoned_cart_reminder\n",
         "abandoned_cart_reminder\n- after: 3d\n  template: abandoned_cart_last_call\n"),
        ({"steps.1": None}, "- after: 24h\n  template: abandoned_cart_reminder\n", ""),
        ({"audience.all.1": None}, '    - field: profile.locale\n      operator: is\n      value: "de"\n', ""),
        ({"audience.all.0": None},
         "    - { field: cart.total_minor, operator: at_least, value: 2000 }   # no small ones\n", ""),
        ({"experiment.salt": "2026"}, "    frequency_cap: 16h\n",
         '    frequency_cap: 16h\nexperiment: {salt: "2026"}\n'),
        ({"experiment": {"variants": [{"name": "a"}, {"name": "b", "weight": 2}]}}, "    frequency_cap: 16h\n",
         "    frequency_cap: 16h\nexperiment:\n  variants:\n    - name: a\n    - name: b\n      weight: 2\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_nothing_but_the_setting_changes(changes: dict[str, Any], before: str, after: str, newline: str) -> None:
    assert TEXT.count(before) == 1
    wanted = TEXT.replace(before, after).replace("\n", newline)
    assert edit_campaign(TEXT.replace("\n", newline), changes) == wanted


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_change_taken_back_leaves_the_file_as_it_was(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    campaign = parse_campaign(text, file="c")
    there = edit_campaign(text, {"name": "Other", "steps.0.policy.holdout": "20%", "description": "for a while"})
    assert parse_campaign(there, file="c").steps[0].policy.holdout == 0.2
    removed = ["description", "steps.0.policy.holdout"]
    if "    policy" not in text.split("  - name")[1]:
        removed[1] = "steps.0.policy"
    back = edit_campaign(there, {"name": campaign.name, **dict.fromkeys(removed)})
    if "holdout: off" not in text:
        assert back == text


@pytest.mark.parametrize("path", ["steps.7", "steps.0.after.x", "name.x", "steps.x", "audience.all.9.value"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    for value in ("1h", None):
        with pytest.raises(KeyError):
            edit_campaign(TEXT, {path: value})
    with pytest.raises(KeyError):
        edit_campaign(TEXT, {"policy.nothing": None})


def test_what_stands_behind_an_alias_is_written_out() -> None:
    text = "# ours\na: &one {x: 1}\nb: *one # too\n"
    assert plain(edit_campaign(text, {"b": {"x": 2}})) == {"a": {"x": 1}, "b": {"x": 2}}


def plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(StringIO(text))


AWKWARD = ["off", "1h", "no", "null", "~", "- x", "a: b", "#1", "'", "12", "é\t", "\x85\U000e2227", "\u2028a", "\ufeff"]
LEAVES = st.one_of(st.text(max_size=12), st.sampled_from(AWKWARD), st.integers(-5, 5), st.booleans())
NAMES = st.sampled_from(["after", "value", "kind", "x y"])
VALUES = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, min_size=1, max_size=3), st.dictionaries(NAMES, below, min_size=1, max_size=3)
    ),
    max_leaves=5,
)


def paths_of(node: Any, above: str = "") -> list[str]:
    found = []
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, below in pairs:
        found += [f"{above}{name}", *paths_of(below, f"{above}{name}.")]
    return found


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_changed_the_file_says_it_and_keeps_its_comments(data: st.DataObject) -> None:
    text = TEXT
    for _ in range(3):
        tree = plain(text)
        path = data.draw(st.sampled_from(paths_of(tree)))
        value = data.draw(VALUES)
        wanted = put(copy.deepcopy(tree), path, value)
        text = edit_campaign(text, {path: value})
        assert plain(text) == wanted
        if path not in ("steps", "audience", "audience.all"):
            assert "# Ours since 2019." in text


def put(tree: Any, path: str, value: Any) -> Any:
    *above, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    node = tree
    for part in above:
        node = node[part]
    node[last] = value
    return tree
