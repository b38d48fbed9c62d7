"""Runs the app on a port until it is told to stop."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from campaigns.domain.errors import UnusableEnvironment

STOP_SECONDS: Final = 10
_ADVICE: Final = {
    errno.EADDRINUSE: ("is in use by another program", "stop it or choose another port"),
    errno.EACCES: ("may not be used by this account", "choose a port above 1023"),
    errno.EADDRNOTAVAIL: ("is not an address of this machine", "use 127.0.0.1, or 0.0.0.0 for all addresses"),
}


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on `host`:`port` (0 for any free port). UnusableEnvironment says in one line why it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it every answer takes 40 ms.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(2048)
    except OSError as error:
        found.close()
        raise _unusable(host, port, error) from error
    return found


def _unusable(host: str, port: int, error: OSError) -> UnusableEnvironment:
    if isinstance(error, socket.gaierror):
        what, fix = "is not a host name this machine can resolve", "use 127.0.0.1, or 0.0.0.0 for all addresses"
    else:
        what, fix = _ADVICE.get(error.errno or 0, (f"cannot be listened on ({error.strerror})", "choose another port"))
    settings = "http.host and http.port in rekindle.toml, or REKINDLE_HTTP_HOST and REKINDLE_HTTP_PORT"
    return UnusableEnvironment(f"{host}:{port} {what}", fix=f"{fix}: {settings}")


def serve(app: ASGIApp, host: str, port: int, *, on_ready: Callable[[int], None] | None = None) -> None:
    """Serves until SIGINT or SIGTERM, lets running requests end and returns; a second SIGINT cuts them off.

    `on_ready` gets the port once it listens.

    Raises UnusableEnvironment before anything is started where the port cannot be had.
    """
    listening = listen(host, port)
    if on_ready is not None:
        on_ready(listening.getsockname()[1])
    _server(app).run(sockets=[listening])


@contextmanager
def serving(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """The app on a thread of this process, for as long as the block lasts; gives its address (`http://host:port`)."""
    listening = listen(host, port)
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web-server", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS + 5)
        listening.close()


class _Server(uvicorn.Server):
    """Uvicorn's server, but a signal only ends the serving: the caller has its own tidying up to do."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _server(app: ASGIApp) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=65,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return _Server(config)
