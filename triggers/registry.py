"""All triggers by name. A new trigger is one file, one line here and one page in docs/triggers."""

from __future__ import annotations

from typing import Final

from triggers.abandoned_cart import AbandonedCart
from triggers.abandoned_checkout import AbandonedCheckout
from triggers.back_in_stock import BackInStock
from triggers.browse_abandonment import BrowseAbandonment
from triggers.custom_event import CustomEvent
from triggers.post_purchase import PostPurchase
from triggers.price_drop import PriceDrop
from triggers.replenishment import Replenishment
from triggers.trigger import Trigger
from triggers.welcome import Welcome
from triggers.win_back import WinBack

ALL: Final[tuple[type[Trigger], ...]] = (
    AbandonedCart,
    AbandonedCheckout,
    BrowseAbandonment,
    PostPurchase,
    PriceDrop,
    BackInStock,
    Replenishment,
    WinBack,
    Welcome,
    CustomEvent,
)
TRIGGERS: Final[dict[str, type[Trigger]]] = {trigger.name: trigger for trigger in ALL}
