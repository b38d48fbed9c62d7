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
