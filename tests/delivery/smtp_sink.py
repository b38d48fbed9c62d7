"""A real SMTP server on loopback that keeps what it accepts and fails as its script says, by recipient."""

# ruff: noqa: N802 - the names aiosmtpd looks for

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class SmtpSink:
    """What arrived. `refuse_*` map a recipient to a reply; `drop_*` name recipients at whose mail the line is cut."""

    pipelining: bool = True
    refuse_mail: dict[str, str] = field(default_factory=dict)  # by sender
    refuse_recipient: dict[str, str] = field(default_factory=dict)
    refuse_data: dict[str, str] = field(default_factory=dict)
    drop_at_recipient: Counter[str] = field(default_factory=Counter)
    drop_after_data: Counter[str] = field(default_factory=Counter)
    silent_after_data: set[str] = field(default_factory=set)
    mails: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def recipients(self) -> list[str]:
        return [mail.rcpt_tos[0] for mail in self.mails]

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*lines[:-1], "250-PIPELINING", lines[-1]] if self.pipelining else lines

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse_mail:
            return self.refuse_mail[address]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.drop_at_recipient[address] > 0:
            self.drop_at_recipient[address] -= 1
            _cut(server)
        if address in self.refuse_recipient:
            return self.refuse_recipient[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        recipient = envelope.rcpt_tos[0]
        if recipient in self.refuse_data:
            return self.refuse_data[recipient]
        self.mails.append(envelope)
        self.encrypted.append(session.ssl is not None)
        if recipient in self.silent_after_data:
            await asyncio.sleep(30)
        if self.drop_after_data[recipient] > 0:
            self.drop_after_data[recipient] -= 1
            _cut(server)
        return f"250 2.0.0 Ok: queued as Q{len(self.mails)}"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        login, password = data.login.decode(), data.password.decode()
        self.logins.append((login, password))
        if password == "wrong":
            return AuthResult(success=False, handled=False, message=f"535 no login with {password}")
        return AuthResult(success=True)


def _cut(server: SMTP) -> None:
    assert server.transport is not None
    server.transport.abort()


@contextmanager
def running(
    sink: SmtpSink, *, port: int = 0, smtps: ssl.SSLContext | None = None, **options: Any
) -> Iterator[SmtpSink]:
    """Serves `sink` on loopback until the block ends; `options` are those of aiosmtpd's SMTP."""
    loop = asyncio.new_event_loop()
    if options.get("auth_required"):
        options["authenticator"] = sink.authenticate

    def connection() -> SMTP:
        sink.connections += 1
        return SMTP(sink, loop=loop, enable_SMTPUTF8=True, **options)

    async def start() -> asyncio.Server:
        return await loop.create_server(connection, "127.0.0.1", port, ssl=smtps)

    server = loop.run_until_complete(start())
    sink.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


async def _stop(server: asyncio.Server) -> None:
    server.close()
    for task in asyncio.all_tasks():
        if task is not asyncio.current_task():
            task.cancel()
    await asyncio.sleep(0)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def self_made_certificate() -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for `localhost`, and the certificate a client may trust for it."""
    certificate = Path(__file__).with_name("localhost_for_tests.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context, certificate
