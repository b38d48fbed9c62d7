"""The coupon API: the shop's till asks what a code is, also one that a campaign made by a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from campaigns.pipeline.coupon_pools import CodeAnswer
from campaigns.web.catalog_gate import CatalogGate, as_json, said
from campaigns.web.pool import BoundedPool
from campaigns.web.services import Services

_BODY_BYTES: Final = 4_096
_CODE_CHARACTERS: Final = 100


class CouponApi:
    """`POST /v1/coupons/check` with the catalog key. It only reads: an order that names a code marks it as used."""

    def __init__(self, services: Services, pool: BoundedPool) -> None:
        self._services, self._pool, self._gate = services, pool, CatalogGate(services)

    def routes(self) -> list[BaseRoute]:
        """The one call."""
        return [Route(path, self._answer, methods=["POST"]) for path in ("/v1/coupons/check", "/v1/coupons/check/")]

    async def _answer(self, request: Request) -> Response:
        return await self._gate.answer(request, self._check, most=_BODY_BYTES, hint="send one code")

    async def _check(self, body: bytes) -> Response:
        code = _code_in(body)
        if not code:
            return said(400, f'send {{"code": "SPRING-7QK2"}}, of at most {_CODE_CHARACTERS} characters')
        return _shown(code, await self._pool.run(partial(self._services.find_coupons, code)))


def _code_in(body: bytes) -> str:
    try:
        asked: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    code = asked.get("code") if isinstance(asked, dict) else None
    fits = isinstance(code, str) and len(code) <= _CODE_CHARACTERS and code.isprintable()
    return str(code).strip() if fits else ""


def _shown(code: str, found: Sequence[CodeAnswer]) -> Response:
    coupons = [
        {
            "pool": each.pool,
            "code": each.code,
            "status": each.status,
            "valid": each.is_valid,
            "valid_until": each.valid_until.isoformat() if each.valid_until else None,
            "order_id": each.order_id,
        }
        for each in found
    ]
    answer = {"success": True, "code": code, "valid": any(each.is_valid for each in found), "coupons": coupons}
    return as_json(200, answer)
