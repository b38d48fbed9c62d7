"""The product API: a shop's system pushes prices and stock as they change."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from campaigns.domain.segment_batch import UnreadableBody
from campaigns.pipeline.collect import TooLarge as UnpackedTooLarge
from campaigns.pipeline.collect import key_of, unpacked
from campaigns.pipeline.products import PushReport
from campaigns.web.guard import RETRY_SECONDS, Allowance, BodyTooLarge, BodyTooSlow, caller_of, read_body
from campaigns.web.pool import BoundedPool, Busy
from campaigns.web.services import Services

_SHOWN_REJECTS: Final = 100


class CatalogGate:
    """Lets in who has the catalog key; slows down who guesses it."""

    def __init__(self, services: Services) -> None:
        self._source = services.catalog_source
        self._wrong_keys = Allowance(1.0, 30)

    def refusal(self, request: Request) -> Response | None:
        """What a caller without the key is told; None for one who has it."""
        if self._source is None:
            return said(403, "no catalog_key is set: set one in rekindle.toml")
        key = key_of(request.headers)
        if key is not None and self._source.has_key(key):
            return None
        if not self._wrong_keys.take(caller_of(request)):
            return said(429, "too many wrong keys", retry_after=60)
        return said(401, "wrong key; send catalog_key as the user name of Basic authorization, or as Bearer")


class ProductApi:
    """`POST /v1/products` with the catalog key, which - unlike write keys - no browser ever sees."""

    def __init__(self, services: Services, pool: BoundedPool) -> None:
        self._services, self._pool = services, pool
        self._gate = CatalogGate(services)

    def routes(self) -> list[BaseRoute]:
        """The one call."""
        return [Route(path, self._answer, methods=["POST"]) for path in ("/v1/products", "/v1/products/")]

    async def _answer(self, request: Request) -> Response:
        limits = self._services.limits
        refused = self._gate.refusal(request)
        if refused is not None:
            return refused
        too_large = f"over {limits.collect.batch_bytes} bytes; send smaller pushes"
        try:
            body = await read_body(request, limits.collect.batch_bytes, limits.body_seconds)
            return _report(await self._pool.run(partial(self._push, body)))
        except (BodyTooLarge, UnpackedTooLarge):
            return said(413, too_large)
        except BodyTooSlow:
            return said(408, "the body did not arrive in time")
        except UnreadableBody as error:
            return said(400, str(error))
        except Busy:
            return said(503, "busy; send it again", retry_after=RETRY_SECONDS)
        except ClientDisconnect:
            return Response(status_code=400)

    def _push(self, body: bytes) -> PushReport:
        limits = self._services.limits.collect
        return self._services.push_products(unpacked(body, limits.batch_bytes), limits.batch_events)


def _report(report: PushReport) -> Response:
    rejects = [
        {"product_id": one.product_id, "reason": one.fault.value, "detail": one.detail}
        for one in report.rejects[:_SHOWN_REJECTS]
    ]
    return _json(
        200,
        {
            "success": True,
            "accepted": report.accepted,
            "rejected": len(report.rejects),
            "rejects": rejects,
            "price_drops": report.price_drops,
            "back_in_stock": report.back_in_stock,
        },
    )


def said(status: int, message: str, *, retry_after: int | None = None) -> Response:
    """A refusal in words, as JSON."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="catalog key", charset="UTF-8"'
    return _json(status, {"success": False, "message": message}, headers)


def _json(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
