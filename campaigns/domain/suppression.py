"""Do-not-send records: an address that must get no mail, of all campaigns or of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

EVERYTHING: Final = "all"


class SuppressionReason(StrEnum):
    """Why an address is suppressed."""

    UNSUBSCRIBE = "unsubscribe"
    HARD_BOUNCE = "hard_bounce"
    COMPLAINT = "complaint"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Suppression:
    """`scope` is `all` or a campaign id; addresses are compared in small letters."""

    address: str
    reason: SuppressionReason
    created_at: datetime
    scope: str = EVERYTHING

    def covers(self, campaign_id: str) -> bool:
        """Whether it forbids mail of a campaign."""
        return self.scope in (EVERYTHING, campaign_id)
