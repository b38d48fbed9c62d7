"""Render: from a subject and its slates to the context of a template, and to the email."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from campaigns.config import Settings
from campaigns.domain.coupon import Coupon
from campaigns.domain.message import RenderedEmail
from campaigns.domain.product import Product
from campaigns.pipeline.mail_links import subjects_cart_url
from campaigns.pipeline.subject import SUBJECT_SLOT, Subject
from campaigns.rendering import (
    cart_context,
    line_context,
    links_context,
    order_context,
    product_context,
    profile_context,
    render_context,
    shop_context,
    slot_item,
)
from campaigns.rendering.context import (
    CartContext,
    CouponContext,
    LineContext,
    OrderContext,
    RenderContext,
    SessionContext,
    ShopContext,
    SlotContext,
)
from triggers.events import Line
from triggers.instants import moment

if TYPE_CHECKING:  # previews and lint render where no server is
    from campaigns.pipeline.engine import Engine
    from campaigns.pipeline.recommend import Recommended


def render_mail(engine: Engine, subject: Subject, chosen: Recommended) -> RenderedEmail:
    """The email of one subject. Raises TemplateProblem; never gives half a mail."""
    return engine.templates.get(subject.template).render(context_for(engine, subject, chosen))


def context_for(engine: Engine, subject: Subject, chosen: Recommended) -> RenderContext:
    """Everything the template may use, from the facts as they are now."""
    links = links_context(engine.links, subject.message_ref, cart_url=subjects_cart_url(engine.settings, subject))
    currency = engine.settings.shop.currency
    return render_context(
        shop=shop_of(engine.settings),
        profile=_profile(subject),
        campaign={
            "id": subject.campaign.campaign_id,
            "name": subject.campaign.name,
            "step": subject.step_number,
            "step_name": subject.step.name,
            "variant": subject.variant.name if subject.variant else "",
        },
        now=subject.at,
        message_ref=subject.message_ref,
        links=links,
        cart=_cart(subject, chosen.facts, currency, links["cart"]),
        order=_order(subject, chosen.facts, currency),
        session=_session(subject, chosen.facts),
        slots=_slots(subject, chosen),
        coupon=coupon_of(subject.coupon) if subject.coupon else None,
    )


def shop_of(settings: Settings) -> ShopContext:
    """The shop as templates see it."""
    values = settings.shop.model_dump(mode="json", exclude={"cart_url"})
    return shop_context(shop_id=values.pop("id"), **values)


def coupon_of(coupon: Coupon) -> CouponContext:
    """The coupon as templates see it."""
    return {"code": coupon.code, "description": coupon.description, "expires_at": coupon.expires_at}


def _profile(subject: Subject) -> Any:
    row, traits = subject.row, dict(subject.row.traits or {})
    return profile_context(
        profile_id=str(row.profile_id),
        email=row.email or "",
        first_name=_text(traits, "first_name", "firstName"),
        last_name=_text(traits, "last_name", "lastName"),
        locale=row.locale or "",
        zone=row.zone or "",
        known=row.known,
        traits=traits,
    )


def _text(traits: Mapping[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := traits.get(name), str)), "")


def _lines(lines: Iterable[Line], facts: Mapping[str, Product], currency: str) -> list[LineContext]:
    found = []
    for line in lines:
        product = facts.get(line.product_id) or Product(
            line.product_id,
            line.title or f"Product {line.product_id}",
            line.url or "",
            line.image_url or "",
            price_minor=line.price_minor,
            currency=currency,
        )
        price = line.price_minor if product.price_minor is None else product.price_minor
        found.append(line_context(product, quantity=line.quantity, price_minor=price, variant=line.variant or ""))
    return found


def _cart(subject: Subject, facts: Mapping[str, Product], currency: str, url: str) -> CartContext | None:
    lines = subject.cart_lines()
    return cart_context(_lines(lines, facts, currency), currency=currency, url=url) if lines else None


def _order(subject: Subject, facts: Mapping[str, Product], currency: str) -> OrderContext | None:
    if subject.order is None:
        return None
    order_id, order = subject.order
    lines = _lines(order.lines(), facts, order.currency or currency)
    total = order.value_minor or None
    completed_at = moment(order.completed_at)
    return order_context(
        order_id, lines, currency=order.currency or currency, completed_at=completed_at, total_minor=total
    )


def _session(subject: Subject, facts: Mapping[str, Product]) -> SessionContext | None:
    session = subject.session
    if session is None:
        return None
    viewed = [facts[view.product_id] for view in subject.viewed() if view.product_id in facts]
    categories = [product.category for product in viewed if product.category]
    return {
        "viewed": [product_context(product) for product in viewed if not product.hidden],
        "referral_source": session.source,
        "landing_url": session.landing_url,
        "top_category": max(categories, key=categories.count, default=""),
    }


def _slots(subject: Subject, chosen: Recommended) -> dict[str, SlotContext]:
    found: dict[str, SlotContext] = {}
    for slot in subject.step.slots:
        slate = chosen.slates.get(slot.name)
        items = [item for item in slate.items if item.product_id in chosen.facts] if slate else []
        found[slot.name] = {
            "title": slot.title,
            "items": [
                slot_item(
                    _as_offered(subject, slot.name, chosen.facts[i.product_id]),
                    reason=i.reason,
                    source=i.source,
                    rung=i.rung.value,
                )
                for i in items
            ],
        }
    return found


def _as_offered(subject: Subject, slot: str, product: Product) -> Product:
    """The product a price drop is about beside the price it had before, where the catalog names no list price."""
    was = subject.context.get("was_minor")
    if slot != SUBJECT_SLOT or not was or product.list_price_minor or (product.price_minor or was) >= was:
        return product
    return replace(product, list_price_minor=int(was))
