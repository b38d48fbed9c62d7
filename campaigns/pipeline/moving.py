"""Shoppers on their way through an older version of a campaign, moved to the one in force by an explicit choice."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from campaigns.domain.campaign import Campaign
from campaigns.domain.enrollment import EnrollmentMark
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.people import enrollment_row, mark_of
from campaigns.storage.campaigns import claim_running, note_moved
from campaigns.storage.enrollments import list_enrollments, put_enrollments
from triggers.enrollments import EnrollmentStatus
from triggers.evaluate import due_of

_BATCH = 2_000


def move_running(engine: Engine, connection: Connection, campaign_id: str) -> int:
    """Moves everybody who is on the way to the version in force, in the caller's transaction; returns how many.

    They go on at the step of the same name; a step number that was decided is never decided again. Who has no step
    left is done."""
    snapshot = engine.campaigns.read(connection)
    after = snapshot.current[campaign_id]
    now, moved = engine.now(connection), 0
    while found := claim_running(connection, campaign_id, after.version, limit=_BATCH):
        wanted = set(found)
        rows = list_enrollments(connection, {profile_id for profile_id, _ in found}, most=10_000)
        changed = []
        for row in rows:
            if row.campaign_id == campaign_id and (row.profile_id, row.key) in wanted:
                mark = mark_of(row)
                move_mark(mark, snapshot.versions, after)
                changed.append(enrollment_row(row.profile_id, mark, closed_at=now))
        put_enrollments(connection, changed)
        moved += len(changed)
    if moved:
        note_moved(connection, campaign_id, moved)
    return moved


def move_mark(mark: EnrollmentMark, versions: Mapping[tuple[str, int], Campaign], after: Campaign) -> None:
    """Puts one enrollment on the version `after`, in place; its timer is set anew."""
    before = versions.get((mark.campaign_id, mark.version))
    name = before.steps[mark.step].name if before and mark.step < len(before.steps) else ""
    places = [place for place, step in enumerate(after.steps) if step.name == name]
    mark.step = max(mark.step, *places) if places else mark.step
    mark.version = after.version
    if mark.step >= len(after.steps):
        mark.status, mark.due_at = EnrollmentStatus.COMPLETED, None
    else:
        mark.due_at = due_of(after.live_rule, mark)
