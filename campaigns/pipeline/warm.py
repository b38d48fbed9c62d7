"""Warm: the mails the campaigns in force may send, rendered for made-up shoppers, so that they are compiled and kept
before the first timer fires. Nothing is sent or written but the cache of compiled templates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from sqlalchemy import Connection

from campaigns.domain.campaign import Campaign
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.preview import Scene, Studio, Wanted
from campaigns.pipeline.preview_people import built_in_personas
from campaigns.rendering import TemplateProblem
from campaigns.rendering.voice import known_locale
from campaigns.storage.database import transaction
from campaigns.storage.profiles import list_locales

_OTHERS_COVER: Final = ("no name", "no pictures", "long name", "emoji", "right to left")
_PICTURES: Final[tuple[dict[str, Any], ...]] = ({}, {"image_url": ""})
_PRICES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"list_price_minor": None, "quantity": 1, "variant": ""},
    {"list_price_minor": 10**7, "quantity": 2, "variant": "M"},
)


@dataclass(frozen=True, slots=True)
class Warmed:
    """How many mails were rendered, and how many shapes were compiled for them that nobody had yet."""

    mails: int
    compiled: int


def warm_templates(engine: Engine, *, only: Collection[str] | None = None) -> Warmed:
    """Renders every mail of the running campaigns, or of those in `only`, for every made-up shopper, in the languages
    of the shop and of its newest shoppers. What a template cannot do without is told by lint, not here."""
    with transaction(engine.database) as connection:
        running = engine.campaigns.read(connection).running
        campaigns = [campaign for name, campaign in running.items() if only is None or name in only]
        locales = _languages(engine, connection)
    studio = Studio(engine.workspace, engine.settings, engine.templates, engine.links)
    engine.templates.expect_many()
    before, mails = engine.templates.compiler.compiled, 0
    for campaign in campaigns:
        for scene in _scenes(studio, campaign):
            template = engine.templates.get(scene.template)
            for context in _kinds(scene.context, locales):
                with suppress(TemplateProblem):
                    template.render(context)
                    mails += 1
    return Warmed(mails, engine.templates.compiler.compiled - before)


def _scenes(studio: Studio, campaign: Campaign) -> Iterator[Scene]:
    variants = [variant.name for variant in campaign.variants] or [""]
    shoppers = [name for name in built_in_personas() if name not in _OTHERS_COVER]
    for step, variant, persona in product(range(1, len(campaign.steps) + 1), variants, shoppers):
        yield studio.scene(Wanted(campaign.campaign_id, step, variant, persona), campaign)


def _kinds(context: Mapping[str, Any], locales: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The same mail in every language, for a shopper with a name and without, of products of every kind."""
    kinds = [_with_facts(context, {**pictures, **prices}) for pictures in _PICTURES for prices in _PRICES]
    for locale, each, first_name in product(locales, kinds, (context["profile"]["first_name"], "")):
        yield {**each, "profile": {**each["profile"], "locale": locale, "first_name": first_name}}


def _with_facts(value: Any, facts: Mapping[str, Any]) -> Any:
    """The context with these facts about every product in it."""
    if isinstance(value, dict):
        found = copy(value)  # keeps what kind of mapping it is
        found.update({key: _with_facts(part, facts) for key, part in value.items()})
        found.update({key: fact for key, fact in facts.items() if key in found and "product_id" in found})
        return found
    return [_with_facts(each, facts) for each in value] if isinstance(value, list) else value


def _languages(engine: Engine, connection: Connection) -> list[str]:
    spoken = [engine.settings.shop.locale, *list_locales(connection)]
    return list(dict.fromkeys(known_locale(locale).replace("_", "-") for locale in spoken))
