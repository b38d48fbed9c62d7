"""The calls of a shop's own systems: let in by the catalog key, with a body of bounded size and time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from campaigns.domain.segment_batch import UnreadableBody
from campaigns.pipeline.collect import TooLarge as UnpackedTooLarge
from campaigns.pipeline.collect import key_of
from campaigns.web.guard import RETRY_SECONDS, Allowance, BodyTooLarge, BodyTooSlow, caller_of, read_body
from campaigns.web.pool import Busy
from campaigns.web.services import Services


class CatalogGate:
    """Lets in who has the catalog key; slows down who guesses it."""

    def __init__(self, services: Services) -> None:
        self._source, self._body_seconds = services.catalog_source, services.limits.body_seconds
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

    async def answer(
        self, request: Request, make: Callable[[bytes], Awaitable[Response]], *, most: int, hint: str
    ) -> Response:
        """What `make` answers to the body, from who has the key; `hint` says what to do about one over `most` bytes."""
        refused = self.refusal(request)
        if refused is not None:
            return refused
        try:
            return await make(await read_body(request, most, self._body_seconds))
        except (BodyTooLarge, UnpackedTooLarge):
            return said(413, f"over {most} bytes; {hint}")
        except BodyTooSlow:
            return said(408, "the body did not arrive in time")
        except UnreadableBody as error:
            return said(400, str(error))
        except Busy:
            return said(503, "busy; send it again", retry_after=RETRY_SECONDS)
        except ClientDisconnect:
            return Response(status_code=400)


def said(status: int, message: str, *, retry_after: int | None = None) -> Response:
    """A refusal in words, as JSON."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="catalog key", charset="UTF-8"'
    return as_json(status, {"success": False, "message": message}, headers)


def as_json(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """An answer as JSON."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
