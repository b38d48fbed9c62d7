"""The preview app: every mail of every campaign in the browser, drawn anew whenever a file is saved.

It only ever reads: nothing here sends, decides or records.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from campaigns.clock import Clock
from campaigns.pipeline.lint import lint_coupons, lint_templates, worst_first
from campaigns.pipeline.preview import Studio, Wanted
from campaigns.pipeline.preview_live import LiveTemplates, watched_folders
from campaigns.pipeline.preview_mail import message_headers
from campaigns.pipeline.preview_samples import sample_picture
from campaigns.pipeline.render import shop_of
from campaigns.rendering import TemplateProblem
from campaigns.web.inbox_frame import POLICY as FRAME_POLICY
from campaigns.web.inbox_frame import SANDBOX, framed
from campaigns.web.inbox_pages import ConsolePages, NavigationItem, console_folder
from campaigns.web.preview_desk import Desk, Shown, wanted_of
from campaigns.web.preview_events import SaveWatch

PREVIEW: Final = NavigationItem("Preview", "/preview")
FRAME_SANDBOX: Final = f"{SANDBOX} allow-same-origin"
"""No script runs in it; the page may read how far it is scrolled, to keep it there when the mail is drawn anew."""

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FRESH: Final = {"Cache-Control": "no-store"}


class PreviewApp:
    """The app over a studio with live templates. `close` ends its open streams, before a server waits for them."""

    def __init__(self, studio: Studio, start: Wanted, clock: Clock) -> None:
        if not isinstance(studio.templates, LiveTemplates):
            raise TypeError("the preview app needs LiveTemplates")
        self._desk, self._start, self._clock = Desk(studio, studio.templates), start, clock
        self._pages = ConsolePages(studio.settings.shop.zone, (PREVIEW,))
        self._watch = SaveWatch(watched_folders(studio.workspace), self._desk.refresh)
        self._parts: dict[str, Callable[[Shown], dict[str, Any]]] = {
            "text": lambda shown: {},
            "source": self._source,
            "headers": self._headers,
            "data": _data,
            "slates": _slates,
            "lint": self._lint,
        }
        # A page elsewhere that names this machine as its own must not read shoppers' data here.
        only_here = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
        self.app = Starlette(routes=self._routes(), middleware=[only_here], lifespan=self._lifespan)

    def close(self) -> None:
        self._watch.close()

    def _routes(self) -> list[Route]:
        return [
            Route("/", lambda request: RedirectResponse("/preview")),
            Route("/preview", self._page),
            Route("/preview/state", self._state),
            Route("/preview/frame", self._frame),
            Route("/preview/part/{name}", self._part),
            Route("/preview/events", self._events),
            Route("/preview/pictures/{name}", _picture),
            Route("/preview/static/{name}", _asset_of(console_folder() / "preview")),
            Route("/console/static/{name}", _asset_of(console_folder() / "static")),
        ]

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self._watch.start()
        yield
        self._watch.close()

    def _page(self, request: Request) -> Response:
        if not request.query_params and self._start.campaign_id:
            return RedirectResponse(f"/preview?{_query(self._start)}")
        return self._pages.show("preview/studio", here=PREVIEW.url, sandbox=FRAME_SANDBOX)

    def _state(self, request: Request) -> Response:
        shown = self._desk.show(wanted_of(request.query_params))
        return _json(self._desk.state(shown, self._watch.version))

    def _frame(self, request: Request) -> Response:
        shown = self._desk.show(wanted_of(request.query_params))
        scheme = "dark" if request.query_params.get("scheme") == "dark" else "light"
        document = framed(self._desk.page(shown), "dark" if scheme == "dark" else "light")
        policy = FRAME_POLICY.replace(SANDBOX, FRAME_SANDBOX, 1)
        return HTMLResponse(document, headers={"Content-Security-Policy": policy, **_FRESH})

    def _part(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._parts:
            return PlainTextResponse("not found\n", 404)
        shown = self._desk.show(wanted_of(request.query_params))
        try:
            values = self._parts[name](shown) if shown.scene and (shown.preview or name in ("data", "lint")) else {}
        except TemplateProblem as problem:
            values = {"problem": str(problem)}
        ready = bool(shown.preview) or bool(values)
        return self._pages.show("preview/part", part=name, shown=shown, ready=ready, **_Blank(values))

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._watch.stream(), media_type="text/event-stream", headers=_FRESH)

    def _source(self, shown: Shown) -> dict[str, Any]:
        """The MJML of this rendering, each line with the file and line that wrote it."""
        if shown.scene is None:
            return {}
        traced = self._desk.templates.get(shown.scene.template).traced(shown.scene.context)
        lines, at = [], 0
        for text in traced.source.split("\n"):
            indent = len(text) - len(text.lstrip())
            file, line = traced.origin(at + indent)
            lines.append({"text": text, "file": file, "line": line})
            at += len(text) + 1
        return {"lines": lines}

    def _headers(self, shown: Shown) -> dict[str, Any]:
        if shown.preview is None:
            return {}
        return {"headers": message_headers(self._desk.studio, shown.preview, self._clock.now())}

    def _lint(self, shown: Shown) -> dict[str, Any]:
        if shown.scene is None:
            return {}
        shop, templates, name = shop_of(self._desk.studio.settings), self._desk.templates, shown.scene.template
        coupons = lint_coupons(templates, [shown.scene.campaign], shop)
        own = [found for found in coupons if found.file.startswith(f"{name}/")]
        return {"findings": worst_first([*lint_templates(templates, [name], shop), *own])}


class _Blank(dict[str, Any]):
    """The values of a part, with the others' names there and empty."""

    def __init__(self, values: dict[str, Any]) -> None:
        names = ("lines", "headers", "data", "slates", "findings")
        super().__init__({**dict.fromkeys(names, ()), "problem": "", **values})


def _data(shown: Shown) -> dict[str, Any]:
    context = dict(shown.scene.context) if shown.scene else {}
    return {"data": orjson.dumps(context, default=str, option=orjson.OPT_INDENT_2).decode()}


def _slates(shown: Shown) -> dict[str, Any]:
    """The slots of the mail with their products, and what chose them."""
    if shown.scene is None:
        return {}
    scene, found = shown.scene, []
    for slot in scene.campaign.steps[scene.step - 1].slots:
        items = scene.context["slots"][slot.name]["items"]
        scores = {each["product_id"]: each.get("score") for each in scene.slates.get(slot.name, {}).get("items", ())}
        rows = [{**item, "score": scores.get(item["product_id"])} for item in items]
        found.append({"name": slot.name, "kind": slot.kind, "size": slot.size, "rows": rows})
    return {"slates": found}


async def _picture(request: Request) -> Response:
    picture = await run_in_threadpool(sample_picture, request.path_params["name"])
    if picture is None:
        return PlainTextResponse("not found\n", 404)
    return Response(picture, media_type="image/png", headers={"Cache-Control": "max-age=86400"})


def _asset_of(folder: Path) -> Callable[[Request], Response]:
    def show(request: Request) -> Response:
        path = folder / request.path_params["name"]
        if path.suffix not in _TYPES or not path.is_file():
            return PlainTextResponse("not found\n", 404)
        return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})

    return show


def _query(wanted: Wanted) -> str:
    person = "next:" if wanted.for_next else f"profile:{wanted.profile}" if wanted.profile else wanted.persona
    kept = {
        "campaign": wanted.campaign_id,
        "step": wanted.step or "",
        "variant": wanted.variant,
        "persona": person,
        "locale": wanted.locale,
    }
    return urlencode({name: value for name, value in kept.items() if value})


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value, default=str), media_type="application/json", headers=_FRESH)
