"""One suite for every way of sending: what a caller may rely on, whichever URL the settings name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaigns.clock import VirtualClock
from campaigns.delivery import Mailer, check_mailer, mailer_from_url, read_maildir
from campaigns.delivery.esp import ESP_SCHEMES
from campaigns.delivery.inbox import parse_mail
from campaigns.domain.errors import UnusableEnvironment
from campaigns.domain.message import Accepted, Address, OutboundMail, Rejected, RenderedEmail, Uncertain
from tests.delivery.esp_server import CONTRACTS, serving
from tests.delivery.smtp_sink import SmtpSink, free_port, running

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
KINDS = ("smtp", "maildir", *ESP_SCHEMES)


@dataclass
class PostOffice:
    """One way of sending with the other side in our hands. None stands for what that side cannot do."""

    url: str
    recipients: Callable[[], list[str]]
    subjects: Callable[[], list[str]]
    headers: Callable[[], list[dict[str, str]]]
    refuse: Callable[[str], None] | None = None
    cut_after: Callable[[str], None] | None = None
    unreachable_url: str | None = None
    repeat_safe: bool = False
    mailers: list[Mailer] = field(default_factory=list)

    def mailer(self, url: str = "") -> Mailer:
        self.mailers.append(mailer_from_url(url or self.url, clock=VirtualClock(AT)))
        return self.mailers[-1]


def mail_to(name: str) -> OutboundMail:
    return OutboundMail(
        message_ref=f"{name}-1",
        sender=Address("news@shop.example", "Täglich Tee"),
        recipient=Address(f"{name}@mail.example", name.title()),
        email=RenderedEmail(f"Hallo {name}, schön!", "", "<p>Grüße {{ literally }}</p>", "Grüße"),
        campaign_id="abandoned_cart",
        shop_id="tea",
        reply_to=Address("help@shop.example", "Help"),
        unsubscribe_url="https://shop.example/u/abc",
    )


def mails(*names: str) -> list[OutboundMail]:
    return [mail_to(name) for name in names]


def _smtp(stack: ExitStack) -> PostOffice:
    sink = stack.enter_context(running(SmtpSink()))

    def header(name: str) -> list[str]:
        return [str(parse_mail(bytes(mail.content or b""))[name]) for mail in sink.mails]

    return PostOffice(
        url=f"smtp://127.0.0.1:{sink.port}?timeout=5",
        recipients=lambda: sink.recipients,
        subjects=lambda: header("subject"),
        headers=lambda: [dict(parse_mail(bytes(mail.content or b"")).items()) for mail in sink.mails],
        refuse=lambda address: sink.refuse_recipient.update({address: "550 5.1.1 no such mailbox"}),
        cut_after=lambda address: sink.drop_after_data.update([address]),
        unreachable_url=f"smtp://127.0.0.1:{free_port()}",
    )


def _maildir(folder: Path) -> PostOffice:
    return PostOffice(
        url=f"maildir://{folder}",
        recipients=lambda: [mail.message["to"].addresses[0].addr_spec for mail in read_maildir(folder)],
        subjects=lambda: [mail.subject for mail in read_maildir(folder)],
        headers=lambda: [dict(mail.headers) for mail in read_maildir(folder)],
        repeat_safe=True,
    )


def _esp(kind: str, stack: ExitStack) -> PostOffice:
    contract, url = CONTRACTS[kind]
    server = stack.enter_context(serving(contract))
    return PostOffice(
        url=f"{url}?base={server.base}&timeout=5",
        recipients=lambda: [mail.recipient for mail in server.arrived],
        subjects=lambda: [mail.subject for mail in server.arrived],
        headers=lambda: [mail.headers for mail in server.arrived],
        refuse=server.faulty.add,
        cut_after=lambda address: server.silent_after.update([address]),
        unreachable_url=f"{url}?base=http://127.0.0.1:{free_port()}",
        repeat_safe=kind in ("resend", "brevo"),
    )


@pytest.fixture(params=KINDS)
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PostOffice]:
    with ExitStack() as stack:
        if request.param == "maildir":
            office = _maildir(tmp_path / "mail")
        else:
            office = _smtp(stack) if request.param == "smtp" else _esp(request.param, stack)
        yield office
        for mailer in office.mailers:
            mailer.close()


def test_a_batch_is_accepted_in_order_and_arrives(office: PostOffice) -> None:
    outcomes = office.mailer().send(mails("ann", "bob", "cem"))

    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Accepted]
    assert sorted(office.recipients()) == ["ann@mail.example", "bob@mail.example", "cem@mail.example"]
    assert sorted(office.subjects()) == ["Hallo ann, schön!", "Hallo bob, schön!", "Hallo cem, schön!"]
    assert all(outcome.provider_id for outcome in outcomes if isinstance(outcome, Accepted))


def test_no_mails_are_no_outcomes(office: PostOffice) -> None:
    assert office.mailer().send([]) == []


def test_every_mail_can_be_left_with_one_click(office: PostOffice) -> None:
    office.mailer().send(mails("ann"))

    (headers,) = office.headers()
    assert headers["List-Unsubscribe"] == "<https://shop.example/u/abc>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["Feedback-ID"] == "abandoned_cart:tea:triggered:rekindle"
    assert headers["X-Rekindle-Message"] == "ann-1"


def test_a_mail_that_could_smuggle_headers_is_refused_alone(office: PostOffice) -> None:
    evil = replace(mail_to("evil"), email=RenderedEmail("Hi\r\nBcc: all@mail.example", "", "x", "x"))
    nowhere = replace(mail_to("nowhere"), recipient=Address("not an address"))

    outcomes = office.mailer().send([*mails("ann"), evil, nowhere, *mails("bob")])

    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Rejected, Accepted]
    assert all(outcome.permanent for outcome in outcomes if isinstance(outcome, Rejected))
    assert sorted(office.recipients()) == ["ann@mail.example", "bob@mail.example"]


def test_one_refused_address_does_not_repeat_or_sink_its_batch(office: PostOffice) -> None:
    if office.refuse is None:
        pytest.skip("nothing refuses addresses here")
    office.refuse("bob@mail.example")

    outcomes = office.mailer().send(mails("ann", "bob", "cem", "dan"))

    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Accepted, Accepted]
    assert isinstance(outcomes[1], Rejected)
    assert outcomes[1].permanent
    assert sorted(office.recipients()) == ["ann@mail.example", "cem@mail.example", "dan@mail.example"]


def test_a_silence_after_the_hand_over_never_delivers_twice(office: PostOffice) -> None:
    if office.cut_after is None:
        pytest.skip("no line that could be cut")
    office.cut_after("ann@mail.example")

    (outcome,) = office.mailer().send(mails("ann"))

    assert isinstance(outcome, Accepted if office.repeat_safe else Uncertain)
    assert office.recipients() == ["ann@mail.example"]


def test_nobody_there_is_a_temporary_refusal_that_names_the_trouble(office: PostOffice) -> None:
    if office.unreachable_url is None:
        pytest.skip("nothing that could be unreachable")
    outcomes = office.mailer(office.unreachable_url).send(mails("ann", "bob"))

    for outcome in outcomes:
        assert isinstance(outcome, Rejected)
        assert not outcome.permanent
        assert "connection" in outcome.detail
        assert "key-that-nobody-may-see" not in outcome.detail
    assert len(outcomes) == 2
    assert office.recipients() == []


def test_a_check_tells_what_is_there_and_sends_nothing(office: PostOffice) -> None:
    line = check_mailer(office.url)

    assert "\n" not in line
    assert "key-that-nobody-may-see" not in line
    assert office.recipients() == []
    if office.unreachable_url is not None:
        with pytest.raises(UnusableEnvironment, match="connection") as caught:
            check_mailer(office.unreachable_url)
        assert "key-that-nobody-may-see" not in str(caught.value)


def test_a_mailer_works_again_after_close(office: PostOffice) -> None:
    mailer = office.mailer()
    mailer.send(mails("ann"))
    mailer.close()
    mailer.close()

    assert isinstance(mailer.send(mails("bob"))[0], Accepted)


def test_a_mailer_never_shows_its_secrets(office: PostOffice) -> None:
    assert "key-that-nobody-may-see" not in repr(vars(office.mailer())) + repr(office.mailer())
