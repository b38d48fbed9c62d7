"""The coupon API: the shop's till asks what a code is, also one that a campaign made by a pattern, and uses it up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from campaigns.pipeline.coupon_pools import CodeAnswer
from campaigns.pipeline.coupon_redemptions import RedeemAnswer, Refusal
from campaigns.web.catalog_gate import CatalogGate, as_json, said
from campaigns.web.pool import BoundedPool
from campaigns.web.services import Services

_BODY_BYTES: Final = 4_096
_CODE_CHARACTERS: Final = 100
_NAME_CHARACTERS: Final = 300
_WORDS: Final = {
    Refusal.OTHER_SHOPPER: "the code was mailed to another shopper",
    Refusal.ENDED: "the code has ended",
    Refusal.ALREADY_REDEEMED: "the code was used with another order",
    Refusal.NOT_HANDED_OUT: "the code was in no mail yet",
    Refusal.UNKNOWN: "no pool has such a code",
}


class CouponApi:
    """`POST /v1/coupons/check` and `/v1/coupons/redeem`, with the catalog key. The first only reads."""

    def __init__(self, services: Services, pool: BoundedPool) -> None:
        self._services, self._pool, self._gate = services, pool, CatalogGate(services)

    def routes(self) -> list[BaseRoute]:
        """The two calls."""
        calls = {"/v1/coupons/check": self._check, "/v1/coupons/redeem": self._redeem}
        return [
            Route(f"{path}{end}", partial(self._answer, make), methods=["POST"])
            for path, make in calls.items()
            for end in ("", "/")
        ]

    async def _answer(self, make: Any, request: Request) -> Response:
        return await self._gate.answer(request, make, most=_BODY_BYTES, hint="send one code")

    async def _check(self, body: bytes) -> Response:
        code = _text(_asked(body).get("code"), _CODE_CHARACTERS)
        if not code:
            return said(400, f'send {{"code": "SPRING-7QK2"}}, of at most {_CODE_CHARACTERS} characters')
        return _shown(code, await self._pool.run(partial(self._services.find_coupons, code)))

    async def _redeem(self, body: bytes) -> Response:
        asked = _asked(body)
        code = _text(asked.get("code"), _CODE_CHARACTERS)
        order_id, shopper = (_text(_words(asked.get(name)), _NAME_CHARACTERS) for name in ("order_id", "shopper"))
        if not code or not order_id or (not shopper and asked.get("shopper") is not None):
            return said(400, 'send {"code": "SPRING-7QK2", "order_id": "1001"}, and "shopper" if only they may use it')
        found = await self._pool.run(partial(self._services.redeem_coupon, code, order_id, shopper))
        return _redeemed(found)


def _asked(body: bytes) -> dict[str, Any]:
    try:
        asked: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _text(given: Any, most: int) -> str:
    fits = isinstance(given, str) and len(given) <= most and given.isprintable()
    return str(given).strip() if fits else ""


def _words(given: Any) -> Any:
    """Shops that count orders and users send numbers."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


def _redeemed(found: RedeemAnswer) -> Response:
    told = {"code": found.code, "order_id": found.order_id}
    if found.refusal is None:
        return as_json(200, {"success": True, **told, "pools": found.pools, "again": found.again})
    status = 404 if found.refusal is Refusal.UNKNOWN else 409
    message = _WORDS[found.refusal]
    return as_json(status, {"success": False, **told, "reason": found.refusal.value, "message": message})


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
