"""One open SMTP connection: hands over a mail at a time and tells apart what the server refused, what it never saw,
and what nobody can know.

The envelope of a mail travels in one packet where the server announces PIPELINING (RFC 2920): two round trips a mail
instead of four.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from typing import NamedTuple

from campaigns.delivery.mime import MimeMail
from campaigns.delivery.smtp_settings import Encryption, SmtpSettings
from campaigns.domain.errors import UnusableEnvironment
from campaigns.domain.message import Accepted, Outcome, Rejected, Uncertain

_GO_AHEAD = 354
_CLOSING = 421
_LOGIN_TROUBLE = frozenset({530, 534, 535, 538})
_QUIT_SECONDS = 2.0


class NotHandedOver(Exception):
    """The connection ended before the mail's last byte was sent: the server cannot have accepted it."""


class Reply(NamedTuple):
    """A server's answer to one command."""

    code: int
    text: str

    @property
    def is_refusal(self) -> bool:
        return not 200 <= self.code < 400

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class SmtpConnection:
    """An open, encrypted (as the settings ask) and logged-in connection.

    Raises UnusableEnvironment when there is none to be had: one line that names the server, never the password."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._in_transaction = False
        self.handed_over = 0
        self._smtp = self._opened()
        self._pipelining = self._smtp.has_extn("pipelining")
        self._utf8 = self._smtp.has_extn("smtputf8")
        self._offers_size = self._smtp.has_extn("size")
        self.size_limit = _size_limit(self._smtp)

    def deliver(self, mail: MimeMail) -> Outcome:
        """Hands `mail` over. Raises NotHandedOver when the connection broke while a repeat is still safe."""
        if unfit := self._unfit(mail):
            return Rejected(permanent=True, detail=unfit)
        refusal = self._offer(mail)
        if refusal is not None:
            return self._rejected(refusal)
        self.handed_over += 1
        return self._transmit(mail.content)

    @property
    def is_open(self) -> bool:
        """Whether this side has not closed the connection; the server's side shows at the next command only."""
        return self._smtp.sock is not None

    def close(self, *, politely: bool = True) -> None:
        """Ends the connection; politely means QUIT, waiting briefly for the answer."""
        try:
            if politely and self._smtp.sock is not None:
                self._smtp.sock.settimeout(_QUIT_SECONDS)
                self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self._smtp.close()

    def _unfit(self, mail: MimeMail) -> str | None:
        if mail.needs_smtputf8 and not self._utf8:
            return f"{self._settings.server} cannot take the address {mail.envelope_to}: it lacks SMTPUTF8"
        if self.size_limit and len(mail.content) > self.size_limit:
            return f"the mail has {len(mail.content)} bytes, {self._settings.server} takes at most {self.size_limit}"
        return None

    def _offer(self, mail: MimeMail) -> Reply | None:
        commands = self._envelope(mail)
        try:
            replies = self._together(commands) if self._pipelining else self._one_by_one(commands)
            refusal = next((reply for reply in replies if reply.is_refusal), None)
            if refusal is not None and len(replies) == len(commands) and replies[-1].code == _GO_AHEAD:
                self._command(b".\r\n")  # the server waits for a mail to a recipient it has just refused
        except (OSError, smtplib.SMTPException) as error:
            raise NotHandedOver(self._described(error)) from error
        self._in_transaction = refusal is not None
        if refusal is not None and (refusal.code == _CLOSING or refusal.code < 0):
            raise NotHandedOver(self._described(refusal))
        return refusal

    def _envelope(self, mail: MimeMail) -> list[bytes]:
        options = f" SIZE={len(mail.content)}" if self._offers_size else ""
        options += " BODY=8BITMIME SMTPUTF8" if mail.needs_smtputf8 else ""
        reset = ["RSET"] if self._in_transaction else []
        lines = [*reset, f"MAIL FROM:<{mail.envelope_from}>{options}", f"RCPT TO:<{mail.envelope_to}>", "DATA"]
        return [line.encode() + b"\r\n" for line in lines]

    def _together(self, commands: list[bytes]) -> list[Reply]:
        self._smtp.send(b"".join(commands))
        return [self._reply() for _ in commands]

    def _one_by_one(self, commands: list[bytes]) -> list[Reply]:
        replies: list[Reply] = []
        for command in commands:
            replies.append(self._command(command))
            if replies[-1].is_refusal:
                break
        return replies

    def _transmit(self, content: bytes) -> Outcome:
        try:
            reply = self._command(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        except (OSError, smtplib.SMTPException) as error:
            return self._uncertain(self._described(error))
        if reply.code < 0:
            return self._uncertain(self._described(reply))
        return self._rejected(reply) if reply.is_refusal else Accepted(provider_id=_queue_id(reply.text))

    def _command(self, line: bytes) -> Reply:
        self._smtp.send(line)
        return self._reply()

    def _reply(self) -> Reply:
        code, text = self._smtp.getreply()
        return Reply(code, self._settings.without_secrets(text.decode("utf-8", "replace").replace("\n", " ")))

    def _rejected(self, reply: Reply) -> Rejected:
        # A server asking for a login faults our settings, not this mail.
        permanent = reply.code >= 500 and reply.code not in _LOGIN_TROUBLE
        return Rejected(permanent=permanent, detail=str(reply))

    def _uncertain(self, detail: str) -> Uncertain:
        self.close(politely=False)
        return Uncertain(f"the connection ended after the mail was handed over ({detail})")

    def _described(self, trouble: object) -> str:
        return self._settings.without_secrets(f"{self._settings.server}: {trouble}")

    def _opened(self) -> smtplib.SMTP:
        smtp: smtplib.SMTP | None = None
        try:
            smtp = self._connected()
            self._secure(smtp)
            self._log_in(smtp)
        except smtplib.SMTPAuthenticationError as error:
            _close(smtp)
            raise self._unusable(f"the login was refused ({error.smtp_code})", "check user name and password") from None
        except ssl.SSLCertVerificationError as error:
            _close(smtp)
            what = f"no SMTP connection, the certificate is not trusted ({error.verify_message})"
            raise self._unusable(what, "name its authority with ca=FILE, or accept any with verify=0") from None
        except (OSError, smtplib.SMTPException) as error:
            _close(smtp)
            raise self._unusable(f"no SMTP connection ({_why(error)})", "check host, port and encryption") from None
        except UnusableEnvironment:
            _close(smtp)
            raise
        return smtp

    def _connected(self) -> smtplib.SMTP:
        settings, name = self._settings, self._settings.helo_name or socket.gethostname()
        if settings.encryption is Encryption.SMTPS:
            context = settings.tls_context()
            return smtplib.SMTP_SSL(settings.host, settings.port, name, timeout=settings.timeout, context=context)
        return smtplib.SMTP(settings.host, settings.port, name, timeout=settings.timeout)

    def _secure(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        encryption, offered = self._settings.encryption, smtp.has_extn("starttls")
        if encryption is Encryption.STARTTLS and not offered:
            raise self._unusable("the server offers no STARTTLS", "write smtps://, or starttls=0 to go without")
        if offered and encryption in (Encryption.STARTTLS, Encryption.IF_OFFERED):
            smtp.starttls(context=self._settings.tls_context())
            smtp.ehlo()

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        settings = self._settings
        if not settings.username:
            return
        exposed = not hasattr(smtp.sock, "cipher") and not settings.is_local
        if exposed and settings.encryption is not Encryption.NONE:
            fix = "write smtps://, or starttls=0 to allow it"
            raise self._unusable("the password would travel unencrypted: no STARTTLS is offered", fix)
        smtp.login(settings.username, settings.password)

    def _unusable(self, what: str, fix: str) -> UnusableEnvironment:
        return UnusableEnvironment(self._settings.without_secrets(what), where=self._settings.server, fix=fix)


def _close(smtp: smtplib.SMTP | None) -> None:
    if smtp is not None:
        smtp.close()


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
    return str(error) or type(error).__name__


def _size_limit(smtp: smtplib.SMTP) -> int:
    announced = smtp.esmtp_features.get("size", "")
    return int(announced) if announced.isdigit() else 0


def _queue_id(text: str) -> str:
    _, found, queue_id = text.partition("queued as ")
    return queue_id.split()[0].strip("<>.") if found and queue_id.split() else ""
