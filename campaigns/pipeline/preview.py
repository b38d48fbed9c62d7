"""Preview: the email as it would go out now. Nothing is sent, decided or recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from sqlalchemy import Connection

from campaigns.decisions.assignment import pick_variant
from campaigns.domain.campaign import Campaign
from campaigns.domain.errors import InvalidInput, WrongUsage
from campaigns.domain.message import RenderedEmail
from campaigns.pipeline.campaign_files import CampaignFile
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.policy import shop_policy
from campaigns.pipeline.recommend import recommend_batch
from campaigns.pipeline.render import render_mail
from campaigns.pipeline.subject import Subject
from campaigns.rendering import TemplateStore
from campaigns.rendering.context import ShopContext
from campaigns.rendering.lint import full_context
from campaigns.storage.database import transaction
from campaigns.storage.enrollments import EnrollmentRow, list_profile_enrollments, next_enrollment
from campaigns.storage.profiles import find_profile_ids, read_profiles
from triggers.state import ProfileState

PARTS = ("profile", "cart", "order", "session", "slots", "coupon")
"""What a persona file may give, each as templates know it."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A rendered preview, whose it is and what it shows."""

    campaign: Campaign
    step: int
    template: str
    who: str
    email: RenderedEmail
    slates: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Subject, preheader, sizes, slates with their reasons."""
        email = self.email
        return {
            "campaign": self.campaign.campaign_id,
            "step": self.step,
            "template": self.template,
            "for": self.who,
            "subject": email.subject,
            "preheader": email.preheader,
            "html_bytes": len(email.html.encode()),
            "text_bytes": len(email.text.encode()),
            "slates": self.slates,
        }


def find_campaign(files: Mapping[str, CampaignFile], campaign_id: str, step: int) -> Campaign:
    """The campaign of the workspace's files; raises where there is none, or no such step."""
    if campaign_id not in files:
        raise WrongUsage(f"no campaign {campaign_id!r}", fix=f"there is {', '.join(sorted(files))}")
    campaign = files[campaign_id].campaign
    if not 1 <= step <= len(campaign.steps):
        raise WrongUsage(f"{campaign_id} has no step {step}", fix=f"give one of 1 to {len(campaign.steps)}")
    return campaign


def preview_profile(engine: Engine, campaign: Campaign, step: int, who: str = "") -> Preview:
    """For a real shopper: the one named, or the one whose timer of this campaign fires next."""
    with transaction(engine.database) as connection:
        enrollment, profile_id = _subject_of(connection, campaign.campaign_id, who)
        row = read_profiles(connection, [profile_id])[profile_id]
        subject = Subject(
            row=row,
            state=ProfileState.from_json(row.state),
            campaign=campaign,
            step=campaign.steps[step - 1],
            step_number=step,
            variant=pick_variant(shop_policy(engine.settings).salt, campaign, str(profile_id)),
            message_ref="preview",
            at=engine.now(connection),
            context=enrollment.context if enrollment else {},
        )
        [chosen] = recommend_batch(engine, connection, [subject])
    email = render_mail(engine, subject, chosen)
    return Preview(campaign, step, subject.template, row.email or str(profile_id), email, chosen.as_json())


def preview_persona(
    templates: TemplateStore, campaign: Campaign, step: int, shop: ShopContext, persona: Path | None = None
) -> Preview:
    """For a made-up shopper: a persona file, or the built-in one of whom everything is known. Needs no server."""
    context = dict(full_context(shop))
    context["campaign"] = {
        "id": campaign.campaign_id,
        "name": campaign.name,
        "step": step,
        "step_name": campaign.steps[step - 1].name,
        "variant": "",
    }
    who = "the built-in persona"
    if persona is not None:
        context |= read_persona(persona, context)
        who = str(persona)
    template = campaign.steps[step - 1].template
    return Preview(campaign, step, template, who, templates.get(template).render(context))


def read_persona(path: Path, base: Mapping[str, Any]) -> dict[str, Any]:
    """A persona file: YAML with some of the parts templates know; `null` takes a part away, and what a part leaves
    out is taken from the built-in persona."""
    try:
        parts = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUsage(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise InvalidInput("is not YAML", where=f"{path}:{line}") from error
    if not isinstance(parts, dict) or set(parts) - set(PARTS):
        raise InvalidInput("is no persona", where=str(path), fix=f"give some of {', '.join(PARTS)}")
    return {name: _over(base.get(name), part) for name, part in parts.items()}


def _over(base: Any, part: Any) -> Any:
    if isinstance(base, dict) and isinstance(part, dict):
        merged = type(base)(base)
        merged.update(part)
        return merged
    return part


def _subject_of(connection: Connection, campaign_id: str, who: str) -> tuple[EnrollmentRow | None, int]:
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
