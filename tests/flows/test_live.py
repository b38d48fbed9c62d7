"""`rekindle up`: an event posted to the API becomes a mail at a real SMTP server, and an order prevents it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller

from campaigns.config import Workspace, load_settings

pytestmark = pytest.mark.servers
WAIT = 4


class Mailbox:
    """A real SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - its own name
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if str(mail["To"]) == address]


@pytest.fixture(scope="module")
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, mailbox: tuple[Mailbox, int], rekindle: Callable[..., Any]
) -> Iterator[httpx.Client]:
    """A workspace as `init` makes it, waits set to seconds, with everything running."""
    folder = tmp_path_factory.mktemp("live") / "shop"
    assert rekindle("init", folder, "--shop-name", "Lantern Lane").returncode == 0
    edit(folder / "campaigns" / "abandoned_cart.yaml", ("after: 1h", f"after: {WAIT}s"))
    settings = folder / "rekindle.toml"
    edit(settings, ('quiet_hours = "21:00-08:00"', 'quiet_hours = "off"'))
    edit(settings, ("holdout_share = 0.10", "holdout_share = 0.0"))
    port = free_port()
    tail = f'\n[http]\nport = {port}\n\n[workers]\nsweep_interval = "1s"\n'
    head = f'mailer = "smtp://127.0.0.1:{mailbox[1]}?starttls=0"\n'
    settings.write_text(head + settings.read_text(encoding="utf-8") + tail, encoding="utf-8")
    process = start_up(folder)
    key = load_settings(Workspace.at(folder), {}).write_keys["website"].get_secret_value()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=(key, ""), timeout=20) as client:
        try:
            wait_for(lambda: is_ready(client, process), 90, "the engine to come up")
            yield client
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def test_a_worker_that_starts_compiles_what_the_campaigns_may_send(
    shop: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    [folder] = tmp_path_factory.getbasetemp().glob("live?/shop")
    kept = ".rekindle/artifacts/templates/*/*.json"
    wait_for(lambda: len(list(folder.glob(kept))) > 20, 120, "templates to be compiled")


def test_a_cart_left_behind_becomes_a_mail(shop: httpx.Client, mailbox: tuple[Mailbox, int]) -> None:
    address = "mia@shopper.example"
    send(shop, identify("mia", address), added("mia", "Walnut Lamp", 4990), viewed("mia", "Linen Shade"))
    wait_for(lambda: mailbox[0].to(address), 60, "the mail")
    [mail] = mailbox[0].to(address)
    assert "Mia" in mail["Subject"]
    html = mail.get_body(("html",)).get_content()
    assert "Walnut Lamp" in html and "49.90" in html
    assert "Walnut Lamp" in mail.get_body(("plain",)).get_content()
    assert str(mail["List-Unsubscribe"]).startswith("<http")


def test_an_order_before_the_wait_ends_prevents_it(shop: httpx.Client, mailbox: tuple[Mailbox, int]) -> None:
    buyer, other = "ben@shopper.example", "eve@shopper.example"
    send(shop, identify("ben", buyer), added("ben", "Walnut Lamp", 4990))
    send(shop, identify("eve", other), added("eve", "Walnut Lamp", 4990))
    send(shop, ordered("ben", "order-1", "Walnut Lamp", 4990))
    wait_for(lambda: mailbox[0].to(other), 60, "the mail of the shopper who did not order")
    time.sleep(3)
    subjects = [str(mail["Subject"]) for mail in mailbox[0].to(buyer)]
    assert len(subjects) == 1  # the thanks for the order, and no reminder
    assert "hank" in subjects[0]


def test_the_same_events_again_mail_nobody_twice(shop: httpx.Client, mailbox: tuple[Mailbox, int]) -> None:
    address = "ida@shopper.example"
    events = [identify("ida", address), added("ida", "Oak Tray", 2500)]
    send(shop, *events)
    send(shop, *events)
    wait_for(lambda: mailbox[0].to(address), 60, "the mail")
    send(shop, *events)
    time.sleep(WAIT + 3)
    assert len(mailbox[0].to(address)) == 1


def test_a_wrong_write_key_is_refused(shop: httpx.Client) -> None:
    answer = shop.post("/v1/batch", json={"batch": [added("x", "y", 1)]}, auth=("wrong", ""))
    assert answer.status_code == 401


def start_up(folder: Path) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REKINDLE_")}
    kept["PYTHONPATH"] = str(Path(__file__).parents[2])
    log = (folder.parent / "up.log").open("wb")
    command = [sys.executable, "-m", "campaigns.cli", "-w", str(folder), "up"]
    return subprocess.Popen(command, env=kept, stdout=log, stderr=subprocess.STDOUT)


def is_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "`rekindle up` ended"
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def edit(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def send(shop: httpx.Client, *messages: dict[str, Any]) -> None:
    answer = shop.post("/v1/batch", json={"batch": list(messages), "sentAt": now()})
    assert answer.status_code == 200, answer.text


def now() -> str:
    return datetime.now(UTC).isoformat()


def identify(user: str, address: str) -> dict[str, Any]:
    traits = {"email": address, "first_name": user.capitalize(), "marketing_consent": True}
    return {"type": "identify", "messageId": f"identify-{user}", "userId": user, "traits": traits, "timestamp": now()}


def track(event: str, user: str, message_id: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "track",
        "event": event,
        "messageId": message_id,
        "userId": user,
        "properties": properties,
        "timestamp": now(),
    }


def product(title: str, price_minor: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"product_id": title.replace(" ", "-").lower(), "name": title}
    return found | ({} if price_minor is None else {"price": price_minor / 100, "quantity": 1, "currency": "EUR"})


def added(user: str, title: str, price_minor: int) -> dict[str, Any]:
    return track("Product Added", user, f"added-{user}-{title}", product(title, price_minor))


def viewed(user: str, title: str) -> dict[str, Any]:
    return track("Product Viewed", user, f"viewed-{user}-{title}", product(title))


def ordered(user: str, order_id: str, title: str, price_minor: int) -> dict[str, Any]:
    properties = {"order_id": order_id, "total": price_minor / 100, "currency": "EUR"}
    return track(
        "Order Completed", user, f"ordered-{order_id}", properties | {"products": [product(title, price_minor)]}
    )
