"""Who else fits parts of a training: asked for once, before a command splits its work up."""

from __future__ import annotations

from collections.abc import Sequence

from kombu.exceptions import OperationalError

from campaigns.pipeline.engine import Engine
from workers.app import LEARNERS, configure
from workers.tasks import hand_out

ANSWER_SECONDS = 2.0
"""How long a learner has to answer; it answers while it fits, too."""

__all__ = ["find_learners", "hand_out"]


def find_learners(engine: Engine) -> Sequence[str]:
    """The names of the workers that run as learners of this workspace's broker and answer; none where it is gone."""
    app = configure(engine.workspace, engine.settings, engine.broker_url)
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1)
            inspect = app.control.inspect(timeout=ANSWER_SECONDS, connection=connection)
            queues = inspect.active_queues() or {}
    except OperationalError:
        return []
    return sorted(name for name, read in queues.items() if any(one["name"] == LEARNERS for one in read))
