"""What the web process needs from the floors below, as values and callables the wiring fills in.

Callables may block (they run in a bounded pool of threads) and must be safe to call from several threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.clock import Clock
from campaigns.delivery.feedback import FeedbackKind
from campaigns.pipeline.collect import CollectLimits, InboxStore, Source
from campaigns.pipeline.coupon_pools import CodeAnswer
from campaigns.pipeline.coupon_redemptions import RedeemAnswer
from campaigns.pipeline.products import PushReport
from campaigns.rendering.links import LinkSigner
from campaigns.web.inbox_model import InboxSource


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message as its public pages need it. `html` is empty where it is kept no longer."""

    message_ref: str
    address: str
    campaign_id: str
    campaign_name: str
    sent_at: datetime | None = None
    html: str = ""


@dataclass(frozen=True, slots=True)
class Reaction:
    """Somebody (or, with `machine`, a scanner) opened a message or followed a link of it."""

    message_ref: str
    kind: FeedbackKind  # CLICKED or OPENED
    occurred_at: datetime
    machine: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Departure:
    """A shopper wants no more mail: of one campaign, or with `campaign_id` None of the whole shop."""

    message_ref: str
    occurred_at: datetime
    campaign_id: str | None = None
    one_click: bool = False


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of mail a shopper may choose; `topic_id` is the campaign's id."""

    topic_id: str
    title: str
    description: str = ""
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a shopper gets. With `everything_off` no marketing mail goes out, whatever the topics say."""

    address: str
    topics: Sequence[Topic] = ()
    everything_off: bool = False


class HookRefused(Exception):
    """A provider's call is not readable; the text says why. Never worth sending again."""

    status = 400


class HookUnproven(HookRefused):
    """A provider's call does not prove where it comes from. Some send their password only when asked for it."""

    status = 401


Hook = Callable[[bytes, Mapping[str, str]], int]
"""Takes a provider's call (body, lower-case headers), keeps what it says, returns how many pieces of feedback it held.
Raises HookRefused where the signature or the shape is wrong."""


@dataclass(frozen=True, slots=True)
class ShopLook:
    """What public pages show of the shop. `brand` is the brand of the render context, with its `dark` twin; `zone` is
    the one the console shows times in."""

    name: str
    url: str = ""
    logo_url: str = ""
    support_email: str = ""
    postal_address: str = ""
    brand: Mapping[str, Any] = field(default_factory=dict)
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class WebLimits:
    """What the process takes at once; beyond it callers get 503 or 429 with Retry-After. `threads` is the number of
    database connections it may use; `requests_per_second` is for one client of the event API, None for no limit."""

    threads: int = 8
    waiting: int = 64
    requests: int = 256
    body_seconds: float = 30.0
    requests_per_second: float | None = None
    collect: CollectLimits = field(default_factory=CollectLimits)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the web pages. `checks` are asked by /readyz and raise where something is missing."""

    clock: Clock
    shop: ShopLook
    inbox: InboxStore
    sources: Sequence[Source]
    links: LinkSigner
    find_message: Callable[[str], SentMessage | None]
    record_reaction: Callable[[Reaction], None]
    unsubscribe: Callable[[Departure], None]
    find_preferences: Callable[[str], Preferences | None]
    save_preferences: Callable[[str, frozenset[str], datetime], None]
    catalog_source: Source | None = None  # None: nobody may push products
    push_products: Callable[[bytes, int], PushReport] = lambda body, most: PushReport()
    find_coupons: Callable[[str], Sequence[CodeAnswer]] = lambda code: ()
    redeem_coupon: Callable[[str, str, str], RedeemAnswer] = lambda code, order_id, shopper: RedeemAnswer(code, None)
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    checks: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    inbox_page: InboxSource | None = None  # None for no such page
    limits: WebLimits = field(default_factory=WebLimits)
