"""Slates at decision time: live session, cached artifacts and live product facts in, a slate out. Pure and fast.

The caller reads `keys_needed` of a whole batch by one MGET, then the facts of `products_needed`, then asks for slates.
A missing record or fact falls down the ladder and never raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from recsys import ladder
from recsys.ladder import Candidate
from recsys.merchandising import Merchandising
from recsys.reasons import marketer_explanation, shopper_reason
from recsys.request import Fetched, Request
from recsys.slates import Dropped, Filled, Rung, Slate, SlateItem, SlotKind

NEW_POOL = 20
POOL = 60  # candidates whose facts are worth reading


def keys_needed(requests: Request | Iterable[Request]) -> list[str]:
    """Return every cache key the requests may read, each once, without the storage prefix."""
    many = [requests] if isinstance(requests, Request) else requests
    return list(dict.fromkeys(key for request in many for key in ladder.keys_of(request)))


def products_needed(requests: Request | Iterable[Request], fetched: Fetched, pool: int = POOL) -> list[str]:
    """Return the products whose live facts the requests need: the best candidates of each, its seeds, those that rules
    name, new products, and bestsellers for those of whom everything else is sold out."""
    many = [requests] if isinstance(requests, Request) else requests
    shared = (ladder.new_products(fetched)[:NEW_POOL], ladder.bestsellers(fetched)[:NEW_POOL])
    found = dict.fromkeys(c.product_id for some in shared for c in some)
    for request in many:
        found |= dict.fromkeys([s.product_id for s in ladder.seeds(request)])
        found |= dict.fromkeys(_first(request, fetched, pool))
    return list(found)


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
    rules = Merchandising(request, fetched)
    chosen, dropped = _choose(request, fetched, rules)
    items = tuple(_item(request, fetched, c, words) for c in chosen)
    read = {key: fetched.get(key) for key in ladder.keys_of(request)}
    record = next((r for r in read.values() if r), None)
    return Slate(
        slot=request.slot.name,
        kind=request.slot.kind,
        items=items,
        filled=_filled(request, len(items)),
        dropped=tuple(Dropped(p, rule) for p, rule in dropped.items()),
        version=record.version if record else "",
        made_at=record.made if record else None,
        missing=tuple(key for key, r in read.items() if r is None),
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
    found: dict[str, Considered] = {}
    for candidate in (*ladder.climb(request, fetched), *ladder.new_products(fetched)):
        if candidate.product_id in found or (len(found) >= most and candidate.product_id not in places):
            continue
        known = ladder.origin(request, fetched, candidate)
        rule, place = rules.get(known.product_id, ""), places.get(known.product_id, 0)
        found[known.product_id] = Considered(
            known.product_id, known.score, known.rung, known.source, known.seed, rule, place
        )
    return list(found.values())


def recommend_mail(
    requests: Sequence[Request], fetched: Fetched, words: Mapping[str, str] | None = None
) -> list[Slate]:
    """Return the slates of all slots of one mail, in order; no product comes twice."""
    taken: frozenset[str] = frozenset()
    slates = []
    for request in requests:
        slate = recommend(replace(request, taken=request.taken | taken) if taken else request, fetched, words)
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
    rule = rules.refusal(candidate) or rules.crowded(candidate)
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
    wanted = set(ladder.affinities(request, "category"))
    pool = [c for c in ladder.new_products(fetched)[:NEW_POOL] if not rules.refusal(c)]
    if wanted and rules.facts:
        facts = rules.facts
        pool.sort(key=lambda c: facts[c.product_id].category not in wanted)
    if len(pool) > 1:
        start = int(_draw(f"new|{request.drawn_by or request.profile_id}") * min(len(pool), 5))
        pool = [*pool[start:], *pool[:start]]
    return pool[:places]


def _draw(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


def _filled(request: Request, count: int) -> Filled:
    if count >= request.slot.size:
        return Filled.FULL
    if count >= max(request.slot.minimum, 1):
        return Filled.SHORT
    return Filled.SKIP if request.slot.when_short == "skip" else Filled.FOLD


def _item(request: Request, fetched: Fetched, candidate: Candidate, words: Mapping[str, str] | None) -> SlateItem:
    candidate = ladder.origin(request, fetched, candidate)
    seed = _title(fetched, candidate.seed)
    named = {"seed": seed, "category": candidate.seed, "brand": candidate.seed}
    is_product = candidate.rung is Rung.SESSION and bool(candidate.seed)
    return SlateItem(
        product_id=candidate.product_id,
        score=candidate.score,
        source=candidate.source,
        rung=candidate.rung,
        reason=shopper_reason(candidate.code, words, **named),
        explanation=marketer_explanation(candidate.rung, request.slot.kind, candidate.source, seed or candidate.seed),
        seed_product_id=candidate.seed if is_product else None,
    )


def _title(fetched: Fetched, product_id: str) -> str:
    facts = fetched.facts.get(product_id) if fetched.facts and product_id else None
    return facts.title if facts else ""
