"""Enhanced status codes (RFC 3463) in what mail servers say, and which of them speak of a dead address."""

from __future__ import annotations

import re

STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")

# Unknown mailbox, domain or route, moved, disabled. Not: mailbox full, spam, policy, too large.
_DEAD_ADDRESS = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})


def says_dead_address(answer: str) -> bool:
    """Whether a server's answer means that the address will never work, so that it belongs on the suppression list.

    `answer` may be a bare status (`5.1.1`), an SMTP reply, or the `detail` of a permanent `Rejected`.
    """
    found = STATUS.search(answer)
    return found is not None and found.group() in _DEAD_ADDRESS
