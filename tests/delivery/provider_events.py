"""What mail providers call webhooks with, by their documentation: events about one mail, and the proof of each call."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
EPOCH = int(AT.timestamp())
SVIX = "whsec_" + b64encode(b"a secret of some length").decode()
SECRETS = {"resend": SVIX, "mailgun": "signing-key"}
PERSON = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
APPLE = "Mozilla/5.0"


def mailgun_signature(secret: str = "signing-key", at: datetime = NOW) -> dict[str, str]:
    moment, token = str(int(at.timestamp())), "t0ken"
    return {
        "timestamp": moment,
        "token": token,
        "signature": hmac.new(secret.encode(), f"{moment}{token}".encode(), sha256).hexdigest(),
    }


def signed(provider: str, data: Any, at: datetime = NOW) -> tuple[dict[str, str], bytes]:
    """A provider's call as it would make it at `at`: headers and body."""
    if provider == "mailgun":
        return {}, json.dumps({"signature": mailgun_signature(at=at), "event-data": data}).encode()
    body = json.dumps(data).encode()
    if provider == "resend":
        moment = str(int(at.timestamp()))
        digest = hmac.new(b"a secret of some length", f"msg_1.{moment}.".encode() + body, sha256).digest()
        signature = "v1,bm9uZQ== v1," + b64encode(digest).decode()
        return {"Svix-Id": "msg_1", "Svix-Timestamp": moment, "Svix-Signature": signature}, body
    return {"Authorization": "Basic " + b64encode(b"hook:pass").decode()}, body


def resend(kind: str, **more: Any) -> dict[str, Any]:
    mail = {"email_id": "re-1", "to": ["ann@mail.example"], "tags": {"rekindle_message": "7-1"}, **more}
    return {"type": f"email.{kind}", "created_at": "2026-03-01T11:00:00.000Z", "data": mail}


def sendgrid(kind: str, **more: Any) -> list[dict[str, Any]]:
    same = {"email": "ann@mail.example", "timestamp": EPOCH, "sg_event_id": "e1", "sg_message_id": "re-1.filter0001"}
    return [{"event": kind, "rekindle_message": "7-1", **same, **more}]


def postmark(kind: str, **more: Any) -> dict[str, Any]:
    moment = {"Delivery": "DeliveredAt", "Bounce": "BouncedAt", "SubscriptionChange": "ChangedAt"}.get(
        kind, "ReceivedAt"
    )
    same = {"MessageID": "re-1", "Recipient": "ann@mail.example", "Metadata": {"rekindle_message": "7-1"}}
    return {"RecordType": kind, moment: "2026-03-01T11:00:00Z", **same, **more}


def ses(kind: str, **facts: Any) -> dict[str, Any]:
    mail = {"messageId": "re-1", "destination": ["ann@mail.example"], "tags": {"rekindle_message": ["7-1"]}}
    name = {"DeliveryDelay": "deliveryDelay"}.get(kind, kind.lower())
    event = {"eventType": kind, "mail": mail, name: {"timestamp": "2026-03-01T11:00:00.000Z", **facts}}
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:mail", "Message": json.dumps(event)}


def mailgun(kind: str, **more: Any) -> dict[str, Any]:
    message = {"headers": {"message-id": "rekindle.7-1@shop.example"}}
    same = {"timestamp": EPOCH + 0.25, "recipient": "ann@mail.example", "message": message}
    return {"event": kind, "user-variables": {"rekindle_message": "7-1"}, **same, **more}


def sparkpost(kind: str, **more: Any) -> list[dict[str, Any]]:
    same = {"timestamp": str(EPOCH), "transmission_id": "re-1", "raw_rcpt_to": "ann@mail.example", "event_id": "e1"}
    event = {"type": kind, "rcpt_meta": {"rekindle_message": "7-1"}, **same, **more}
    return [{"msys": {"message_event": event}}, {"msys": {}}]


def brevo(kind: str, **more: Any) -> dict[str, Any]:
    same = {"email": "ann@mail.example", "ts_epoch": EPOCH * 1000, "message-id": "re-1", "X-Mailin-custom": "7-1"}
    return {"event": kind, **same, **more}


HARD, SOFT = {"type": "Permanent", "message": "no such user"}, {"type": "Transient", "message": "full"}
BOUNCED = [{"emailAddress": "ann@mail.example", "diagnosticCode": "550 5.1.1"}]
