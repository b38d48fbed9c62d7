"""A real shopper for a preview: read as the engine reads them, in a transaction that cannot write."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from campaigns.decisions.assignment import pick_variant
from campaigns.domain.campaign import Campaign, Variant
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.policy import shop_policy
from campaigns.pipeline.preview_foresight import foresee
from campaigns.pipeline.preview_verdict import Verdict
from campaigns.pipeline.recommend import Recommended, recommend_batch
from campaigns.pipeline.subject import Subject
from campaigns.storage.database import statement, transaction
from campaigns.storage.enrollments import EnrollmentRow, list_profile_enrollments, next_enrollment
from campaigns.storage.profiles import ProfileRow, find_profile_ids, read_profiles
from triggers.state import ProfileState

_READ_ONLY = statement("SET TRANSACTION READ ONLY")


@dataclass(frozen=True, slots=True)
class Met:
    """The mail's subject with its products, and what would become of it."""

    subject: Subject
    chosen: Recommended
    verdict: Verdict


def meet(engine: Engine, campaign: Campaign, who: str, *, step: int, variant: Variant | None, message_ref: str) -> Met:
    """The shopper that `who` names, or where it is empty the one whose timer of the campaign fires next. `step` 0 is
    the mail they get next; without a `variant` it is the one they drew. Raises WrongUsage where there is nobody."""
    with transaction(engine.database) as connection:
        connection.execute(_READ_ONLY)
        enrollment, profile_id = _enrolled(connection, campaign.campaign_id, who)
        row = read_profiles(connection, [profile_id])[profile_id]
        subject = _subject(
            engine, connection, campaign, enrollment, row, step=step, variant=variant, message_ref=message_ref
        )
        [chosen] = recommend_batch(engine, connection, [subject])
        return Met(subject, chosen, foresee(engine, connection, subject, enrollment, chosen))


def _subject(
    engine: Engine,
    connection: Connection,
    campaign: Campaign,
    enrollment: EnrollmentRow | None,
    row: ProfileRow,
    *,
    step: int,
    variant: Variant | None,
    message_ref: str,
) -> Subject:
    number = min(step or (enrollment.step + 1 if enrollment else 1), len(campaign.steps))
    return Subject(
        row=row,
        state=ProfileState.from_json(row.state),
        campaign=campaign,
        step=campaign.steps[number - 1],
        step_number=number,
        variant=variant or pick_variant(shop_policy(engine.settings).salt, campaign, row.drawn_by),
        message_ref=message_ref,
        at=engine.now(connection),
        context=enrollment.context if enrollment else {},
    )


def _enrolled(connection: Connection, campaign_id: str, who: str) -> tuple[EnrollmentRow | None, int]:
    if not who:
        enrollment = next_enrollment(connection, campaign_id)
        if enrollment is None:
            raise WrongUsage(
                f"no timer of {campaign_id} is armed", fix="name a shopper with --profile, or use --persona"
            )
        return enrollment, enrollment.profile_id
    ids = find_profile_ids(connection, who)
    if not ids:
        raise WrongUsage(f"no profile is known as {who!r}", fix="give a user id, an anonymous id or an address")
    own = [e for e in list_profile_enrollments(connection, ids[0]) if e.campaign_id == campaign_id]
    return (own[-1] if own else None), ids[0]
