"""What is particular to providers: limits, pauses, wrong keys, repeats, signatures and URLs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from campaigns.clock import VirtualClock
from campaigns.delivery import Mailer, mailer_from_url
from campaigns.delivery.esp import ESP_SCHEMES
from campaigns.delivery.esp.sigv4 import AwsCredentials, signed_headers, signing_key
from campaigns.domain.errors import WrongUsage
from campaigns.domain.message import Accepted, Address, OutboundMail, Rejected, RenderedEmail, Uncertain
from tests.delivery.esp_server import CONTRACTS, EspServer, serving

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def mails(*names: str) -> list[OutboundMail]:
    return [
        OutboundMail(
            message_ref=f"{name}-1",
            sender=Address("news@shop.example", "Tea, Coffee & More"),
            recipient=Address(f"{name}@mail.example", "Ann O'Hara, Köln"),
            email=RenderedEmail("Hi {{ you }}", "", "<p>{{ literally }} 50 {% off %}</p>", "{{ text }}"),
            campaign_id="abandoned_cart",
            shop_id="tea",
        )
        for name in names
    ]


@contextmanager
def provider(kind: str, options: str = "", key: str = "") -> Iterator[tuple[EspServer, Mailer]]:
    contract, url = CONTRACTS[kind]
    with ExitStack() as stack:
        server = stack.enter_context(serving(contract))
        url = url.replace("key-that-nobody-may-see", key or "key-that-nobody-may-see")
        mailer = mailer_from_url(f"{url}?base={server.base}&timeout=5{options}", clock=VirtualClock(AT))
        stack.callback(mailer.close)
        yield server, mailer


@pytest.mark.parametrize("kind", ESP_SCHEMES)
def test_a_provider_that_asks_to_slow_down_is_left_alone_for_the_rest_of_the_batch(kind: str) -> None:
    with provider(kind, "&parallel=1") as (server, mailer):
        server.answers_first = [(429, {"retry-after": "30"}, {"message": "too many requests"})]
        first = mailer.send(mails("ann", "bob", "cem"))
        asked = len(server.calls)
        second = mailer.send(mails("ann", "bob", "cem"))

    assert asked == 1
    for outcome in first:
        assert isinstance(outcome, Rejected)
        assert not outcome.permanent
        assert "429" in outcome.detail
        assert "retry after 30" in outcome.detail
    assert [type(outcome) for outcome in second] == [Accepted] * 3
    assert len(server.arrived) == 3


@pytest.mark.parametrize("kind", ESP_SCHEMES)
@pytest.mark.parametrize("status", [500, 503])
def test_a_provider_in_trouble_is_a_temporary_refusal(kind: str, status: int) -> None:
    with provider(kind) as (server, mailer):
        server.answers_first = [(status, {}, b"<html>oops</html>")]
        (outcome,) = mailer.send(mails("ann"))

    assert isinstance(outcome, Rejected)
    assert not outcome.permanent
    assert f"{kind}: {status} <html>oops</html>" in outcome.detail


@pytest.mark.parametrize("kind", ESP_SCHEMES)
def test_a_gateway_that_lost_the_answer_leaves_the_mail_uncertain_unless_a_key_makes_a_repeat_safe(kind: str) -> None:
    with provider(kind) as (server, mailer):
        server.answers_first = [(504, {}, b"")]
        (outcome,) = mailer.send(mails("ann"))

    assert isinstance(outcome, Accepted if kind in ("resend", "brevo") else Uncertain)


@pytest.mark.parametrize("kind", ESP_SCHEMES)
def test_a_wrong_key_burns_no_mail_and_is_never_shown(kind: str) -> None:
    with provider(kind, key="a-wrong-secret") as (server, mailer):
        if kind == "ses":
            denied = {"message": "The request signature of a-wrong-secret does not match"}
            server.answers_first = [(403, {"x-amzn-errortype": "InvalidSignatureException"}, denied)]
        outcomes = mailer.send(mails("ann"))

    (outcome,) = outcomes
    assert isinstance(outcome, Rejected)
    assert not outcome.permanent
    assert "a-wrong-secret" not in outcome.detail
    assert server.arrived == []


@pytest.mark.parametrize("kind", ["resend", "brevo"])
def test_a_batch_that_stays_silent_is_uncertain_after_safe_repeats(kind: str) -> None:
    with provider(kind) as (server, mailer):
        server.silent_after.update({"ann@mail.example": 99, "bob@mail.example": 99})
        outcomes = mailer.send(mails("ann", "bob"))

    assert [type(outcome) for outcome in outcomes] == [Uncertain, Uncertain]
    assert len(server.calls) == 3
    assert len({call.body for call in server.calls}) == 1
    assert len(server.arrived) == 2


@pytest.mark.parametrize("kind", ["resend", "brevo"])
def test_handing_over_again_what_the_provider_has_counts_as_accepted(kind: str) -> None:
    with provider(kind) as (server, mailer):
        mailer.send(mails("ann"))
        changed = [replace(mail, email=RenderedEmail("Again", "", "other", "other")) for mail in mails("ann")]
        (outcome,) = mailer.send(changed)

    assert isinstance(outcome, Accepted)
    assert len(server.arrived) == 1


def test_many_mails_go_in_few_calls_where_the_provider_has_batches() -> None:
    names = [f"p{number}" for number in range(250)]
    for kind, calls in (("resend", 3), ("postmark", 3), ("brevo", 3), ("sendgrid", 250)):
        with provider(kind) as (server, mailer):
            outcomes = mailer.send(mails(*names))

        assert [type(outcome) for outcome in outcomes] == [Accepted] * 250
        assert len(server.calls) == calls


def test_mails_of_different_senders_never_share_a_sender() -> None:
    other = [replace(mail, sender=Address("hello@other.example")) for mail in mails("bob")]
    with provider("brevo") as (server, mailer):
        mailer.send([*mails("ann"), *other])

    senders = sorted(json.loads(call.body)["sender"]["email"] for call in server.calls)
    assert senders == ["hello@other.example", "news@shop.example"]


def test_no_provider_sees_a_template_in_a_rendered_mail() -> None:
    with provider("sparkpost") as (server, mailer):
        mailer.send(mails("ann"))
    assert server.arrived[0].html.startswith("<p>{{opening_double_curly()}} literally }}")
    with provider("brevo") as (server, mailer):
        mailer.send(mails("ann"))
    assert server.arrived[0].html == "<p>{&#123; literally }} 50 {&#37; off %}</p>"


@pytest.mark.parametrize("kind", ESP_SCHEMES)
def test_text_that_is_no_unicode_does_not_stop_a_mail(kind: str) -> None:
    odd = [replace(mail, email=RenderedEmail("S", "", "a\ud800b", "a\ud800b")) for mail in mails("ann")]
    with provider(kind) as (server, mailer):
        (outcome,) = mailer.send(odd)

    assert isinstance(outcome, Accepted)
    assert server.arrived[0].html.strip() == "a?b"


@pytest.mark.parametrize("kind", ["sendgrid", "postmark", "ses", "mailgun", "sparkpost"])
def test_an_answer_that_makes_no_sense(kind: str) -> None:
    with provider(kind) as (server, mailer):
        server.answers_first = [(200, {}, b"<html>welcome to the hotel wifi</html>")]
        (outcome,) = mailer.send(mails("ann"))

    assert outcome == Accepted("") or isinstance(outcome, Uncertain)


def test_aws_signatures_match_the_published_examples() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    assert (
        signing_key(secret, "20150830", "us-east-1", "iam").hex()
        == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    )
    headers = signed_headers(
        "https://example.amazonaws.com/",
        b"Param1=value1",
        datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
        AwsCredentials("AKIDEXAMPLE", secret),
        region="us-east-1",
        service="service",
        content_type="application/x-www-form-urlencoded",
    )
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    )


@pytest.mark.parametrize(
    "url",
    ["resend://", "resend://hidden@?stream=x", "ses://hidden@eu-west-1", "ses://id:hidden@", "mailgun://hidden@",
     "brevo://hidden@?timeout=0", "sendgrid://hidden@?base=http://api.example", "sparkpost://hidden@?parallel=many"],
)  # fmt: skip
def test_a_wrong_provider_url_is_explained_without_its_key(url: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        mailer_from_url(url)

    assert "hidden" not in str(caught.value)
