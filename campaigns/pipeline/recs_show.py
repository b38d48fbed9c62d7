"""A slate explained: candidates by source with scores, what was filtered and why, and what was known of the shopper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.campaign import Campaign, Slot
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.recommend import fetch, request_for
from campaigns.pipeline.recs_opinions import SourcesSay, ask_sources
from campaigns.pipeline.recs_words import words_of
from campaigns.pipeline.subject import Subject
from campaigns.pipeline.train import moment_of
from campaigns.storage.database import transaction
from campaigns.storage.enrollments import EnrollmentRow, list_profile_enrollments
from campaigns.storage.products import read_products
from campaigns.storage.profiles import ProfileRow, find_profile_ids, read_profiles
from recsys import keys
from recsys.ladder import knows_session
from recsys.mixing import Mix
from recsys.request import Fetched, Request
from recsys.serving import Considered, explain, recommend
from recsys.slates import Slate, SlotKind
from triggers.state import ProfileState

NO_CONTEXT: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class OwnSlate:
    """The precomputed slate of a profile: which version made it when, and whether that was after the last touch."""

    version: str
    made_at: datetime
    knows_session: bool
    products: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One slate and how it came about. `titles` names every product that is mentioned."""

    profile: ProfileRow
    request: Request
    slate: Slate
    considered: list[Considered]
    titles: Mapping[str, str]
    at: datetime
    mix: Mix
    own_slate: OwnSlate | None
    campaign_id: str = ""
    sources_say: Sequence[SourcesSay] = ()

    def as_json(self) -> dict[str, Any]:
        request, slate = self.request, self.slate
        return {
            "profile": {"profile_id": self.profile.profile_id, "email": self.profile.email},
            "at": self.at,
            "slot": {"name": slate.slot, "kind": slate.kind.value, "size": request.slot.size},
            "campaign": self.campaign_id or None,
            "version": slate.version,
            "made_at": slate.made_at,
            "filled": slate.filled.value,
            "signals": [
                {"product_id": s.product_id, "event": s.event, "age_seconds": round(s.age_seconds)}
                for s in request.signals
            ],
            "cart": list(request.cart),
            "bought_days_ago": dict(request.bought),
            "returned_days_ago": dict(request.returned),
            "referral_source": request.referral_source,
            "slate": [
                {"product_id": i.product_id, "title": self.titles.get(i.product_id, ""), "score": i.score,
                 "source": i.source, "rung": i.rung.value, "reason": i.reason, "explanation": i.explanation}
                for i in slate.items
            ],
            "candidates": [
                {"product_id": c.product_id, "title": self.titles.get(c.product_id, ""), "score": c.score,
                 "rung": c.rung.value, "source": c.source, "from": c.seed, "filtered": c.rule or None,
                 "place": c.place or None}
                for c in self.considered
            ],
            "sources_say": [
                {"product_id": one.product_id, "title": self.titles.get(one.product_id, ""), "score": one.score,
                 "places": one.places} for one in self.sources_say
            ],
            "weights": asdict(self.mix),
            "own_slate": asdict(self.own_slate) if self.own_slate else None,
            "missing_records": list(slate.missing),
        }  # fmt: skip


def show(engine: Engine, who: str, kind: str, *, campaign_id: str = "", size: int = 4, most: int = 50) -> Shown:
    """The slate of one profile as it would be chosen now. `kind` is a slot kind, or with `campaign_id` also the name of
    one of its slots, with that slot's size and rules. Raises WrongUsage where profile, campaign or slot is unknown."""
    with transaction(engine.database) as connection:
        profile = _find(connection, who)
        state = ProfileState.from_json(profile.state)
        at = moment_of(connection, engine.now(connection))
        campaign, number, slot = _slot(engine, connection, kind, campaign_id, size)
        context = _context(list_profile_enrollments(connection, profile.profile_id), campaign)
        step = campaign.steps[number]
        subject = Subject(profile, state, campaign, step, number + 1, None, "shown", at, context)
        return _shown(engine, connection, subject, slot, most)


def _shown(engine: Engine, connection: Connection, subject: Subject, slot: Slot, most: int) -> Shown:
    facts = read_products(connection, subject.product_ids())
    request = request_for(subject, slot, facts, engine.settings.recs.rules)
    fetched, facts = fetch(engine, connection, [request], facts)
    words = words_of(engine.templates, subject.template, subject.row.locale or "", engine.settings.shop.locale)
    slate, considered = recommend(request, fetched, words), explain(request, fetched, most)
    own = _own_slate(request, fetched)
    said = ask_sources(engine, own.version, subject.row.profile_id, subject.at, most) if own else []
    known = {c.product_id for c in considered} | {c.seed for c in considered} | {s.product_id for s in request.signals}
    known |= {one.product_id for one in said}
    unknown = [product_id for product_id in known if product_id and product_id not in facts]
    titles = {i: p.title for i, p in {**facts, **read_products(connection, unknown)}.items()}
    campaign_id = subject.campaign.campaign_id
    return Shown(subject.row, request, slate, considered, titles, subject.at, fetched.mix, own, campaign_id, said)


def _own_slate(request: Request, fetched: Fetched) -> OwnSlate | None:
    record = fetched.get(keys.profile(str(request.profile_id)))
    if record is None:
        return None
    products = sum(len(found[0]) for found in record.lists.values())
    return OwnSlate(record.version, record.made, knows_session(record, request), products)


def _find(connection: Connection, who: str) -> ProfileRow:
    ids = find_profile_ids(connection, who)
    if not ids:
        raise WrongUsage(f"no profile is known as {who!r}", fix="give a user id, an anonymous id or an address")
    return next(iter(read_profiles(connection, ids[:1]).values()))


def _slot(engine: Engine, connection: Connection, kind: str, campaign_id: str, size: int) -> tuple[Campaign, int, Slot]:
    current = engine.campaigns.read(connection).current
    if campaign_id and campaign_id not in current:
        raise WrongUsage(
            f"no campaign {campaign_id!r} is applied", fix=f"there is {', '.join(sorted(current)) or 'none'}"
        )
    chosen = [current[campaign_id]] if campaign_id else list(current.values())
    if campaign_id:
        for number, step in enumerate(chosen[0].steps):
            for slot in step.slots:
                if kind in (slot.name, slot.kind):
                    return chosen[0], number, slot
    if kind not in tuple(SlotKind):
        names = [*SlotKind, *(slot.name for one in chosen if campaign_id for step in one.steps for slot in step.slots)]
        raise WrongUsage(f"there is no slot {kind!r}", fix=f"give one of {', '.join(dict.fromkeys(names))}")
    if not chosen:
        raise WrongUsage("no campaign is applied, so no slate would be chosen", fix="run `rekindle campaigns apply`")
    return chosen[0], 0, Slot("shown", kind, size)


def _context(rows: list[EnrollmentRow], campaign: Campaign) -> Mapping[str, Any]:
    """What the profile's last enrollment of the campaign is about; nothing where there is none."""
    mine = [row for row in rows if row.campaign_id == campaign.campaign_id]
    return max(mine, key=lambda row: row.entered_at).context if mine else NO_CONTEXT
