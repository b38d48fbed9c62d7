"""Slates at decision time: live session, cached artifacts and live product facts in, a slate out. Pure and fast.

The caller reads `keys_needed` of a whole batch by one MGET, then the facts of `products_needed`, then asks for slates.
A missing record or fact falls down the ladder and never raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from recsys import ladder
from recsys.ladder import Candidate
from recsys.merchandising import Merchandising
from recsys.reasons import marketer_explanation, shopper_reason
from recsys.request import Fetched, Request
from recsys.session import affinities, seeds
from recsys.slates import Dropped, Filled, Rung, Slate, SlateItem, SlotKind

NEW_POOL = 20
NEW_STARTS = 5  # of the best new products, any may be the first that a shopper is shown
POOL = 60  # candidates whose facts are worth reading


def keys_needed(requests: Request | Iterable[Request]) -> list[str]:
    """Return every cache key the requests may read, each once, without the storage prefix."""
    many = [requests] if isinstance(requests, Request) else requests
    return list(dict.fromkeys(chain.from_iterable(map(ladder.keys_of, many))))


def products_needed(requests: Request | Iterable[Request], fetched: Fetched, pool: int = POOL) -> list[str]:
    """Return the products whose live facts the requests need: the best candidates of each, its seeds, those that rules
    name, new products, and bestsellers for those of whom everything else is sold out."""
    many = [requests] if isinstance(requests, Request) else requests
    shared = (ladder.new_products(fetched)[:NEW_POOL], ladder.bestsellers(fetched)[:NEW_POOL])
    found = [c.product_id for some in shared for c in some]
    for request in many:
        found += [s.product_id for s in seeds(request)]
        found += _first(request, fetched, pool)
    return list(dict.fromkeys(found))


def _first(request: Request, fetched: Fetched, pool: int) -> list[str]:
    """Return the first products of the ladder; candidates are only made where the shopper's own ranking is short."""
    if request.slot.kind is not SlotKind.RECENTLY_VIEWED:
        ids = ladder.personal_ids(request, fetched)
        if len(ids) >= pool:
            return [*request.slot.rules.pinned, *request.slot.rules.boosted, *ids[:pool]]
    wanted = dict.fromkeys(request.slot.rules.boosted)
    for candidate in ladder.climb(request, fetched):
        wanted[candidate.product_id] = None
        if len(wanted) >= pool:
            break
    return list(wanted)


def recommend(request: Request, fetched: Fetched, words: Mapping[str, str] | None = None) -> Slate:
    """Return the slate of one slot. `words` overrides shopper sentences by the names of `reasons.SHOPPER_WORDS`."""
    return _recommend(request, fetched, words, request.taken)


def _recommend(request: Request, fetched: Fetched, words: Mapping[str, str] | None, taken: frozenset[str]) -> Slate:
    chosen, dropped = _choose(request, fetched, Merchandising(request, fetched, taken))
    found = ladder.traced(request, fetched, chosen)
    names = ladder.keys_of(request)
    records = fetched.get_many(names)
    record = next(filter(None, records), None)
    return Slate(
        slot=request.slot.name,
        kind=request.slot.kind,
        items=tuple([_item(request, fetched, c, words) for c in found]),
        filled=_filled(request, len(found)),
        dropped=tuple([Dropped(p, rule) for p, rule in dropped.items()]),
        version=record.version if record else "",
        made_at=record.made if record else None,
        missing=tuple(dict.fromkeys([name for name, one in zip(names, records, strict=True) if one is None])),
    )


@dataclass(frozen=True, slots=True)
class Considered:
    """A candidate as `explain` saw it: `rule` names what took it out, `place` its place in the slate, 0 for none."""

    product_id: str
    score: float
    rung: Rung
    source: str
    seed: str
    rule: str
    place: int


def explain(request: Request, fetched: Fetched, most: int = 50) -> list[Considered]:
    """Return the first candidates of a slot in the order they were looked at, and all that are shown, with what became
    of each."""
    slate = recommend(request, fetched)
    places = {product_id: place for place, product_id in enumerate(slate.product_ids, start=1)}
    rules = {dropped.product_id: dropped.rule for dropped in slate.dropped}
    seen: dict[str, Candidate] = {}
    for candidate in (*ladder.climb(request, fetched), *ladder.new_products(fetched)):
        if candidate.product_id not in seen and (len(seen) < most or candidate.product_id in places):
            seen[candidate.product_id] = candidate
    return [
        Considered(
            c.product_id, c.score, c.rung, c.source, c.seed, rules.get(c.product_id, ""), places.get(c.product_id, 0)
        )
        for c in ladder.traced(request, fetched, list(seen.values()))
    ]


def recommend_mail(
    requests: Sequence[Request], fetched: Fetched, words: Mapping[str, str] | None = None
) -> list[Slate]:
    """Return the slates of all slots of one mail, in order; no product comes twice."""
    taken: frozenset[str] = frozenset()
    slates = []
    for request in requests:
        slate = _recommend(request, fetched, words, request.taken | taken)
        if slate.filled in (Filled.FULL, Filled.SHORT):
            taken |= frozenset(slate.product_ids)
        slates.append(slate)
    return slates


def _choose(request: Request, fetched: Fetched, rules: Merchandising) -> tuple[list[Candidate], dict[str, str]]:
    size = request.slot.size
    explore = _explored(request, fetched, rules)
    chosen: dict[str, Candidate] = {}
    dropped: dict[str, str] = {}
    for candidate in _boosted(request, ladder.climb(request, fetched)):
        if len(chosen) >= size - len(explore):
            break
        _consider(candidate, rules, chosen, dropped)
    for candidate in explore:
        if candidate.product_id not in chosen:
            _consider(candidate, rules, chosen, dropped)
    return list(chosen.values())[:size], dropped


def _consider(
    candidate: Candidate, rules: Merchandising, chosen: dict[str, Candidate], dropped: dict[str, str]
) -> None:
    product_id = candidate.product_id
    if product_id in chosen or product_id in dropped:
        return
    rule = rules.refusal(product_id) or rules.crowded(candidate)
    if rule:
        dropped[product_id] = rule
        return
    chosen[product_id] = candidate
    rules.took(candidate)


def _boosted(request: Request, candidates: Iterable[Candidate]) -> Iterable[Candidate]:
    boosts = request.slot.rules.boosted
    if not boosts:
        return candidates
    pool = [replace(c, score=c.score * boosts.get(c.product_id, 1.0)) for c in candidates]
    rungs = list(Rung)
    personal = {Rung.SESSION, Rung.PROFILE}
    return sorted(pool, key=lambda c: (1 if c.rung in personal else rungs.index(c.rung), -c.score))


def _explored(request: Request, fetched: Fetched, rules: Merchandising) -> list[Candidate]:
    """Return the new products this shopper helps to learn about; who does is a sticky draw, not chance."""
    share, size = request.slot.rules.new_share, request.slot.size
    if share <= 0 or request.slot.kind is SlotKind.RECENTLY_VIEWED:
        return []
    places = int(size * share + _draw(f"{request.drawn_by or request.profile_id}|{request.slot.name}"))
    if not places:
        return []
    pool = _leaning_first(request, rules, ladder.new_products(fetched)[:NEW_POOL])
    allowed = (candidate for candidate in pool if not rules.refusal(candidate.product_id))
    found = list(islice(allowed, NEW_STARTS + places))
    if len(found) > 1:
        start = int(_draw(f"new|{request.drawn_by or request.profile_id}") * min(len(found), NEW_STARTS))
        found = [*found[start:], *found[:start]]
    return found[:places]


def _leaning_first(request: Request, rules: Merchandising, pool: list[Candidate]) -> list[Candidate]:
    """Return the candidates of the categories the session leans to, then the others."""
    wanted, facts = affinities(request, "category"), rules.facts
    if not wanted or not facts:
        return pool
    known = [(candidate, facts.get(candidate.product_id)) for candidate in pool]
    leaning = [one for one, fact in known if fact and fact.category in wanted]
    return [*leaning, *(one for one, fact in known if fact and fact.category not in wanted)]


def _draw(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


def _filled(request: Request, count: int) -> Filled:
    if count >= request.slot.size:
        return Filled.FULL
    if count >= max(request.slot.minimum, 1):
        return Filled.SHORT
    return Filled.SKIP if request.slot.when_short == "skip" else Filled.FOLD


def _item(request: Request, fetched: Fetched, candidate: Candidate, words: Mapping[str, str] | None) -> SlateItem:
    seed, rung, source = candidate.seed, candidate.rung, candidate.source
    title = _title(fetched, seed) if seed else ""
    reason = shopper_reason(candidate.code, words, seed=title, category=seed, brand=seed)
    explanation = marketer_explanation(rung, request.slot.kind, source, title or seed)
    seed_product_id = seed if seed and rung is Rung.SESSION else None
    return SlateItem(candidate.product_id, candidate.score, source, rung, reason, explanation, seed_product_id)


def _title(fetched: Fetched, product_id: str) -> str:
    facts = fetched.facts.get(product_id) if fetched.facts else None
    return facts.title if facts else ""
