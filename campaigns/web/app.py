"""The web process: event API, tracking, public pages, provider calls, health and the console's pages, as one app."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from campaigns.web.choices import Choices
from campaigns.web.coupons_api import CouponApi
from campaigns.web.events_api import EventApi
from campaigns.web.guard import Gate
from campaigns.web.health import Health
from campaigns.web.hooks import Hooks
from campaigns.web.inbox import inbox_routes
from campaigns.web.pages import Pages
from campaigns.web.pool import BoundedPool
from campaigns.web.products_api import ProductApi
from campaigns.web.services import Services
from campaigns.web.tracking import Tracking

_log = logging.getLogger(__name__)


def create_app(services: Services) -> Starlette:
    """The ASGI application over `services`. Its threads start with it and end with its lifespan."""
    limits = services.limits
    pool = BoundedPool(limits.threads, limits.waiting)
    pages = Pages(services.shop)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        pool.close()

    routes = [
        *ProductApi(services, pool).routes(),
        *CouponApi(services, pool).routes(),
        *EventApi(services, pool).routes(),
        *Tracking(services, pool, pages).routes(),
        *Choices(services, pool, pages).routes(),
        *Hooks(services, pool).routes(),
        *Health(services, pool).routes(),
        *_inbox_routes(services),
        Route("/robots.txt", _robots),
        Route("/favicon.ico", _no_icon),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Gate, requests=limits.requests)],
        exception_handlers={HTTPException: _refused, Exception: _broken},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would send callers to whatever the Host header says
    return app


def _inbox_routes(services: Services) -> list[BaseRoute]:
    """The catcher's inbox, where there is one to show; `/` leads to it then."""
    if services.inbox_page is None:
        return []
    return [*inbox_routes(services.inbox_page, zone=services.shop.zone), Route("/", _to_inbox)]


async def _to_inbox(_: Request) -> Response:
    return RedirectResponse("/inbox", 302)


async def _robots(_: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


async def _no_icon(_: Request) -> Response:
    return Response(status_code=204, headers={"Cache-Control": "max-age=86400"})


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    words = {404: "not found", 405: "method not allowed"}
    return PlainTextResponse(words.get(error.status_code, "refused") + "\n", error.status_code, error.headers)


async def _broken(request: Request, error: Exception) -> Response:
    _log.error("%s %r failed", request.method, request.url.path[:200], exc_info=error)
    return PlainTextResponse("something went wrong here; it has been noted\n", 500)
