"""What comes back about a mail: delivered, bounced, complained, opened, clicked, unsubscribed."""

from campaigns.delivery.feedback.event import FeedbackEvent, FeedbackKind, MalformedFeedback, UnverifiedFeedback
from campaigns.delivery.feedback.machines import sign_of_machine
from campaigns.delivery.feedback.returned import read_returned_mail
from campaigns.delivery.feedback.status import says_dead_address
from campaigns.delivery.feedback.webhooks import WEBHOOK_PROVIDERS, WebhookReader, webhook_reader

__all__ = [
    "WEBHOOK_PROVIDERS",
    "FeedbackEvent",
    "FeedbackKind",
    "MalformedFeedback",
    "UnverifiedFeedback",
    "WebhookReader",
    "read_returned_mail",
    "says_dead_address",
    "sign_of_machine",
    "webhook_reader",
]
