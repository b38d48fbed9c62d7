"""The cold-start ladder: candidates from the best-informed rung down to the shop's bestsellers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import nlargest
from operator import itemgetter

from recsys import keys
from recsys.columns import Events
from recsys.mixing import OWN_DECAY, SLATE_DECAY
from recsys.packing import SOURCE_NAMES, Unpacked
from recsys.request import Fetched, Request, Signal
from recsys.slates import Rung, SlotKind

POOL = 60  # candidates of a session worth ranking
SEEDS = 12  # most recent products whose neighbours are looked up
CATEGORIES = 3
SEED_DECAY = 0.85  # per step back in the session
HALF_LIFE_SECONDS = 2 * 86_400.0


@dataclass(slots=True)
class Candidate:
    """A product on its way into a slate."""

    product_id: str
    score: float
    rung: Rung
    source: str
    code: str  # which sentence explains it
    seed: str = ""


# list of a product's record, and the sentence, by slot kind: later lists only fill up
_LISTS: Mapping[SlotKind, tuple[tuple[str, float], ...]] = {
    SlotKind.SIMILAR: (("similar", 1.0), ("next", 0.3)),
    SlotKind.COMPLEMENT: (("complement", 1.0), ("next", 0.2)),
    SlotKind.CROSS_SELL: (("complement", 1.0), ("next", 0.3)),
    SlotKind.NEXT_BEST: (("next", 1.0),),
    SlotKind.NEW_FOR_YOU: (("next", 1.0), ("similar", 0.2)),
    SlotKind.RECENTLY_VIEWED: (),
}


def seeds(request: Request) -> list[Signal]:
    """Return the products a slot starts from, newest first and each once; cart or order lines lead."""
    lines: Iterable[str] = ()
    if request.slot.kind is SlotKind.COMPLEMENT:
        lines = request.cart or request.last_order
    elif request.slot.kind is SlotKind.CROSS_SELL:
        lines = request.last_order or request.cart
    named = [Signal(product_id, Events.ADDED) for product_id in lines]
    rest = [] if named else [*request.signals, *(Signal(p, Events.ADDED) for p in request.cart)]
    found: dict[str, Signal] = {}
    for signal in (*named, *rest):
        found.setdefault(signal.product_id, signal)
    return list(found.values())[:SEEDS]


def keys_of(request: Request) -> list[str]:
    """Return the cache keys one request may read."""
    found = [keys.product(s.product_id) for s in seeds(request)]
    found += [keys.product(p) for p in list(request.bought)[:SEEDS]]
    if request.profile_id:
        found.append(keys.profile(request.profile_id))
    found += [keys.category(c) for c in affinities(request, "category")]
    found += [keys.brand(b) for b in affinities(request, "brand")]
    if request.referral_source:
        found.append(keys.referral(request.referral_source))
    if request.locality:
        found.append(keys.locality(request.locality))
    return [*found, keys.MIX, keys.NEW, keys.TRENDING, keys.GLOBAL]


def affinities(request: Request, attribute: str) -> list[str]:
    """Return the categories or brands the session leans to, strongest first."""
    weight: dict[str, float] = {}
    for place, signal in enumerate(request.signals[: 4 * SEEDS]):
        name = getattr(signal, attribute)
        if name:
            weight[name] = weight.get(name, 0.0) + _strength(signal, place)
    ranked = sorted(weight, key=lambda name: -weight[name])
    if attribute == "category":
        ranked = list(dict.fromkeys([*ranked, *request.top_categories]))
    return ranked[:CATEGORIES]


def _strength(signal: Signal, place: int) -> float:
    event = Events.WEIGHTS.get(signal.event, 1.0)
    return float(event * SEED_DECAY**place * 0.5 ** (signal.age_seconds / HALF_LIFE_SECONDS))


def climb(request: Request, fetched: Fetched) -> Iterator[Candidate]:
    """Yield candidates from the top rung downwards; a product may come up again from a lower rung."""
    if request.slot.kind is SlotKind.RECENTLY_VIEWED:
        yield from _recent(request)
        return
    for product_id in request.slot.rules.pinned:
        yield Candidate(product_id, 1.0, Rung.PINNED, "pinned", "pinned")
    yield from _personal(request, fetched)
    for name in affinities(request, "category"):
        yield from _shared(fetched, keys.category(name), Rung.AFFINITY, "category", name)
    for name in affinities(request, "brand"):
        yield from _shared(fetched, keys.brand(name), Rung.AFFINITY, "brand", name)
    yield from _shared(fetched, keys.referral(request.referral_source), Rung.REFERRAL, "referral")
    yield from _shared(fetched, keys.locality(request.locality), Rung.LOCAL, "local")
    yield from _shared(fetched, keys.TRENDING, Rung.GLOBAL, "global")
    yield from _shared(fetched, keys.GLOBAL, Rung.GLOBAL, "global")


def new_products(fetched: Fetched) -> list[Candidate]:
    """Return the new products a slate may explore, best guess first."""
    return _shared(fetched, keys.NEW, Rung.NEW, "new")


def _shared(fetched: Fetched, key: str, rung: Rung, code: str, name: str = "") -> list[Candidate]:
    """Return the candidates of a list that many shoppers of a batch share, made once."""
    if key not in fetched.ranked:
        fetched.ranked[key] = list(_listed(fetched.get(key), rung, code, name))
    return fetched.ranked[key]


def _listed(record: Unpacked | None, rung: Rung, code: str, name: str = "") -> Iterator[Candidate]:
    for ids, scores, sources, _ in (record.lists if record else {}).values():
        for product_id, score, source in zip(ids, scores, sources, strict=True):
            yield Candidate(product_id, score, rung, _source_name(source), code, name)


def _source_name(code: int) -> str:
    return SOURCE_NAMES[code] if code < len(SOURCE_NAMES) else SOURCE_NAMES[0]


def _recent(request: Request) -> Iterator[Candidate]:
    strength: dict[str, float] = {}
    added: set[str] = set()
    for place, signal in enumerate(request.signals):
        strength[signal.product_id] = strength.get(signal.product_id, 0.0) + _strength(signal, place)
        if signal.event == Events.ADDED:
            added.add(signal.product_id)
    for product_id in sorted(strength, key=lambda p: -strength[p]):
        code = "left_in_cart" if product_id in added else "recently_viewed"
        yield Candidate(product_id, strength[product_id], Rung.SESSION, "history", code)


def _personal(request: Request, fetched: Fetched) -> list[Candidate]:
    """Return what is known of this very shopper as one ranking: neighbours of the session, own products, own slate."""
    started = seeds(request)
    memo = (request.slot.kind, request.profile_id, tuple(started), tuple(request.signals[:SEEDS]), tuple(request.cart))
    if memo not in fetched.ranked:
        pool = _neighbours(request, fetched, started)
        if request.slot.kind not in (SlotKind.SIMILAR, SlotKind.COMPLEMENT):
            _mix(request, fetched, pool)
        fetched.ranked[memo] = sorted(pool.values(), key=_rank)
    return fetched.ranked[memo]


def _rank(candidate: Candidate) -> tuple[float, str]:
    return -candidate.score, candidate.product_id


def _neighbours(request: Request, fetched: Fetched, started: list[Signal]) -> dict[str, Candidate]:
    """Sum what the lists of all seeds say, the best as 1; where a product came from is found later, if it is shown."""
    total: dict[str, float] = {}
    heard = total.get
    for ids, scores, _, factor, _, _ in _voices(request, fetched, started):
        for product_id, score in zip(ids, scores, strict=True):
            total[product_id] = heard(product_id, 0.0) + factor * score
    best = nlargest(POOL, total.items(), key=itemgetter(1))
    peak = best[0][1] if best and best[0][1] > 0 else 1.0
    return {product_id: Candidate(product_id, score / peak, Rung.SESSION, "", "") for product_id, score in best}


def _mix(request: Request, fetched: Fetched, pool: dict[str, Candidate]) -> None:
    """Weigh the session with own products and the precomputed slate: a product's rung is that of its largest part."""
    mix, kind = fetched.mix, request.slot.kind
    share = max(mix.session, mix.slate) if kind is SlotKind.CROSS_SELL else mix.session
    largest = {}
    for product_id, candidate in pool.items():
        candidate.score *= share
        largest[product_id] = candidate.score
    if kind is SlotKind.NEXT_BEST:
        _add(pool, largest, _recent(request), mix.own, OWN_DECAY)
    record = fetched.get(keys.profile(request.profile_id)) if request.profile_id else None
    if record is not None:
        weight = mix.slate if _knows_session(record, request) else mix.old_slate
        own = _listed(record, Rung.PROFILE, "profile")
        if kind is SlotKind.NEW_FOR_YOU:
            touched = {s.product_id for s in request.signals}
            own = (c for c in own if c.product_id not in touched)
        _add(pool, largest, own, weight, SLATE_DECAY)


def _add(
    pool: dict[str, Candidate], largest: dict[str, float], ranked: Iterable[Candidate], weight: float, decay: float
) -> None:
    for candidate in ranked:
        product_id, held = candidate.product_id, pool.get(candidate.product_id)
        candidate.score = weight + (held.score if held else 0.0)
        if held is None or weight > largest[product_id]:
            candidate.code = held.code if held and held.code else candidate.code
            pool[product_id], largest[product_id] = candidate, weight
        else:
            held.score = candidate.score
        weight *= decay


def _knows_session(record: Unpacked, request: Request) -> bool:
    """Whether a slate was made after the shopper's last touch."""
    newest = min((s.age_seconds for s in request.signals), default=0.0)
    return not request.at or record.made_at >= request.at - newest


def _voices(
    request: Request, fetched: Fetched, started: list[Signal]
) -> Iterator[tuple[list[str], tuple[float, ...], bytes, float, str, str]]:
    """Yield ids, scores, source codes, weight, list name and seed of every neighbour list that has a say."""
    for place, signal in enumerate(started):
        record = fetched.get(keys.product(signal.product_id))
        if record is None:
            continue
        strength = _strength(signal, place)
        for name, share in _LISTS[request.slot.kind]:
            if name in record.lists:
                ids, scores, sources, _ = record.lists[name]
                yield ids, scores, sources, strength * share, name, signal.product_id


def origin(request: Request, fetched: Fetched, candidate: Candidate) -> Candidate:
    """Return the candidate with source, sentence and seed of the neighbour list that spoke loudest for it."""
    if candidate.source:
        return candidate
    loudest, found = -1.0, candidate
    for ids, scores, sources, factor, name, seed in _voices(request, fetched, seeds(request)):
        if candidate.product_id in ids:
            at = ids.index(candidate.product_id)
            if factor * scores[at] > loudest:
                loudest = factor * scores[at]
                found = replace(candidate, source=_source_name(sources[at]), code=name, seed=seed)
    return found
