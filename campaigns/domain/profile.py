"""The profile as decisions see it: whom a mail would go to, and what allows or forbids it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """A shopper. `profile_id` is stable text: experiments hang on it. `consented` None means nobody ever asked.

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

    @property
    def is_known(self) -> bool:
        """Whether there is an address to write to."""
        return bool(self.email)
