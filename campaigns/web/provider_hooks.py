"""What mail providers call: each call proved, read, and kept as feedback on the messages it is about."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

from campaigns.clock import Clock
from campaigns.delivery.feedback import MalformedFeedback, UnverifiedFeedback, WebhookReader, webhook_reader
from campaigns.delivery.feedback.ses import confirmation_url
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.record import record_feedback
from campaigns.web.services import Hook, HookRefused, HookUnproven

_log = logging.getLogger(__name__)


def hooks_of(engine: Engine, clock: Clock) -> dict[str, Hook]:
    """A hook for every provider whose webhook has a secret in the settings."""
    secrets = engine.settings.webhooks.secrets
    return {name: partial(_take, engine, clock, webhook_reader(name, secret)) for name, secret in secrets.items()}


def _take(engine: Engine, clock: Clock, reader: WebhookReader, body: bytes, headers: Mapping[str, str]) -> int:
    try:
        events = reader.read(headers, body, clock.now())
    except UnverifiedFeedback as error:
        _log.warning("a call of %s was not believed: %s", reader.provider, error)
        raise HookUnproven(str(error)) from None
    except MalformedFeedback as error:
        _log.warning("a call of %s could not be read: %s", reader.provider, error)
        raise HookRefused(str(error)) from None
    if reader.provider == "ses" and (url := confirmation_url(body)):
        _log.warning("Amazon asks to confirm a subscription to this address; open %s to do so", url)
    return record_feedback(engine, events)
