"""The gate every request passes: how many at once, how large, how slow, how often - and what every answer carries."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

RETRY_SECONDS: Final = 5
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class BodyTooLarge(Exception):
    """More came than the route takes."""


class BodyTooSlow(Exception):
    """The body did not come in time."""


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as more than `limit` bytes are announced or have come, BodyTooSlow
    after `seconds`."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise BodyTooLarge
                chunks.append(chunk)
    except TimeoutError as error:
        raise BodyTooSlow from error
    return b"".join(chunks)


class Gate:
    """ASGI middleware: refuses what is beyond `requests` at once, and adds the safety headers to every answer that has
    none of its own."""

    def __init__(self, app: ASGIApp, requests: int) -> None:
        self._app = app
        self._room = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._room <= 0 and scope["path"] != "/healthz":
            await busy()(scope, receive, _with_headers(send))
        else:
            self._room -= 1
            try:
                await self._app(scope, receive, _with_headers(send))
            finally:
                self._room += 1


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _ALWAYS.items():
                headers.setdefault(name, value)
        await send(message)

    return wrapped


def busy() -> PlainTextResponse:
    """The answer to one request too many; readable by browser clients of any origin, which must see it to try again."""
    headers = {"Retry-After": str(RETRY_SECONDS), "Access-Control-Allow-Origin": "*"}
    return PlainTextResponse("busy; try again in a few seconds\n", 503, headers)


class Allowance:
    """How often one caller may do something: `rate` times a second on average, `burst` at once.

    Remembers the `callers` seen last, so that its memory is bounded; one forgotten starts with a full allowance.
    """

    def __init__(
        self, rate: float, burst: int, *, callers: int = 10_000, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._callers, self._now = rate, burst, callers, now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> bool:
        """Uses one; False where none is left."""
        now = self._now()
        left, at = self._left.pop(caller, (float(self._burst), now))
        left = min(left + (now - at) * self._rate, float(self._burst))
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        if len(self._left) > self._callers:
            self._left.popitem(last=False)
        return allowed


def caller_of(request: Request) -> str:
    """The address a request came from (the proxy's word where uvicorn trusts the proxy)."""
    return request.client.host if request.client else "unknown"
