"""Conversions: an order credited to the message that preceded it. Credit is not cause; lift is measured elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DEFAULT_WINDOW: Final = timedelta(days=5)
"""How long after a click an order counts."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """One order credited to one message. Revenue is in minor units of `currency`."""

    order_id: str
    message_ref: str
    campaign_id: str
    profile_id: str
    clicked_at: datetime
    ordered_at: datetime
    revenue_minor: int
    currency: str

    def is_within(self, window: timedelta = DEFAULT_WINDOW) -> bool:
        """Whether the order fell into the attribution window."""
        return timedelta(0) <= self.ordered_at - self.clicked_at <= window
