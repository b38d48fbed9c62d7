"""What the sources of the full model say about one shopper: the model is asked again, as it is for a slate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.precompute import model_of, read_rows
from recsys.blend.model import Blend
from recsys.blend.opinions import opinions


@dataclass(frozen=True, slots=True)
class SourcesSay:
    """A product, the full model's score (0 to 1) and its place with each source, the most convinced source first."""

    product_id: str
    score: float
    places: dict[str, int]


def ask_sources(engine: Engine, version: str, profile_id: int, now: datetime, most: int) -> list[SourcesSay]:
    """The `most` products that the model of a version would put first for the profile now, with what its sources say.
    Nothing where there is no full model of that version, or nothing is known of the profile."""
    try:
        model = model_of(engine, version)
    except WrongUsage:
        return []
    if model is None or not isinstance(model.scores, Blend):
        return []
    query, _ = model.queries_of(read_rows(engine, [str(profile_id)], now))
    if len(query) != 1:
        return []
    names = model.catalog.products.external
    said = opinions(model.scores, query, most)
    return [SourcesSay(str(names[one.product]), one.score, dict(one.places)) for one in said]
