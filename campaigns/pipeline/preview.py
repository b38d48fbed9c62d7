"""Preview: the email as it would go out now. Nothing is sent, decided or recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from campaigns.config import Settings, Workspace
from campaigns.domain.campaign import Campaign, Step, Variant
from campaigns.domain.coupon import sample_coupon
from campaigns.domain.errors import WrongUsage
from campaigns.domain.message import RenderedEmail
from campaigns.domain.product import Product
from campaigns.pipeline.mail_links import address_of_cart, link_options
from campaigns.pipeline.preview_files import ReadCampaigns, find_campaign, find_variant, read_campaigns
from campaigns.pipeline.preview_people import EVERYTHING, find_persona, read_persona
from campaigns.pipeline.preview_samples import replaced, sample_products
from campaigns.pipeline.preview_slots import fill_slots
from campaigns.pipeline.preview_verdict import Verdict, foresee_made_up
from campaigns.pipeline.recs_words import words_of
from campaigns.pipeline.render import context_for, coupon_of, shop_of
from campaigns.rendering import LinkSigner, TemplateStore, links_context, shipped_templates
from campaigns.rendering.context import CouponContext
from campaigns.rendering.lint import RECOMMENDED, personas
from campaigns.rendering.voice import known_locale
from triggers.price_drop import PriceDrop

if TYPE_CHECKING:  # made-up shoppers need no server, and what talks to one takes a second to load
    from campaigns.pipeline.engine import Engine

MESSAGE_REF = "preview"
"""Stands where a message's own name would: its links are signed and lead to no message."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show: a mail of a campaign, and for whom. `step` 0 is the one a real shopper gets next, else the first.
    `persona` is a name or a file; `profile` names a real shopper
    (user id, anonymous id or address) and `for_next` the one whose timer fires next: they need an engine."""

    campaign_id: str
    step: int = 0
    variant: str = ""
    persona: str = EVERYTHING
    locale: str = ""
    profile: str = ""
    for_next: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """All there is before rendering: the mail, the person, and everything its template may speak of."""

    campaign: Campaign
    step: int
    variant: str
    template: str
    who: str
    address: str
    context: Mapping[str, Any]
    slates: Mapping[str, Any]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Preview:
    """A rendered scene."""

    scene: Scene
    email: RenderedEmail

    @property
    def name(self) -> str:
        """A name for files: `abandoned_cart-1-reminder`, with variant, person and locale where they are no default."""
        scene = self.scene
        step = scene.campaign.steps[scene.step - 1].name
        parts = [scene.campaign.campaign_id, f"{scene.step}", step, scene.variant]
        return "-".join(part for part in parts if part)

    def as_json(self) -> dict[str, Any]:
        """Subject, preheader, sizes in bytes, slates with their reasons, and whether it would go out."""
        scene, email = self.scene, self.email
        return {
            "campaign": scene.campaign.campaign_id,
            "step": scene.step,
            "variant": scene.variant,
            "template": scene.template,
            "for": scene.who,
            "locale": scene.context["profile"]["locale"] or scene.context["shop"]["locale"],
            "subject": email.subject,
            "preheader": email.preheader,
            "sizes": {"html": len(email.html.encode()), "text": len(email.text.encode())},
            "slates": scene.slates,
            "decision": scene.verdict.as_json(),
        }


@dataclass(slots=True)
class Studio:
    """What previews are made with. `products` are shown to made-up shoppers; `engine` is there for real ones."""

    workspace: Workspace
    settings: Settings
    templates: TemplateStore
    links: LinkSigner
    products: Sequence[Product] = field(default=())
    engine: Engine | None = None

    def campaigns(self) -> ReadCampaigns:
        """The campaign files as they are now."""
        return read_campaigns(self.workspace.campaigns)

    def show(self, wanted: Wanted, campaign: Campaign | None = None) -> Preview:
        """The mail; raises TemplateProblem where its template fails, WrongUsage where there is no such thing."""
        scene = self.scene(wanted, campaign)
        return Preview(scene, self.templates.get(scene.template).render(scene.context))

    def scene(self, wanted: Wanted, campaign: Campaign | None = None) -> Scene:
        """Everything but the rendering."""
        campaign = campaign or find_campaign(self.campaigns(), wanted.campaign_id, wanted.step or 1)
        variant = find_variant(campaign, wanted.variant)
        if wanted.profile or wanted.for_next:
            return self._real(wanted, campaign, variant)
        return self._made_up(replace(wanted, step=wanted.step or 1), campaign, variant)

    def _made_up(self, wanted: Wanted, campaign: Campaign, variant: Variant | None) -> Scene:
        persona = find_persona(wanted.persona, self.workspace.personas)
        step = campaign.steps[wanted.step - 1]
        base = self._persona(persona if isinstance(persona, str) else EVERYTHING, wanted, campaign, variant)
        context = base if isinstance(persona, str) else base | read_persona(persona, base)
        if (spoken := context["profile"]["locale"]) != base["profile"]["locale"] and not isinstance(persona, str):
            base = self._persona(EVERYTHING, replace(wanted, locale=wanted.locale or spoken), campaign, variant)
            context = base | read_persona(persona, base)
        context |= {
            "campaign": {
                "id": campaign.campaign_id,
                "name": campaign.name,
                "step": wanted.step,
                "step_name": step.name,
                "variant": variant.name if variant else "",
            },
            "message": {"ref": MESSAGE_REF},
            "links": links_context(self.links, MESSAGE_REF, cart_url=self._cart_url(context, campaign.campaign_id)),
        }
        if context["coupon"] is not None and context["coupon"] == base["coupon"]:
            locales = (wanted.locale, context["profile"]["locale"], self.settings.shop.locale)
            context["coupon"] = _coupon(step, context["now"], locales)  # what no file says is as the campaign has it
        who = persona if isinstance(persona, str) else persona.stem
        slates = {slot.name: _shown(slot.kind, context["slots"][slot.name]) for slot in step.slots}
        verdict = foresee_made_up(campaign, step, context)
        return _scene(wanted, campaign, variant, who, context, slates, verdict)

    def _cart_url(self, context: Mapping[str, Any], campaign_id: str) -> str:
        lines = context["cart"]["lines"] if context["cart"] else ()
        shown = [(str(line["product_id"]), int(line["quantity"])) for line in lines]
        return address_of_cart(self.settings, "sample", shown, campaign=campaign_id)

    def _persona(self, name: str, wanted: Wanted, campaign: Campaign, variant: Variant | None) -> dict[str, Any]:
        shop, step = self.settings.shop, campaign.steps[wanted.step - 1]
        products = self.products or sample_products(shop.url, shop.currency)
        places = {f"p{number}": product for number, product in enumerate(products)}
        context = replaced(dict(personas(shop_of(self.settings))[name]), places)
        items = context["slots"]["recommendations"]["items"]
        locale = wanted.locale or str(context["profile"]["locale"])
        words = words_of(self.templates, step.template_for(variant), locale, shop.locale)
        few = len(items) if len(items) < RECOMMENDED else 0
        reduced = isinstance(campaign.trigger, PriceDrop)
        filled = dict(fill_slots(step, items[0], products, words, most=few, reduced=reduced)) if items else {}
        for slot in step.slots:
            context["slots"][slot.name] = filled.get(slot.name, {"title": slot.title, "items": []})
        for part in ("cart", "order"):
            if context[part]:
                context[part]["currency"] = shop.currency
        if context["cart"]:
            context["cart"]["url"] = self._cart_url(context, wanted.campaign_id)
        if context["session"]:
            context["session"]["landing_url"] = shop.url
        if context["profile"]["locale"] == "en":  # the placeholder's; any other is what the persona is about
            context["profile"] |= {"locale": shop.locale, "zone": shop.zone}
        return cast(dict[str, Any], context)

    def _real(self, wanted: Wanted, campaign: Campaign, variant: Variant | None) -> Scene:
        from campaigns.pipeline.preview_real import meet

        if self.engine is None:
            raise WrongUsage("a real shopper needs the servers", fix="give --profile or --next on the command line")
        engine = replace(self.engine, templates=self.templates)
        met = meet(engine, campaign, wanted.profile, step=wanted.step, variant=variant, message_ref=MESSAGE_REF)
        subject, row = met.subject, met.subject.row
        locales = (wanted.locale, row.locale or "", self.settings.shop.locale)
        coupon = _coupon(subject.step, subject.at, locales)
        context = {**context_for(engine, subject, met.chosen), "coupon": coupon}
        who = row.email or f"profile {row.profile_id}"
        wanted = replace(wanted, step=subject.step_number)
        slates = met.chosen.as_json()
        return _scene(wanted, campaign, subject.variant, who, context, slates, met.verdict, row.email or "")


def open_studio(workspace: Workspace, settings: Settings, **more: Any) -> Studio:
    """A studio over the workspace's files, without servers. `more` goes to the `Studio` as it is."""
    links = LinkSigner(settings.secret.get_secret_value().encode(), settings.public_url)
    folders = template_folders(workspace)
    cache = workspace.artifacts / "templates" if workspace.state.is_dir() else None
    options = link_options(settings)
    templates = more.pop("templates", None) or TemplateStore(folders, cache=cache, links=links, **options)
    return Studio(workspace, settings, templates, links, **more)


def template_folders(workspace: Workspace) -> list[Path]:
    """Where templates are looked for: the workspace's own first."""
    return [workspace.templates / "emails", shipped_templates()]


def _scene(
    wanted: Wanted,
    campaign: Campaign,
    variant: Variant | None,
    who: str,
    context: dict[str, Any],
    slates: Mapping[str, Any],
    verdict: Verdict,
    address: str = "",
) -> Scene:
    if wanted.locale:
        context["profile"] = {**context["profile"], "locale": checked_locale(wanted.locale)}
    template = campaign.steps[wanted.step - 1].template_for(variant)
    return Scene(
        campaign=campaign,
        step=wanted.step,
        variant=variant.name if variant else "",
        template=template,
        who=who,
        address=address or str(context["profile"]["email"]),
        context=context,
        slates=slates,
        verdict=verdict,
    )


def checked_locale(locale: str) -> str:
    """The locale, where there is such a one; raises WrongUsage."""
    if known_locale(locale) == "en" and not locale.lower().startswith("en"):
        raise WrongUsage(f"no locale {locale!r}", fix="write a language, and a country where it matters: de, de-AT, ar")
    return locale


def _coupon(step: Step, now: datetime, locales: Sequence[str]) -> CouponContext | None:
    """A sample code: a preview takes none out of its pool."""
    return coupon_of(sample_coupon(step.coupon, now, *filter(None, locales))) if step.coupon else None


def _shown(kind: str, slot: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("product_id", "title", "source", "rung", "reason")
    return {"kind": kind, "items": [{key: item[key] for key in keys} for item in slot["items"]]}
