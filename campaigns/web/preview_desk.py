"""What the preview app shows for one choice: the mail or its problem, and all that can be chosen instead."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaigns.domain.campaign import Campaign
from campaigns.domain.errors import RekindleError
from campaigns.pipeline.preview import Preview, Scene, Studio, Wanted
from campaigns.pipeline.preview_live import LiveTemplates
from campaigns.pipeline.preview_people import EVERYTHING, built_in_personas, persona_files
from campaigns.pipeline.preview_samples import with_sample_pictures
from campaigns.pipeline.preview_snapshots import plain_links
from campaigns.pipeline.preview_verdict import Verdict
from campaigns.rendering import TemplateProblem

_AROUND = 4  # lines of a template shown before and after the one at fault
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Shown:
    """One choice, worked out: `preview` is None where `problem` says why."""

    wanted: Wanted
    campaign: Campaign | None = None
    scene: Scene | None = None
    preview: Preview | None = None
    problem: dict[str, Any] | None = None


class Desk:
    """Renders what is asked for, once per save."""

    def __init__(self, studio: Studio, templates: LiveTemplates) -> None:
        self.studio, self.templates = studio, templates
        self._kept: dict[Wanted, Shown] = {}
        self._lock = threading.RLock()

    def refresh(self, moved: bool) -> None:
        """Files were saved."""
        with self._lock:
            self._kept.clear()
            self.templates.read_again(moved=moved)

    def show(self, wanted: Wanted) -> Shown:
        """The mail as the files say now. A wrong step or variant of another campaign falls back to the first."""
        with self._lock:
            if wanted not in self._kept:
                if len(self._kept) >= _KEPT:
                    self._kept.clear()
                self._kept[wanted] = self._worked_out(wanted)
            return self._kept[wanted]

    def page(self, shown: Shown) -> str:
        """The HTML for the frame: links lead to the shop, samples have their pictures."""
        if shown.preview is None:
            return ""
        html = plain_links(shown.preview.email.html, self.studio.links.base_url)
        return with_sample_pictures(html, "/preview/pictures/{}".format)

    def state(self, shown: Shown, version: int) -> dict[str, Any]:
        """What the page needs to draw itself, ready for JSON."""
        wanted = shown.wanted
        told = shown.preview.as_json() if shown.preview else {}
        return {
            "version": version,
            "chosen": {
                "campaign": wanted.campaign_id,
                "step": wanted.step,
                "variant": wanted.variant,
                "persona": _person(wanted),
                "locale": wanted.locale,
            },
            "options": self._options(shown),
            "to": shown.scene.who if shown.scene else "",
            "template": shown.scene.template if shown.scene else "",
            "subject": told.get("subject", ""),
            "preheader": told.get("preheader", ""),
            "sizes": told.get("sizes", {}),
            "verdict": _fate(shown.scene.verdict) if shown.scene else None,
            "problem": shown.problem,
        }

    def _worked_out(self, wanted: Wanted) -> Shown:
        read = self.studio.campaigns()
        if not read.by_id and not read.drafts:
            lines = "\n".join(read.problems) or "there is no campaign file in this workspace"
            return Shown(wanted, problem={"what": lines})
        campaign = read.find(wanted.campaign_id) or next(iter([*read.by_id.values(), *read.drafts.values()]))
        wanted = _fitted(wanted, campaign)
        scene = None
        try:
            scene = self.studio.scene(wanted, campaign)
            preview = Preview(scene, self.templates.get(scene.template).render(scene.context))
        except RekindleError as error:
            return Shown(wanted, campaign, scene, None, self._problem(error))
        return Shown(wanted, campaign, scene, preview)

    def _problem(self, error: RekindleError) -> dict[str, Any]:
        told: dict[str, Any] = {"what": error.what, "where": error.where, "fix": error.fix}
        if isinstance(error, TemplateProblem) and error.line:
            told["excerpt"] = self._excerpt(error.file, error.line)
        return told

    def _excerpt(self, file: str, line: int) -> list[dict[str, Any]]:
        for folder in self.templates.folders:
            path = Path(folder) / file
            if path.is_file():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                first = max(line - 1 - _AROUND, 0)
                part = enumerate(lines[first : line + _AROUND], first + 1)
                return [{"line": number, "text": text, "wrong": number == line} for number, text in part]
        return []

    def _options(self, shown: Shown) -> dict[str, Any]:
        read = self.studio.campaigns()
        campaign = shown.campaign
        folder = self.studio.workspace.personas
        return {
            "campaigns": [
                *({"value": each.campaign_id, "label": each.name} for each in read.by_id.values()),
                *({"value": each.campaign_id, "label": each.name, "group": "Drafts"} for each in read.drafts.values()),
            ],
            "steps": [
                {"value": str(number), "label": f"{number}. {step.name.replace('_', ' ')}"}
                for number, step in enumerate(campaign.steps if campaign else (), 1)
            ],
            "variants": [{"value": each.name, "label": each.name} for each in (campaign.variants if campaign else ())],
            "people": self._people(shown.wanted, folder),
            "locales": [
                {"value": "", "label": "their own"},
                *({"value": each, "label": each} for each in self._locales(shown)),
            ],
            "broken": list(read.problems),
        }

    def _people(self, wanted: Wanted, folder: Path) -> list[dict[str, str]]:
        real = []
        if self.studio.engine is not None:
            real.append({"value": "next:", "label": "whose timer fires next", "group": "Real shoppers"})
            if wanted.profile:
                chosen = {"value": f"profile:{wanted.profile}", "label": wanted.profile, "group": "Real shoppers"}
                real.append(chosen)
        own = [{"value": name, "label": name, "group": "Persona files"} for name in persona_files(folder)]
        built_in = [{"value": name, "label": name, "group": "Made-up shoppers"} for name in built_in_personas()]
        return [*real, *own, *built_in]

    def _locales(self, shown: Shown) -> list[str]:
        found = set(self.templates.translations.locales("_base"))
        if shown.scene:
            found |= set(self.templates.translations.locales(shown.scene.template))
        return sorted({each.replace("_", "-") for each in found} | ({shown.wanted.locale} - {""}))


def _fate(verdict: Verdict) -> dict[str, str] | None:
    """What the page says about a mail that would not go out; None where it would."""
    if not verdict.headline:
        return None
    return {"headline": verdict.headline, "code": verdict.code, "says": verdict.says, "outcome": verdict.outcome}


def wanted_of(asked: Mapping[str, str]) -> Wanted:
    """The choice that an address carries."""
    step, person = asked.get("step", ""), asked.get("persona", "")[:300]
    return Wanted(
        campaign_id=asked.get("campaign", "")[:200],
        step=int(step[:3]) if step.isascii() and step.isdecimal() else 0,
        variant=asked.get("variant", "")[:200],
        persona=person if person and ":" not in person else EVERYTHING,
        locale=asked.get("locale", "")[:40],
        profile=person.removeprefix("profile:") if person.startswith("profile:") else "",
        for_next=person == "next:",
    )


def _person(wanted: Wanted) -> str:
    if wanted.for_next:
        return "next:"
    return f"profile:{wanted.profile}" if wanted.profile else wanted.persona


def _fitted(wanted: Wanted, campaign: Campaign) -> Wanted:
    variants = [variant.name for variant in campaign.variants]
    return Wanted(
        campaign.campaign_id,
        wanted.step if 1 <= wanted.step <= len(campaign.steps) else 1,
        wanted.variant if wanted.variant in variants else next(iter(variants), ""),
        wanted.persona,
        wanted.locale,
        wanted.profile,
        wanted.for_next,
    )
