"""A preview of a real shopper shows what would go out, and leaves no trace in the database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from campaigns.cli.main import cli
from campaigns.clock import WallClock
from campaigns.config import Workspace
from campaigns.domain.product import Product
from campaigns.pipeline.engine import open_engine
from campaigns.pipeline.preview import Wanted, open_studio, template_folders
from campaigns.pipeline.preview_live import LiveTemplates
from campaigns.storage.database import connect, transaction
from campaigns.storage.products import save_products
from campaigns.web.preview import PreviewApp
from campaigns.web.server import serving

pytestmark = pytest.mark.servers

EVENTS = [
    {"type": "identify", "messageId": "m0", "userId": "C7", "timestamp": "2026-03-12T08:00:00Z",
     "traits": {"email": "bo@shoppers.example", "first_name": "Bo", "locale": "de"}},
    {"type": "track", "event": "Product Added", "messageId": "m1", "userId": "C7", "timestamp": "2026-03-12T09:00:00Z",
     "properties": {"cart_id": "k1", "product_id": "P1", "name": "Oak chair", "price": 99, "quantity": 2,
                    "url": "https://lantern-lane.example/p/P1", "image_url": "https://lantern-lane.example/p/P1.jpg"}},
]  # fmt: skip


@pytest.fixture
def shop(workspace: Workspace, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workspace:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(json.dumps(event) for event in EVENTS), encoding="utf-8")
    done = run(workspace, "import", "events", file)
    assert done.exit_code == 0, done.exception
    return workspace


def run(workspace: Workspace, *arguments: object) -> Result:
    return CliRunner().invoke(cli, ["-w", str(workspace.root), *map(str, arguments)], standalone_mode=False)


def counts(environ: dict[str, str]) -> dict[str, int]:
    database = connect(environ["REKINDLE_DATABASE_URL"])
    with database.connect() as connection:
        names = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        found = {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in list(names)}
    database.dispose()
    return found


def test_a_real_shopper_is_shown_and_nothing_is_recorded(shop: Workspace, environ: dict[str, str]) -> None:
    before = counts(environ)
    shown = run(shop, "preview", "abandoned_cart", "--profile", "C7")
    assert "Oak chair" in shown.output and "Bo" in shown.output and "198,00" in shown.output, shown.exception
    told = json.loads(run(shop, "preview", "abandoned_cart", "--profile", "C7", "--format", "json").output)
    assert told["for"] == "bo@shoppers.example" and told["locale"] == "de"
    assert "your cart" in run(shop, "preview", "abandoned_cart", "--profile", "C7", "--locale", "en").output
    sent = run(shop, "preview", "abandoned_cart", "--profile", "C7", "--send-to", "marketing@shop.example")
    assert "marketing@shop.example" in sent.output, sent.exception
    assert counts(environ) == before
    assert before["profiles"] == 1


def test_an_unknown_shopper_or_no_timer_is_one_line(shop: Workspace) -> None:
    assert "no profile is known" in str(run(shop, "preview", "abandoned_cart", "--profile", "C8").exception)
    assert "no timer" in str(run(shop, "preview", "abandoned_cart", "--next").exception)


def test_made_up_shoppers_see_the_shops_own_products_where_its_database_runs(
    shop: Workspace, environ: dict[str, str]
) -> None:
    sold = [
        Product(f"S{n}", f"Own thing {n}", f"https://lantern-lane.example/p/S{n}", f"https://lantern-lane.example/{n}.jpg",
                category=f"Shelf {n % 3}", price_minor=1000 + n, stock=0 if n == 5 else None, hidden=n == 6)
        for n in range(9)
    ]  # fmt: skip
    database = connect(environ["REKINDLE_DATABASE_URL"])
    with transaction(database) as connection:
        save_products(connection, sold, datetime(2026, 3, 12, tzinfo=UTC))
    database.dispose()
    before = counts(environ)
    shown = run(shop, "preview", "abandoned_cart").output
    assert "Own thing 0" in shown and "Carving Knife" not in shown
    assert "Own thing 5" not in shown and "Own thing 6" not in shown, "neither sold out nor hidden"
    assert counts(environ) == before
    run(shop, "preview", "--all", "--update")
    text = (shop.root / "snapshots/abandoned_cart/1-reminder.txt").read_text(encoding="utf-8")
    assert "Own thing" not in text, "snapshots are the same whatever the catalog holds"


def test_the_app_shows_a_real_shopper_and_records_nothing(shop: Workspace, environ: dict[str, str]) -> None:
    with open_engine(shop.root) as engine:
        before = counts(environ)
        studio = open_studio(shop, engine.settings, engine=engine)
        studio.templates = LiveTemplates(template_folders(shop), links=studio.links)
        app = PreviewApp(studio, Wanted("abandoned_cart", profile="C7"), WallClock()).app
        with serving(app) as url, httpx.Client(base_url=url, timeout=30, follow_redirects=True) as client:
            asked = {"campaign": "abandoned_cart", "persona": "profile:C7"}
            assert dict(client.get("/").url.params) == asked
            state = client.get("/preview/state", params=asked).json()
            assert state["problem"] is None and state["to"] == "bo@shoppers.example"
            assert {"profile:C7", "next:"} <= {each["value"] for each in state["options"]["people"]}
            for part in ("frame", "part/text", "part/source", "part/headers", "part/data", "part/slates", "part/lint"):
                assert client.get(f"/preview/{part}", params=asked).status_code == 200
            assert "Oak chair" in client.get("/preview/part/text", params=asked).text
        assert counts(environ) == before


def happened(shop: Workspace, tmp_path: Path, *events: dict) -> None:
    file = tmp_path / "more.ndjson"
    lines = [{"userId": "C7", "type": "track", "messageId": f"x{n}", **event} for n, event in enumerate(events)]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    done = run(shop, "import", "events", file)
    assert done.exit_code == 0, done.exception


def decision(shop: Workspace, *more: object, campaign: str = "abandoned_cart") -> dict:
    shown = run(shop, "preview", campaign, "--profile", "C7", "--format", "json", *more)
    assert shown.exit_code == 0, shown.exception
    return json.loads(shown.output)["decision"]


def test_a_shopper_whose_cart_is_empty_would_get_no_mail(shop: Workspace, tmp_path: Path) -> None:
    removed = {"event": "Product Removed", "timestamp": "2026-03-12T09:05:00Z",
               "properties": {"cart_id": "k1", "product_id": "P1", "quantity": 2}}  # fmt: skip
    assert decision(shop)["reason"] != "exited"
    happened(shop, tmp_path, removed)
    gone = decision(shop)
    assert (gone["outcome"], gone["reason"], gone["exit_reason"]) == ("skip", "exited", "cart_emptied")
    text = run(shop, "preview", "abandoned_cart", "--profile", "C7").output
    assert text.startswith("This mail would not be sent: exited (cart_emptied)\nThe reason to write was gone")


def test_the_gates_are_asked_for_a_real_shopper(shop: Workspace, environ: dict[str, str], tmp_path: Path) -> None:
    assert run(shop, "campaigns", "apply").exit_code == 0
    before = counts(environ)
    late = decision(shop)
    assert (late["outcome"], late["reason"]) == ("skip", "too_late"), "that cart was left days ago"
    assert decision(shop, campaign="post_purchase")["reason"] == "not_started"
    assert counts(environ) == before
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    added = {
        "event": "Product Added",
        "timestamp": now,
        "properties": {"cart_id": "k2", "product_id": "P2", "price": 5},
    }
    happened(shop, tmp_path, added)
    timely = decision(shop)
    assert timely["reason"] in ("passed", "holdout", "quiet_hours"), timely
    assert run(shop, "suppress", "bo@shoppers.example").exit_code == 0
    assert decision(shop)["reason"] == "suppressed"


def test_a_paused_campaign_sends_nothing(shop: Workspace) -> None:
    assert run(shop, "campaigns", "apply").exit_code == 0
    assert run(shop, "campaigns", "pause", "abandoned_cart").exit_code == 0
    assert decision(shop)["reason"] == "campaign_paused"
