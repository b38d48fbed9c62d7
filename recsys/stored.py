"""A model as files: the arrays it learned from as Parquet, read column-wise, and what its sources learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.blend.model import Blend
from recsys.catalog import Catalog
from recsys.errors import BadArtifact
from recsys.ids import IdMap
from recsys.log import InteractionLog
from recsys.precompute import Model
from recsys.sources.item_knn import ItemKnn

_ARRAYS = ("listed", "category", "brand", "price", "published_at")


def save_model(model: Model, folder: Path) -> None:
    """Write everything `load_model` needs into a folder."""
    log, catalog = model.log, model.catalog
    rows = {name: getattr(log, name) for name in ("session", "profile", "product", "event")}
    frame = pd.DataFrame({name: values.astype(np.int32) for name, values in rows.items()})
    known = {} if log.referral is None else {"referral": log.referral.astype(np.int32)}
    frame.assign(at=log.at, **known).to_parquet(folder / "log.parquet")
    products = pd.DataFrame({name: getattr(catalog, name) for name in _ARRAYS})
    products.assign(id=[str(p) for p in catalog.products.external], title=catalog.titles).to_parquet(
        folder / "products.parquet"
    )
    pd.DataFrame({"id": [str(p) for p in log.profiles.external]}).to_parquet(folder / "profiles.parquet")
    facts = {
        "version": model.version,
        "depth": model.depth,
        "recent": model.recent,
        "ranking": "blend" if isinstance(model.scores, Blend) else "neighbours",
        "sessions": log.sessions,
        "has_times": log.has_times,
        "referrals": [str(one) for one in log.referrals.external],
        "categories": catalog.categories,
        "brands": catalog.brands,
    }
    (folder / "model.json").write_text(json.dumps(facts))
    (folder / "scores").mkdir(exist_ok=True)
    if isinstance(model.scores, Blend | ItemKnn):
        model.scores.save(folder / "scores")


def load_model(folder: Path) -> Model:
    """Read what `save_model` wrote; BadArtifact where it is missing or damaged."""
    try:
        facts = json.loads((folder / "model.json").read_text())
        products, rows, profiles = (pd.read_parquet(folder / f"{n}.parquet") for n in ("products", "log", "profiles"))
        catalog = Catalog(
            products=IdMap(products["id"]),
            categories=list(facts["categories"]),
            brands=list(facts["brands"]),
            titles=products["title"].tolist(),
            **{name: products[name].to_numpy() for name in _ARRAYS},
        )
        numbers = {n: rows[n].to_numpy().astype(np.int64) for n in ("session", "profile", "product", "event")}
        log = InteractionLog(
            session=numbers["session"],
            profile=numbers["profile"],
            product=numbers["product"],
            event=numbers["event"],
            at=rows["at"].to_numpy(),
            sessions=int(facts["sessions"]),
            profiles=IdMap(profiles["id"]),
            products=catalog.products,
            has_times=bool(facts["has_times"]),
            referral=rows["referral"].to_numpy().astype(np.int64) if "referral" in rows else None,
            referrals=IdMap(facts.get("referrals", [])),
        )
        scores = _scores(facts["ranking"], folder / "scores", catalog, log)
        return Model(catalog, log, scores, facts["version"], facts["depth"], facts["recent"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        if isinstance(problem, BadArtifact):
            raise
        raise BadArtifact(f"{folder}: {type(problem).__name__} {problem}", "train again") from problem


def _scores(ranking: str, folder: Path, catalog: Catalog, log: InteractionLog) -> Blend | ItemKnn:
    if ranking == "blend":
        return Blend(catalog).load(folder, log)
    return ItemKnn("tfidf", decay=0.95).load(folder)
