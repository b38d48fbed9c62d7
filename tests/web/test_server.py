"""The process: health, provider calls, overload, ports, stopping."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from campaigns.domain.errors import UnusableEnvironment
from campaigns.web.app import create_app
from campaigns.web.guard import Allowance
from campaigns.web.server import listen, serving
from campaigns.web.services import WebLimits

AUTH = ("wk-of-the-website", "")


def test_health_and_readiness(client: httpx.Client, shop: Any):
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").json() == {"ready": True, "checks": {"database": "ok"}}
    shop.down = True
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"database": "failed"})
    assert client.get("/healthz").status_code == 200


def test_provider_calls_are_kept_refused_or_asked_for_again(client: httpx.Client, shop: Any):
    assert client.post("/hooks/postwoman", content=b"bounce bounce").json()["feedback"] == 2
    forged = client.post("/hooks/postwoman", content=b"forged")
    assert (forged.status_code, forged.headers["www-authenticate"][:5]) == (401, "Basic")
    assert client.post("/hooks/nobody", content=b"x").status_code == 404
    shop.down = True
    assert client.post("/hooks/postwoman", content=b"bounce").status_code == 503


def test_a_port_in_use_is_one_clear_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UnusableEnvironment) as caught:
            listen("127.0.0.1", port)
    line = str(caught.value)
    assert f"127.0.0.1:{port} is in use" in line
    assert "REKINDLE_HTTP_PORT" in line
    assert "\n" not in line


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host"])
def test_a_host_that_is_not_ours_is_one_clear_line(host: str):
    with pytest.raises(UnusableEnvironment, match="REKINDLE_HTTP_HOST"):
        listen(host, 0)


def test_overload_is_refused_at_once_and_recovers(shop: Any):
    go_on = threading.Event()
    waiting = shop.services(WebLimits(threads=1, waiting=1))

    def slow(source: str, received_at: object, body: bytes, event_count: int) -> int:
        go_on.wait(20)
        return 1

    shop.inbox.add_inbox = slow
    message = {"type": "page", "anonymousId": "a"}
    try:
        with serving(create_app(waiting)) as address, ThreadPoolExecutor(8) as callers:

            def post(_: int) -> int:
                return httpx.post(f"{address}/v1/batch", json={"batch": [message]}, auth=AUTH, timeout=30).status_code

            running = [callers.submit(post, number) for number in range(6)]
            while sum(one.done() for one in running) < 4:
                threading.Event().wait(0.01)
            assert httpx.get(f"{address}/healthz").status_code == 200
            go_on.set()
            assert sorted(one.result() for one in running) == [200, 200, 503, 503, 503, 503]
            assert post(0) == 200
    finally:
        del shop.inbox.add_inbox


def test_callers_who_dawdle_or_talk_nonsense_keep_nobody_waiting(shop: Any):
    half = b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    nonsense = [
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/batch HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ]
    with serving(create_app(shop.services(WebLimits(body_seconds=0.5)))) as address:
        place = (address.split("/")[2].split(":")[0], int(address.rsplit(":", 1)[1]))
        sockets = [socket.create_connection(place, timeout=20) for _ in range(40)]
        for number, one in enumerate(sockets):
            one.sendall([half, *nonsense, b""][number % 5])
        assert httpx.get(f"{address}/healthz").status_code == 200
        assert b" 408 " in sockets[0].recv(200)
        for one in sockets:
            one.close()
        message = {"type": "page", "anonymousId": "a"}
        assert httpx.post(f"{address}/v1/batch", json={"batch": [message]}, auth=AUTH).status_code == 200


def test_a_stop_lets_running_requests_end(shop: Any):
    started, go_on = threading.Event(), threading.Event()

    def slow(source: str, received_at: object, body: bytes, event_count: int) -> int:
        started.set()
        go_on.wait(20)
        return 1

    shop.inbox.add_inbox = slow
    body = {"batch": [{"type": "page", "anonymousId": "a"}]}
    try:
        with ThreadPoolExecutor(1) as callers:
            with serving(create_app(shop.services())) as address:
                answer = callers.submit(httpx.post, f"{address}/v1/batch", json=body, auth=AUTH, timeout=30)
                assert started.wait(10)
                threading.Timer(0.2, go_on.set).start()
            assert answer.result().status_code == 200
    finally:
        del shop.inbox.add_inbox


def test_an_allowance_runs_out_and_comes_back():
    now = 0.0
    allowance = Allowance(rate=2, burst=3, callers=2, now=lambda: now)
    assert [allowance.take("a") for _ in range(4)] == [True, True, True, False]
    assert allowance.take("b")
    now = 0.5
    assert [allowance.take("a") for _ in range(2)] == [True, False]


PROGRAM = """
import sys
from starlette.applications import Starlette
from campaigns.web.server import serve
serve(Starlette(), "127.0.0.1", 0, on_ready=lambda port: print(port, flush=True))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_serving_and_the_caller_goes_on(number: int):
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
        process.send_signal(number)
        said, _ = process.communicate(timeout=20)
    assert (said, process.returncode) == ("stopped\n", 0)
