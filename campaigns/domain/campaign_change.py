"""What two versions of a campaign differ in, setting by setting, and which changes are not allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_condition import FieldTest, Group
from campaigns.domain.campaign_values import Hours, spell_duration


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs; None: it is not there."""

    setting: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.setting}: {self.after} (new)"
        return (
            f"{self.setting}: {self.before} (gone)"
            if self.after is None
            else f"{self.setting}: {self.before} -> {self.after}"
        )


def list_changes(before: Campaign | None, after: Campaign | None) -> list[Change]:
    """The settings two versions differ in, in the order of the file; None stands for no campaign."""
    old, new = _flatten("", before), _flatten("", after)
    settings = [*old, *(setting for setting in new if setting not in old)]
    return [
        Change(setting, old.get(setting), new.get(setting))
        for setting in settings
        if old.get(setting) != new.get(setting) and setting != "version"
    ]


def refuse_change(before: Campaign, after: Campaign) -> str:
    """Why a new version cannot take the place of the old one; nothing where it can.

    Keys of enrollments mean what the trigger says they mean, so a campaign keeps its trigger."""
    if type(before.trigger) is type(after.trigger):
        return ""
    return (
        f"{after.campaign_id} cannot turn from {before.trigger.name} into {after.trigger.name} while shoppers are on "
        "their way through it; give the new campaign an id of its own"
    )


def _flatten(path: str, value: Any) -> dict[str, str]:
    if value is None:
        return {} if not path else {path: "none"}
    if isinstance(value, (FieldTest, Group, Hours)):
        return {path: str(value)}
    if isinstance(value, Mapping):
        return _join(path, value.items())
    if is_dataclass(value):
        named = [(field.name, getattr(value, field.name)) for field in fields(value)]
        return {**_type_of(path, value), **_join(path, named)}
    if isinstance(value, tuple):
        return _join(path, [(_name_of(item, index), item) for index, item in enumerate(value)])
    return {path: _spell(value)}


def _join(path: str, items: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, item in items:
        found |= _flatten(f"{path}.{name}" if path else str(name), item)
    return found


def _type_of(path: str, value: Any) -> dict[str, str]:
    return {f"{path}.type": value.name} if path == "trigger" else {}


def _name_of(item: Any, index: int) -> str:
    return str(getattr(item, "name", index))


def _spell(value: Any) -> str:
    if isinstance(value, timedelta):
        return spell_duration(value)
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value)))
    return str(value.value if isinstance(value, Enum) else value)
