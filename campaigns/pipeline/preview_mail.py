"""A preview as a message: its bytes, and one real test mail that is recorded nowhere."""

from __future__ import annotations

import secrets
from datetime import datetime

from campaigns.clock import Clock
from campaigns.delivery import mailer_from_url
from campaigns.delivery.mime import compose
from campaigns.domain.errors import UnusableEnvironment
from campaigns.domain.message import Accepted, Address, OutboundMail, Rejected
from campaigns.pipeline.preview import MESSAGE_REF, Preview, Studio

NOBODY = "shopper@localhost.localdomain"


def preview_mail(studio: Studio, preview: Preview, recipient: str = "", *, test: bool = False) -> OutboundMail:
    """The mail as it would be handed over. A test mail says so in subject and headers, and has a name of its own, so
    that no server takes a second one for a repeat of the first."""
    settings = studio.settings
    ref = f"{MESSAGE_REF}-{secrets.token_hex(6)}" if test else MESSAGE_REF
    sender = settings.sender
    return OutboundMail(
        message_ref=ref,
        sender=Address(sender.address or f"shop@{_domain(settings.shop.url)}", sender.name or settings.shop.name),
        recipient=Address(recipient or preview.scene.address or NOBODY),
        email=preview.email,
        campaign_id=preview.scene.campaign.campaign_id,
        shop_id=settings.shop.id,
        reply_to=Address(sender.reply_to) if sender.reply_to else None,
        unsubscribe_url=str(preview.scene.context["links"]["unsubscribe"]),
        is_test=test,
    )


def message_bytes(studio: Studio, preview: Preview, at: datetime) -> bytes:
    """The whole message as a mail server gets it, headers first."""
    return compose(preview_mail(studio, preview), at).content


def message_headers(studio: Studio, preview: Preview, at: datetime) -> list[tuple[str, str]]:
    """The message's headers as mail programs read them, unfolded and decoded."""
    from email import message_from_bytes, policy

    message = message_from_bytes(message_bytes(studio, preview, at), policy=policy.default)
    return [(name, " ".join(str(value).split())) for name, value in message.items()]


def send_test(studio: Studio, preview: Preview, recipient: str, clock: Clock) -> str:
    """Sends one test mail through the configured mailer; returns where it went in words. Raises UnusableEnvironment
    where it was refused. Nothing is recorded: no decision, no message, no frequency cap taken up."""
    mail = preview_mail(studio, preview, recipient, test=True)
    configured = studio.settings.mailer
    url = configured.get_secret_value() if configured else "catcher:"
    mailer = mailer_from_url(url, workspace=studio.workspace.root, clock=clock)
    try:
        [outcome] = mailer.send([mail])
    finally:
        mailer.close()
    if isinstance(outcome, Accepted):
        return f"handed to the local catcher, {studio.workspace.mail}" if url == "catcher:" else "handed over"
    word = "was refused" if isinstance(outcome, Rejected) else "may or may not have arrived"
    raise UnusableEnvironment(
        f"the test mail to {recipient} {word}: {outcome.detail}", fix="check the mailer with `rekindle doctor`"
    )


def _domain(url: str) -> str:
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    return host if "." in host else "localhost.localdomain"
