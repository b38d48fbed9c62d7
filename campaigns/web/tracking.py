"""What a sent mail leads back to: clicks, opens, the cart, the version in the browser."""

from __future__ import annotations

import base64
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from campaigns.delivery.feedback import FeedbackKind
from campaigns.rendering.links import LinkKind, SignedLink
from campaigns.web.guard import RETRY_SECONDS
from campaigns.web.machines import is_machine
from campaigns.web.pages import Pages
from campaigns.web.pool import BoundedPool, Busy
from campaigns.web.services import Reaction, SentMessage, Services

_PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
# A mail is foreign content to this site: it may show pictures and open links, and run nothing.
_MAIL_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; default-src 'none'; "
    "img-src https: http: data:; style-src 'unsafe-inline' https:; font-src https: data:; frame-ancestors 'self'"
)

_log = logging.getLogger(__name__)
Answer = Callable[[Request], Awaitable[Response]]


class Tracking:
    """Links of mails, followed."""

    def __init__(self, services: Services, pool: BoundedPool, pages: Pages) -> None:
        self._services, self._pool, self._pages = services, pool, pages

    def routes(self) -> list[BaseRoute]:
        """`/c/` clicks, `/r/` carts, `/o/` opens, `/w/` the mail in the browser."""
        return [
            signed_route(LinkKind.CLICK, partial(self._follow, LinkKind.CLICK)),
            signed_route(LinkKind.CART, partial(self._follow, LinkKind.CART)),
            signed_route(LinkKind.OPEN, self._open),
            signed_route(LinkKind.WEB_VERSION, self._view),
        ]

    async def _follow(self, kind: LinkKind, request: Request) -> Response:
        link = read_link(self._services, request, kind)
        if link is None or not _is_web_address(link.target):
            return self._pages.show("gone", 404)
        await self._note(request, link, FeedbackKind.CLICKED)
        return RedirectResponse(link.target, 302, {"X-Robots-Tag": "noindex"})

    async def _open(self, request: Request) -> Response:
        link = read_link(self._services, request, LinkKind.OPEN)
        if link is not None:
            await self._note(request, link, FeedbackKind.OPENED)
        return Response(_PIXEL, media_type="image/gif", headers={"Cross-Origin-Resource-Policy": "cross-origin"})

    async def _note(self, request: Request, link: SignedLink, kind: FeedbackKind) -> None:
        """Records the reaction. A shopper is never kept from the shop because it could not be recorded."""
        try:
            await self._pool.run(partial(self._record, request, link, kind))
        except Busy:
            _log.warning("%s of message %s was not recorded: too busy", kind, link.message_ref)
        except Exception:
            _log.exception("%s of message %s was not recorded", kind, link.message_ref)

    def _record(self, request: Request, link: SignedLink, kind: FeedbackKind) -> None:
        services, now = self._services, self._services.clock.now()
        message = services.find_message(link.message_ref)
        machine = is_machine(
            request.method,
            request.headers,
            is_click=kind is FeedbackKind.CLICKED,
            since_hand_over=_since_hand_over(message, now),
        )
        services.record_reaction(Reaction(link.message_ref, kind, now, machine, link.target))

    async def _view(self, request: Request) -> Response:
        link = read_link(self._services, request, LinkKind.WEB_VERSION)
        if link is None:
            return self._pages.show("gone", 404)
        try:
            message = await self._pool.run(partial(self._services.find_message, link.message_ref))
        except Exception as error:
            if not isinstance(error, Busy):
                _log.exception("the web version of message %s could not be shown", link.message_ref)
            return self._pages.show("trouble", 503, headers={"Retry-After": str(RETRY_SECONDS)})
        if message is None or not message.html:
            return self._pages.show("gone", 410)
        return HTMLResponse(message.html, headers={"Content-Security-Policy": _MAIL_POLICY, "X-Robots-Tag": "noindex"})


def signed_route(kind: LinkKind, answer: Answer, *methods: str) -> Route:
    """The route of a kind of signed link, for `methods` (GET and HEAD where none is named)."""
    return Route(f"/{kind}/{{message_ref}}/{{signature}}", answer, methods=methods or ("GET", "HEAD"))


def read_link(services: Services, request: Request, kind: LinkKind) -> SignedLink | None:
    """The link a request follows, if it is a genuine one of that kind."""
    path = request.path_params
    target = request.query_params.get("u", "")
    return services.links.verify(kind, path["message_ref"], path["signature"], target)


def _since_hand_over(message: SentMessage | None, now: datetime) -> timedelta | None:
    """None where it is not known. A message that is not settled yet is being handed over at this very moment."""
    if message is None:
        return None
    return timedelta(0) if message.sent_at is None else now - message.sent_at


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
