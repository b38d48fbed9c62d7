"""The closed list of reasons: why a mail went out, did not, waited, ended or never started.

Every reason has a sentence for the marketer, filled from the facts of the decision. A test fails where a reason is
missing in docs/decisions-and-reasons.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Reasons of decisions, in the order of the gates."""

    SUPPRESSED = "suppressed"
    NO_ADDRESS = "no_address"
    NO_CONSENT = "no_consent"
    EXITED = "exited"
    ADDRESS_MAILED = "address_mailed"
    RECENT_ORDER = "recent_order"
    TOO_LATE = "too_late"
    NOT_IN_AUDIENCE = "not_in_audience"
    STEP_CONDITION = "step_condition"
    LOST_ARBITRATION = "lost_arbitration"
    FREQUENCY_CAP = "frequency_cap"
    QUIET_HOURS = "quiet_hours"
    SEND_WINDOW = "send_window"
    WAITED_TOO_LONG = "waited_too_long"
    TOO_FEW_PRODUCTS = "too_few_products"
    NOTHING_TO_SHOW = "nothing_to_show"
    NO_COUPON = "no_coupon"
    TEMPLATE_FAILED = "template_failed"
    HOLDOUT = "holdout"
    PASSED = "passed"


class ExitReason(StrEnum):
    """Why an enrollment ended before its last step."""

    ORDERED = "ordered"
    CART_EMPTIED = "cart_emptied"
    ADDED_TO_CART = "added_to_cart"
    CHECKOUT_STARTED = "checkout_started"
    ORDERED_RECENTLY = "ordered_recently"
    TOO_FEW_VIEWS = "too_few_views"
    NO_CHECKOUT = "no_checkout"
    NO_RHYTHM = "no_rhythm"
    ORDER_REFUNDED = "order_refunded"
    ORDER_CANCELLED = "order_cancelled"
    ORDERED_AGAIN = "ordered_again"
    BOUGHT_PRODUCT = "bought_product"
    OFFER_WITHDRAWN = "offer_withdrawn"
    EVENT_FOLLOWED = "event_followed"
    SUPERSEDED = "superseded"
    ENTERED_RECENTLY = "entered_recently"
    MERGED = "merged"
    CAMPAIGN_RETIRED = "campaign_retired"
    MANUAL = "manual"
    FORGOTTEN = "forgotten"
    SUPPRESSED = "suppressed"
    NO_ADDRESS = "no_address"
    NO_CONSENT = "no_consent"
    NOT_IN_AUDIENCE = "not_in_audience"
    ADDRESS_MAILED = "address_mailed"


class NotStartedReason(StrEnum):
    """Why an event that could have started a campaign did not."""

    ENTERED_RECENTLY = "entered_recently"
    BACK_DATED = "back_dated"
    CAMPAIGN_PAUSED = "campaign_paused"
    ORDERED_RECENTLY = "ordered_recently"


SENTENCES: Final[dict[Reason, str]] = {
    Reason.SUPPRESSED: "{address} is on the do-not-send list ({why}).",
    Reason.NO_ADDRESS: "There is no email address to write to.",
    Reason.NO_CONSENT: "The shopper {consent} to marketing mail.",
    Reason.EXITED: "The reason to write was gone: {exit_sentence}",
    Reason.ADDRESS_MAILED: "{address} got this mail already, under another profile ({twin}).",
    Reason.RECENT_ORDER: "The shopper ordered on {ordered_at}; for {quiet_for} after an order no reminder goes out.",
    Reason.TOO_LATE: "The mail was due on {due_at} and could go out only {late_by} later; {max_late} is the limit.",
    Reason.NOT_IN_AUDIENCE: "The shopper is not in the audience: {condition}.",
    Reason.STEP_CONDITION: "This step has a condition that is not met: {condition}.",
    Reason.LOST_ARBITRATION: "{winner} came first: it matters more and is due {winner_due_at}.",
    Reason.FREQUENCY_CAP: "{last_campaign} was mailed on {last_at}; one mail in {window} is the limit.",
    Reason.QUIET_HOURS: "It was {local_time} for the shopper ({zone}), within the quiet hours {hours}; "
    "the mail waits until {until}.",
    Reason.SEND_WINDOW: "The campaign sends {window} only; it was {local_time} ({zone}), "
    "so the mail waits until {until}.",
    Reason.WAITED_TOO_LONG: "The mail would have had to wait until {until}, later than {max_late} after it was due.",
    Reason.TOO_FEW_PRODUCTS: "There were too few products to show: {slot} needs {minimum} and had {found}.",
    Reason.NOTHING_TO_SHOW: "Nothing is left to write about: {detail}.",
    Reason.NO_COUPON: "There was no coupon code left in the pool {pool}.",
    Reason.TEMPLATE_FAILED: "The template could not be filled: {detail}.",
    Reason.HOLDOUT: "The shopper is in the {share} that gets no mail of this campaign, "
    "so that its effect can be measured.",
    Reason.PASSED: "All checks passed.",
}

EXIT_SENTENCES: Final[dict[ExitReason, str]] = {
    ExitReason.ORDERED: "an order was completed.",
    ExitReason.CART_EMPTIED: "the cart was emptied.",
    ExitReason.ADDED_TO_CART: "something was added to the cart.",
    ExitReason.CHECKOUT_STARTED: "the checkout was started.",
    ExitReason.ORDERED_RECENTLY: "there was an order shortly before.",
    ExitReason.TOO_FEW_VIEWS: "too few products were looked at.",
    ExitReason.NO_CHECKOUT: "no checkout is open any more.",
    ExitReason.NO_RHYTHM: "it is not known how often the product is bought.",
    ExitReason.ORDER_REFUNDED: "the order was refunded.",
    ExitReason.ORDER_CANCELLED: "the order was cancelled.",
    ExitReason.ORDERED_AGAIN: "another order followed.",
    ExitReason.BOUGHT_PRODUCT: "the product was bought.",
    ExitReason.OFFER_WITHDRAWN: "the offer no longer holds.",
    ExitReason.EVENT_FOLLOWED: "an event followed that the campaign stops on.",
    ExitReason.SUPERSEDED: "a late event moved its start; it goes on under another key.",
    ExitReason.ENTERED_RECENTLY: "a late event showed that another enrollment came first.",
    ExitReason.MERGED: "the profile was joined with another that has the same enrollment.",
    ExitReason.CAMPAIGN_RETIRED: "the campaign was taken out of service.",
    ExitReason.MANUAL: "it was ended by hand.",
    ExitReason.FORGOTTEN: "the shopper asked to be forgotten.",
    ExitReason.SUPPRESSED: "the address is on the do-not-send list.",
    ExitReason.NO_ADDRESS: "there is no email address to write to.",
    ExitReason.NO_CONSENT: "there is no consent to marketing mail.",
    ExitReason.NOT_IN_AUDIENCE: "the shopper is not in the audience.",
    ExitReason.ADDRESS_MAILED: "the same address got these mails under another profile.",
}

NOT_STARTED_SENTENCES: Final[dict[NotStartedReason, str]] = {
    NotStartedReason.ENTERED_RECENTLY: "the shopper entered this campaign shortly before.",
    NotStartedReason.BACK_DATED: "the event arrived long after it happened; such events start nothing.",
    NotStartedReason.CAMPAIGN_PAUSED: "the campaign was paused.",
    NotStartedReason.ORDERED_RECENTLY: "there was an order shortly before.",
}
