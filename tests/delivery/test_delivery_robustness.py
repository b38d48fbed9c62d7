"""Whatever data, servers and strangers do, delivery answers in its own words: outcomes, events, or UnsafeMail."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.clock import VirtualClock
from campaigns.delivery import count_maildir
from campaigns.delivery.feedback import MalformedFeedback, UnverifiedFeedback, read_returned_mail, webhook_reader
from campaigns.delivery.headers import UnsafeMail
from campaigns.delivery.inbox import parse_mail
from campaigns.delivery.maildir import MaildirMailer
from campaigns.delivery.mime import compose
from campaigns.delivery.smtp import SmtpMailer
from campaigns.delivery.smtp_settings import smtp_settings
from campaigns.domain.message import Accepted, Address, OutboundMail, Outcome, Rejected, RenderedEmail, Uncertain

pytestmark = pytest.mark.slow

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
MAIL = OutboundMail(
    message_ref="7-1",
    sender=Address("news@shop.example", "The Tea Shop"),
    recipient=Address("ann@mail.example"),
    email=RenderedEmail("Hello", "", "<p>Hello</p>", "Hello"),
    campaign_id="abandoned_cart",
    shop_id="tea",
)
anything = st.text(st.characters(), max_size=80)
addresses = st.one_of(anything, st.builds("{}@{}".format, anything, anything))


@settings(deadline=None, max_examples=150)
@example("0", "", "", "", "", "", "", "\ud800", "\ud800")
@given(anything, anything, anything, addresses, addresses, anything, anything, anything, anything)
def test_any_mail_is_composed_whole_or_refused(
    ref: str, subject: str, name: str, to: str, sender: str, body: str, campaign: str, url: str, mailto: str
) -> None:
    mail = OutboundMail(
        message_ref=ref,
        sender=Address(sender, name),
        recipient=Address(to, name),
        email=RenderedEmail(subject, "", body, body),
        campaign_id=campaign,
        shop_id=campaign,
        unsubscribe_url=url,
        unsubscribe_mailto=mailto,
    )
    for variant in (mail, replace(mail, sender=MAIL.sender, recipient=MAIL.recipient)):
        try:
            composed = compose(variant, AT)
        except UnsafeMail:
            continue
        head = composed.content.partition(b"\r\n\r\n")[0]
        names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"]
        assert len(names) == len(set(names))
        assert b"bcc" not in names
        assert not set(composed.envelope_to + composed.envelope_from) & set(" \r\n<>,")
        assert parse_mail(composed.content)["message-id"] == composed.message_id


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_in_the_bounce_mailbox_are_read_without_a_fall(content: bytes) -> None:
    assert read_returned_mail(content, AT) == []


@settings(deadline=None, max_examples=100)
@example([2, 2], b"")
@given(st.lists(st.sampled_from(list(range(40))), max_size=6), st.binary(max_size=12))
def test_a_damaged_bounce_is_read_without_a_fall(cuts: list[int], noise: bytes) -> None:
    whole = (
        b'From: MAILER-DAEMON@x\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\n'
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; ann@mail.example\n"
        b"Action: failed\nStatus: 5.1.1\n\n--b\nContent-Type: message/rfc822\n\n"
        b"Message-ID: <rekindle.7-1@shop.example>\n\nx\n--b--\n"
    )
    for cut in cuts:
        at = cut * len(whole) // 40
        whole = whole[:at] + noise + whole[at + 5 :]
    for event in read_returned_mail(whole, AT):
        assert event.message_ref is not None


@settings(deadline=None, max_examples=100)
@example("brevo", b"", {"authorization": "\ud800"})
@example("resend", b"", {"svix-id": "\ud800", "svix-timestamp": str(int(AT.timestamp()))})
@given(
    st.sampled_from(["resend", "sendgrid", "postmark", "ses", "mailgun", "sparkpost", "brevo"]),
    st.binary(max_size=60),
    st.dictionaries(st.sampled_from(["authorization", "svix-id", "svix-timestamp", "svix-signature"]), anything),
)
def test_any_stranger_calling_a_webhook_is_refused(provider: str, body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises((UnverifiedFeedback, MalformedFeedback)):
        webhook_reader(provider, "whsec_c2VjcmV0" if provider == "resend" else "name:password").read(headers, body, AT)


@contextmanager
def scripted(*answers: bytes) -> Iterator[int]:
    """A server that says each answer in turn, one per packet it receives, the first at once; then it hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                for number, answer in enumerate(answers):
                    if number and not connection.recv(1 << 16):
                        break
                    connection.sendall(answer)

    threading.Thread(target=talk, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


def outcome_of(*answers: bytes) -> Outcome:
    with scripted(*answers) as port:
        mailer = SmtpMailer(smtp_settings(f"smtp://127.0.0.1:{port}?timeout=1&helo=test"), VirtualClock(AT))
        (outcome,) = mailer.send([MAIL])
        mailer.close()
    return outcome


HELLO, PIPELINING = b"250 hi\r\n", b"250-hi\r\n250 PIPELINING\r\n"


@pytest.mark.parametrize(
    "answers",
    [
        [b"554 go away\r\n"],
        [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        [b"220 hi\r\n", b"not smtp at all\r\n"],
        [b"220 hi\r\n", HELLO, b"banana\r\n"],
        [b"220 hi\r\n", HELLO, b"250 ok\r\n", b"250 ok\r\n", b"x" * 10000 + b"\r\n"],
        [b"220 hi\r\n", PIPELINING, b"250 ok\r\n250 ok\r\n"],
        [b"220 hi\r\n", PIPELINING, b"421 busy\r\n421 busy\r\n421 busy\r\n"],
        [b""],
    ],
)
def test_a_server_that_talks_nonsense_before_the_mail_is_a_temporary_refusal(answers: list[bytes]) -> None:
    outcome = outcome_of(*answers)

    assert isinstance(outcome, Rejected)
    assert not outcome.permanent


@pytest.mark.parametrize("last", [b"banana\r\n", b"", b"x" * 10000 + b"\r\n", b"250-unfinished\r\n"])
def test_a_server_that_talks_nonsense_after_the_mail_leaves_it_uncertain(last: bytes) -> None:
    steps = [b"220 hi\r\n", HELLO, b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", last]

    assert isinstance(outcome_of(*steps), Uncertain)
    assert isinstance(outcome_of(b"220 hi\r\n", PIPELINING, b"250 ok\r\n250 ok\r\n354 go\r\n", last), Uncertain)


def test_a_server_that_wants_the_mail_of_a_recipient_it_refused() -> None:
    refused = b"250 ok\r\n550 5.1.1 nobody\r\n354 go\r\n"

    outcome = outcome_of(b"220 hi\r\n", PIPELINING, refused, b"554 no recipients\r\n")

    assert outcome == Rejected(permanent=True, detail="550 5.1.1 nobody")


def test_an_answer_of_several_lines_is_one_detail() -> None:
    refused = b"250 ok\r\n550-5.7.1 We do not\r\n550 5.7.1 like you\r\n503 no\r\n"

    assert outcome_of(b"220 hi\r\n", PIPELINING, refused) == Rejected(True, "550 5.7.1 We do not 5.7.1 like you")


def test_an_old_server_without_extensions_is_served() -> None:
    steps = [b"220 hi\r\n", b"500 what?\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 ok\r\n"]

    assert isinstance(outcome_of(*steps), Accepted)


def _deliver_all(folder: str) -> None:
    mails = [replace(MAIL, message_ref=f"{number}-1") for number in range(60)]
    MaildirMailer(Path(folder), VirtualClock(AT)).send(mails)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_workers_delivering_the_same_mails_at_once_deliver_each_once(tmp_path: Path) -> None:
    workers = [get_context("fork").Process(target=_deliver_all, args=(str(tmp_path),)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)

    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert count_maildir(tmp_path) == 60
    assert list((tmp_path / "tmp").iterdir()) == []
