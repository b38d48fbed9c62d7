"""Every provider's webhook by the real HTTP route: proved, found by either name, kept, and acted upon."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import text

from campaigns.clock import WallClock
from campaigns.config import Settings, WebhookSettings, Workspace, load_settings, setting_names
from campaigns.delivery.feedback import WEBHOOK_PROVIDERS, FeedbackKind
from campaigns.domain.message import MessageStatus, RenderedEmail
from campaigns.pipeline.engine import Engine, assemble_engine
from campaigns.storage.database import transaction
from campaigns.storage.embedded import Servers
from campaigns.storage.messages import (
    SETTLE,
    NewMessage,
    Settlement,
    begin_hand_over,
    claim_messages,
    expire_leases,
    queue_messages,
    settlement_values,
)
from campaigns.storage.suppressions import find_suppressions
from campaigns.web.app import create_app
from campaigns.web.server import serving
from campaigns.web.wiring import services_of
from tests.delivery import provider_events as events

pytestmark = pytest.mark.servers
ADDRESS, LEASE = "ann@mail.example", timedelta(minutes=5)
SECRETS = {name: events.SECRETS.get(name, "hook:pass") for name in WEBHOOK_PROVIDERS}
HARD_BOUNCE: Mapping[str, Any] = {
    "resend": events.resend("bounced", bounce=events.HARD),
    "sendgrid": events.sendgrid("bounce", type="bounce", status="5.1.1"),
    "postmark": events.postmark("Bounce", Type="HardBounce"),
    "ses": events.ses("Bounce", bounceType="Permanent", bouncedRecipients=events.BOUNCED),
    "mailgun": events.mailgun("failed", severity="permanent", reason="bounce"),
    "sparkpost": events.sparkpost("bounce", bounce_class="10"),
    "brevo": events.brevo("hard_bounce"),
}
DELIVERED: Mapping[str, Any] = {
    "resend": events.resend("delivered"),
    "sendgrid": events.sendgrid("delivered"),
    "postmark": events.postmark("Delivery"),
    "ses": events.ses("Delivery"),
    "mailgun": events.mailgun("delivered"),
    "sparkpost": events.sparkpost("delivery"),
    "brevo": events.brevo("delivered"),
}
COMPLAINED: Mapping[str, Any] = {
    "resend": events.resend("complained"),
    "sendgrid": events.sendgrid("spamreport"),
    "postmark": events.postmark("SpamComplaint"),
    "ses": events.ses("Complaint", complainedRecipients=events.BOUNCED),
    "mailgun": events.mailgun("complained"),
    "sparkpost": events.sparkpost("spam_complaint"),
    "brevo": events.brevo("spam"),
}
UNSUBSCRIBED: Mapping[str, Any] = {
    "sendgrid": events.sendgrid("group_unsubscribe"),
    "postmark": events.postmark("SubscriptionChange", SuppressSending=True, SuppressionReason="ManualSuppression"),
    "ses": events.ses("Subscription"),
    "mailgun": events.mailgun("unsubscribed"),
    "sparkpost": events.sparkpost("list_unsubscribe"),
    "brevo": events.brevo("unsubscribed"),
}
Post = Callable[[str, Any], httpx.Response]


@pytest.fixture
def engine(database: Database, workspace: Workspace, environ: dict[str, str], servers: Servers) -> Iterator[Engine]:
    """A shop with webhooks of every provider, and one mail, 7-1, in the queue."""
    variables = {f"REKINDLE_WEBHOOKS_{name.upper()}": secret for name, secret in SECRETS.items()}
    settings = load_settings(workspace, environ | variables)
    engine = assemble_engine(workspace, settings, servers)
    engine.database.dispose()
    engine.database = database
    email = RenderedEmail("Hello", "", "<h1>Your cart</h1>", "Your cart")
    now = WallClock().now()
    with transaction(database) as connection:
        queue_messages(connection, [NewMessage("7-1", 5, 1, "abandoned_cart", 3, ADDRESS.title(), email, now)])
    yield engine
    engine.cache.close()


@pytest.fixture
def post(engine: Engine) -> Iterator[Post]:
    """Calls the webhook as the provider does; returns the answer."""
    with serving(create_app(services_of(engine))) as address, httpx.Client(base_url=address, timeout=20) as client:

        def call(provider: str, data: Any) -> httpx.Response:
            headers, body = events.signed(provider, data, WallClock().now())
            return client.post(f"/hooks/{provider}", content=body, headers=headers)

        yield call


def hand_over(engine: Engine, status: MessageStatus | None, provider_id: str = "re-1") -> None:
    """The mail leaves; with None its sender dies in the middle, and the mail is in doubt."""
    token = uuid4()
    with transaction(engine.database) as connection:
        [claimed] = claim_messages(connection, token=token, limit=1, lease=LEASE, now=WallClock().now())
        begin_hand_over(connection, [claimed.message_id], token=token, lease=LEASE)
        if status is not None:
            settled = settlement_values([Settlement(claimed.message_id, status, provider_id)])
            connection.execute(SETTLE, {**settled, "token": token})
            return
        connection.execute(text("UPDATE messages SET lease_until = now() - interval '1 s'"))
        assert expire_leases(connection) == {claimed.message_id: "uncertain"}


def message(engine: Engine) -> tuple[Any, ...]:
    with transaction(engine.database) as connection:
        return tuple(connection.execute(text("SELECT status, sent_at IS NOT NULL FROM messages")).one())


def feedback(engine: Engine) -> list[tuple[str, str]]:
    with transaction(engine.database) as connection:
        rows = connection.execute(text("SELECT message_ref, kind FROM feedback ORDER BY feedback_id"))
        return [(row[0], row[1]) for row in rows]


def suppressed(engine: Engine) -> dict[str, str]:
    with transaction(engine.database) as connection:
        return find_suppressions(connection, [ADDRESS]).get(ADDRESS, {})


def without_ref(data: Any) -> Any:
    """The same call from a provider that gave back its own id only."""
    said = json.dumps(data)
    for quoted in ('"7-1"', '\\"7-1\\"'):
        said = said.replace(quoted, quoted.replace("7-1", "lost"))
    return json.loads(said)


@pytest.mark.parametrize("provider", WEBHOOK_PROVIDERS)
def test_a_delivery_is_kept_once_and_a_dead_address_is_mailed_no_more(
    provider: str, engine: Engine, post: Post
) -> None:
    hand_over(engine, MessageStatus.SENT)
    for _ in range(2):  # providers repeat themselves
        answer = post(provider, DELIVERED[provider])
        assert (answer.status_code, answer.json()["feedback"]) == (200, 1)
    assert (message(engine), feedback(engine)) == (("delivered", True), [("7-1", "delivered")])
    assert suppressed(engine) == {}
    assert post(provider, HARD_BOUNCE[provider]).status_code == 200
    assert (message(engine), suppressed(engine)) == (("bounced", True), {"all": "hard_bounce"})
    post(provider, DELIVERED[provider])
    assert message(engine)[0] == "bounced"  # what comes late takes nothing back


@pytest.mark.parametrize("provider", WEBHOOK_PROVIDERS)
def test_a_mail_is_found_by_the_providers_own_id(provider: str, engine: Engine, post: Post) -> None:
    own_id = "<rekindle.7-1@shop.example>" if provider == "mailgun" else "re-1"
    hand_over(engine, MessageStatus.SENT, own_id)
    assert post(provider, without_ref(COMPLAINED[provider])).json()["feedback"] == 1
    assert (message(engine)[0], feedback(engine)) == ("complained", [("7-1", "complained")])
    assert suppressed(engine) == {"all": "complaint"}


@pytest.mark.parametrize("provider", UNSUBSCRIBED)
def test_an_unsubscribe_at_the_provider_counts_at_once(provider: str, engine: Engine, post: Post) -> None:
    hand_over(engine, MessageStatus.SENT)
    post(provider, UNSUBSCRIBED[provider])
    assert (message(engine)[0], suppressed(engine)) == ("sent", {"all": "unsubscribe"})
    post(provider, COMPLAINED[provider])
    assert suppressed(engine) == {"all": "complaint"}  # which no preference page takes back


@pytest.mark.parametrize("provider", WEBHOOK_PROVIDERS)
def test_a_mail_in_doubt_is_settled(provider: str, engine: Engine, post: Post) -> None:
    hand_over(engine, None)
    assert message(engine) == ("uncertain", False)
    post(provider, DELIVERED[provider])
    assert message(engine) == ("delivered", True)


@pytest.mark.parametrize("provider", WEBHOOK_PROVIDERS)
def test_what_proves_nothing_or_is_about_other_mail_changes_nothing(provider: str, engine: Engine, post: Post) -> None:
    hand_over(engine, MessageStatus.SENT, "another")
    assert post(provider, without_ref(HARD_BOUNCE[provider])).json()["feedback"] == 0
    with serving(create_app(services_of(engine))) as address:
        _, body = events.signed(provider, HARD_BOUNCE[provider])  # an old signature, and no password
        forged = httpx.post(f"{address}/hooks/{provider}", content=body)
        assert (forged.status_code, forged.headers["www-authenticate"]) == (401, 'Basic realm="hooks"')
    assert (message(engine)[0], feedback(engine), suppressed(engine)) == ("sent", [], {})


def test_a_proved_call_that_cannot_be_read_is_said_to_be_wrong(engine: Engine, post: Post) -> None:
    assert post("brevo", {"event": "hard_bounce", "ts_epoch": 1, "email": 7}).status_code in (200, 400)
    assert post("postmark", ["nonsense"]).status_code == 400


def test_a_provider_without_a_secret_is_not_listened_to(
    database: Database, workspace: Workspace, environ: dict[str, str], servers: Servers
) -> None:
    engine = assemble_engine(workspace, load_settings(workspace, environ), servers)
    with serving(create_app(services_of(engine))) as address:
        headers = {"Authorization": "Basic " + b64encode(b":").decode()}
        assert httpx.post(f"{address}/hooks/postmark", content=b"{}", headers=headers).status_code == 404
    engine.database.dispose()


def test_every_provider_has_a_setting_and_its_secret_never_shows(workspace: Workspace) -> None:
    assert set(WebhookSettings.model_fields) == set(WEBHOOK_PROVIDERS)
    assert {f"webhooks.{name}" for name in WEBHOOK_PROVIDERS} <= set(setting_names())
    settings: Settings = load_settings(workspace, {"REKINDLE_WEBHOOKS_POSTMARK": "hook:hunter2"})
    assert "hunter2" not in repr(settings)
    assert {"hook:hunter2", "hunter2"} <= set(settings.secrets)


def test_a_mail_queued_once_more_is_not_sent_again_when_it_turns_out_to_have_arrived(
    engine: Engine, post: Post
) -> None:
    hand_over(engine, None)
    with transaction(engine.database) as connection:
        connection.execute(text("UPDATE messages SET status = 'queued'"))  # as expiry does for at_least_once
    post("resend", DELIVERED["resend"])
    assert message(engine) == ("delivered", True)


def test_a_report_about_a_mail_that_never_left_is_not_believed(engine: Engine, post: Post) -> None:
    post("resend", DELIVERED["resend"])
    assert message(engine) == ("queued", False)


def test_a_click_settles_a_mail_in_doubt(engine: Engine) -> None:
    hand_over(engine, None)
    with serving(create_app(services_of(engine))) as address:
        httpx.get(address + engine.links.open_pixel("7-1").removeprefix(engine.settings.public_url))
    assert (message(engine), feedback(engine)) == (("sent", True), [("7-1", FeedbackKind.OPENED)])
