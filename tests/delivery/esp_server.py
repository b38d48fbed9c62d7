"""Email providers on loopback: real HTTP, each answering by its documented contract, and failing as told."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from campaigns.delivery.inbox import parse_mail

KEY = "key-that-nobody-may-see"


@dataclass(frozen=True)
class Arrived:
    """One mail that the provider took."""

    recipient: str
    subject: str
    html: str
    ref: str
    headers: dict[str, str]


@dataclass
class Call:
    """One HTTP request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


Reply = tuple[int, dict[str, str], Any]


@dataclass
class EspServer:
    """What arrived, and what goes wrong. Counters count down: so many calls fail, then all is well again."""

    contract: Callable[[EspServer, Call], Reply]
    faulty: set[str] = field(default_factory=set)
    silent_after: Counter[str] = field(default_factory=Counter)
    answers_first: list[Reply] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    kept: dict[str, tuple[bytes, Reply]] = field(default_factory=dict)
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, mail: Arrived) -> None:
        self.arrived.append(mail)

    def once(self, key: str, call: Call, answer: Callable[[], Reply], conflict: Reply) -> Reply:
        """An idempotency key at work: the first answer again for the same call, `conflict` for another one."""
        if key in self.kept:
            body, reply = self.kept[key]
            return reply if body == call.body else conflict
        reply = answer()
        if reply[0] < 300:
            self.kept[key] = (call.body, reply)
        return reply

    def reply(self, call: Call) -> Reply | None:
        """None: the line is cut after the mails were taken."""
        with self.lock:
            self.calls.append(call)
            if self.answers_first:
                return self.answers_first.pop(0)
            before = len(self.arrived)
            reply = self.contract(self, call)
            for mail in self.arrived[before:] or self.arrived[-1:]:
                if self.silent_after[mail.recipient] > 0:
                    self.silent_after[mail.recipient] -= 1
                    return None
            return reply


@contextmanager
def serving(contract: Callable[[EspServer, Call], Reply]) -> Iterator[EspServer]:
    """The provider on a port of its own until the block ends."""
    esp = EspServer(contract)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            reply = esp.reply(Call(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if reply is None:
                self.close_connection = True
                self.connection.close()
                return
            status, headers, data = reply
            content = data if isinstance(data, bytes) else json.dumps(data).encode()
            self.send_response(status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    esp.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield esp
    finally:
        server.shutdown()
        server.server_close()


def resend(esp: EspServer, call: Call) -> Reply:
    assert call.path == "/emails/batch"
    if call.headers["authorization"] != f"Bearer {KEY}":
        return 401, {}, {"statusCode": 401, "name": "restricted_api_key", "message": "API key is invalid"}
    mails = call.json
    assert 1 <= len(mails) <= 100
    conflict: Reply = (409, {}, {"statusCode": 409, "name": "invalid_idempotent_request", "message": "another payload"})

    def answer() -> Reply:
        for mail in mails:
            if parseaddr(mail["to"][0])[1] in esp.faulty:
                return 422, {}, {"statusCode": 422, "name": "validation_error", "message": "Invalid `to` field."}
        for mail in mails:
            assert set(mail) <= {"from", "to", "subject", "html", "text", "headers", "tags", "reply_to"}
            tags = {tag["name"]: tag["value"] for tag in mail.get("tags", [])}
            recipient, ref = parseaddr(mail["to"][0])[1], tags.get("rekindle_message", "")
            esp.take(Arrived(recipient, mail["subject"], mail["html"], ref, mail["headers"]))
        return 200, {}, {"data": [{"id": f"re-{number}"} for number in range(len(mails))]}

    return esp.once(call.headers["idempotency-key"], call, answer, conflict)


def sendgrid(esp: EspServer, call: Call) -> Reply:
    assert call.path == "/v3/mail/send"
    if call.headers["authorization"] != f"Bearer {KEY}":
        return 401, {}, {"errors": [{"message": "The provided authorization grant is invalid", "field": None}]}
    mail = call.json
    (personalization,) = mail["personalizations"]
    recipient = personalization["to"][0]["email"]
    if recipient in esp.faulty:
        error = {"message": "Does not contain a valid address.", "field": "personalizations.0.to.0.email"}
        return 400, {}, {"errors": [error]}
    assert [part["type"] for part in mail["content"]] == ["text/plain", "text/html"]
    html, ref = mail["content"][1]["value"], mail["custom_args"]["rekindle_message"]
    esp.take(Arrived(recipient, mail["subject"], html, ref, mail["headers"]))
    return 202, {"x-message-id": f"sg-{len(esp.arrived)}"}, b""


def postmark(esp: EspServer, call: Call) -> Reply:
    assert call.path == "/email/batch"
    if call.headers["x-postmark-server-token"] != KEY:
        return 401, {}, {"ErrorCode": 10, "Message": "Bad or missing Server API token."}
    assert len(call.json) <= 500
    results = []
    for mail in call.json:
        recipient = parseaddr(mail["To"])[1]
        if recipient in esp.faulty:
            results.append({"ErrorCode": 406, "Message": "You tried to send to a recipient marked as inactive."})
            continue
        headers = {item["Name"]: item["Value"] for item in mail["Headers"]}
        esp.take(Arrived(recipient, mail["Subject"], mail["HtmlBody"], mail["Metadata"]["rekindle_message"], headers))
        results.append({"ErrorCode": 0, "Message": "OK", "MessageID": f"pm-{len(esp.arrived)}", "To": mail["To"]})
    return 200, {}, results


def ses(esp: EspServer, call: Call) -> Reply:
    assert call.path == "/v2/email/outbound-emails"
    assert "/eu-west-1/ses/aws4_request" in call.headers["authorization"]
    if "Credential=AKIDEXAMPLE/" not in call.headers["authorization"]:
        return 403, {"x-amzn-errortype": "UnrecognizedClientException"}, {"message": "The security token is invalid."}
    mail = call.json
    (recipient,) = mail["Destination"]["ToAddresses"]
    if recipient in esp.faulty:
        return 400, {"x-amzn-errortype": "BadRequestException"}, {"message": "Missing final '@domain'"}
    message = parse_mail(b64decode(mail["Content"]["Raw"]["Data"]))
    html = message.get_body(("html",))
    assert html is not None
    ref = {tag["Name"]: tag["Value"] for tag in mail["EmailTags"]}["rekindle_message"]
    headers = {name: str(value) for name, value in message.items()}
    esp.take(Arrived(recipient, str(message["subject"]), html.get_content(), ref, headers))
    return 200, {}, {"MessageId": f"ses-{len(esp.arrived)}"}


def mailgun(esp: EspServer, call: Call) -> Reply:
    assert call.path == "/v3/mg.shop.example/messages"
    if b64decode(call.headers["authorization"].removeprefix("Basic ")).decode() != f"api:{KEY}":
        return 401, {}, b"Forbidden"
    form = {name: values[0] for name, values in parse_qs(call.body.decode(), strict_parsing=True).items()}
    recipient = parseaddr(form["to"])[1]
    if recipient in esp.faulty:
        return 400, {}, {"message": "to parameter is not a valid address. please check documentation"}
    headers = {name[2:]: value for name, value in form.items() if name.startswith("h:")}
    esp.take(Arrived(recipient, form["subject"], form["html"], form["v:rekindle_message"], headers))
    return 200, {}, {"id": f"<{len(esp.arrived)}@mg.shop.example>", "message": "Queued. Thank you."}


def sparkpost(esp: EspServer, call: Call) -> Reply:
    assert call.path == "/api/v1/transmissions"
    if call.headers["authorization"] != KEY:
        return 401, {}, {"errors": [{"message": "Unauthorized."}]}
    mail = call.json
    (recipient,) = mail["recipients"]
    address = recipient["address"]["email"]
    if address in esp.faulty:
        error = {"message": "Message generation rejected", "code": "1902", "description": "invalid recipient"}
        return 400, {}, {"errors": [error]}
    content = mail["content"]
    ref = recipient["metadata"]["rekindle_message"]
    esp.take(Arrived(address, content["subject"], content["html"], ref, content["headers"]))
    results = {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": f"sp-{len(esp.arrived)}"}
    return 200, {}, {"results": results}


def brevo(esp: EspServer, call: Call) -> Reply:
    assert call.path == "/v3/smtp/email"
    if call.headers["api-key"] != KEY:
        return 401, {}, {"message": "Key not found", "code": "unauthorized"}
    mail = call.json
    assert 1 <= len(mail["messageVersions"]) <= 1000
    key = mail["headers"]["idempotencyKey"]
    assert [len(part) for part in key.split("-")] == [8, 4, 4, 4, 12]
    duplicate: Reply = (400, {}, {"code": "duplicate_request", "message": "the key was used before"})

    def answer() -> Reply:
        versions = mail["messageVersions"]
        for version in versions:
            if version["to"][0]["email"] in esp.faulty:
                return 400, {}, {"code": "invalid_parameter", "message": "email is not valid in to"}
        for version in versions:
            to, ref = version["to"][0]["email"], version["headers"]["X-Mailin-custom"]
            esp.take(Arrived(to, version["subject"], version["htmlContent"], ref, version["headers"]))
        ids = [f"<{number}@smtp-relay.mailin.fr>" for number in range(len(versions))]
        return 201, {}, {"messageIds": ids} if len(ids) > 1 else {"messageId": ids[0]}

    return esp.once(key, call, answer, duplicate)


CONTRACTS: dict[str, tuple[Callable[[EspServer, Call], Reply], str]] = {
    "resend": (resend, f"resend://{KEY}@"),
    "sendgrid": (sendgrid, f"sendgrid://{KEY}@"),
    "postmark": (postmark, f"postmark://{KEY}@"),
    "ses": (ses, f"ses://AKIDEXAMPLE:{KEY}@eu-west-1"),
    "mailgun": (mailgun, f"mailgun://{KEY}@mg.shop.example"),
    "sparkpost": (sparkpost, f"sparkpost://{KEY}@"),
    "brevo": (brevo, f"brevo://{KEY}@"),
}
