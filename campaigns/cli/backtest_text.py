"""A backtest as tables, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from campaigns.cli.output import Output
from campaigns.decisions.simulation_summary import CampaignFigures
from campaigns.domain.campaign_reasons import ExitReason, NotStartedReason, Reason
from campaigns.pipeline.backtest import Backtest, Trial

_Row = tuple[str, int] | tuple[str, int, int, str]

_REASONS = {
    Reason.SUPPRESSED: "the address is on the do-not-send list",
    Reason.NO_ADDRESS: "no address is known",
    Reason.NO_CONSENT: "no consent to marketing mail",
    Reason.EXITED: "the reason to write was gone",
    Reason.ADDRESS_MAILED: "the address got it under another profile",
    Reason.RECENT_ORDER: "ordered shortly before",
    Reason.TOO_LATE: "too late",
    Reason.NOT_IN_AUDIENCE: "not in the audience",
    Reason.STEP_CONDITION: "the step's condition was not met",
    Reason.LOST_ARBITRATION: "another campaign mattered more",
    Reason.FREQUENCY_CAP: "mailed shortly before",
    Reason.QUIET_HOURS: "quiet hours",
    Reason.SEND_WINDOW: "outside the send window",
    Reason.WAITED_TOO_LONG: "would have waited too long",
}
_NOT_STARTED = {
    NotStartedReason.ENTERED_RECENTLY: "entered this campaign shortly before",
    NotStartedReason.BACK_DATED: "the event arrived too late",
    NotStartedReason.CAMPAIGN_PAUSED: "the campaign was paused",
    NotStartedReason.ORDERED_RECENTLY: "ordered shortly before",
}
_ENDINGS = {
    ExitReason.ORDERED: "ordered",
    ExitReason.CART_EMPTIED: "emptied the cart",
    ExitReason.ADDED_TO_CART: "put something into the cart",
    ExitReason.CHECKOUT_STARTED: "started the checkout",
    ExitReason.ORDER_CANCELLED: "the order was cancelled",
    ExitReason.ORDER_REFUNDED: "the order was refunded",
}


def print_backtest(output: Output, found: Backtest) -> None:
    """The figures of what was tried, beside the version in force where they differ."""
    zone, days = found.zone, len(found.days)
    since, until = found.since.astimezone(zone), found.until.astimezone(zone)
    output.line(
        f"\n{found.campaign_id} over {found.events:,} events, {since:%d %b %Y %H:%M} to {until:%d %b %Y %H:%M}"
        f" ({zone.key})\n"
    )
    columns = ("", "count") if found.before is None else ("", "in force", "as tried", "change")
    output.table("What would have happened", columns, _headline(found, days))
    for title, pick, words in (
        ("Not mailed, and why", lambda f: f.skips, _REASONS),
        ("Mails that would have waited", lambda f: f.deferred, _REASONS),
        ("Ended on the way", lambda f: f.endings, _ENDINGS),
        ("Never started, and why", lambda f: f.not_started, _NOT_STARTED),
    ):
        if rows := _counted(found, pick, words):
            output.table(title, columns, rows)
    _print_days(output, found)
    _print_clashes(output, found)


def print_comparison(output: Output, found: Backtest) -> None:
    """The figures that matter most, for a plan."""
    columns = ("", "would be") if found.before is None else ("", "in force", "would be", "change")
    title = f"  Over the last {len(found.days)} days" if len(found.days) > 1 else "  Over the last day"
    output.table(title, columns, [("  " + row[0], *row[1:]) for row in _headline(found, len(found.days))])


def headline(found: Backtest) -> list[tuple[str, int, int | None]]:
    """(what, as tried, in force or None) of the figures that matter most."""
    after, before = found.after.figures(found.campaign_id), None
    if found.before is not None:
        before = found.before.figures(found.campaign_id)
    return [
        (words, pick(after), pick(before) if before is not None else None)
        for words, pick in (*_HEADLINE, *_steps(found))
    ]


def reason_words(reason: str) -> str:
    """A reason to skip a mail, in a few words."""
    spoken = {str(one): words for one, words in _REASONS.items()}
    return spoken.get(reason, reason.replace("_", " "))


_HEADLINE: tuple[tuple[str, Callable[[CampaignFigures], int]], ...] = (
    ("mails", lambda figures: figures.mails),
    ("shoppers mailed", lambda figures: len(figures.profiles)),
    ("held out, to measure by (ghosts)", lambda figures: figures.ghosts),
    ("ordered anyway within the wait", lambda figures: figures.ordered_within_wait),
)


def _steps(found: Backtest) -> list[tuple[str, Callable[[CampaignFigures], int]]]:
    campaign = found.after.campaigns[found.campaign_id]

    def of(number: int) -> Callable[[CampaignFigures], int]:
        return lambda figures: figures.mails_by_step[number]

    return [(f"mails of step {n + 1} ({step.name})", of(n)) for n, step in enumerate(campaign.steps)]


def _headline(found: Backtest, days: int) -> list[_Row]:
    rows = [_row(words, after, before) for words, after, before in headline(found)]
    total = found.after.figures(found.campaign_id).mails
    was = found.before.figures(found.campaign_id).mails if found.before else None
    return [rows[0], _row("mails a day, on average", round(total / days), was and round(was / days)), *rows[1:]]


def _row(words: str, after: int, before: int | None) -> _Row:
    return (words, after) if before is None else (words, before, after, f"{after - before:+,}")


def _counted(found: Backtest, pick: Callable[[CampaignFigures], Counter[str]], words: Mapping[Any, str]) -> list[_Row]:
    after = pick(found.after.figures(found.campaign_id))
    before = pick(found.before.figures(found.campaign_id)) if found.before else None
    spoken = {str(reason): text for reason, text in words.items()}
    names = sorted({*after, *(before or ())}, key=lambda name: (-after[name], name))
    return [
        _row(spoken.get(name, name.replace("_", " ")), after[name], None if before is None else before[name])
        for name in names
    ]


def _print_days(output: Output, found: Backtest) -> None:
    after = found.after.figures(found.campaign_id).mails_by_day
    before = found.before.figures(found.campaign_id).mails_by_day if found.before else None
    most = max((*after.values(), *(before or {}).values(), 1))
    rows = []
    for day in found.days:
        bar = "█" * round(after[day] / most * 40) or ("▏" if after[day] else "")
        cells = (f"{day:%a %d %b}", after[day], bar)
        rows.append(cells if before is None else (cells[0], before[day], after[day], bar))
    columns = ("day", "mails", "") if before is None else ("day", "in force", "as tried", "")
    output.table("Mails a day", columns, rows)


def _print_clashes(output: Output, found: Backtest) -> None:
    for trial, whose in ((found.after, ""), (found.before, " (version in force)")):
        rows = [(c.other, c.lost, c.won, c.shared) for c in trial.clashes_of(found.campaign_id)] if trial else []
        if rows and (trial is found.after or _differs(found)):
            columns = ("other campaign", "lost to it", "won over it", "shoppers mailed by both")
            output.table(f"Where campaigns met within one frequency window{whose}", columns, rows)


def _differs(found: Backtest) -> bool:
    def of(trial: Trial | None) -> object:
        return trial.clashes_of(found.campaign_id) if trial else None

    return of(found.after) != of(found.before)
