"""The product API: a shop's system pushes prices and stock as they change."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from campaigns.pipeline.collect import unpacked
from campaigns.pipeline.products import PushReport
from campaigns.web.catalog_gate import CatalogGate, as_json
from campaigns.web.pool import BoundedPool
from campaigns.web.services import Services

_SHOWN_REJECTS: Final = 100


class ProductApi:
    """`POST /v1/products` with the catalog key, which - unlike write keys - no browser ever sees."""

    def __init__(self, services: Services, pool: BoundedPool) -> None:
        self._services, self._pool = services, pool
        self._gate = CatalogGate(services)

    def routes(self) -> list[BaseRoute]:
        """The one call."""
        return [Route(path, self._answer, methods=["POST"]) for path in ("/v1/products", "/v1/products/")]

    async def _answer(self, request: Request) -> Response:
        limit = self._services.limits.collect.batch_bytes
        return await self._gate.answer(request, self._take, most=limit, hint="send smaller pushes")

    async def _take(self, body: bytes) -> Response:
        return _report(await self._pool.run(partial(self._push, body)))

    def _push(self, body: bytes) -> PushReport:
        limits = self._services.limits.collect
        return self._services.push_products(unpacked(body, limits.batch_bytes), limits.batch_events)


def _report(report: PushReport) -> Response:
    rejects = [
        {"product_id": one.product_id, "reason": one.fault.value, "detail": one.detail}
        for one in report.rejects[:_SHOWN_REJECTS]
    ]
    return as_json(
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
