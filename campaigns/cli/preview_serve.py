"""`preview --serve`: the preview app, until it is interrupted."""

from __future__ import annotations

import sys
from types import FrameType

import uvicorn

from campaigns.cli.output import Output
from campaigns.clock import WallClock
from campaigns.pipeline.preview import Studio, Wanted, template_folders
from campaigns.pipeline.preview_live import LiveTemplates
from campaigns.rendering import Utm
from campaigns.web.preview import PreviewApp
from campaigns.web.server import listen

_HOST = "127.0.0.1"


def serve_preview(output: Output, studio: Studio, wanted: Wanted, port: int) -> None:
    """Serves the app on this machine only; Ctrl-C ends it."""
    studio.templates = LiveTemplates(template_folders(studio.workspace), links=studio.links, utm=Utm())
    preview = PreviewApp(studio, wanted, WallClock())
    listening = listen(_HOST, port)
    output.line(
        f"Preview at http://{_HOST}:{listening.getsockname()[1]}/preview, drawn anew at every save. Ctrl-C ends."
    )
    sys.stdout.flush()
    try:
        _Server(preview).run(sockets=[listening])
    except KeyboardInterrupt:
        output.line()


class _Server(uvicorn.Server):
    """Ends the open streams of the browsers at once: they would keep it from stopping."""

    def __init__(self, preview: PreviewApp) -> None:
        super().__init__(uvicorn.Config(preview.app, log_config=None, access_log=False, server_header=False, ws="none"))
        self._preview = preview

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._preview.close()
        super().handle_exit(sig, frame)
