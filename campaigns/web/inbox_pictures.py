"""Pictures that mails in the local inbox show, served by the console's own process."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route


def picture_routes(find: Callable[[str], bytes | None], prefix: str = "/pictures") -> list[BaseRoute]:
    """Serves `<prefix>/<name>` from `find`, which gives a PNG file by name or None. It may block; several threads call
    it at once."""

    def show(request: Request) -> Response:
        picture = find(request.path_params["name"])
        if picture is None:
            return PlainTextResponse("not found\n", 404)
        return Response(picture, media_type="image/png", headers={"Cache-Control": "public, max-age=86400"})

    return [Route(prefix + "/{name}", show)]
