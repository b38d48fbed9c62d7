"""The independent checker: it knows what was acknowledged, what the mail server got, and the tables - and no engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from time import monotonic
from typing import Any

Rows = Callable[..., list[Any]]


@dataclass
class Received:
    """One mail as the server got it, and when its last byte was there."""

    message_id: str
    campaign_id: str
    address: str
    at: float

    @property
    def message_ref(self) -> str:
        """The message's own reference, as it stands in its Message-ID."""
        return self.message_id.removeprefix("<rekindle.").partition("@")[0]


@dataclass
class Mailbox:
    """A real SMTP server that keeps what it is given (a handler of aiosmtpd)."""

    mails: list[Received] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        at = monotonic()
        mail = message_from_bytes(envelope.content, policy=policy.default)
        campaign_id = str(mail["Feedback-ID"]).partition(":")[0]
        self.mails.append(Received(str(mail["Message-ID"]), campaign_id, envelope.rcpt_tos[0], at))
        return "250 kept"


def check_nothing_lost(rows: Rows, acknowledged: Iterable[str]) -> None:
    """Every acknowledged event is in the history, refused with a reason, or still waiting in the inbox."""
    applied = {row[0] for row in rows("SELECT message_id FROM events UNION SELECT message_id FROM rejects")}
    waiting = b"".join(bytes(row[0]) for row in rows("SELECT body FROM inbox"))
    lost = [one for one in acknowledged if one not in applied and one.encode() not in waiting]
    assert lost == []
    twice = rows("SELECT source, message_id FROM events GROUP BY 1, 2 HAVING count(*) > 1")
    assert twice == []


def check_every_timer_decided(rows: Rows) -> None:
    """No timer is overdue, and every step that an enrollment has passed has exactly one final decision."""
    assert rows("SELECT enrollment_id FROM enrollments WHERE due_at < now() - interval '1 second'") == []
    undecided = rows(
        "SELECT e.enrollment_id, e.step FROM enrollments e, generate_series(1, e.step) AS passed(step) WHERE NOT EXISTS"
        " (SELECT 1 FROM decisions d WHERE d.enrollment_id = e.enrollment_id AND d.step = passed.step"
        " AND d.outcome <> 'defer') AND coalesce(e.exit_reason, '') <> 'merged'"
    )
    assert undecided == []
    sends = rows(
        "SELECT d.enrollment_id, d.step FROM decisions d LEFT JOIN messages m USING (enrollment_id, step)"
        " WHERE d.outcome = 'send' AND m.message_id IS NULL"
    )
    assert sends == []


def check_times(rows: Rows, since: datetime) -> None:
    """Whatever the clocks of the processes say: everything happened between `since` and now in the database's time, and
    nothing was decided before it was due."""
    wrong = rows(
        "SELECT 'event', received_at FROM events WHERE received_at NOT BETWEEN :since AND now() UNION ALL"
        " SELECT 'decision', decided_at FROM decisions WHERE decided_at NOT BETWEEN due_at AND now() UNION ALL"
        " SELECT 'message', sent_at FROM messages WHERE sent_at NOT BETWEEN created_at AND now() UNION ALL"
        " SELECT 'end', closed_at FROM enrollments WHERE closed_at NOT BETWEEN :since AND now()",
        since=since,
    )
    assert wrong == []


def check_nobody_mailed_twice(rows: Rows, mailbox: Mailbox, *, most_in_doubt: int) -> int:
    """No message reached the server twice; what is `sent` reached it once; only what is in doubt may be either way.

    Returns how many are in doubt."""
    times = Counter(mail.message_id for mail in mailbox.mails)
    assert [one for one, count in times.items() if count > 1] == []
    statuses = Counter(row[0] for row in rows("SELECT status FROM messages"))
    assert set(statuses) <= {"sent", "uncertain", "withdrawn"}, statuses
    assert statuses["uncertain"] <= most_in_doubt, statuses
    assert statuses["sent"] <= len(times) <= statuses["sent"] + statuses["uncertain"], (statuses, len(times))
    return statuses["uncertain"]


def check_no_mail_after_an_order(rows: Rows, mailbox: Mailbox, seen_at: Mapping[str, float]) -> None:
    """`seen_at`: address to the moment its order was seen to be committed. No cart mail came to it after that.

    A mail in doubt is left out: its sender was lost in the middle, and with it the lock that kept the order waiting."""
    doubt = {row[0] for row in rows("SELECT message_ref FROM messages WHERE status = 'uncertain'")}
    late = [
        mail
        for mail in mailbox.mails
        if mail.campaign_id == "abandoned_cart" and seen_at.get(mail.address, float("inf")) < mail.at
    ]
    assert [mail for mail in late if mail.message_ref not in doubt] == []
