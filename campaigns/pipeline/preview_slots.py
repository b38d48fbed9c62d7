"""Slots of a made-up shopper: as a real slate would fill them - no product twice, each with the reason of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Any, Final

from campaigns.domain.campaign import Step
from campaigns.domain.product import Product
from campaigns.pipeline.preview_samples import replaced
from campaigns.pipeline.subject import SUBJECT_SLOT
from recsys.reasons import shopper_reason

_REASONS: Final = {
    "similar": ("similar", "next"),
    "complement": ("complement",),
    "next_best": ("profile", "next", "category"),
    "cross_sell": ("complement",),
    "recently_viewed": ("recently_viewed",),
    "new_for_you": ("new",),
}
"""Slot kind -> the reasons its products are shown for, by turns."""
_SEEDS: Final = 3


def fill_slots(
    step: Step,
    like: Mapping[str, Any],
    products: Sequence[Product],
    words: Mapping[str, str] | None,
    *,
    most: int = 0,
    reduced: bool = False,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, content) of each slot of a step; `like` is a made-up item to take the form of, `words` are the reasons in
    the reader's language. No slot gets more than `most` products (0: as many as it holds); with `reduced` the mail is
    about one that costs less than before. Products are taken from the end, for the cart has those from the beginning.
    """
    seeds = [product.title for product in products[:_SEEDS]] or [""]
    shelf = list(reversed(products))
    if reduced and shelf:
        shelf.sort(key=lambda product: product.list_price_minor is None)
        shelf[0] = _reduced(shelf[0])
    left = cycle(shelf)
    for slot in step.slots:
        size = min(slot.size, len(products), most or slot.size)
        codes = _REASONS.get(slot.kind, ("profile",))
        items = []
        for place, product in enumerate(islice(left, size)):
            seed = seeds[place % len(seeds)]
            reason = shopper_reason(codes[place % len(codes)], words, seed=seed, category=product.category)
            # what the mail is about needs no reason
            form = {**like, "product_id": "", "source": "sample", "reason": "" if slot.name == SUBJECT_SLOT else reason}
            items.append(replaced(form, {"": product}))
            if slot.name == SUBJECT_SLOT:
                seeds = [product.title]
        yield slot.name, {"title": slot.title, "items": items}


def _reduced(product: Product) -> Product:
    """The product, with a price from before where the catalog has none: a fifth off."""
    if product.list_price_minor or not product.price_minor:
        return product
    return replace(product, list_price_minor=product.price_minor * 5 // 4)
