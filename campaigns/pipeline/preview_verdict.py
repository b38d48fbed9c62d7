"""Whether the mail of a preview would go out, in words; and for a made-up shopper, what of it can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from campaigns.domain.campaign import Campaign, Step
from campaigns.domain.campaign_reasons import ExitReason, Reason
from campaigns.domain.decision import Decision, Skip, explain
from campaigns.pipeline.subject import SUBJECT_SLOT
from triggers.browse_abandonment import BrowseAbandonment
from triggers.cart_trigger import CartTrigger
from triggers.catalog_offer import CatalogOffer
from triggers.post_purchase import PostPurchase
from triggers.replenishment import Replenishment
from triggers.win_back import WinBack

COMPLETED: Final = "completed"
ALREADY_DECIDED: Final = "already_decided"
NOT_STARTED: Final = "not_started"
WORDS: Final = {
    COMPLETED: "Every mail of this campaign was decided for this shopper.",
    ALREADY_DECIDED: "This mail was decided for this shopper before; `rekindle why` tells what came of it.",
    NOT_STARTED: "Nothing the shopper did starts this campaign.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of the mail: `outcome` as decisions have it (send, ghost, skip, defer), or `none` where no
    timer of the campaign runs for the shopper. `reason` is of the documented list, `exit_reason` goes with `exited`."""

    outcome: str
    reason: str
    says: str
    exit_reason: str = ""

    @property
    def code(self) -> str:
        """The reason for those who look it up: `exited (cart_emptied)`."""
        return f"{self.reason} ({self.exit_reason})" if self.exit_reason else self.reason

    @property
    def headline(self) -> str:
        """In a few words; empty where the mail goes out."""
        return {"send": "", "defer": "This mail would wait"}.get(self.outcome, "This mail would not be sent")

    @property
    def line(self) -> str:
        """All of it in a line; empty where the mail goes out."""
        return f"{self.headline}: {self.code}. {self.says}" if self.headline else ""

    def as_json(self) -> dict[str, str | None]:
        told = {"outcome": self.outcome, "reason": self.reason, "exit_reason": self.exit_reason or None}
        return {**told, "says": self.says}


def foresee_made_up(campaign: Campaign, step: Step, context: Mapping[str, Any]) -> Verdict:
    """What comes of a made-up shopper's mail, as far as its parts tell: audience, limits and hours are asked of real
    ones only."""
    if not context["profile"]["email"]:
        return said(Skip(Reason.NO_ADDRESS))
    lost = _without_reason(campaign, context)
    if lost is not None:
        return lost
    for slot in step.slots:
        found = len(context["slots"][slot.name]["items"])
        if slot.when_short == "skip" and found < slot.minimum:
            return said(Skip(Reason.TOO_FEW_PRODUCTS, {"slot": slot.name, "minimum": slot.minimum, "found": found}))
    rule = step.coupon
    if rule is not None and context["coupon"] is None and rule.when_empty == "skip" and not rule.pattern:
        return said(Skip(Reason.NO_COUPON, {"pool": rule.pool}))
    return Verdict("send", Reason.PASSED, "Nothing that is known of a made-up shopper speaks against it.")


def _without_reason(campaign: Campaign, context: Mapping[str, Any]) -> Verdict | None:
    trigger, cart, session = campaign.trigger, context["cart"], context["session"]
    if isinstance(trigger, CartTrigger) and not (cart and cart["lines"]):
        return said(Skip(Reason.EXITED, {"exit_reason": ExitReason.CART_EMPTIED.value}))
    if isinstance(trigger, BrowseAbandonment) and not (session and session["viewed"]):
        return said(Skip(Reason.EXITED, {"exit_reason": ExitReason.TOO_FEW_VIEWS.value}))
    if isinstance(trigger, PostPurchase | Replenishment | WinBack) and context["order"] is None:
        return Verdict("none", NOT_STARTED, WORDS[NOT_STARTED])
    about = context["slots"][SUBJECT_SLOT]["items"] if SUBJECT_SLOT in context["slots"] else ()
    if isinstance(trigger, CatalogOffer) and not about:
        return said(Skip(Reason.NOTHING_TO_SHOW, {"detail": "the product is not in the catalog any more"}))
    return None


def said(decision: Decision) -> Verdict:
    """A decision as a verdict."""
    exit_reason = str(decision.facts.get("exit_reason", "")) if decision.reason is Reason.EXITED else ""
    return Verdict(decision.outcome, decision.reason.value, explain(decision), exit_reason)


def sentence(words: str) -> str:
    """Words that begin small as a sentence."""
    return words[0].upper() + words[1:]
