"""The campaigns in force, parsed once per version; every stage asks for them with the connection it works on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from sqlalchemy import Connection

from campaigns.domain.campaign import Campaign, Delivery
from campaigns.domain.campaign_file import parse_campaign
from campaigns.storage.campaigns import list_campaigns, list_versions, read_stamp
from triggers.events import EventName
from triggers.rules import RuleSet


@dataclass(frozen=True)
class Snapshot:
    """The campaigns as they stand: `versions` holds every version that an enrollment may still run on."""

    stamp: object = None
    rules: RuleSet = field(default_factory=lambda: RuleSet(()))
    current: dict[str, Campaign] = field(default_factory=dict)
    versions: dict[tuple[str, int], Campaign] = field(default_factory=dict)
    paused: tuple[str, ...] = ()

    @cached_property
    def running(self) -> dict[str, Campaign]:
        """The campaigns in force that are not paused."""
        return {name: campaign for name, campaign in self.current.items() if name not in self.paused}

    def find(self, campaign_id: str, version: int) -> Campaign | None:
        """The campaign an enrollment runs on: its own version, else the one in force."""
        return self.versions.get((campaign_id, version)) or self.current.get(campaign_id)


class CampaignBook:
    """Reads the applied campaigns again only when one was changed."""

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self._parsed: dict[tuple[str, int], Campaign] = {}

    def read(self, connection: Connection, *, stamp: object = None) -> Snapshot:
        """The campaigns in force at this moment; `stamp` where it was just read."""
        stamp = stamp or read_stamp(connection)
        if self._snapshot.stamp != stamp:
            self._snapshot = self._load(connection, stamp)
        return self._snapshot

    def rules(self, connection: Connection) -> RuleSet:
        """The rules of all campaigns that are not retired."""
        return self.read(connection).rules

    def at_least_once(self, connection: Connection) -> list[str]:
        """Campaigns that rather send twice than not at all."""
        chosen = self.read(connection).current.values()
        return [c.campaign_id for c in chosen if c.policy.delivery is Delivery.AT_LEAST_ONCE]

    def _load(self, connection: Connection, stamp: object) -> Snapshot:
        stored = [campaign for campaign in list_campaigns(connection) if campaign.status != "retired"]
        for (campaign_id, version), definition in list_versions(connection).items():
            if (campaign_id, version) not in self._parsed:
                campaign = parse_campaign(definition, file=f"{campaign_id} (version {version})")
                self._parsed[campaign_id, version] = replace(campaign, version=version)
        current = {c.campaign_id: self._parsed[c.campaign_id, c.version] for c in stored}
        paused = tuple(c.campaign_id for c in stored if c.status == "paused")
        rules = RuleSet(campaign.rule(is_paused=name in paused) for name, campaign in current.items())
        return Snapshot(stamp, rules, current, dict(self._parsed), paused)


def order_ends(campaign: Campaign) -> bool:
    """Whether an order takes away the campaign's reason to mail."""
    return EventName.ORDER_COMPLETED in campaign.trigger.ends_on
