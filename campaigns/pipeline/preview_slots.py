"""Slots of a made-up shopper: as a real slate would fill them - no product twice, each with the reason of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from typing import Any, Final

from campaigns.domain.campaign import Step
from campaigns.domain.product import Product
from campaigns.pipeline.preview_samples import replaced
from recsys.reasons import shopper_reason

_REASONS: Final = {
    "similar": "similar",
    "complement": "complement",
    "next_best": "profile",
    "cross_sell": "complement",
    "recently_viewed": "recently_viewed",
    "new_for_you": "new",
}
"""Slot kind -> the reason its products are shown for most often."""


def fill_slots(
    step: Step, like: Mapping[str, Any], products: Sequence[Product], words: Mapping[str, str] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, content) of each slot of a step; `like` is a made-up item to take the form of, `words` are the reasons in
    the reader's language. Products are taken from the end, for the cart has those from the beginning."""
    left = cycle(reversed(products))
    seed = products[0].title if products else ""
    for slot in step.slots:
        reason = shopper_reason(_REASONS.get(slot.kind, "profile"), words, seed=seed)
        form = {**like, "product_id": "", "source": "sample", "reason": reason}
        items = [replaced(form, {"": product}) for product in islice(left, min(slot.size, len(products)))]
        yield slot.name, {"title": slot.title, "items": items}
