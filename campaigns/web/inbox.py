"""The inbox page: the mails that went out, as an email client shows them, each with the reason why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from campaigns.web.inbox_frame import POLICY as FRAME_POLICY
from campaigns.web.inbox_frame import SANDBOX, framed
from campaigns.web.inbox_model import (
    PAGE_SIZE,
    InboxAlarm,
    InboxCampaign,
    InboxMessage,
    InboxPage,
    InboxQuery,
    InboxSource,
    InboxSummary,
    MessageList,
    Why,
    WhyMoment,
    WhyProduct,
    WhySlate,
)
from campaigns.web.inbox_pages import INBOX, ConsolePages, NavigationItem, console_folder

__all__ = [
    "InboxAlarm",
    "InboxCampaign",
    "InboxMessage",
    "InboxPage",
    "InboxQuery",
    "InboxSource",
    "InboxSummary",
    "MessageList",
    "Why",
    "WhyMoment",
    "WhyProduct",
    "WhySlate",
    "inbox_routes",
]

_TABS: Final = ("html", "text", "headers", "why")
_MEDIA_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_DEEPEST: Final = 1_000_000


def inbox_routes(
    source: InboxSource, *, zone: str = "UTC", navigation: Sequence[NavigationItem] = (INBOX,)
) -> list[BaseRoute]:
    """The routes of the inbox over `source`, with the console's style sheets and scripts. Times are shown in `zone`."""
    return _Inbox(source, ConsolePages(zone, navigation)).routes()


class _Inbox:
    def __init__(self, source: InboxSource, pages: ConsolePages) -> None:
        self._source, self._pages = source, pages
        self._static = {path.name: path for path in (console_folder() / "static").iterdir()}

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/inbox", self._list),
            Route("/inbox/list", self._more),
            Route("/inbox/messages/{message_ref}", self._message),
            Route("/inbox/messages/{message_ref}/pane", self._pane),
            Route("/inbox/messages/{message_ref}/frame", self._frame),
            Route("/console/static/{name}", self._asset),
        ]

    def _list(self, request: Request) -> Response:
        """The list; on a wide screen the newest mail stands open beside it."""
        query = _query(request)
        page = self._source.list_messages(query)
        newest = page.summaries[0].message_ref if page.summaries else ""
        return self._whole(request, query, page, self._source.find_message(newest) if newest else None, opened=False)

    def _message(self, request: Request) -> Response:
        message = self._source.find_message(request.path_params["message_ref"])
        query = _query(request)
        page = self._source.list_messages(query)
        if message is None:
            return self._whole(request, query, page, None, opened=True, status=404)
        return self._whole(request, query, page, message, opened=True)

    def _whole(
        self,
        request: Request,
        query: InboxQuery,
        page: InboxPage,
        message: InboxMessage | None,
        *,
        opened: bool,
        status: int = 200,
    ) -> HTMLResponse:
        return self._pages.show(
            "inbox",
            status,
            here=INBOX.url,
            query=query,
            page=page,
            campaigns=self._source.list_campaigns(),
            alarms=self._source.list_alarms(),
            message=message,
            missing=status == 404,
            opened=opened,
            tab=_tab(request),
            sandbox=SANDBOX,
        )

    def _more(self, request: Request) -> Response:
        """A piece of the list alone: for the next page, and to look for new mail."""
        query = _query(request)
        return self._pages.show("inbox_list", query=query, page=self._source.list_messages(query), message=None)

    def _pane(self, request: Request) -> Response:
        message = self._source.find_message(request.path_params["message_ref"])
        return self._pages.show(
            "inbox_message",
            200 if message else 404,
            message=message,
            missing=message is None,
            query=_query(request),
            tab=_tab(request),
            sandbox=SANDBOX,
        )

    def _frame(self, request: Request) -> Response:
        message = self._source.find_message(request.path_params["message_ref"])
        if message is None:
            return PlainTextResponse("not found\n", 404)
        document = framed(message.html, "dark" if request.query_params.get("scheme") == "dark" else "light")
        return HTMLResponse(document, headers={"Content-Security-Policy": FRAME_POLICY, "X-Robots-Tag": "noindex"})

    def _asset(self, request: Request) -> Response:
        path = self._static.get(request.path_params["name"])
        if path is None:
            return PlainTextResponse("not found\n", 404)
        keep = "public, max-age=31536000, immutable" if "v" in request.query_params else "no-cache"
        return FileResponse(path, media_type=_MEDIA_TYPES.get(path.suffix), headers={"Cache-Control": keep})


def _query(request: Request) -> InboxQuery:
    asked = request.query_params
    offset = asked.get("offset", "")
    return InboxQuery(
        search=asked.get("q", "")[:200],
        campaign_id=asked.get("campaign", "")[:200],
        offset=min(int(offset[:9]), _DEEPEST) if offset.isascii() and offset.isdecimal() else 0,
        limit=PAGE_SIZE,
    )


def _tab(request: Request) -> str:
    asked = request.query_params.get("tab", "html")
    return asked if asked in _TABS else "html"
