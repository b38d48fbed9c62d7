"""The cold-start ladder: candidates from the best-informed rung down to the shop's bestsellers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from math import log

from recsys import keys
from recsys.columns import Events
from recsys.mixing import OWN_DECAY, SLATE_DECAY, Mix
from recsys.packing import SOURCE_NAMES, Unpacked
from recsys.request import Fetched, Request, Signal
from recsys.slates import Rung, SlotKind

POOL = 60  # candidates of a session worth ranking
DEEP = 40  # neighbours of the newest seed that have a say
SEEDS = 12  # most recent products whose neighbours are looked up
CATEGORIES = 3
SEED_DECAY = 0.85  # per step back in the session
HALF_LIFE_SECONDS = 2 * 86_400.0
_STEPS_PER_SECOND = log(0.5) / log(SEED_DECAY) / HALF_LIFE_SECONDS  # of age, in steps back in the session


@dataclass(slots=True)
class Candidate:
    """A product on its way into a slate."""

    product_id: str
    score: float
    rung: Rung
    source: str
    code: str  # which sentence explains it
    seed: str = ""


@dataclass(slots=True)
class Ranking:
    """What is known of one shopper: ids best first, the score of each in parts of `unit`, and what scores are the sums
    of: neighbours of the session, also in parts of `unit`, own products, and the precomputed slate of `record`."""

    ids: list[str]
    score: dict[str, float]
    session: dict[str, float] = field(default_factory=dict)
    unit: float = 1.0
    own: dict[str, tuple[float, str]] = field(default_factory=dict)  # with the sentence
    slate: dict[str, float] = field(default_factory=dict)
    record: Unpacked | None = None

    def origin(self, product_id: str) -> tuple[Rung, str, str]:
        """Return rung, source and sentence of a product's largest part; source and sentence of a neighbour of the
        session are found later, for those that are shown."""
        held = self.own.get(product_id)
        largest = max(held[0] if held else 0.0, self.unit * self.session.get(product_id, 0.0))
        if self.slate.get(product_id, 0.0) > largest:
            return Rung.PROFILE, self._slate_source(product_id), held[1] if held else "profile"
        return (Rung.SESSION, "history", held[1]) if held else (Rung.SESSION, "", "")

    def _slate_source(self, product_id: str) -> str:
        lists = self.record.lists.values() if self.record else ()
        return next((_source_name(codes[ids.index(product_id)]) for ids, _, codes, _ in lists if product_id in ids), "")


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
    if "seeds" not in request.memo:
        request.memo["seeds"] = _seeds(request)
    found: list[Signal] = request.memo["seeds"]
    return found


def _seeds(request: Request) -> list[Signal]:
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
    if "keys" not in request.memo:
        request.memo["keys"] = _keys_of(request)
    found: list[str] = request.memo["keys"]
    return found


def _keys_of(request: Request) -> list[str]:
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
    if attribute not in request.memo:
        request.memo[attribute] = _affinities(request, attribute)
    found: list[str] = request.memo[attribute]
    return found


def _affinities(request: Request, attribute: str) -> list[str]:
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
    steps = place + signal.age_seconds * _STEPS_PER_SECOND
    return float(Events.WEIGHTS.get(signal.event, 1.0) * SEED_DECAY**steps)


def climb(request: Request, fetched: Fetched) -> Iterator[Candidate]:
    """Yield candidates from the top rung downwards; a product may come up again from a lower rung."""
    if request.slot.kind is SlotKind.RECENTLY_VIEWED:
        yield from _recent(request)
        return
    for product_id in request.slot.rules.pinned:
        yield Candidate(product_id, 1.0, Rung.PINNED, "pinned", "pinned")
    yield from _candidates(_personal(request, fetched))
    for name in affinities(request, "category"):
        yield from _shared(fetched, keys.category(name), Rung.AFFINITY, "category", name)
    for name in affinities(request, "brand"):
        yield from _shared(fetched, keys.brand(name), Rung.AFFINITY, "brand", name)
    yield from _shared(fetched, keys.referral(request.referral_source), Rung.REFERRAL, "referral")
    yield from _shared(fetched, keys.locality(request.locality), Rung.LOCAL, "local")
    yield from _shared(fetched, keys.TRENDING, Rung.GLOBAL, "global")
    yield from bestsellers(fetched)


def new_products(fetched: Fetched) -> list[Candidate]:
    """Return the new products a slate may explore, best guess first."""
    return _shared(fetched, keys.NEW, Rung.NEW, "new")


def bestsellers(fetched: Fetched) -> list[Candidate]:
    """Return the last rung: what the shop sells most."""
    return _shared(fetched, keys.GLOBAL, Rung.GLOBAL, "global")


def _shared(fetched: Fetched, key: str, rung: Rung, code: str, name: str = "") -> list[Candidate]:
    """Return the candidates of a list that many shoppers of a batch share, made once."""
    if key not in fetched.ranked:
        fetched.ranked[key] = list(_listed(fetched.get(key), rung, code, name))
    found: list[Candidate] = fetched.ranked[key]
    return found


def _listed(record: Unpacked | None, rung: Rung, code: str, name: str = "") -> Iterator[Candidate]:
    for ids, scores, sources, _ in (record.lists if record else {}).values():
        for product_id, score, source in zip(ids, scores, sources, strict=True):
            yield Candidate(product_id, score, rung, _source_name(source), code, name)


def _source_name(code: int) -> str:
    return SOURCE_NAMES[code] if code < len(SOURCE_NAMES) else SOURCE_NAMES[0]


def _recent(request: Request) -> Iterator[Candidate]:
    for product_id, strength, code in _own_products(request):
        yield Candidate(product_id, strength, Rung.SESSION, "history", code)


def _own_products(request: Request) -> list[tuple[str, float, str]]:
    """Return what the shopper touched with its strength and sentence, the strongest first."""
    strength: dict[str, float] = {}
    added: set[str] = set()
    for place, signal in enumerate(request.signals):
        strength[signal.product_id] = strength.get(signal.product_id, 0.0) + _strength(signal, place)
        if signal.event == Events.ADDED:
            added.add(signal.product_id)
    ordered = sorted(strength, key=strength.__getitem__, reverse=True)
    return [(p, strength[p], "left_in_cart" if p in added else "recently_viewed") for p in ordered]


def personal_ids(request: Request, fetched: Fetched) -> list[str]:
    """Return what is known of this very shopper as one ranking: neighbours of the session, own products, own slate."""
    return _personal(request, fetched).ids


def _personal(request: Request, fetched: Fetched) -> Ranking:
    """Return the ranking; candidates are made of it one by one, for few of them are ever looked at."""
    if request.fingerprint not in fetched.ranked:
        kind, total = request.slot.kind, _neighbours(request, fetched)
        mixed = _mixed if kind not in (SlotKind.SIMILAR, SlotKind.COMPLEMENT) else _plain
        fetched.ranked[request.fingerprint] = mixed(request, fetched, total)
    found: Ranking = fetched.ranked[request.fingerprint]
    return found


def _candidates(ranking: Ranking) -> Iterator[Candidate]:
    for product_id in ranking.ids:
        yield Candidate(product_id, ranking.unit * ranking.score[product_id], *ranking.origin(product_id))


def _neighbours(request: Request, fetched: Fetched) -> dict[str, float]:
    """Sum what the lists of all seeds say; where a product came from is found later, for those that are shown."""
    total: dict[str, float] = {}
    heard = total.get
    for ids, scores, _, factor, _, _ in _voices(request, fetched, seeds(request)):
        if not total:
            total.update(zip(ids, [factor * score for score in scores], strict=True))
            continue
        for product_id, score in zip(ids, scores, strict=True):
            total[product_id] = heard(product_id, 0.0) + factor * score
    return total


def _plain(request: Request, fetched: Fetched, total: dict[str, float]) -> Ranking:
    best = sorted(total, key=total.__getitem__, reverse=True)[:POOL]
    peak = total[best[0]] if best and total[best[0]] > 0 else 1.0
    return Ranking(best, {product_id: total[product_id] / peak for product_id in best})


def _mixed(request: Request, fetched: Fetched, total: dict[str, float]) -> Ranking:
    """Weigh the session with own products and the precomputed slate."""
    mix, kind = fetched.mix, request.slot.kind
    share = max(mix.session, mix.slate) if kind is SlotKind.CROSS_SELL else mix.session
    unit = share / (max(total.values(), default=1.0) or 1.0)
    score = total.copy() if unit else dict.fromkeys(total, 0.0)
    unit = unit or 1.0
    own, weight, heard = dict[str, tuple[float, str]](), mix.own, score.get
    for product_id, _, code in _own_products(request) if kind is SlotKind.NEXT_BEST else ():
        own[product_id] = (weight, code)
        score[product_id] = heard(product_id, 0.0) + weight / unit
        weight *= OWN_DECAY
    record = fetched.get(keys.profile(request.profile_id)) if request.profile_id else None
    slate = _slate(request, fetched.mix, record) if record else {}
    for product_id, weight in slate.items():
        score[product_id] = heard(product_id, 0.0) + weight / unit
    best = sorted(score, key=score.__getitem__, reverse=True)[: 2 * POOL]
    return Ranking(best, score, total if share else {}, unit, own, slate, record)


def _slate(request: Request, mix: Mix, record: Unpacked) -> dict[str, float]:
    """Return the weight of every product of the shopper's own slate, best first."""
    weight = mix.slate if knows_session(record, request) else mix.old_slate
    lists = [ids for ids, _, _, _ in record.lists.values()]
    ids = lists[0] if len(lists) == 1 else list(dict.fromkeys(chain.from_iterable(lists)))
    if request.slot.kind is SlotKind.NEW_FOR_YOU:
        touched = {s.product_id for s in request.signals}
        ids = [product_id for product_id in ids if product_id not in touched]
    return dict(zip(ids, _falling(weight, len(ids)), strict=True))


@lru_cache(maxsize=1_024)
def _falling(weight: float, count: int) -> tuple[float, ...]:
    return tuple(weight * SLATE_DECAY**place for place in range(count))


def knows_session(record: Unpacked, request: Request) -> bool:
    """Whether a slate was made after the shopper's last touch."""
    newest = min((s.age_seconds for s in request.signals), default=0.0)
    return not request.at or record.made_at >= request.at - newest


def _voices(
    request: Request, fetched: Fetched, started: list[Signal]
) -> Iterator[tuple[list[str], tuple[float, ...], bytes, float, str, str]]:
    """Yield ids, scores, source codes, weight, list name and seed of every neighbour list that has a say: of older
    seeds the first places only."""
    for place, signal in enumerate(started):
        record = fetched.get(keys.product(signal.product_id))
        if record is None:
            continue
        strength, most = _strength(signal, place), max(10, DEEP - 4 * place)
        for name, share in _LISTS[request.slot.kind]:
            if name in record.lists:
                ids, scores, sources, _ = record.lists.first(name, most)
                if len(ids) > most:
                    ids, scores = ids[:most], scores[:most]
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
