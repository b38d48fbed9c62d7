"""What shoppers decide: to leave (RFC 8058), and what they want to get.

GET only ever shows a page: scanners of mail gateways follow every link, and must not unsubscribe anybody.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, TypeVar
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from campaigns.rendering.links import LinkKind, SignedLink
from campaigns.web.guard import RETRY_SECONDS, BodyTooLarge, BodyTooSlow, read_body
from campaigns.web.pages import Pages, masked
from campaigns.web.pool import BoundedPool, Busy
from campaigns.web.services import Departure, Preferences, Services
from campaigns.web.tracking import read_link, signed_route

MAX_FORM: Final = 16_384
_ONE_CLICK: Final = b"List-Unsubscribe=One-Click"

_log = logging.getLogger(__name__)
Result = TypeVar("Result")
Form = Mapping[str, list[str]]
Answer = Callable[[Request, SignedLink], Awaitable[Response]]


class _Unavailable(Exception):
    pass


class Choices:
    """The unsubscribe and the preference page."""

    def __init__(self, services: Services, pool: BoundedPool, pages: Pages) -> None:
        self._services, self._pool, self._pages = services, pool, pages

    def routes(self) -> list[BaseRoute]:
        """`/u/` leaves, `/p/` chooses."""
        leave, choose = LinkKind.UNSUBSCRIBE, LinkKind.PREFERENCES
        return [
            signed_route(leave, partial(self._guarded, leave, self._ask)),
            signed_route(leave, partial(self._guarded, leave, self._leave), "POST"),
            signed_route(choose, partial(self._guarded, choose, self._choose)),
            signed_route(choose, partial(self._guarded, choose, self._save), "POST"),
        ]

    async def _guarded(self, kind: LinkKind, answer: Answer, request: Request) -> Response:
        link = read_link(self._services, request, kind)
        if link is None:
            return self._pages.show("gone", 404)
        try:
            return await answer(request, link)
        except (_Unavailable, BodyTooSlow):
            return self._pages.show("trouble", 503, headers={"Retry-After": str(RETRY_SECONDS)})
        except BodyTooLarge:
            return self._pages.show("gone", 413)
        except ClientDisconnect:
            return Response(status_code=400)

    async def _ask(self, request: Request, link: SignedLink) -> Response:
        message = await self._run(partial(self._services.find_message, link.message_ref))
        if message is None:
            return self._pages.show("gone", 404)
        return self._pages.show(
            "unsubscribe",
            address=masked(message.address),
            campaign=message.campaign_name,
            preferences=self._services.links.preferences(link.message_ref),
        )

    async def _leave(self, request: Request, link: SignedLink) -> Response:
        body = await self._body(request)
        one_click = _ONE_CLICK in body
        form = _form(body)
        message = await self._run(partial(self._services.find_message, link.message_ref))
        only_this = not one_click and form.get("scope") == ["campaign"] and message is not None
        departure = Departure(
            message_ref=link.message_ref,
            occurred_at=self._services.clock.now(),
            campaign_id=message.campaign_id if only_this and message else None,
            one_click=one_click,
        )
        await self._run(partial(self._services.unsubscribe, departure))
        if one_click:
            return PlainTextResponse("unsubscribed\n")
        address, campaign = (masked(message.address), message.campaign_name) if message else ("", "")
        return self._pages.show(
            "unsubscribed",
            address=address,
            campaign=campaign if only_this else "",
            preferences=self._services.links.preferences(link.message_ref),
        )

    async def _choose(self, request: Request, link: SignedLink) -> Response:
        return self._preferences(await self._found(link), saved=False)

    async def _save(self, request: Request, link: SignedLink) -> Response:
        form = _form(await self._body(request))
        before = await self._found(link)
        if before is None:
            return self._preferences(None, saved=False)
        known = {topic.topic_id for topic in before.topics}
        wanted = frozenset() if "none" in form else frozenset(form.get("topic", [])) & known
        now = self._services.clock.now()
        await self._run(partial(self._services.save_preferences, link.message_ref, wanted, now))
        return self._preferences(await self._found(link), saved=True)

    def _preferences(self, found: Preferences | None, *, saved: bool) -> Response:
        if found is None:
            return self._pages.show("gone", 404)
        return self._pages.show(
            "preferences",
            address=masked(found.address),
            topics=found.topics,
            everything_off=found.everything_off,
            saved=saved,
        )

    async def _found(self, link: SignedLink) -> Preferences | None:
        return await self._run(partial(self._services.find_preferences, link.message_ref))

    async def _body(self, request: Request) -> bytes:
        return await read_body(request, MAX_FORM, self._services.limits.body_seconds)

    async def _run(self, work: Callable[[], Result]) -> Result:
        """What `work` gives; _Unavailable where it cannot be done now, for a wish to leave must never seem granted."""
        try:
            return await self._pool.run(work)
        except Busy as error:
            raise _Unavailable from error
        except Exception as error:
            _log.exception("a public page could not be answered")
            raise _Unavailable from error


def _form(body: bytes) -> Form:
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=200)
    except ValueError:
        return {}
