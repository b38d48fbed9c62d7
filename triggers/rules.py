"""Rules: a campaign reduced to what timers need, and the set of them indexed by event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from triggers.instants import span
from triggers.trigger import Trigger


@dataclass(frozen=True)
class Rule:
    """When one campaign starts, waits and may start again.

    `delays[0]` is the wait after the last activity before the first step; `delays[n]` counts from the moment of
    abandonment (the last activity before the first step was decided). `reentry` is the least time between two
    entries of a profile. A paused campaign opens nothing new."""

    campaign_id: str
    trigger: Trigger
    delays: tuple[timedelta, ...]
    version: int = 1
    reentry: timedelta = timedelta(0)
    once_per_profile: bool = False
    is_paused: bool = False

    @cached_property
    def reentry_micros(self) -> int:
        """`reentry` in microseconds."""
        return span(self.reentry)

    @cached_property
    def wait_micros(self) -> int:
        """The first delay in microseconds."""
        return span(self.delays[0])


class RuleSet:
    """The rules in force, found by event name: a product view costs only the rules that listen to it."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = {rule.campaign_id: rule for rule in rules}
        self._by_event: dict[str, tuple[Rule, ...]] = {}
        self.session_rules = tuple(rule for rule in self._rules.values() if rule.trigger.hears_sessions)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def __len__(self) -> int:
        return len(self._rules)

    def find(self, campaign_id: str) -> Rule | None:
        """The rule of a campaign, if it is in force."""
        return self._rules.get(campaign_id)

    def listening(self, event_name: str) -> tuple[Rule, ...]:
        """The rules that an event of this name can start, move or end."""
        found = self._by_event.get(event_name)
        if found is None:
            found = self._by_event[event_name] = tuple(
                rule
                for rule in self._rules.values()
                if event_name in rule.trigger.opens_on or event_name in rule.trigger.ends_on
            )
        return found
