"""The names clients use - for events and for properties - and the one name each has here."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from campaigns.domain.segment_values import text
from triggers.events import EventName

_SPELLINGS: Final[dict[str, str]] = {
    EventName.PRODUCT_VIEWED: "viewedproduct productdetailviewed viewitem viewcontent",
    EventName.PRODUCT_LIST_VIEWED: "viewedproductlist viewedproductcategory productcategoryviewed viewitemlist"
    " collectionviewed categoryviewed",
    EventName.PRODUCTS_SEARCHED: "searchedproducts productsearched search viewsearchresults searchsubmitted",
    EventName.PRODUCT_ADDED: "addedproduct productaddedtocart addedtocart addtocart",
    EventName.PRODUCT_REMOVED: "removedproduct productremovedfromcart removedfromcart removefromcart",
    EventName.PRODUCT_WISHLISTED: "addedproducttowishlist addtowishlist addedtowishlist",
    EventName.CART_VIEWED: "viewedcart viewcart",
    EventName.CART_UPDATED: "updatedcart updatecart",
    EventName.CHECKOUT_STARTED: "startedcheckout begincheckout initiatecheckout checkoutinitiated",
    EventName.ORDER_COMPLETED: "completedorder orderplaced placedorder purchase purchased ordercreated",
    EventName.ORDER_REFUNDED: "refundedorder refund",
    EventName.ORDER_CANCELLED: "cancelledorder canceledorder ordercanceled",
    EventName.PAGE_VIEWED: "viewedpage pageview screenviewed viewedscreen",
}


def _squashed(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


_KNOWN: Final[dict[str, str]] = {
    spelling: name for name, spellings in _SPELLINGS.items() for spelling in (_squashed(name), *spellings.split())
}
PRODUCT_EVENTS: Final = frozenset(
    {
        EventName.PRODUCT_VIEWED,
        EventName.PRODUCT_ADDED,
        EventName.PRODUCT_REMOVED,
        EventName.PRODUCT_WISHLISTED,
    }
)
ORDER_EVENTS: Final = frozenset({EventName.ORDER_COMPLETED, EventName.ORDER_REFUNDED, EventName.ORDER_CANCELLED})
GROUPED: Final = "Grouped"  # a `group` call: kept as history, starts nothing


@lru_cache(maxsize=4_096)
def canonical_name(name: str) -> str | None:
    """The one name of an event ("Added Product", "product_added", "add_to_cart" are Product Added); a name unknown
    here stays as the shop wrote it. None where nothing readable is left."""
    return _KNOWN.get(_squashed(name)) or text(name, 128)
