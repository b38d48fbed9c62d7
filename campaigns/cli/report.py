"""`rekindle report`: what a campaign did and what it earned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import click

from campaigns.cli.backtest import Length
from campaigns.cli.output import Output
from campaigns.domain.campaign_values import spell_duration
from campaigns.measurement.arms import Arm
from campaigns.measurement.lift import Lift, NotEnoughData
from campaigns.pipeline.engine import World, open_engine
from campaigns.pipeline.report import Report
from campaigns.pipeline.report import report as make_report
from campaigns.rendering.money import money_text

Money = Callable[[float], str]


@click.command()
@click.argument("campaign")
@click.option("--since", type=Length(), default="30d", show_default=True, help="How far back, from its last decision.")
@click.option("--replay", "of_replay", is_flag=True, help="Of the last replay instead of the live shop.")
@click.pass_obj
def report(output: Output, campaign: str, since: timedelta, of_replay: bool) -> None:
    """Shows CAMPAIGN's funnel, the revenue that followed its mails, and what it really caused.

    What was caused is told by comparing shoppers who were mailed with those who passed every check and were held out.
    With fewer than 100 buyers in either group no number is given.
    """
    with open_engine(output.workspace, world=World.REPLAY if of_replay else World.LIVE) as engine:
        found = make_report(engine, campaign, length=since)
        locale = engine.settings.shop.locale
    if output.as_json:
        output.document(found.as_json())
        return
    _print_funnel(output, found)
    _print_coupons(output, found, locale)
    _print_lift(output, found, locale)


def _print_funnel(output: Output, found: Report) -> None:
    output.line(f"\n{found.campaign.name}, {found.since:%d %b %Y} to {found.until:%d %b %Y}\n")
    decided = dict.fromkeys(("send", "ghost", "skip"), 0)
    for outcome, _, count in found.outcomes:
        decided[outcome] = decided.get(outcome, 0) + count
    rows = [
        ("entered", found.entered),
        ("shoppers who entered", found.entered_profiles),
        ("mails decided", decided["send"]),
        ("held out, to measure by (ghosts)", decided["ghost"]),
        ("not mailed, with a reason", decided["skip"]),
    ]
    output.table("Funnel", ("", "count"), rows)
    reasons = [(reason, count) for outcome, reason, count in found.outcomes if outcome == "skip"]
    if reasons:
        output.table("Not mailed, and why", ("reason", "count"), reasons)
    _print_mails(output, found)


def _print_mails(output: Output, found: Report) -> None:
    names = [step.name for step in found.campaign.steps]
    rows = [
        (
            names[f.step - 1] if f.step <= len(names) else f"step {f.step}",
            *(f.sent, f.delivered, f.opened, f.clicked, f.unsubscribed, f.bounced, f.complained),
        )
        for f in found.funnel
    ]
    if rows:
        columns = ("mails", "sent", "delivered", "opened", "clicked", "unsubscribed", "bounced", "complained")
        output.table("Mails (opens and clicks of machines left out)", columns, rows)


def _print_coupons(output: Output, found: Report, locale: str) -> None:
    rows = [
        (
            one.pool,
            one.handed_out,
            one.redeemed,
            f"{one.redeemed / one.handed_out:.1%}",
            money_text(one.total_minor, found.currency, locale),
        )
        for one in found.coupons
    ]
    if rows:
        columns = ("pool", "handed out", "used", "of them used", "orders with them")
        output.table("Coupon codes", columns, rows)


def _print_lift(output: Output, found: Report, locale: str) -> None:
    def money(minor: float) -> str:
        return money_text(round(minor), found.currency, locale)

    window = spell_duration(found.window)
    output.line(
        f"Attributed (what preceded): {found.attributed_orders:,} orders worth {money(found.attributed_minor)} within"
        f" {window} after a click.\n"
    )
    if not found.share:
        output.line("Incremental (what was caused): not measured, because this campaign holds nobody out.")
        return
    rows = [_group("mailed", found.mailed, money), _group("held out", found.ghosts, money)]
    columns = ("group", "shoppers", "buyers", "of them bought", "revenue a shopper")
    output.table(f"Orders within {window} after the first decision, by shopper", columns, rows)
    output.line("Incremental (what was caused)")
    output.line(f"  conversion: {_spell(found.conversion)}")
    output.line(f"  revenue:    {_spell(found.revenue)}")
    if found.incremental_minor is not None and isinstance(found.revenue, Lift):
        n = found.mailed.profiles
        low, high = found.revenue.difference_low * n, found.revenue.difference_high * n
        output.line(f"  in money:   {money(found.incremental_minor)} ({money(low)} to {money(high)})")
    if found.least_lift == found.least_lift:
        output.line(f"  With groups of this size a lift of {found.least_lift:.0%} or more would show.")
    _print_ratio(output, found)


def _print_ratio(output: Output, found: Report) -> None:
    check = found.ratio
    if check is None:
        return
    total = check.mailed + check.ghosts
    seen = check.ghosts / total if total else 0.0
    said = f"{check.ghosts:,} of {total:,} shoppers were held out ({seen:.1%}; {check.expected_share:.1%} were to be)"
    if check.is_fine:
        output.line(f"\nSample ratio: {said}: as drawn.")
    else:
        output.line(f"\nSample ratio: {said}, p = {check.p:.2g}: the groups are NOT as drawn; do not trust the lift.")


def _group(name: str, arm: Arm, money: Money) -> tuple[str, int, int, str, str]:
    if not arm.profiles:
        return name, 0, 0, "-", "-"
    return name, arm.profiles, arm.buyers, f"{arm.rate:.1%}", money(arm.mean)


def _spell(lift: Lift | NotEnoughData) -> str:
    if isinstance(lift, NotEnoughData):
        return str(lift)
    verdict = "" if lift.is_clear else "; it may be nothing"
    span = f"{lift.relative_low:+.1%} to {lift.relative_high:+.1%}"
    return f"{lift.relative:+.1%} ({span} with {lift.confidence:.0%} confidence{verdict})"
