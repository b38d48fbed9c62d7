"""Every column name a recommender frame may have, in one place."""

from __future__ import annotations

from typing import Final


class Columns:
    """Names of the DataFrame columns. Interactions need PRODUCT; everything else is used where it is given."""

    # interactions: one row per product a shopper touched, in time order
    SESSION: Final = "session_id"
    PROFILE: Final = "profile_id"
    PRODUCT: Final = "product_id"
    EVENT: Final = "event"  # the Segment name: "Product Viewed", "Product Added", "Order Completed", ...
    OCCURRED_AT: Final = "occurred_at"  # aware UTC
    REFERRAL: Final = "referral_source"  # "google", "newsletter", ...
    LOCALITY: Final = "locality"  # country, region or store: whatever "local bestsellers" means in the shop

    # products: one row per product
    TITLE: Final = "title"
    CATEGORY: Final = "category_id"
    BRAND: Final = "brand"
    PRICE: Final = "price"  # one currency; minor units or not, only ratios are used
    PUBLISHED_AT: Final = "published_at"

    # other spellings that are understood for products
    ALIASES: Final = {"category": CATEGORY, "price_minor": PRICE}


class Events:
    """Event names that carry meaning for recommendations, weakest first."""

    VIEWED: Final = "Product Viewed"
    WISHLISTED: Final = "Product Added to Wishlist"
    ADDED: Final = "Product Added"
    ORDERED: Final = "Order Completed"
    NAMES: Final = (VIEWED, WISHLISTED, ADDED, ORDERED)
    WEIGHTS: Final = {VIEWED: 1.0, WISHLISTED: 1.5, ADDED: 2.0, ORDERED: 3.0}


VIEW, WISH, CART, ORDER = range(4)  # codes of Events.NAMES inside arrays
