"""What `recs show` prints: what was known, how it was weighed, the slate, and what became of every candidate."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from campaigns.cli.output import Output
from campaigns.domain.campaign_values import tell_age
from campaigns.pipeline.recs_show import Shown
from recsys.serving import Considered

_BAR = 6
_EXAMPLES = 3
_SOURCES = 5


def print_shown(output: Output, found: Shown) -> None:
    """A slate from the top: shopper, weights, products, sources, rules, candidates."""
    _print_known(output, found)
    most = max((c.score for c in found.considered), default=0.0) or 1.0
    rows = [
        (n, i.product_id, found.titles.get(i.product_id, ""), f"{i.rung.value}: {i.source}", f"{i.score:.3f}", i.reason)
        for n, i in enumerate(found.slate.items, start=1)
    ]
    output.table(
        f"Slate: {len(rows)} of {found.request.slot.size} places",
        ("", "product", "title", "rung: source", "score", "the shopper reads"),
        rows,
    )
    _print_sources(output, found.considered)
    _print_rules(output, found)
    candidates = [
        (c.product_id, found.titles.get(c.product_id, ""), f"{c.rung.value}: {c.source}", f"{c.score:.3f}",
         _bar(c.score / most), found.titles.get(c.seed, c.seed), _fate(c))
        for c in found.considered
    ]  # fmt: skip
    columns = ("product", "title", "rung: source", "score", "", "from", "what became of it")
    output.table("Candidates, in the order they were looked at", columns, candidates)
    _print_opinions(output, found)


def _print_known(output: Output, found: Shown) -> None:
    request, slate, own = found.request, found.slate, found.own_slate
    who = found.profile.email or found.profile.user_id or "a stranger"
    output.line(f"Profile {found.profile.profile_id} ({who}), slot {slate.slot} ({slate.kind}): {slate.filled}")
    looked = len({signal.product_id for signal in request.signals})
    known = [
        f"{looked} products looked at or added lately",
        f"{len(request.cart)} in the cart",
        f"{len(request.bought)} bought",
        f"{len(request.returned)} sent back",
        f"came from {request.referral_source}" if request.referral_source else "referral source unknown",
    ]
    output.line(f"Known:  {', '.join(known)}")
    if own is None:
        output.line("Slate:  none of its own; the session and the ladder fill the slot")
        slate_weight = 0.0
    else:
        age = tell_age(max(0.0, (found.at - own.made_at).total_seconds()))
        says = "it knows the last visit" if own.knows_session else "older than the last touch: the session leads"
        output.line(f"Slate:  {own.products} products, version {own.version}, made {age} ago; {says}")
        slate_weight = found.mix.slate if own.knows_session else found.mix.old_slate
    output.line(f"Weigh:  own products {found.mix.own:g}, own slate {slate_weight:g}, session {found.mix.session:g}\n")


def _print_sources(output: Output, considered: list[Considered]) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in considered:
        counts[f"{one.rung.value}: {one.source}"].update(
            ["all", *(["shown"] if one.place else []), *(["out"] if one.rule else [])]
        )
    rows = [(name, n["all"], n["shown"], n["out"], n["all"] - n["shown"] - n["out"]) for name, n in counts.items()]
    output.table("By source", ("rung: source", "candidates", "shown", "taken out", "not needed"), rows)


def _print_opinions(output: Output, found: Shown) -> None:
    """Why the full model puts its products where they are: the places its sources give them."""
    rows = [
        (one.product_id, found.titles.get(one.product_id, ""), f"{one.score:.3f}", _places(one.places))
        for one in found.sources_say
    ]
    if rows:
        columns = ("product", "title", "score", "place with its sources")
        output.table("The full model, asked now, and what its sources say", columns, rows)


def _places(places: Mapping[str, int]) -> str:
    shown = [f"{name} {place}" for name, place in list(places.items())[:_SOURCES]]
    left = len(places) - len(shown)
    return ", ".join(shown) + (f", {left} more" if left else "")


def _print_rules(output: Output, found: Shown) -> None:
    by_rule: dict[str, list[str]] = defaultdict(list)
    for one in found.considered:
        if one.rule:
            by_rule[one.rule].append(found.titles.get(one.product_id) or one.product_id)
    rows = [
        (rule, len(names), ", ".join(names[:_EXAMPLES]) + (", ..." if len(names) > _EXAMPLES else ""))
        for rule, names in sorted(by_rule.items(), key=lambda pair: -len(pair[1]))
    ]
    if rows:
        output.table("Taken out by rules", ("rule", "products", "such as"), rows)


def _fate(one: Considered) -> str:
    return f"shown, place {one.place}" if one.place else f"out: {one.rule}" if one.rule else "not needed"


def _bar(share: float) -> str:
    return "█" * round(_BAR * max(0.0, min(1.0, share)))
