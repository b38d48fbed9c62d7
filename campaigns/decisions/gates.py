"""The gates a due step passes, in the order that is promised:

suppressed -> no address, no consent -> exited, address mailed, recent order -> too late -> audience, step condition ->
arbitration -> frequency cap -> quiet hours, send window -> variant -> content -> holdout: ghost or send.

The holdout is drawn last, so that ghosts are exactly those who would have been mailed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from campaigns.decisions.arbitration import find_winner
from campaigns.decisions.assignment import is_held_out, pick_variant
from campaigns.decisions.candidate import Candidate, ShopPolicy
from campaigns.decisions.field_reading import reader_of
from campaigns.decisions.quiet_hours import local_zone, quiet_until, spell_window, window_opens
from campaigns.domain.campaign import Variant
from campaigns.domain.campaign_condition import Condition, unmet
from campaigns.domain.campaign_reasons import Reason
from campaigns.domain.campaign_values import spell_duration
from campaigns.domain.decision import Defer, Ghost, Send, Skip
from triggers.instants import moment

Gate = Callable[[Candidate, ShopPolicy, datetime], Skip | Defer | None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """All gates before the content are passed: render `template` and come back."""

    candidate: Candidate
    variant: Variant | None
    template: str
    facts: Mapping[str, Any]

    @property
    def variant_name(self) -> str:
        """The variant's name, empty where there is no experiment."""
        return "" if self.variant is None else self.variant.name


@dataclass(frozen=True, slots=True)
class ContentProblem:
    """Why there is no mail to send: `too_few_products`, `nothing_to_show`, `no_coupon` or `template_failed`."""

    reason: Reason
    facts: Mapping[str, Any] = field(default_factory=dict)


def decide_before_content(candidate: Candidate, shop: ShopPolicy, *, now: datetime) -> Skip | Defer | Chosen:
    """Passes a due step through the gates up to the variant. Cheap: nothing is recommended or rendered yet."""
    for gate in GATES:
        outcome = gate(candidate, shop, now)
        if outcome is not None:
            return outcome
    variant = pick_variant(shop.salt, candidate.campaign, candidate.profile.drawn_by)
    facts = {"due_at": candidate.due_at.isoformat(), "email": candidate.profile.email}
    warning = local_zone(candidate.profile.zone, shop.zone).warning
    if warning:
        facts["zone_warning"] = warning
    return Chosen(candidate, variant, candidate.step.template_for(variant), facts)


def decide_after_content(
    chosen: Chosen, shop: ShopPolicy, problem: ContentProblem | None = None
) -> Send | Ghost | Skip:
    """The last two gates: is there a mail worth sending, and does the shopper belong to those that get none?"""
    if problem is not None:
        return Skip(problem.reason, {**chosen.facts, **problem.facts})
    share = shop.holdout_of(chosen.candidate.step.policy)
    if belongs_to_holdout(chosen, shop):
        return Ghost(chosen.variant_name, facts={**chosen.facts, "share": f"{share * 100:.4g} %"})
    return Send(chosen.variant_name, facts=chosen.facts)


def belongs_to_holdout(chosen: Chosen, shop: ShopPolicy) -> bool:
    """Whether the shopper would get no mail: what a mail alone takes up, such as a coupon code, is left for others."""
    candidate = chosen.candidate
    share = shop.holdout_of(candidate.step.policy)
    return is_held_out(shop.salt, candidate.campaign, candidate.profile.drawn_by, share)


def decide(
    candidate: Candidate, shop: ShopPolicy, *, now: datetime, problem: ContentProblem | None = None
) -> Send | Ghost | Skip | Defer:
    """All gates at once, for simulations where content is taken for granted."""
    outcome = decide_before_content(candidate, shop, now=now)
    return decide_after_content(outcome, shop, problem) if isinstance(outcome, Chosen) else outcome


def _suppressed(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | None:
    for suppression in candidate.suppressions:
        if suppression.covers(candidate.campaign.campaign_id):
            facts = {"address": suppression.address, "why": suppression.reason.value, "scope": suppression.scope}
            return Skip(Reason.SUPPRESSED, facts, ends_enrollment=True)
    return None


def _without_consent(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | None:
    profile = candidate.profile
    if not profile.is_known:
        return Skip(Reason.NO_ADDRESS, {}, ends_enrollment=True)
    if not candidate.step.policy.needs_consent:
        return None
    if profile.consented is False or (profile.consented is None and shop.requires_opt_in):
        said = "never agreed" if profile.consented is None else "did not agree"
        return Skip(Reason.NO_CONSENT, {"consent": said, "consented": profile.consented}, ends_enrollment=True)
    return None


def _exited(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | None:
    if not candidate.exit_reason:
        return None
    return Skip(Reason.EXITED, {"exit_reason": candidate.exit_reason}, ends_enrollment=True)


def _address_mailed(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | None:
    if not candidate.twin:
        return None
    facts = {"address": candidate.profile.email, "twin": candidate.twin}
    return Skip(Reason.ADDRESS_MAILED, facts, ends_enrollment=True)


def _after_order(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | None:
    quiet_for, ordered_until = candidate.step.policy.after_order, candidate.state.ordered_until
    if quiet_for is None or not ordered_until or now - moment(ordered_until) >= quiet_for:
        return None
    facts = {
        "ordered_at": moment(ordered_until).isoformat(),
        "order_id": candidate.state.last_order_id,
        "quiet_for": spell_duration(quiet_for),
    }
    return Skip(Reason.RECENT_ORDER, facts)


def _too_late(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | None:
    max_late = candidate.step.policy.max_late
    if max_late is None or now - candidate.due_at <= max_late:
        return None
    return Skip(Reason.TOO_LATE, _lateness(candidate, now, max_late))


def _lateness(candidate: Candidate, at: datetime, max_late: timedelta) -> dict[str, Any]:
    return {
        "due_at": candidate.due_at.isoformat(),
        "late_by": spell_duration(at - candidate.due_at),
        "max_late": spell_duration(max_late),
    }


def _audience(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | None:
    missing = _unmet(candidate.campaign.audience, candidate, now)
    if missing is not None:
        return Skip(Reason.NOT_IN_AUDIENCE, {"condition": str(missing)}, ends_enrollment=True)
    missing = _unmet(candidate.step.condition, candidate, now)
    return None if missing is None else Skip(Reason.STEP_CONDITION, {"condition": str(missing)})


def _unmet(condition: Condition | None, candidate: Candidate, now: datetime) -> Condition | None:
    return None if condition is None else unmet(condition, reader_of(candidate, now))


def _arbitration(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | None:
    window = shop.frequency_cap_of(candidate.step.policy)
    winner = None if window is None else find_winner(candidate, window, now)
    if winner is None:
        return None
    facts = {"winner": winner.campaign_id, "winner_key": winner.key, "winner_due_at": winner.due_at.isoformat()}
    return Skip(Reason.LOST_ARBITRATION, facts)


def _frequency_cap(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | None:
    window = shop.frequency_cap_of(candidate.step.policy)
    if window is None:
        return None
    last = max(candidate.past_sends, key=lambda send: send.at, default=None)
    if last is None or now - last.at >= window:
        return None
    facts = {"last_campaign": last.campaign_id, "last_at": last.at.isoformat(), "window": spell_duration(window)}
    return Skip(Reason.FREQUENCY_CAP, facts)


def _hours(candidate: Candidate, shop: ShopPolicy, now: datetime) -> Skip | Defer | None:
    zone = local_zone(candidate.profile.zone, shop.zone)
    policy = candidate.step.policy
    hours, window = shop.quiet_hours_of(policy), policy.send_window
    until, reason = now, Reason.QUIET_HOURS
    for _ in range(4):
        quiet = quiet_until(until, hours, zone.zone) if hours else None
        closed = window_opens(until, window, zone.zone) if window else None
        if quiet is None and closed is None:
            break
        if until == now:
            reason = Reason.QUIET_HOURS if quiet else Reason.SEND_WINDOW
        until = max(at for at in (quiet, closed) if at is not None)
    if until == now:
        return None
    facts = {
        "zone": zone.name,
        "zone_warning": zone.warning,
        "local_time": f"{now.astimezone(zone.zone):%H:%M}",
        "hours": str(hours or ""),
        "window": spell_window(window) if window else "",
        "until": until.isoformat(),
    }
    max_late = policy.max_late
    if max_late is not None and until - candidate.due_at > max_late:
        return Skip(Reason.WAITED_TOO_LONG, {**facts, **_lateness(candidate, until, max_late)})
    return Defer(reason, until, facts)


GATES: Final[tuple[Gate, ...]] = (
    _suppressed,
    _without_consent,
    _exited,
    _address_mailed,
    _after_order,
    _too_late,
    _audience,
    _arbitration,
    _frequency_cap,
    _hours,
)
