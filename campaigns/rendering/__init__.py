"""From template and context to subject, HTML and text: compile once, render per recipient in a sandbox."""

from campaigns.rendering.brand import brand_context
from campaigns.rendering.context import (
    RenderContext,
    cart_context,
    line_context,
    order_context,
    product_context,
    profile_context,
    render_context,
    shop_context,
    slot_item,
)
from campaigns.rendering.links import LinkKind, LinkSigner, SignedLink, Utm, links_context
from campaigns.rendering.problems import TemplateProblem, UnsafeTemplate
from campaigns.rendering.store import EmailTemplate, TemplateStore, shipped_templates

__all__ = [
    "EmailTemplate",
    "LinkKind",
    "LinkSigner",
    "RenderContext",
    "SignedLink",
    "TemplateProblem",
    "TemplateStore",
    "UnsafeTemplate",
    "Utm",
    "brand_context",
    "cart_context",
    "line_context",
    "links_context",
    "order_context",
    "product_context",
    "profile_context",
    "render_context",
    "shipped_templates",
    "shop_context",
    "slot_item",
]
