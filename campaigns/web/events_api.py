"""The event API: the calls Segment and RudderStack clients make, answered once the events are safe."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from campaigns.pipeline.collect import CollectResult, collect
from campaigns.web.guard import RETRY_SECONDS, Allowance, BodyTooLarge, BodyTooSlow, caller_of, read_body
from campaigns.web.pool import BoundedPool, Busy
from campaigns.web.services import Services

_CALLS: Final = {
    **{call: call for call in ("batch", "track", "identify", "page", "screen", "alias", "group", "import")},
    **{"b": "batch", "t": "track", "i": "identify", "p": "page", "s": "screen", "a": "alias", "g": "group"},
}
_PREFIXES: Final = ("/v1/", "/beacon/v1/")
_SHOWN_REJECTS: Final = 100
# Any page of any shop may post here with its write key, which is public anyway; no cookie is read, none is set.
_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, content-encoding, anonymousid, x-requested-with",
    "Access-Control-Expose-Headers": "retry-after",
    "Access-Control-Max-Age": "86400",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class EventApi:
    """Takes in what clients post, a call a request."""

    def __init__(self, services: Services, pool: BoundedPool) -> None:
        self._services, self._pool = services, pool
        rate = services.limits.requests_per_second
        self._allowance = None if rate is None else Allowance(rate, max(int(rate * 10), 1))
        self._wrong_keys = Allowance(1.0, 30)

    def routes(self) -> list[BaseRoute]:
        """The calls by path parameter: one route to try and not sixty, for most requests of the process come here."""
        paths = [prefix + "{call}" + end for prefix in _PREFIXES for end in ("", "/")]
        return [Route(path, self._answer, methods=["POST", "OPTIONS"]) for path in paths]

    async def _answer(self, request: Request) -> Response:
        call = _CALLS.get(request.path_params["call"])
        if call is None:
            raise HTTPException(404)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS)
        if self._allowance is not None and not self._allowance.take(caller_of(request)):
            return _response(CollectResult(429, message="too many requests", retry_after=RETRY_SECONDS))
        try:
            return _response(await self._collect(call, request))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it; nothing was stored

    async def _collect(self, call: str, request: Request) -> CollectResult:
        limits = self._services.limits
        try:
            body = await read_body(request, limits.collect.batch_bytes, limits.body_seconds)
            result = await self._pool.run(partial(self._commit, call, body, request, self._services.clock.now()))
        except BodyTooLarge:
            return CollectResult(413, message=f"over {limits.collect.batch_bytes} bytes; send smaller batches")
        except BodyTooSlow:
            return CollectResult(408, message="the body did not arrive in time")
        except Busy:
            return CollectResult(503, message="busy; send it again", retry_after=RETRY_SECONDS)
        if result.status == 401 and not self._wrong_keys.take(caller_of(request)):
            return CollectResult(429, message="too many wrong write keys", retry_after=60)
        return result

    def _commit(self, call: str, body: bytes, request: Request, received_at: datetime) -> CollectResult:
        services = self._services
        return collect(
            services.inbox,
            sources=services.sources,
            call=call,
            body=body,
            headers=request.headers,
            received_at=received_at,
            query_key=request.query_params.get("writeKey"),
            limits=services.limits.collect,
        )


def _response(result: CollectResult) -> Response:
    headers = dict(_CORS)
    if result.retry_after is not None:
        headers["Retry-After"] = str(result.retry_after)
    if result.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="write key", charset="UTF-8"'
    return Response(orjson.dumps(_content(result)), result.status, headers, media_type="application/json")


def _content(result: CollectResult) -> Mapping[str, Any]:
    if result.status != 200:
        return {"success": False, "message": result.message}
    rejected = [
        {"messageId": one.message_id, "reason": one.reason, "detail": one.detail}
        for one in result.rejects[:_SHOWN_REJECTS]
    ]
    return {"success": True, "accepted": result.accepted, "rejected": len(result.rejects), "rejects": rejected}
