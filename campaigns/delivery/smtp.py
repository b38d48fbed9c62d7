"""Mails over SMTP, on a connection that stays open between batches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import monotonic

from campaigns.clock import Clock
from campaigns.delivery.headers import UnsafeMail
from campaigns.delivery.mime import MimeMail, compose
from campaigns.delivery.smtp_connection import NotHandedOver, SmtpConnection
from campaigns.delivery.smtp_settings import SmtpSettings
from campaigns.domain.errors import UnusableEnvironment
from campaigns.domain.message import OutboundMail, Outcome, Rejected

_ATTEMPTS = 2
BATCH_SECONDS = 60.0


class SmtpMailer:
    """Hands mails to one SMTP server.

    A connection that turns out to be dead before a mail's last byte is replaced once, silently. When no connection
    can be had, or a call has lasted `batch_seconds`, the mails not yet tried come back as temporary refusals: a caller
    that leases them knows how long. Safe across `fork`: a child opens a connection of its own.
    """

    def __init__(self, settings: SmtpSettings, clock: Clock, *, batch_seconds: float = BATCH_SECONDS) -> None:
        self.settings = settings
        self._clock = clock
        self._batch_seconds = batch_seconds
        self._connection: SmtpConnection | None = None
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"SmtpMailer({self.settings.server})"

    def send(self, mails: Sequence[OutboundMail]) -> list[Outcome]:
        """Hands over each mail in turn; see `Mailer`."""
        outcomes: list[Outcome] = []
        ends_at = monotonic() + self._batch_seconds
        for mail in mails:
            if monotonic() > ends_at:
                return _rest_refused(outcomes, mails, f"not tried: the batch took over {self._batch_seconds:g} s")
            try:
                outcomes.append(self._send_one(mail))
            except UnusableEnvironment as error:
                return _rest_refused(outcomes, mails, str(error))
        return outcomes

    def check(self) -> str:
        """Connects and logs in; one line on what was found. Raises UnusableEnvironment when that fails."""
        self._drop()
        limit = self._connected().size_limit
        who = f", logged in as {self.settings.username}" if self.settings.username else ""
        return f"{self.settings.server} answers{who}, " + (f"mails up to {limit} bytes" if limit else "no size limit")

    def close(self) -> None:
        """Says goodbye to the server; the next `send` connects anew."""
        self._drop(politely=True)

    def _send_one(self, mail: OutboundMail) -> Outcome:
        try:
            composed = compose(mail, self._clock.now())
        except UnsafeMail as error:
            return Rejected(permanent=True, detail=str(error))
        return self._hand_over(composed)

    def _hand_over(self, composed: MimeMail) -> Outcome:
        detail = ""
        for _ in range(_ATTEMPTS):
            try:
                return self._connected().deliver(composed)
            except NotHandedOver as error:
                detail = str(error)
                self._drop()
        return Rejected(permanent=False, detail=f"the connection broke before the mail was handed over ({detail})")

    def _connected(self) -> SmtpConnection:
        if self._process != os.getpid():
            self._connection, self._process = None, os.getpid()  # the parent's: not ours to say goodbye on
        limit = self.settings.per_connection
        if self._connection is not None and (limit and self._connection.handed_over >= limit):
            self._drop(politely=True)
        if self._connection is None or not self._connection.is_open:
            self._connection = SmtpConnection(self.settings)
        return self._connection

    def _drop(self, *, politely: bool = False) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._connection.close(politely=politely)
        self._connection = None


def _rest_refused(outcomes: list[Outcome], mails: Sequence[OutboundMail], detail: str) -> list[Outcome]:
    refused = Rejected(permanent=False, detail=detail)
    return [*outcomes, *[refused] * (len(mails) - len(outcomes))]
