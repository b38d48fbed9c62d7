"""Bounces and complaints as they arrive in a mailbox, from tidy reports to the free text of old servers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from textwrap import dedent

import pytest

from campaigns.delivery.feedback import FeedbackKind, read_returned_mail, says_dead_address
from campaigns.delivery.mime import compose
from campaigns.domain.message import Address, OutboundMail, RenderedEmail

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ORIGINAL = OutboundMail(
    message_ref="7-1",
    sender=Address("news@shop.example", "The Tea Shop"),
    recipient=Address("ann@mail.example"),
    email=RenderedEmail("Still there?", "", "<p>cart</p>", "cart"),
    campaign_id="abandoned_cart",
    shop_id="tea",
)


def original() -> str:
    return compose(ORIGINAL, NOW).content.decode()


def head() -> str:
    return original().partition("\r\n\r\n")[0]


def report(kind: str, fields: str, returned: str = "", returned_type: str = "message/rfc822") -> bytes:
    name = "delivery-status" if kind == "delivery-status" else "feedback-report"
    return (
        dedent(f"""\
        From: Mail Delivery System <MAILER-DAEMON@mx.example>
        To: bounces@shop.example
        Date: Sun, 01 Mar 2026 10:00:00 +0000
        Subject: Returned
        Auto-Submitted: auto-replied
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type={name}; boundary="b"

        --b
        Content-Type: text/plain

        Your mail could not be delivered.

        --b
        Content-Type: message/{name}

        """).replace("\n", "\r\n")
        + fields.replace("\n", "\r\n")
        + f"\r\n\r\n--b\r\nContent-Type: {returned_type}\r\n\r\n"
        + (returned or original())
        + "\r\n--b--\r\n"
    ).encode()


def bounce(action: str, status: str, diagnostic: str = "") -> bytes:
    fields = (
        "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ann@mail.example\n"
        f"Action: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {diagnostic}\n"
    )
    return report("delivery-status", fields)


@pytest.mark.parametrize(
    ("action", "status", "diagnostic", "kind", "permanent"),
    [
        ("failed", "5.1.1", "550 5.1.1 user unknown", FeedbackKind.BOUNCED, True),
        ("failed", "5.1.2", "host not found", FeedbackKind.BOUNCED, True),
        ("failed", "5.0.0", "550 5.1.1 <ann@mail.example>: Recipient address rejected", FeedbackKind.BOUNCED, True),
        ("failed", "5.0.0", "550 rejected", FeedbackKind.BOUNCED, False),
        ("failed", "5.2.2", "552 5.2.2 mailbox full", FeedbackKind.BOUNCED, False),
        ("failed", "5.7.1", "550 5.7.1 spam", FeedbackKind.BOUNCED, False),
        ("failed", "4.4.7", "delivery time expired", FeedbackKind.BOUNCED, False),
        ("delayed", "4.4.1", "connection timed out", FeedbackKind.DEFERRED, False),
        ("delivered", "2.0.0", "250 ok", FeedbackKind.DELIVERED, False),
    ],
)
def test_delivery_reports(action: str, status: str, diagnostic: str, kind: FeedbackKind, permanent: bool) -> None:
    (event,) = read_returned_mail(bounce(action, status, diagnostic), NOW)

    assert (event.kind, event.permanent, event.message_ref) == (kind, permanent, "7-1")
    assert event.recipient == "ann@mail.example"
    assert event.occurred_at == datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    assert diagnostic in event.detail


@pytest.mark.parametrize(
    ("returned", "kind"),
    [
        (lambda: head() + "\r\n", "text/rfc822-headers"),
        (lambda: "Message-ID: <rekindle.7-1@shop.example>\r\n\r\n", "message/rfc822"),
        (lambda: "> Message-ID: <rekindle.7-1@shop.example>\r\n", "text/plain"),
    ],
)
def test_the_mail_is_found_by_what_is_left_of_it(returned: object, kind: str) -> None:
    assert callable(returned)
    fields = (
        "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ann@mail.example\nAction: failed\nStatus: 5.1.1\n"
    )
    (event,) = read_returned_mail(report("delivery-status", fields, returned(), kind), NOW)

    assert event.message_ref == "7-1"


def test_a_complaint_from_a_feedback_loop() -> None:
    fields = (
        "Feedback-Type: abuse\nUser-Agent: Yahoo!-Mail-Feedback/2.0\nVersion: 1\nOriginal-Rcpt-To: <ann@mail.example>\n"
    )
    (event,) = read_returned_mail(report("feedback-report", fields), NOW)

    assert (event.kind, event.message_ref) == (FeedbackKind.COMPLAINED, "7-1")
    assert event.recipient == "ann@mail.example"


@pytest.mark.parametrize(("kind", "expected"), [("opt-out", [FeedbackKind.UNSUBSCRIBED]), ("not-spam", [])])
def test_other_reports_of_a_feedback_loop(kind: str, expected: list[FeedbackKind]) -> None:
    events = read_returned_mail(report("feedback-report", f"Feedback-Type: {kind}\nVersion: 1\n"), NOW)

    assert [event.kind for event in events] == expected


def old_style(sender: str, text: str, subject: str = "failure notice", extra: str = "") -> bytes:
    return (
        f"From: {sender}\r\nTo: b@shop.example\r\nSubject: {subject}\r\n{extra}\r\n{text}\r\n\r\n{head()}\r\n".encode()
    )


def test_the_free_text_of_old_servers() -> None:
    qmail = old_style("MAILER-DAEMON@mx.example", "<ann@mail.example>:\r\n550 5.1.1 no mailbox here by that name")
    (event,) = read_returned_mail(qmail, NOW)
    assert (event.kind, event.permanent, event.message_ref) == (FeedbackKind.BOUNCED, True, "7-1")
    assert event.occurred_at == NOW
    assert (event.recipient, event.detail) == ("ann@mail.example", "550 5.1.1 no mailbox here by that name")

    exim = old_style(
        "Mail Delivery System <Mailer-Daemon@mx.example>",
        "This message was created automatically by mail delivery software.\r\n\r\n  ann@mail.example\r\n"
        "    host mx2.example [192.0.2.1]\r\n    SMTP error from remote mail server after RCPT TO:\r\n"
        "    550 5.2.1 The account is disabled",
        extra="X-Failed-Recipients: ann@mail.example\r\n",
    )
    (disabled,) = read_returned_mail(exim, NOW)
    assert (disabled.recipient, disabled.permanent) == ("ann@mail.example", True)
    assert disabled.detail == "550 5.2.1 The account is disabled"

    (vague,) = read_returned_mail(old_style("postmaster@mx.example", "This did not work out."), NOW)
    assert (vague.kind, vague.permanent) == (FeedbackKind.BOUNCED, False)

    (later,) = read_returned_mail(old_style("MAILER-DAEMON@mx.example", "451 4.2.0 still trying"), NOW)
    assert later.kind is FeedbackKind.DEFERRED


def test_answers_of_people_and_their_machines_are_no_feedback() -> None:
    vacation = old_style(
        "ann@mail.example", "I am away until 5.1.1", "Out of office", "Auto-Submitted: auto-replied\r\n"
    )
    person = old_style("ann@mail.example", "Where is my order?")
    foreign = bounce("failed", "5.1.1").replace(b"rekindle", b"another")

    for mail in (
        vacation,
        person,
        foreign.replace(b"X-Another", b"X-Other").replace(b"X-Rekindle", b"X-O"),
        b"",
        b"\xff\xfe",
    ):
        assert read_returned_mail(mail, NOW) == []


@pytest.mark.parametrize(
    ("answer", "dead"),
    [("550 5.1.1 no such mailbox", True), ("554 5.7.1 spam", False), ("552 5.2.2 full", False), ("550 no", False)],
)
def test_a_refusal_at_the_door_tells_whether_the_address_is_dead(answer: str, dead: bool) -> None:
    assert says_dead_address(answer) == dead


def test_a_reference_of_any_characters_comes_back() -> None:
    mail = compose(replace(ORIGINAL, message_ref="größe 7/1"), NOW).content.decode()
    fields = (
        "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ann@mail.example\nAction: failed\nStatus: 5.1.1\n"
    )
    (event,) = read_returned_mail(report("delivery-status", fields, mail), NOW)

    assert event.message_ref == "größe 7/1"
