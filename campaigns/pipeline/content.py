"""Content: whether the products that were chosen are enough for a mail."""

from __future__ import annotations

from campaigns.decisions.gates import ContentProblem
from campaigns.domain.campaign_reasons import Reason
from campaigns.pipeline.recommend import Recommended
from campaigns.pipeline.subject import Subject


def content_problem(subject: Subject, slates: Recommended) -> ContentProblem | None:
    """Why the products of a mail are not enough to send it."""
    if slates.gone is not None:
        gone = slates.facts.get(slates.gone.product_id)
        name = gone.title if gone else f"product {slates.gone.product_id}"
        return ContentProblem(Reason.NOTHING_TO_SHOW, {"detail": f"{name} is {slates.gone.rule}"})
    short = slates.short_slot
    if short is None:
        return None
    minimum = next(slot.minimum for slot in subject.step.slots if slot.name == short)
    facts = {"slot": short, "minimum": minimum, "found": len(slates.slates[short].items)}
    return ContentProblem(Reason.TOO_FEW_PRODUCTS, facts)
