"""All triggers by name. A new trigger is one file, one line here and one page in docs/triggers."""

from __future__ import annotations

from typing import Final

from triggers.abandoned_cart import AbandonedCart
from triggers.browse_abandonment import BrowseAbandonment
from triggers.post_purchase import PostPurchase
from triggers.trigger import Trigger

TRIGGERS: Final[dict[str, type[Trigger]]] = {
    trigger.name: trigger for trigger in (AbandonedCart, BrowseAbandonment, PostPurchase)
}
