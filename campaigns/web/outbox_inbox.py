"""The inbox page over the outbox: what the local catcher got, newest first, each with its decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email import message_from_bytes, policy
from typing import Any

from campaigns.delivery.mime import compose
from campaigns.domain.campaign import Campaign
from campaigns.domain.decision import explain_reason
from campaigns.domain.message import RenderedEmail
from campaigns.pipeline.alarms import read_alarms
from campaigns.pipeline.deliver import outbound_mail
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.why import tell
from campaigns.storage.database import transaction
from campaigns.storage.decisions import DecisionRow, find_send_decision
from campaigns.storage.messages import (
    MessageRow,
    count_found_messages,
    count_messages,
    find_message,
    search_messages,
)
from campaigns.storage.products import read_products
from campaigns.web.inbox_model import (
    InboxAlarm,
    InboxCampaign,
    InboxMessage,
    InboxPage,
    InboxQuery,
    InboxSummary,
    Why,
    WhyMoment,
    WhyProduct,
    WhySlate,
)

_MOMENTS = 25


class OutboxInbox:
    """An inbox source over the messages of a workspace's database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def list_alarms(self) -> Sequence[InboxAlarm]:
        return [InboxAlarm(alarm.line, alarm.fix, alarm.is_urgent) for alarm in read_alarms(self.engine)]

    def list_messages(self, query: InboxQuery) -> InboxPage:
        wanted = {"words": query.search.strip(), "campaign_id": query.campaign_id}
        with transaction(self.engine.database) as connection:
            rows = search_messages(connection, **wanted, limit=query.limit, offset=query.offset)
            total = count_found_messages(connection, **wanted)
            current = self.engine.campaigns.read(connection).current
        return InboxPage([InboxSummary(**self._summary(row, current)) for row in rows], total)

    def find_message(self, message_ref: str) -> InboxMessage | None:
        with transaction(self.engine.database) as connection:
            found = find_message(connection, message_ref)
            if found is None:
                return None
            row, email = found
            decision = find_send_decision(connection, row.enrollment_id, row.step)
            current = self.engine.campaigns.read(connection).current
            slates = dict(decision.slates or {}) if decision else {}
            products = read_products(connection, [i["product_id"] for s in slates.values() for i in s["items"]])
        shown = {i: (product.title, product.image_url) for i, product in products.items()}
        return InboxMessage(
            **self._summary(row, current),
            html=email.html,
            text=email.text,
            headers=self._headers(row, email),
            why=self._why(row, decision, slates, shown) if decision else None,
        )

    def list_campaigns(self) -> Sequence[InboxCampaign]:
        with transaction(self.engine.database) as connection:
            counts = count_messages(connection)
            current = self.engine.campaigns.read(connection).current
        totals: dict[str, int] = {}
        for (campaign_id, _), count in counts.items():
            totals[campaign_id] = totals.get(campaign_id, 0) + count
        return [InboxCampaign(i, _name(current, i), count) for i, count in sorted(totals.items())]

    def _summary(self, row: MessageRow, current: Mapping[str, Campaign]) -> dict[str, Any]:
        sender = outbound_mail(self.engine, row, RenderedEmail("", "", "", "")).sender
        return {
            "message_ref": row.message_ref,
            "campaign_id": row.campaign_id,
            "campaign_name": _name(current, row.campaign_id),
            "subject": row.subject,
            "preheader": row.preheader,
            "sender": f"{sender.name} <{sender.address}>",
            "recipient": row.address,
            "sent_at": row.sent_at or row.created_at,
        }

    def _headers(self, row: MessageRow, email: RenderedEmail) -> list[tuple[str, str]]:
        mail = compose(outbound_mail(self.engine, row, email), row.sent_at or row.created_at)
        head, _, _ = mail.content.partition(b"\r\n\r\n")
        parsed = message_from_bytes(head + b"\r\n\r\n", policy=policy.default)
        return [(name, str(value)) for name, value in parsed.items()]

    def _why(
        self,
        row: MessageRow,
        decision: DecisionRow,
        slates: Mapping[str, Any],
        shown: Mapping[str, tuple[str, str]],
    ) -> Why:
        story = tell(self.engine, str(row.profile_id), campaign_id=row.campaign_id)
        before = [WhyMoment(m.at, m.text) for m in story.moments if m.at <= decision.decided_at]
        return Why(
            decision.outcome,
            decision.reason,
            explain_reason(decision.reason, decision.facts),
            [(name, str(value)) for name, value in decision.facts.items()],
            before[-_MOMENTS:],
            [_why_slate(name, slate, shown) for name, slate in slates.items()],
        )


def _why_slate(name: str, slate: Mapping[str, Any], shown: Mapping[str, tuple[str, str]]) -> WhySlate:
    items = []
    for item in slate["items"]:
        product_id = item["product_id"]
        title, image_url = shown.get(product_id, (product_id, ""))
        reason = item.get("explanation") or item.get("reason") or ""
        items.append(WhyProduct(product_id, title, item["rung"], item["source"], reason, item["score"], image_url))
    return WhySlate(name, name.replace("_", " ").capitalize(), items)


def _name(current: Mapping[str, Campaign], campaign_id: str) -> str:
    return current[campaign_id].name if campaign_id in current else campaign_id
