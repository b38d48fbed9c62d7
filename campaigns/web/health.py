"""Is the process alive, and is everything it needs there?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from campaigns.web.pool import BoundedPool, Busy
from campaigns.web.services import Services

CHECK_SECONDS: Final = 3.0

_log = logging.getLogger(__name__)


class Health:
    """`/healthz` (the process answers) and `/readyz` (the servers behind it do too)."""

    def __init__(self, services: Services, pool: BoundedPool) -> None:
        self._checks, self._pool = services.checks, pool

    def routes(self) -> list[BaseRoute]:
        """Both by GET, for load balancers and supervisors."""
        return [Route("/healthz", self._alive), Route("/readyz", self._ready)]

    async def _alive(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _: Request) -> Response:
        names = list(self._checks)
        said = await asyncio.gather(*(self._check(self._checks[name]) for name in names))
        ready = all(word == "ok" for word in said)
        content = {"ready": ready, "checks": dict(zip(names, said, strict=True))}
        return JSONResponse(content, 200 if ready else 503)

    async def _check(self, check: Callable[[], None]) -> str:
        """One word: what is wrong in detail stands in the log, for this page is open to anybody."""
        try:
            await asyncio.wait_for(self._pool.run(check), CHECK_SECONDS)
        except TimeoutError:
            return "slow"
        except Busy:
            return "busy"
        except Exception as error:
            _log.warning("not ready: %s", error)
            return "failed"
        return "ok"
