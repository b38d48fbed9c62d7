"""Hand-over to a real SMTP server: every way it can go, and that one mail's trouble stays its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from campaigns.clock import VirtualClock
from campaigns.delivery import mailer_from_url
from campaigns.delivery.inbox import parse_mail
from campaigns.delivery.smtp import SmtpMailer
from campaigns.delivery.smtp_settings import Encryption, smtp_settings
from campaigns.domain.errors import RekindleError, UnusableEnvironment, WrongUsage
from campaigns.domain.message import Accepted, Address, OutboundMail, Rejected, RenderedEmail, Uncertain
from tests.delivery.smtp_sink import SmtpSink, free_port, running, self_made_certificate

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def mail_to(recipient: str) -> OutboundMail:
    return OutboundMail(
        message_ref=recipient.partition("@")[0] if recipient.isascii() else "int",
        sender=Address("news@shop.example", "The Tea Shop"),
        recipient=Address(recipient),
        email=RenderedEmail("Hello", "", "<p>Grüße</p>", "Grüße\n.\n..\nbye\n"),
        campaign_id="abandoned_cart",
        shop_id="tea",
    )


def mails(*names: str) -> list[OutboundMail]:
    return [mail_to(f"{name}@mail.example") for name in names]


def smtp_mailer(url: str, **options: float) -> SmtpMailer:
    return SmtpMailer(smtp_settings(url), VirtualClock(AT), **options)


@pytest.fixture(params=[True, False], ids=["pipelining", "step by step"])
def sink(request: pytest.FixtureRequest) -> Iterator[SmtpSink]:
    with running(SmtpSink(pipelining=request.param)) as sink:
        yield sink


@pytest.fixture
def mailer(sink: SmtpSink) -> Iterator[SmtpMailer]:
    mailer = smtp_mailer(f"smtp://127.0.0.1:{sink.port}?timeout=5")
    yield mailer
    mailer.close()


def test_a_batch_arrives_over_one_connection(mailer: SmtpMailer, sink: SmtpSink) -> None:
    outcomes = mailer.send(mails("ann", "bob")) + mailer.send(mails("cem"))

    assert outcomes == [Accepted("Q1"), Accepted("Q2"), Accepted("Q3")]
    assert sink.recipients == ["ann@mail.example", "bob@mail.example", "cem@mail.example"]
    assert sink.connections == 1
    assert sink.mails[0].mail_from == "news@shop.example"


def test_the_mail_arrives_unchanged_dots_included(mailer: SmtpMailer, sink: SmtpSink) -> None:
    mailer.send(mails("ann"))

    content = sink.mails[0].content
    assert isinstance(content, bytes)
    message = parse_mail(content)
    text = message.get_body(("plain",))
    assert message["date"].datetime == AT
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == "Grüße\n.\n..\nbye\n"


def test_a_refused_recipient_does_not_touch_the_others(mailer: SmtpMailer, sink: SmtpSink) -> None:
    sink.refuse_recipient = {"bob@mail.example": "550 5.1.1 no such mailbox", "cem@mail.example": "451 4.7.1 later"}
    sink.refuse_data = {"dan@mail.example": "554 5.7.1 looks like spam", "eve@mail.example": "452 4.3.1 disk full"}

    outcomes = mailer.send(mails("ann", "bob", "cem", "dan", "eve", "fay"))

    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Rejected, Rejected, Rejected, Accepted]
    assert outcomes[1] == Rejected(permanent=True, detail="550 5.1.1 no such mailbox")
    assert outcomes[2] == Rejected(permanent=False, detail="451 4.7.1 later")
    assert outcomes[3] == Rejected(permanent=True, detail="554 5.7.1 looks like spam")
    assert outcomes[4] == Rejected(permanent=False, detail="452 4.3.1 disk full")
    assert sink.recipients == ["ann@mail.example", "fay@mail.example"]
    assert sink.connections == 1


def test_a_server_that_asks_for_a_login_does_not_burn_the_mail(mailer: SmtpMailer, sink: SmtpSink) -> None:
    sink.refuse_mail = {"news@shop.example": "530 5.7.0 authentication required"}

    assert mailer.send(mails("ann")) == [Rejected(permanent=False, detail="530 5.7.0 authentication required")]


def test_a_line_cut_after_the_mail_leaves_it_uncertain_and_it_is_not_sent_twice(
    mailer: SmtpMailer, sink: SmtpSink
) -> None:
    sink.drop_after_data["bob@mail.example"] = 1

    outcomes = mailer.send(mails("ann", "bob", "cem"))

    assert [type(outcome) for outcome in outcomes] == [Accepted, Uncertain, Accepted]
    assert sink.recipients == ["ann@mail.example", "bob@mail.example", "cem@mail.example"]
    assert sink.connections == 2


def test_a_server_that_never_answers_leaves_the_mail_uncertain(sink: SmtpSink) -> None:
    sink.silent_after_data = {"ann@mail.example"}

    (outcome,) = smtp_mailer(f"smtp://127.0.0.1:{sink.port}?timeout=0.3").send(mails("ann"))

    assert isinstance(outcome, Uncertain)
    assert len(sink.mails) == 1


def test_a_line_cut_before_the_mail_is_mended_silently(mailer: SmtpMailer, sink: SmtpSink) -> None:
    sink.drop_at_recipient["bob@mail.example"] = 1

    outcomes = mailer.send(mails("ann", "bob", "cem"))

    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Accepted]
    assert sink.recipients == ["ann@mail.example", "bob@mail.example", "cem@mail.example"]
    assert sink.connections == 2


def test_a_line_cut_again_and_again_is_a_temporary_refusal_of_that_mail_only(
    mailer: SmtpMailer, sink: SmtpSink
) -> None:
    sink.drop_at_recipient["bob@mail.example"] = 9

    ann, bob, cem = mailer.send(mails("ann", "bob", "cem"))

    assert isinstance(ann, Accepted)
    assert isinstance(bob, Rejected)
    assert not bob.permanent
    assert isinstance(cem, Accepted)


def test_a_server_going_away_is_reconnected_to(sink: SmtpSink) -> None:
    sink.refuse_mail = {}
    mailer = smtp_mailer(f"smtp://127.0.0.1:{sink.port}?timeout=5")
    mailer.send(mails("ann"))
    sink.drop_at_recipient["nobody"] = 0
    sink.refuse_mail = {"news@shop.example": "421 4.3.2 shutting down"}

    assert mailer.send(mails("bob"))[0] == Rejected(
        permanent=False,
        detail=f"the connection broke before the mail was handed over (127.0.0.1:{sink.port}: 421 4.3.2 shutting down)",
    )

    sink.refuse_mail = {}
    assert isinstance(mailer.send(mails("bob"))[0], Accepted)


def test_a_server_that_is_not_there_refuses_the_whole_batch_at_once() -> None:
    port = free_port()
    outcomes = smtp_mailer(f"smtp://127.0.0.1:{port}").send(mails("ann", "bob"))

    assert len(outcomes) == 2
    for outcome in outcomes:
        assert isinstance(outcome, Rejected)
        assert not outcome.permanent
        assert f"127.0.0.1:{port}: no SMTP connection" in outcome.detail


def test_a_restarted_server_is_found_again() -> None:
    first = SmtpSink()
    with running(first):
        mailer = smtp_mailer(f"smtp://127.0.0.1:{first.port}?timeout=5")
        mailer.send(mails("ann"))
    gone = mailer.send(mails("bob"))[0]
    with running(SmtpSink(), port=first.port) as second:
        back = mailer.send(mails("bob"))[0]
        mailer.close()

    assert isinstance(gone, Rejected)
    assert not gone.permanent
    assert isinstance(back, Accepted)
    assert second.recipients == ["bob@mail.example"]


def test_mails_beyond_the_batch_time_come_back_untried(sink: SmtpSink) -> None:
    outcomes = smtp_mailer(f"smtp://127.0.0.1:{sink.port}", batch_seconds=-1).send(mails("ann", "bob"))

    assert outcomes == [Rejected(permanent=False, detail="not tried: the batch took over -1 s")] * 2
    assert sink.mails == []


def test_a_connection_is_renewed_after_so_many_mails(sink: SmtpSink) -> None:
    mailer = smtp_mailer(f"smtp://127.0.0.1:{sink.port}?per_connection=2")
    mailer.send(mails("ann", "bob", "cem", "dan", "eve"))
    mailer.close()

    assert len(sink.mails) == 5
    assert sink.connections == 3


def test_a_mail_too_big_for_the_server_is_refused_before_it_travels() -> None:
    with running(SmtpSink(), data_size_limit=2000) as sink:
        mailer = smtp_mailer(f"smtp://127.0.0.1:{sink.port}")
        big = replace(mail_to("big@mail.example"), email=RenderedEmail("S", "", "x" * 3000, ""))
        outcomes = mailer.send([big, *mails("ann")])
        mailer.close()

    assert isinstance(outcomes[0], Rejected)
    assert outcomes[0].permanent
    assert "takes at most 2000" in outcomes[0].detail
    assert isinstance(outcomes[1], Accepted)


def test_an_unsafe_mail_is_refused_alone(mailer: SmtpMailer, sink: SmtpSink) -> None:
    evil = replace(mail_to("evil@mail.example"), email=RenderedEmail("Hi\r\nBcc: all@mail.example", "", "x", "x"))

    first, second = mailer.send([evil, *mails("ann")])

    assert isinstance(first, Rejected)
    assert first.permanent
    assert isinstance(second, Accepted)
    assert sink.recipients == ["ann@mail.example"]


def test_international_addresses(mailer: SmtpMailer, sink: SmtpSink) -> None:
    outcomes = mailer.send([mail_to("ann@bücher.example"), mail_to("żółw@mail.example")])

    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]
    assert sink.recipients == ["ann@xn--bcher-kva.example", "żółw@mail.example"]


def test_starttls_and_smtps_with_a_private_authority() -> None:
    context, certificate = self_made_certificate()
    with running(SmtpSink(), tls_context=context) as sink:
        mailer = smtp_mailer(f"smtp://localhost:{sink.port}?starttls=1&ca={certificate}")
        assert isinstance(mailer.send(mails("ann"))[0], Accepted)
        mailer.close()
        assert sink.encrypted == [True]
    with running(SmtpSink(), smtps=context) as sink:
        mailer = smtp_mailer(f"smtps://localhost:{sink.port}?ca={certificate}")
        assert isinstance(mailer.send(mails("ann"))[0], Accepted)
        mailer.close()


def test_an_unknown_certificate_is_not_trusted_unless_told_to() -> None:
    context, _ = self_made_certificate()
    with running(SmtpSink(), tls_context=context) as sink:
        (refused,) = smtp_mailer(f"smtp://localhost:{sink.port}?starttls=1").send(mails("ann"))
        mailer = smtp_mailer(f"smtp://localhost:{sink.port}?starttls=1&verify=0")
        (accepted,) = mailer.send(mails("ann"))
        mailer.close()

    assert isinstance(refused, Rejected)
    assert not refused.permanent
    assert "the certificate is not trusted (self-signed certificate)" in refused.detail.replace(
        "self signed", "self-signed"
    )
    assert "ca=FILE" in refused.detail
    assert isinstance(accepted, Accepted)


def test_a_local_server_with_its_own_certificate_just_works() -> None:
    context, _ = self_made_certificate()
    with running(SmtpSink(), tls_context=context) as sink:
        mailer = smtp_mailer(f"smtp://localhost:{sink.port}")
        (outcome,) = mailer.send(mails("ann"))
        mailer.close()

    assert isinstance(outcome, Accepted)
    assert sink.encrypted == [True]


def test_starttls_asked_for_and_not_offered_sends_nothing(sink: SmtpSink) -> None:
    (outcome,) = smtp_mailer(f"smtp://127.0.0.1:{sink.port}?starttls=1").send(mails("ann"))

    assert isinstance(outcome, Rejected)
    assert "offers no STARTTLS" in outcome.detail
    assert sink.mails == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_login() -> None:
    with running(SmtpSink(), auth_required=True, auth_require_tls=False) as sink:
        mailer = smtp_mailer(f"smtp://shop%40tea:p%3Ass@127.0.0.1:{sink.port}")
        (outcome,) = mailer.send(mails("ann"))
        found = mailer.check()
        mailer.close()

    assert isinstance(outcome, Accepted)
    assert sink.logins[0] == ("shop@tea", "p:ss")
    assert "logged in as shop@tea" in found


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_refused_login_is_told_without_the_password() -> None:
    with running(SmtpSink(), auth_required=True, auth_require_tls=False) as sink:
        mailer = smtp_mailer(f"smtp://shop:wrong@127.0.0.1:{sink.port}")
        (outcome,) = mailer.send(mails("ann"))
        with pytest.raises(UnusableEnvironment) as caught:
            mailer.check()

    assert isinstance(outcome, Rejected)
    assert not outcome.permanent
    assert "the login was refused (535); check user name and password" in outcome.detail
    for shown in (outcome.detail, str(caught.value), repr(mailer), repr(mailer.settings), repr(caught.value.__cause__)):
        assert "wrong" not in shown


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_does_not_talk_on_its_parents_line(mailer: SmtpMailer, sink: SmtpSink) -> None:
    mailer.send(mails("ann"))
    child = os.fork()
    if child == 0:
        os._exit(0 if isinstance(mailer.send(mails("bob"))[0], Accepted) else 1)
    _, status = os.waitpid(child, 0)
    (outcome,) = mailer.send(mails("cem"))

    assert status == 0
    assert isinstance(outcome, Accepted)
    assert sink.connections == 2


@pytest.mark.parametrize(
    ("url", "port", "encryption"),
    [
        ("smtp://mail.example", 25, Encryption.IF_OFFERED),
        ("smtp://u:p@mail.example", 587, Encryption.IF_OFFERED),
        ("smtp://mail.example:2525?starttls=1", 2525, Encryption.STARTTLS),
        ("smtp://mail.example?starttls=0", 25, Encryption.NONE),
        ("smtps://u:p@mail.example", 465, Encryption.SMTPS),
    ],
)
def test_urls(url: str, port: int, encryption: Encryption) -> None:
    settings = smtp_settings(url)

    assert (settings.host, settings.port, settings.encryption) == ("mail.example", port, encryption)


@pytest.mark.parametrize(
    "url",
    ["smtp://", "smtp://u:hidden@h:port", "smtp://u:hidden@h?tls=1", "smtp://u:hidden@h?timeout=soon",
     "smtp://u:hidden@h?starttls=maybe", "smtp://u:hidden@h:587?timeout=0", "pigeon://u:hidden@h", "hidden"],
)  # fmt: skip
def test_a_wrong_url_is_explained_without_its_password(url: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        mailer_from_url(url)

    assert isinstance(caught.value, RekindleError)
    assert "hidden" not in str(caught.value).replace("unknown mailer 'hidden'", "")
