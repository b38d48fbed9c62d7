"""A full training that is split up: each source on each log is a part that any worker on any host can fit.

One process coordinates: it writes the history and each log to the artifacts, hands the parts out, fits those that
nobody is at, and gathers them; then it learns the order, compares and publishes as ever. A part is taken by a lock that
ends with its process, so one that is lost is free again, and one that is finished is not fitted twice. The coordinator
is whoever holds the lock of trainings: where it dies the next beat takes the job up, from the history it began with.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

import pandas as pd

from campaigns.pipeline.engine import Engine
from campaigns.pipeline.precompute import artifacts_of
from campaigns.pipeline.train import History
from campaigns.storage.database import transaction
from campaigns.storage.heartbeats import beat, list_heartbeats
from campaigns.storage.recs import part_turn
from campaigns.storage.recs_jobs import JobShelf
from recsys.blend.model import default_sources
from recsys.catalog import Catalog
from recsys.log import InteractionLog
from recsys.sources.base import Source
from recsys.stored import load_log, log_name, save_log
from recsys.threads import one_thread
from recsys.training import BLEND_MOST

_log = logging.getLogger(__name__)
SPLIT: Final = "recs_split"
MOST_ATTEMPTS: Final = 3
"""A job whose coordinator died so often is given up: more memory is needed, not more patience."""
_PAUSE_SECONDS: Final = 0.5
_FRAMES: Final = ("interactions", "products", "profiles", "known", "armed")

HandOut = Callable[[str, str, Sequence[str]], None]
"""Offers parts (job, log, names) to other workers; it does not matter whether anybody takes them."""


class SplitTraining:
    """One job, as its coordinator sees it."""

    def __init__(self, engine: Engine, facts: Mapping[str, Any], hand_out: HandOut) -> None:
        self._engine, self._facts, self._hand_out = engine, dict(facts), hand_out
        self._shelf = job_shelf(engine, facts["job"])
        self._windows = 0

    @property
    def is_forced(self) -> bool:
        """Whether what is learned is to be published even where it loses."""
        return bool(self._facts.get("is_forced"))

    def fit(self, sources: list[Source], log: InteractionLog, catalog: Catalog) -> list[Source]:
        """Returns the sources as fitted on a log, by whomever."""
        name, names = log_name(log, catalog), [source.name for source in sources]
        self._shelf.put_log(name, lambda folder: save_log(log, catalog, folder), version("rekindle"))
        self._windows += 1
        missing = self._missing(name, names)
        self._hand_out(self._facts["job"], name, missing)
        while missing:
            self._note(len(names) - len(missing), len(names))
            if not any(self._fit_if_free(name, source, log) for source in reversed(sources) if source.name in missing):
                time.sleep(_PAUSE_SECONDS)
            missing = self._missing(name, names)
        self._note(len(names), len(names))
        return [self._loaded(name, source) for source in sources]

    def _missing(self, log: str, names: Sequence[str]) -> list[str]:
        done = set(self._shelf.done(log))
        return [name for name in names if name not in done]

    def _fit_if_free(self, log: str, source: Source, rows: InteractionLog) -> bool:
        return _fit_once(self._engine, self._shelf, self._facts["job"], log, source.name, lambda: source.fit(rows))

    def _loaded(self, log: str, source: Source) -> Source:
        with self._shelf.part_folder(log, source.name) as folder:
            return source.load(folder)

    def _note(self, done: int, of: int) -> None:
        facts = {"window": self._windows, "done": done, "of": of}
        if any(self._facts.get(name) != value for name, value in facts.items()):
            self._facts |= facts
            note_split(self._engine, self._facts)


def fit_part(engine: Engine, job: str, log: str, part: str) -> bool:
    """Fits one part as a worker does it; False where there is nothing to do: somebody else did it or is at it, the job
    is over, or its files are not reachable from here or of another version of the program."""
    shelf = job_shelf(engine, job)
    if shelf.program_of(log) != version("rekindle") or part in shelf.done(log):
        return False

    def fitted() -> Source:
        with shelf.log_folder(log) as folder:
            rows, catalog = load_log(folder)
        with one_thread():
            return next(one for one in default_sources(catalog, rows) if one.name == part).fit(rows)

    return _fit_once(engine, shelf, job, log, part, fitted)


def _fit_once(engine: Engine, shelf: JobShelf, job: str, log: str, part: str, fitted: Callable[[], Source]) -> bool:
    """Fits and files a part, unless it is there or somebody is at it."""
    with part_turn(engine.database, f"{job}/{log}/{part}") as is_ours:
        if not is_ours or part in shelf.done(log):
            return False
        source = fitted()
        if part in shelf.done(log):  # the lock was lost with its connection, and somebody else was faster
            return False
        shelf.put_part(log, part, source.save, f"{socket.gethostname()} {os.getpid()}")
    return True


def job_shelf(engine: Engine, job: str) -> JobShelf:
    """Where the files of a job are."""
    return JobShelf(artifacts_of(engine), engine.cache.world, job)


def read_split(engine: Engine) -> Mapping[str, Any]:
    """The job under way: `job`, `attempt`, `began_at`, `interactions`, and how far it is; {} where there is none."""
    with transaction(engine.database) as connection:
        found = list_heartbeats(connection).get(SPLIT)
    return found[1] if found and found[1].get("job") else {}


def is_split(engine: Engine) -> bool:
    """Whether a split training is under way, or was when its coordinator died."""
    return bool(read_split(engine))


def note_split(engine: Engine, facts: Mapping[str, Any]) -> None:
    """Writes down how far a job is."""
    with transaction(engine.database) as connection:
        beat(connection, SPLIT, engine.now(connection), facts)


def begin_split(
    engine: Engine, history: History, hand_out: HandOut | None, *, force: bool = False, is_held: bool = False
) -> SplitTraining | None:
    """A new job in place of any other; None where nobody is there to share the work, or it is too little to share.
    Whoever goes on with it knows whether it is forced, and was begun while a version was held."""
    if is_split(engine):
        end_split(engine)
    if hand_out is None or len(history.interactions) <= engine.settings.recs.split_above:
        return None
    job = secrets.token_hex(6)
    frames = {"interactions": history.interactions, "products": history.products}
    lists = {"profiles": history.profiles, "known": sorted(history.known or ()), "armed": sorted(history.armed)}
    frames |= {name: pd.DataFrame({"id": pd.Series(ids, dtype="str")}) for name, ids in lists.items()}
    facts: dict[str, Any] = {name: getattr(history, name) for name in ("days", "last_event", "blend_most")}
    facts["now"] = history.now.isoformat()
    job_shelf(engine, job).put_history(frames, facts)
    with transaction(engine.database) as connection:
        began_at = engine.now(connection).isoformat()
    began = {"job": job, "attempt": 1, "began_at": began_at, "interactions": len(history.interactions)}
    began |= {"is_forced": force, "is_held": is_held}
    note_split(engine, began)
    return SplitTraining(engine, began, hand_out)


def take_up_split(engine: Engine, hand_out: HandOut | None) -> tuple[SplitTraining, History] | None:
    """The job whose coordinator died, with the history it began with. None where that is not readable from here, or it
    died too often: then the job is over."""
    facts = dict(read_split(engine))
    if not facts:
        return None
    history = _stored_history(job_shelf(engine, facts["job"])) if facts["attempt"] < MOST_ATTEMPTS else None
    if history is None:
        _log.error("a split training is given up after %s attempts; the next night begins a new one", facts["attempt"])
        end_split(engine)
        return None
    facts["attempt"] += 1
    note_split(engine, facts)
    return SplitTraining(engine, facts, hand_out or (lambda job, log, names: None)), history


def _stored_history(shelf: JobShelf) -> History | None:
    found = shelf.find_history(_FRAMES)
    if found is None:
        return None
    frames, facts = found
    ids = {name: frames[name]["id"].tolist() for name in ("profiles", "known", "armed")}
    return History(
        interactions=frames["interactions"],
        products=frames["products"],
        profiles=ids["profiles"],
        now=pd.Timestamp(facts["now"]).to_pydatetime(),
        days=float(facts["days"]),
        last_event=int(facts["last_event"]),
        known=frozenset(ids["known"]),
        armed=frozenset(ids["armed"]),
        blend_most=int(facts.get("blend_most") or BLEND_MOST),
    )


def end_split(engine: Engine) -> None:
    """The job is over: its files go."""
    facts = read_split(engine)
    note_split(engine, {})
    job_shelf(engine, str(facts.get("job", ""))).remove_all()
