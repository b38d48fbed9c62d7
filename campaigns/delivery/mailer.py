"""What every way of sending has in common: mails go in, one outcome per mail comes out, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from campaigns.domain.message import OutboundMail, Outcome


class Mailer(Protocol):
    """Hands mails over. One instance serves one thread; it may keep a connection open between calls.

    `send` answers with one outcome per mail, in order, and one mail's refusal never touches its neighbours. It raises
    nothing for what servers and networks do: those are outcomes.

    * `Accepted`: the other side has it.
    * `Rejected`: it certainly does not have it. Temporary: hand it over again with the same `message_ref`.
    * `Uncertain`: nobody knows; handing it over again may deliver it twice.
    """

    def send(self, mails: Sequence[OutboundMail]) -> list[Outcome]: ...

    def close(self) -> None: ...
