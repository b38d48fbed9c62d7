"""Provider webhooks: nothing unsigned is believed, and every provider's event becomes the same words."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from campaigns.delivery.esp import ESP_SCHEMES
from campaigns.delivery.feedback import (
    WEBHOOK_PROVIDERS,
    FeedbackEvent,
    FeedbackKind,
    MalformedFeedback,
    UnverifiedFeedback,
    sign_of_machine,
    webhook_reader,
)
from campaigns.delivery.feedback.ses import confirmation_url
from campaigns.domain.errors import WrongUsage
from tests.delivery.provider_events import (
    APPLE,
    AT,
    BOUNCED,
    HARD,
    NOW,
    PERSON,
    SECRETS,
    SOFT,
    SVIX,
    brevo,
    mailgun,
    postmark,
    resend,
    sendgrid,
    ses,
    signed,
    sparkpost,
)


def read(provider: str, data: Any) -> list[FeedbackEvent]:
    headers, body = signed(provider, data)
    return webhook_reader(provider, SECRETS.get(provider, "hook:pass")).read(headers, body, NOW)


EVENTS: list[tuple[str, Any, FeedbackKind, bool, bool]] = [
    ("resend", resend("sent"), FeedbackKind.SENT, False, False),
    ("resend", resend("delivered"), FeedbackKind.DELIVERED, False, False),
    ("resend", resend("delivery_delayed"), FeedbackKind.DEFERRED, False, False),
    ("resend", resend("bounced", bounce=HARD), FeedbackKind.BOUNCED, True, False),
    ("resend", resend("bounced", bounce=SOFT), FeedbackKind.BOUNCED, False, False),
    ("resend", resend("complained"), FeedbackKind.COMPLAINED, False, False),
    ("resend", resend("opened"), FeedbackKind.OPENED, False, False),
    ("resend", resend("clicked", click={"link": "https://x", "userAgent": PERSON}), FeedbackKind.CLICKED, False, False),
    (
        "resend",
        resend("clicked", click={"link": "https://x", "userAgent": "curl/8"}),
        FeedbackKind.CLICKED,
        False,
        True,
    ),
    ("sendgrid", sendgrid("processed"), FeedbackKind.SENT, False, False),
    ("sendgrid", sendgrid("delivered"), FeedbackKind.DELIVERED, False, False),
    ("sendgrid", sendgrid("bounce", type="bounce", status="5.1.1"), FeedbackKind.BOUNCED, True, False),
    ("sendgrid", sendgrid("bounce", type="blocked", status="5.7.1"), FeedbackKind.BOUNCED, False, False),
    ("sendgrid", sendgrid("dropped", reason="Bounced Address"), FeedbackKind.REJECTED, True, False),
    ("sendgrid", sendgrid("spamreport"), FeedbackKind.COMPLAINED, False, False),
    ("sendgrid", sendgrid("open", useragent=PERSON, sg_machine_open=True), FeedbackKind.OPENED, False, True),
    ("sendgrid", sendgrid("open", useragent=PERSON, sg_machine_open=False), FeedbackKind.OPENED, False, False),
    ("sendgrid", sendgrid("group_unsubscribe"), FeedbackKind.UNSUBSCRIBED, False, False),
    ("postmark", postmark("Delivery"), FeedbackKind.DELIVERED, False, False),
    ("postmark", postmark("Bounce", Type="HardBounce"), FeedbackKind.BOUNCED, True, False),
    ("postmark", postmark("Bounce", Type="SoftBounce"), FeedbackKind.BOUNCED, False, False),
    ("postmark", postmark("Bounce", Type="Transient"), FeedbackKind.DEFERRED, False, False),
    ("postmark", postmark("SpamComplaint"), FeedbackKind.COMPLAINED, False, False),
    ("postmark", postmark("Open", UserAgent=APPLE), FeedbackKind.OPENED, False, True),
    (
        "postmark",
        postmark("SubscriptionChange", SuppressSending=True, SuppressionReason="ManualSuppression"),
        FeedbackKind.UNSUBSCRIBED,
        False,
        False,
    ),
    ("ses", ses("Send"), FeedbackKind.SENT, False, False),
    ("ses", ses("Delivery"), FeedbackKind.DELIVERED, False, False),
    ("ses", ses("DeliveryDelay"), FeedbackKind.DEFERRED, False, False),
    ("ses", ses("Bounce", bounceType="Permanent", bouncedRecipients=BOUNCED), FeedbackKind.BOUNCED, True, False),
    ("ses", ses("Bounce", bounceType="Transient", bouncedRecipients=BOUNCED), FeedbackKind.BOUNCED, False, False),
    ("ses", ses("Complaint", complainedRecipients=BOUNCED), FeedbackKind.COMPLAINED, False, False),
    ("ses", ses("Click", userAgent="Barracuda Sentinel", link="https://x"), FeedbackKind.CLICKED, False, True),
    ("ses", ses("Click", userAgent=PERSON, link="https://x"), FeedbackKind.CLICKED, False, False),
    ("mailgun", mailgun("delivered"), FeedbackKind.DELIVERED, False, False),
    ("mailgun", mailgun("failed", severity="permanent", reason="bounce"), FeedbackKind.BOUNCED, True, False),
    ("mailgun", mailgun("failed", severity="permanent", reason="old"), FeedbackKind.BOUNCED, False, False),
    ("mailgun", mailgun("failed", severity="temporary", reason="generic"), FeedbackKind.DEFERRED, False, False),
    ("mailgun", mailgun("complained"), FeedbackKind.COMPLAINED, False, False),
    ("mailgun", mailgun("opened", **{"client-info": {"bot": "apple"}}), FeedbackKind.OPENED, False, True),
    ("mailgun", mailgun("unsubscribed"), FeedbackKind.UNSUBSCRIBED, False, False),
    ("sparkpost", sparkpost("injection"), FeedbackKind.SENT, False, False),
    ("sparkpost", sparkpost("delivery"), FeedbackKind.DELIVERED, False, False),
    ("sparkpost", sparkpost("bounce", bounce_class="10"), FeedbackKind.BOUNCED, True, False),
    ("sparkpost", sparkpost("bounce", bounce_class="22"), FeedbackKind.BOUNCED, False, False),
    ("sparkpost", sparkpost("bounce", bounce_class="90"), FeedbackKind.UNSUBSCRIBED, False, False),
    ("sparkpost", sparkpost("spam_complaint"), FeedbackKind.COMPLAINED, False, False),
    ("sparkpost", sparkpost("open", user_agent_parsed={"is_prefetched": True}), FeedbackKind.OPENED, False, True),
    ("sparkpost", sparkpost("list_unsubscribe"), FeedbackKind.UNSUBSCRIBED, False, False),
    ("brevo", brevo("delivered"), FeedbackKind.DELIVERED, False, False),
    ("brevo", brevo("hard_bounce"), FeedbackKind.BOUNCED, True, False),
    ("brevo", brevo("soft_bounce"), FeedbackKind.BOUNCED, False, False),
    ("brevo", brevo("spam"), FeedbackKind.COMPLAINED, False, False),
    ("brevo", brevo("unique_proxy_open"), FeedbackKind.OPENED, False, True),
    ("brevo", brevo("unsubscribed"), FeedbackKind.UNSUBSCRIBED, False, False),
]


@pytest.mark.parametrize(("provider", "data", "kind", "permanent", "machine"), EVENTS)
def test_every_providers_events_become_the_same_words(
    provider: str, data: Any, kind: FeedbackKind, permanent: bool, machine: bool
) -> None:
    (event,) = read(provider, data)

    assert (event.kind, event.permanent, event.machine) == (kind, permanent, machine)
    assert event.message_ref == "7-1"
    assert event.recipient == "ann@mail.example"
    assert event.provider_id in ("re-1", "<rekindle.7-1@shop.example>")
    assert abs(event.occurred_at - AT) < timedelta(seconds=1)
    assert event.raw


@pytest.mark.parametrize(
    ("provider", "data"),
    [
        ("resend", {"type": "contact.created", "data": {}}),
        ("sendgrid", [{"event": "something new"}]),
        ("postmark", {"RecordType": "Inbound"}),
        ("postmark", postmark("SubscriptionChange", SuppressSending=False)),
        ("postmark", postmark("Bounce", Type="AutoResponder")),
        ("ses", {"Type": "SubscriptionConfirmation", "TopicArn": "a", "SubscribeURL": "https://evil.example"}),
        ("mailgun", {"event": "stored"}),
        ("sparkpost", sparkpost("bounce", bounce_class="60")),
        ("sparkpost", [{"msys": {}}]),
        ("brevo", {"event": "list_addition"}),
    ],
)
def test_what_says_nothing_about_a_mail_is_left_out(provider: str, data: Any) -> None:
    assert read(provider, data) == []


def valid_data(provider: str) -> Any:
    return next(data for name, data, *_ in EVENTS if name == provider)


@pytest.mark.parametrize("provider", WEBHOOK_PROVIDERS)
def test_a_call_without_proof_is_not_believed(provider: str) -> None:
    headers, body = signed(provider, valid_data(provider))
    other = "whsec_b3RoZXI=" if provider == "resend" else "another:secret"
    with pytest.raises(UnverifiedFeedback):
        webhook_reader(provider, other).read(headers, body, NOW)
    with pytest.raises(UnverifiedFeedback):
        webhook_reader(provider, "").read(headers, body, NOW)
    if provider != "mailgun":  # it signs inside the body
        with pytest.raises(UnverifiedFeedback):
            webhook_reader(provider, SECRETS.get(provider, "hook:pass")).read({}, body, NOW)


@pytest.mark.parametrize("provider", ["resend", "mailgun"])
def test_a_recorded_call_cannot_be_played_again_later(provider: str) -> None:
    headers, body = signed(provider, valid_data(provider))
    with pytest.raises(UnverifiedFeedback, match="timestamp"):
        webhook_reader(provider, SECRETS[provider]).read(headers, body, NOW + timedelta(days=2))


def test_a_changed_body_is_not_believed() -> None:
    headers, body = signed("resend", resend("bounced", bounce=HARD))
    with pytest.raises(UnverifiedFeedback):
        webhook_reader("resend", SVIX).read(headers, body.replace(b"ann@", b"bob@"), NOW)


@pytest.mark.parametrize("provider", WEBHOOK_PROVIDERS)
@pytest.mark.parametrize("data", [[], {}, [1], {"type": 1}, None, "text"])
def test_a_verified_call_of_another_shape_is_one_error_or_nothing(provider: str, data: Any) -> None:
    try:
        assert read(provider, data) == []
    except MalformedFeedback as error:
        assert provider in str(error)


def test_a_verified_call_that_is_no_json() -> None:
    headers = {"authorization": "Basic " + b64encode(b"hook:pass").decode()}
    with pytest.raises(MalformedFeedback, match="not JSON"):
        webhook_reader("brevo", "hook:pass").read(headers, b"<xml/>", NOW)


def test_sendgrid_signatures() -> None:
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec", reason="cryptography is not installed")
    from cryptography.hazmat.primitives import hashes, serialization

    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    body, moment = json.dumps(sendgrid("delivered")).encode(), str(int(NOW.timestamp()))
    signature = key.sign(moment.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": moment,
    }
    reader = webhook_reader("sendgrid", b64encode(public).decode())

    assert reader.read(headers, body, NOW)[0].kind is FeedbackKind.DELIVERED
    for wrong in (body + b" ", b""):
        with pytest.raises(UnverifiedFeedback):
            reader.read(headers, wrong, NOW)
    with pytest.raises(UnverifiedFeedback, match="timestamp"):
        reader.read(headers, body, NOW + timedelta(days=3))


def test_only_amazons_own_address_confirms_a_subscription() -> None:
    def call(url: str) -> bytes:
        return json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).encode()

    good = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"
    assert confirmation_url(call(good)) == good
    for bad in ("https://evil.example/sns.eu-west-1.amazonaws.com", "http://sns.eu-west-1.amazonaws.com/", ""):
        assert confirmation_url(call(bad)) is None


def test_every_way_of_sending_through_a_provider_has_a_webhook_reader() -> None:
    assert sorted(WEBHOOK_PROVIDERS) == sorted(ESP_SCHEMES)
    with pytest.raises(WrongUsage, match="unknown mail provider"):
        webhook_reader("pigeon", "x")


@pytest.mark.parametrize(
    ("agent", "is_click", "since", "machine"),
    [
        (PERSON, True, timedelta(minutes=5), False),
        (PERSON, True, timedelta(seconds=1), True),
        (PERSON, False, timedelta(seconds=1), False),
        (APPLE, False, None, True),
        ("", True, None, True),
        (
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            False,
            None,
            False,
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", True, None, True),
        ("Mozilla/5.0 BingPreview/1.0b", True, None, True),
        ("python-requests/2.31", True, None, True),
    ],
)
def test_machines_are_told_from_people(agent: str, is_click: bool, since: timedelta | None, machine: bool) -> None:
    assert (sign_of_machine(agent, is_click=is_click, since_hand_over=since) is not None) == machine
    assert sign_of_machine(PERSON, is_click=True, method="HEAD") == "asked for headers only"
