"""The profile as decisions see it: whom a mail would go to, and what allows or forbids it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """A shopper. `consented` None means nobody ever asked.

    `assignment_key` is what experiments draw on: made from the first id the shopper was known by, so that every
    database with the same history draws alike, and kept for good. Empty: they draw on `profile_id`.

    `merged_ids` are ids that were joined into this one; `merged_arms` says that they had been in different arms of
    an experiment, so that measurement leaves the profile out."""

    profile_id: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    zone: str = ""
    locale: str = ""
    consented: bool | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()
    merged_ids: tuple[str, ...] = ()
    merged_arms: bool = False
    assignment_key: str = ""

    @property
    def drawn_by(self) -> str:
        """What the sticky draws of experiments are made from."""
        return self.assignment_key or self.profile_id

    @property
    def is_known(self) -> bool:
        """Whether there is an address to write to."""
        return bool(self.email)
