"""`rekindle serve`: the web process."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from starlette.routing import BaseRoute

from campaigns.cli.output import Output
from campaigns.log import configure as set_up_logging
from campaigns.pipeline.engine import Engine, World, open_engine
from campaigns.web.app import create_app
from campaigns.web.outbox_inbox import OutboxInbox
from campaigns.web.server import serve as run_server
from campaigns.web.wiring import services_of


@click.command()
@click.option("--host", help="Address to listen on (default: http.host of the settings).")
@click.option("--port", type=int, help="Port to listen on (default: http.port of the settings).")
@click.option("--replay", "of_replay", is_flag=True, help="Show the last replay instead of the live shop.")
@click.pass_obj
def serve(output: Output, host: str | None, port: int | None, of_replay: bool) -> None:
    """Runs the web process: event API, tracking links, unsubscribe pages, and the inbox of the local catcher."""
    with open_engine(output.workspace, world=World.REPLAY if of_replay else World.LIVE) as engine:
        set_up_logging(secrets=engine.settings.secrets)
        http = engine.settings.http
        show_inbox = of_replay or engine.settings.mailer is None
        serve_engine(output, engine, host or http.host, http.port if port is None else port, show_inbox=show_inbox)


def serve_engine(
    output: Output, engine: Engine, host: str, port: int, *, show_inbox: bool, routes: Sequence[BaseRoute] = ()
) -> None:
    """Serves an opened workspace until it is interrupted; `routes` come on top of the product's own."""
    app = create_app(services_of(engine, inbox_page=OutboxInbox(engine) if show_inbox else None))
    app.router.routes.extend(routes)

    def say(bound: int) -> None:
        where = f"http://{host}:{bound}"
        output.line(f"Listening on {where}{f', inbox at {where}/inbox' if show_inbox else ''}. Ctrl-C ends.")
        sys.stdout.flush()

    run_server(app, host, port, on_ready=say)
