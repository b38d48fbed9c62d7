"""A model as files: the arrays it learned from as Parquet, read column-wise, and what its sources learned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    _save_arrays(model.log, model.catalog, folder)
    facts = {
        "version": model.version,
        "depth": model.depth,
        "recent": model.recent,
        "days": model.days,
        "ranking": "blend" if isinstance(model.scores, Blend) else "neighbours",
        **_log_facts(model.log, model.catalog),
    }
    (folder / "model.json").write_text(json.dumps(facts))
    (folder / "scores").mkdir(exist_ok=True)
    if isinstance(model.scores, Blend | ItemKnn):
        model.scores.save(folder / "scores")


def save_log(log: InteractionLog, catalog: Catalog, folder: Path) -> None:
    """Write everything `load_log` needs into a folder."""
    _save_arrays(log, catalog, folder)
    (folder / "log.json").write_text(json.dumps(_log_facts(log, catalog)))


def log_name(log: InteractionLog, catalog: Catalog) -> str:
    """Return a name for what a source learns from: the same for the same log and catalog."""
    facts = (len(log), len(catalog), log.has_times, log.products.external, log.profiles.external, catalog.titles)
    digest = hashlib.sha256(repr(facts).encode())
    referral = np.zeros(0) if log.referral is None else log.referral
    arrays = [getattr(catalog, name) for name in _ARRAYS]
    for array in (log.session, log.profile, log.product, log.event, log.at, referral, *arrays):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _save_arrays(log: InteractionLog, catalog: Catalog, folder: Path) -> None:
    rows = {name: getattr(log, name) for name in ("session", "profile", "product", "event")}
    frame = pd.DataFrame({name: values.astype(np.int32) for name, values in rows.items()})
    known = {} if log.referral is None else {"referral": log.referral.astype(np.int32)}
    frame.assign(at=log.at, **known).to_parquet(folder / "log.parquet")
    products = pd.DataFrame({name: getattr(catalog, name) for name in _ARRAYS})
    products.assign(id=[str(p) for p in catalog.products.external], title=catalog.titles).to_parquet(
        folder / "products.parquet"
    )
    pd.DataFrame({"id": [str(p) for p in log.profiles.external]}).to_parquet(folder / "profiles.parquet")


def _log_facts(log: InteractionLog, catalog: Catalog) -> dict[str, Any]:
    return {
        "sessions": log.sessions,
        "has_times": log.has_times,
        "referrals": [str(one) for one in log.referrals.external],
        "categories": catalog.categories,
        "brands": catalog.brands,
    }


def load_model(folder: Path) -> Model:
    """Read what `save_model` wrote; BadArtifact where it is missing or damaged."""
    with _readable(folder):
        facts = json.loads((folder / "model.json").read_text())
        log, catalog = _load_arrays(folder, facts)
        scores = _scores(facts["ranking"], folder / "scores", catalog, log)
        about = (facts["version"], facts["depth"], facts["recent"], facts.get("days"))
        return Model(catalog, log, scores, *about)


def load_log(folder: Path) -> tuple[InteractionLog, Catalog]:
    """Read what `save_log` wrote; BadArtifact where it is missing or damaged."""
    with _readable(folder):
        return _load_arrays(folder, json.loads((folder / "log.json").read_text()))


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as problem:
        if isinstance(problem, BadArtifact):
            raise
        raise BadArtifact(f"{folder}: {type(problem).__name__} {problem}", "train again") from problem


def _load_arrays(folder: Path, facts: Mapping[str, Any]) -> tuple[InteractionLog, Catalog]:
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
    return log, catalog


def _scores(ranking: str, folder: Path, catalog: Catalog, log: InteractionLog) -> Blend | ItemKnn:
    if ranking == "blend":
        return Blend(catalog).load(folder, log)
    return ItemKnn("tfidf", decay=0.95).load(folder)
