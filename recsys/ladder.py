"""The cold-start ladder: candidates from the best-informed rung down to the shop's bestsellers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice

from recsys import keys
from recsys.mixing import OWN_DECAY, SLATE_DECAY
from recsys.packing import SOURCE_NAMES, List, Unpacked
from recsys.request import Fetched, Request
from recsys.session import SEEDS, affinities, bought_lines, own_code, own_products, seed_strengths, seeds
from recsys.slates import Rung, SlotKind

POOL = 60  # candidates of a session worth ranking
DEEP = 40  # neighbours of the newest seed that have a say
_HEARD = tuple(max(10, DEEP - 4 * place) for place in range(SEEDS))  # how many neighbours of each seed have a say


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
    """What is known of one shopper: ids best first, and what their scores, in parts of `unit`, are made of: neighbours
    of the session; own products with their weights, some `added` to a cart; the precomputed slate, best first, with its
    weights (`falling`) and the `lists` that say where it came from. `mixed` are the scores of the slate's products."""

    ids: list[str]
    session: dict[str, float]
    unit: float = 1.0
    own: Mapping[str, float] = field(default_factory=dict)
    added: Collection[str] = ()
    mixed: Mapping[str, float] = field(default_factory=dict)
    slate: Sequence[str] = ()
    falling: Sequence[float] = ()
    lists: Sequence[List] = ()

    def candidate(self, product_id: str) -> Candidate:
        """Return the candidate with rung, source and sentence of its largest part; source and sentence of a neighbour
        of the session are found later, for those that are shown."""
        heard, unit, own = self.session.get(product_id, 0.0), self.unit, self.own.get(product_id)
        code = "" if own is None else own_code(product_id, self.added)
        if product_id in self.mixed:
            place, largest = self.slate.index(product_id), max(own or 0.0, unit * heard)
            score = unit * self.mixed[product_id]
            if self.falling[place] > largest:
                return Candidate(product_id, score, Rung.PROFILE, self._slate_source(place), code or "profile")
        else:
            score = unit * (heard if own is None else heard + own / unit)
        return Candidate(product_id, score, Rung.SESSION, "history" if code else "", code)

    def _slate_source(self, place: int) -> str:
        product_id = self.slate[place]
        for ids, _, codes, _ in self.lists:
            if ids is self.slate:
                return _source_name(codes[place])
            if product_id in ids:
                return _source_name(codes[ids.index(product_id)])
        return ""


# list of a product's record, and the sentence, by slot kind: later lists only fill up
_LISTS: Mapping[SlotKind, tuple[tuple[str, float], ...]] = {
    SlotKind.SIMILAR: (("similar", 1.0), ("next", 0.3)),
    SlotKind.COMPLEMENT: (("complement", 1.0), ("next", 0.2)),
    SlotKind.CROSS_SELL: (("complement", 1.0), ("next", 0.3)),
    SlotKind.NEXT_BEST: (("next", 1.0),),
    SlotKind.NEW_FOR_YOU: (("next", 1.0), ("similar", 0.2)),
    SlotKind.RECENTLY_VIEWED: (),
}


def keys_of(request: Request) -> list[str]:
    """Return the cache keys one request may read, those of its seeds first."""
    found: list[str] | None = request.memo.get("keys")
    if found is None:
        found = request.memo["keys"] = _keys_of(request)
    return found


def _keys_of(request: Request) -> list[str]:
    found = keys.products([s.product_id for s in seeds(request)])
    found += keys.products([*islice(request.bought, SEEDS), *bought_lines(request)])
    if request.profile_id:
        found.append(keys.profile(request.profile_id))
    found += [keys.category(c) for c in affinities(request, "category")]
    found += [keys.brand(b) for b in affinities(request, "brand")]
    if request.referral_source:
        found.append(keys.referral(request.referral_source))
    if request.locality:
        found.append(keys.locality(request.locality))
    found += (keys.MIX, keys.NEW, keys.TRENDING, keys.GLOBAL)
    return found


def climb(request: Request, fetched: Fetched) -> Iterator[Candidate]:
    """Yield candidates from the top rung downwards; a product may come up again from a lower rung."""
    if request.slot.kind is SlotKind.RECENTLY_VIEWED:
        yield from _recent(request)
        return
    for product_id in request.slot.rules.pinned:
        yield Candidate(product_id, 1.0, Rung.PINNED, "pinned", "pinned")
    ranking = _personal(request, fetched)
    yield from map(ranking.candidate, ranking.ids)
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
    strength, added = own_products(request)
    for product_id, much in strength.items():
        yield Candidate(product_id, much, Rung.SESSION, "history", own_code(product_id, added))


def personal_ids(request: Request, fetched: Fetched) -> list[str]:
    """Return what is known of this very shopper as one ranking: neighbours of the session, own products, own slate."""
    return _personal(request, fetched).ids


def _personal(request: Request, fetched: Fetched) -> Ranking:
    """Return the ranking; candidates are made of it one by one, for few of them are ever looked at."""
    known: tuple[Request, Ranking] | None = fetched.ranked.get(id(request))
    if known is not None:
        return known[1]
    shared = request.fingerprint()
    found: Ranking | None = fetched.ranked.get(shared)
    if found is None:
        kind, total = request.slot.kind, _neighbours(request, fetched)
        mixed = _mixed if kind not in (SlotKind.SIMILAR, SlotKind.COMPLEMENT) else _plain
        found = fetched.ranked[shared] = mixed(request, fetched, total)
    fetched.ranked[id(request)] = request, found  # which also keeps the request, so that no other one has its id
    return found


def _neighbours(request: Request, fetched: Fetched) -> dict[str, float]:
    """Sum what the lists of all seeds say; where a product came from is found later, for those that are shown."""
    total: dict[str, float] = {}
    heard = total.get
    for record, at, most, factor, _, _ in _voices(request, fetched):
        ids, scores = record.first(at, most)
        for product_id, score in zip(ids, scores, strict=False):
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
    session = total if unit else dict.fromkeys(total, 0.0)
    unit = unit or 1.0
    touched, added = own_products(request) if kind is SlotKind.NEXT_BEST else ({}, set[str]())
    own, weight, heard, score = dict[str, float](), mix.own, session.get, session.copy()
    for product_id in touched:
        own[product_id] = weight
        score[product_id] = heard(product_id, 0.0) + weight / unit
        weight *= OWN_DECAY
    heard = score.get
    lists, ids, falling = _slate(request, fetched)
    mixed = {p: heard(p, 0.0) + weight / unit for p, weight in zip(ids, falling, strict=True)}
    score |= mixed
    best = sorted(score, key=score.__getitem__, reverse=True)[: 2 * POOL]
    return Ranking(best, session, unit, own, added, mixed, ids, falling, lists)


def _slate(request: Request, fetched: Fetched) -> tuple[list[List], list[str], tuple[float, ...]]:
    """Return the lists of the shopper's own slate, its products, best first, and their weights."""
    record = fetched.get(keys.profile(request.profile_id)) if request.profile_id else None
    if record is None:
        return [], [], ()
    lists = list(record.lists.values())
    ids = lists[0][0] if len(lists) == 1 else list(dict.fromkeys(chain.from_iterable([found[0] for found in lists])))
    if request.slot.kind is SlotKind.NEW_FOR_YOU:
        touched = {s.product_id for s in request.signals}
        ids = [product_id for product_id in ids if product_id not in touched]
    weight = fetched.mix.slate if knows_session(record, request) else fetched.mix.old_slate
    return lists, ids, _falling(weight, len(ids))


@lru_cache(maxsize=1_024)
def _falling(weight: float, count: int) -> tuple[float, ...]:
    return tuple(weight * SLATE_DECAY**place for place in range(count))


def knows_session(record: Unpacked, request: Request) -> bool:
    """Whether a slate was made after the shopper's last touch."""
    if not request.at:
        return True
    return record.made_at >= request.at - min([s.age_seconds for s in request.signals], default=0.0)


_Voice = tuple[Unpacked, int, int, float, str, str]  # record, place of a list, how many of it, weight, its name, seed


def _voices(request: Request, fetched: Fetched) -> Iterator[_Voice]:
    """Yield every neighbour list that has a say: of older seeds the first places only."""
    wanted, read = _LISTS[request.slot.kind], fetched.get
    strengths = seed_strengths(request)
    for signal, key, strength, most in zip(seeds(request), keys_of(request), strengths, _HEARD, strict=False):
        record = read(key)
        if record is not None:
            for name, share in wanted:
                at = record.find(name)
                if at:
                    yield record, at, most, strength * share, name, signal.product_id


def traced(request: Request, fetched: Fetched, candidates: list[Candidate]) -> list[Candidate]:
    """Return the candidates, those of the session with source, sentence and seed of the neighbour list that spoke
    loudest for each."""
    if all(candidate.source for candidate in candidates):
        return candidates
    voices = list(_voices(request, fetched))
    return [one if one.source else _traced(one, voices) for one in candidates]


def _traced(candidate: Candidate, voices: Iterable[_Voice]) -> Candidate:
    loudest, source, code, found = -1.0, "", candidate.code, ""
    product_id = candidate.product_id.encode()
    for record, at, most, factor, name, seed in voices:
        said = record.said(at, most, product_id)
        if said is not None and factor * said[0] > loudest:
            loudest, source, code, found = factor * said[0], _source_name(said[1]), name, seed
    return Candidate(candidate.product_id, candidate.score, candidate.rung, source, code, found)
