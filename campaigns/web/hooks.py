"""Calls of mail providers: bounces, complaints, deliveries."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from campaigns.web.guard import RETRY_SECONDS, BodyTooLarge, BodyTooSlow, read_body
from campaigns.web.pool import BoundedPool, Busy
from campaigns.web.services import HookRefused, Services

MAX_CALL: Final = 2_000_000

_log = logging.getLogger(__name__)


class Hooks:
    """One address per provider: `/hooks/<provider>`."""

    def __init__(self, services: Services, pool: BoundedPool) -> None:
        self._services, self._pool = services, pool

    def routes(self) -> list[BaseRoute]:
        """Only POST; what a provider asks by GET to check the address is answered by 405 like everywhere."""
        return [Route("/hooks/{provider}", self._take, methods=["POST"])]

    async def _take(self, request: Request) -> Response:
        hook = self._services.hooks.get(request.path_params["provider"])
        if hook is None:
            return _said(404, "no such provider is set up here")
        try:
            body = await read_body(request, MAX_CALL, self._services.limits.body_seconds)
            count = await self._pool.run(partial(hook, body, request.headers))
        except HookRefused as refusal:
            return _said(refusal.status, str(refusal))
        except BodyTooLarge:
            return _said(413, "too large")
        except ClientDisconnect:
            return Response(status_code=400)
        except (Busy, BodyTooSlow):
            return _said(503, "busy; send it again")
        except Exception:  # the provider keeps what it could not hand over, and sends it again
            _log.exception("a call of %s could not be kept", request.path_params["provider"])
            return _said(503, "could not be kept; send it again")
        return JSONResponse({"success": True, "feedback": count})


def _said(status: int, line: str) -> Response:
    headers = {503: {"Retry-After": str(RETRY_SECONDS)}, 401: {"WWW-Authenticate": 'Basic realm="hooks"'}}.get(status)
    return JSONResponse({"success": False, "message": line}, status, headers)
