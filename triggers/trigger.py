"""What a trigger is: it reads the folded state and says which passages it wants, and which are over.

A trigger never looks at one event alone. Whatever order events come in, the same state wants the same passages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple

from triggers.events import Event
from triggers.state import ProfileState


class Passage(NamedTuple):
    """A reason to mail that stands. `last_at` is the instant waits count from; `context` names the cart or order."""

    key: str
    last_at: int
    context: Mapping[str, Any]


class Ended(NamedTuple):
    """The reason to mail is gone. `reason` is one of the documented exit reasons."""

    reason: str


Seen = Passage | Ended | None
"""None: the state is too young or too small to know this key; leave its enrollment alone."""


class Trigger(ABC):
    """The base of all triggers; a subclass is a frozen dataclass whose fields are the options in campaign files."""

    name: ClassVar[str]
    title: ClassVar[str]
    opens_on: ClassVar[frozenset[str]]
    """Events that may open an enrollment, move it or give it another key."""
    ends_on: ClassVar[frozenset[str]]
    """Events that may end one."""
    hears_sessions: ClassVar[bool] = False
    """Whether sessions that are joined or cut by a late event concern it."""
    default_wait: ClassVar[timedelta] = timedelta(hours=1)
    default_reentry: ClassVar[timedelta] = timedelta(0)

    @abstractmethod
    def touched(self, state: ProfileState, event: Event, at: int) -> Iterable[str]:
        """The keys an event is about."""

    @abstractmethod
    def known(self, state: ProfileState) -> Iterable[str]:
        """All keys the state knows of."""

    @abstractmethod
    def look(self, state: ProfileState, key: str) -> Seen:
        """How things stand with a key now."""

    @abstractmethod
    def openings(self, state: ProfileState, key: str) -> list[int]:
        """The instants at which an enrollment for this key could have opened, ascending."""
