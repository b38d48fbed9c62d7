"""The web process over PostgreSQL: what a shopper does on a page is what the decisions will read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy import Engine, text

from campaigns.clock import WallClock
from campaigns.config import Settings
from campaigns.domain.message import MessageStatus, RenderedEmail
from campaigns.rendering.links import LinkSigner
from campaigns.storage.campaigns import apply_campaigns
from campaigns.storage.database import transaction
from campaigns.storage.messages import NewMessage, queue_messages
from campaigns.storage.suppressions import find_suppressions, suppress
from campaigns.web.app import create_app
from campaigns.web.server import serving
from campaigns.web.wiring import services_of

pytestmark = pytest.mark.servers
LIBRARY = Path(__file__).resolve().parents[2] / "campaigns" / "library"
ADDRESS = "Ann@mail.example"
LINKS = LinkSigner(b"a secret of the shop", "")


@pytest.fixture
def pages(database: Engine, settings: Settings) -> Iterator[httpx.Client]:
    """A shopper's browser at a web process over a database with one mail in it."""
    now = WallClock().now()
    names = ("abandoned_cart", "post_purchase")
    definitions = {name: (LIBRARY / f"{name}.yaml").read_text(encoding="utf-8") for name in names}
    email = RenderedEmail("Hello", "", "<h1>Your cart</h1>", "Your cart")
    with transaction(database) as connection:
        apply_campaigns(connection, definitions, by="test", now=now)
        queue_messages(connection, [NewMessage("5-1", 5, 1, "abandoned_cart", 3, ADDRESS, email, now)])
        values = {"sent": MessageStatus.SENT.value, "at": now - timedelta(hours=1)}
        connection.execute(text("UPDATE messages SET status = :sent, sent_at = :at"), values)
    cache = SimpleNamespace(check=lambda: None)
    engine = SimpleNamespace(settings=settings, database=database, clock=WallClock(), links=LINKS, cache=cache)
    with serving(create_app(services_of(engine))) as address:  # type: ignore[arg-type]
        agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
        with httpx.Client(base_url=address, headers={"User-Agent": agent}, timeout=20) as client:
            yield client


def scopes(database: Engine) -> dict[str, str]:
    with transaction(database) as connection:
        return find_suppressions(connection, [ADDRESS.lower()]).get(ADDRESS.lower(), {})


def test_unsubscribing_suppresses_the_address_at_once(pages: httpx.Client, database: Engine):
    assert "Abandoned cart" in pages.get(LINKS.unsubscribe("5-1")).text
    assert scopes(database) == {}
    assert pages.post(LINKS.unsubscribe("5-1"), data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert scopes(database) == {"all": "unsubscribe"}
    with transaction(database) as connection:
        assert connection.execute(text("SELECT kind FROM feedback")).scalars().all() == ["unsubscribed"]


def test_preferences_leave_and_return(pages: httpx.Client, database: Engine):
    pages.post(LINKS.unsubscribe("5-1"), data={"scope": "all"})
    answer = pages.post(LINKS.preferences("5-1"), data={"topic": ["post_purchase"]})
    assert answer.text.count(" checked") == 1
    assert scopes(database) == {"abandoned_cart": "unsubscribe"}
    pages.post(LINKS.preferences("5-1"), data={"topic": ["post_purchase", "abandoned_cart"]})
    assert scopes(database) == {}


def test_a_shopper_cannot_lift_what_is_not_theirs_to_lift(pages: httpx.Client, database: Engine):
    with transaction(database) as connection:
        suppress(connection, ADDRESS, reason="hard_bounce", now=WallClock().now())
    answer = pages.post(LINKS.preferences("5-1"), data={"topic": ["post_purchase"]})
    assert "no marketing emails" in answer.text
    assert scopes(database)["all"] == "hard_bounce"


def test_clicks_and_opens_become_feedback(pages: httpx.Client, database: Engine):
    pages.get(LINKS.click("https://shop.example/p/1", "5-1"))
    pages.get(LINKS.open_pixel("5-1"))
    pages.head(LINKS.click("https://shop.example/p/1", "5-1"))
    with transaction(database) as connection:
        rows = connection.execute(text("SELECT kind, machine, url FROM feedback ORDER BY feedback_id")).all()
    url = "https://shop.example/p/1"
    assert [tuple(row) for row in rows] == [("clicked", False, url), ("opened", False, None), ("clicked", True, url)]


def test_the_mail_shows_in_the_browser(pages: httpx.Client, database: Engine):
    assert pages.get(LINKS.web_version("5-1")).text == "<h1>Your cart</h1>"
    assert pages.get("/readyz").json()["ready"]


def test_an_event_with_the_workspaces_write_key_reaches_the_inbox(
    pages: httpx.Client, database: Engine, settings: Settings
):
    key = next(iter(settings.write_keys.values())).get_secret_value()
    answer = pages.post("/v1/page", json={"anonymousId": "a"}, auth=(key, ""))
    assert answer.json()["accepted"] == 1
    with transaction(database) as connection:
        assert connection.execute(text("SELECT source FROM inbox")).scalars().all() == list(settings.write_keys)[:1]
