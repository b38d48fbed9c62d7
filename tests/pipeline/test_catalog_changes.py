"""What changes in the catalog reaches those who care: found in the history, told once, decided like everything else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from campaigns.config.scaffold import library_drafts
from campaigns.domain.product import Product
from campaigns.pipeline import tell as telling
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.tell import tell_all, tell_changes
from campaigns.pipeline.why import tell
from campaigns.storage.campaigns import set_campaign_status
from campaigns.storage.database import transaction
from campaigns.storage.products import save_products
from tests.pipeline.small_shop import Postbox, Shop, added, identify, open_shop, ordered, track

pytestmark = pytest.mark.servers
LAMP = Product("lamp", "Lamp", "https://lane.example/lamp", "", "home", price_minor=5000, currency="EUR", stock=3)
TIMERS = (
    "SELECT e.campaign_id, p.user_id, split_part(e.key, '@', 1), e.status FROM enrollments e"
    " JOIN profiles p USING (profile_id) WHERE e.campaign_id IN ('price_drop', 'back_in_stock') ORDER BY 1, 2, 3"
)
REFUSED = "SELECT p.user_id, r.reason FROM start_refusals r JOIN profiles p USING (profile_id) WHERE campaign_id = :c"


@pytest.fixture
def shop(tmp_path: Path, environ: dict[str, str]) -> Iterator[Shop]:
    with open_shop(tmp_path / "shop", environ) as found:
        use_drafts(found, "price_drop", "back_in_stock")
        yield found


def use_drafts(shop: Shop, *names: str, edits: tuple[str, str] = ("", "")) -> None:
    folder = shop.engine.workspace.campaigns
    for name in names:
        text = library_drafts()[f"{name}.yaml"].replace(*edits)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    apply_files(shop.engine, read_campaign_files(folder, shop.engine.templates), by="test")


def sell(shop: Shop, *products: Product, age: timedelta | None = None) -> dict[str, int]:
    with transaction(shop.engine.database) as connection:
        now = shop.engine.now(connection)
        since = {product.product_id: now - age for product in products} if age else None
        return dict(save_products(connection, products, now, changed_at=since))


def looked(shop: Shop, who: str, hours: float = 5, product: str = "lamp") -> None:
    shop.send(identify(who, shop.ago(hours + 1)), track("Product Viewed", who, shop.ago(hours), product_id=product))


def test_a_lower_price_reaches_whoever_looked_carted_wished_or_asked(shop: Shop) -> None:
    sell(shop, LAMP)
    for who, event in {
        "viewer": "Product Viewed",
        "carter": "Product Added",
        "wisher": "Product Added to Wishlist",
        "asker": "Price Alert Requested",
    }.items():
        shop.send(identify(who, shop.ago(30)), track(event, who, shop.ago(29), product_id="lamp"))
    lines = [{"product_id": "vase"}, {"product_id": "lamp"}]
    shop.send(identify("basket", shop.ago(30)), track("Cart Updated", "basket", shop.ago(29), products=lines))
    looked(shop, "other", product="vase")
    shop.send(track("Product Viewed", "anon-nobody", shop.ago(5), product_id="lamp"))
    shop.send(identify("buyer", shop.ago(30)), ordered("buyer", shop.ago(29)))
    assert sell(shop, replace(LAMP, price_minor=4000)) == {"Product Price Dropped": 1}
    assert tell_all(shop.engine).told == 5
    told = ("asker", "basket", "carter", "viewer", "wisher")
    assert [tuple(row) for row in shop.rows(TIMERS)] == [("price_drop", who, "lamp", "armed") for who in told]


def sold_cheaper(shop: Shop, price_minor: int = 4000) -> None:
    """Half an hour ago the price came down, and whoever cares was told."""
    shop.run("UPDATE products SET updated_at = now() - interval '1 day', listed_at = now() - interval '1 day'")
    sell(shop, replace(LAMP, price_minor=price_minor), age=timedelta(minutes=30))
    tell_all(shop.engine)


def test_it_is_mailed_with_the_new_price_and_told_in_why(shop: Shop) -> None:
    sell(shop, LAMP)
    looked(shop, "mia")
    sold_cheaper(shop)
    shop.decide()
    assert shop.decisions() == [("price_drop", 1, "send", "passed")]
    post = Postbox()
    shop.deliver(post)
    assert "€40.00 (was €50.00)" in post.mails[0].email.text
    assert "€40.00 instead of €50.00" in post.mails[0].email.preheader
    assert "Lamp" in post.mails[0].email.text
    story = [moment.text for moment in tell(shop.engine, "mia").moments]
    assert "The price of Lamp fell from €50.00 to €40.00." in story


def test_a_price_that_rose_again_before_the_mail_went_out_is_not_written_about(shop: Shop) -> None:
    sell(shop, LAMP)
    looked(shop, "mia")
    sold_cheaper(shop)
    sell(shop, LAMP)
    shop.decide()
    assert shop.decisions() == [("price_drop", 1, "skip", "nothing_to_show")]


def test_nothing_is_told_twice_however_often_the_file_comes(shop: Shop) -> None:
    sell(shop, LAMP)
    looked(shop, "mia")
    cheap = replace(LAMP, price_minor=4000)
    assert [sell(shop, cheap), sell(shop, cheap), sell(shop, cheap, cheap)] == [{"Product Price Dropped": 1}, {}, {}]
    assert [tell_all(shop.engine).told, tell_all(shop.engine).told] == [1, 0]
    shop.run("UPDATE catalog_changes SET finished_at = NULL, told_until = 0")
    tell_all(shop.engine)
    assert shop.rows("SELECT count(*) FROM events WHERE source = 'catalog'") == [(1,)]


def test_a_first_import_never_fires_not_even_after_events_named_a_price(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(6)), added("mia", shop.ago(5)))
    assert sell(shop, replace(LAMP, price_minor=1000)) == {}
    assert sell(shop, replace(LAMP, price_minor=900)) == {"Product Price Dropped": 1}


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        ({"price_minor": 5000}, {"price_minor": 4990}, {}),  # less than one percent
        ({"price_minor": 5000}, {"price_minor": 5001}, {}),
        ({"price_minor": 5000}, {"price_minor": None}, {}),
        ({"price_minor": None}, {"price_minor": 4000}, {}),
        ({"price_minor": 5000}, {"price_minor": 4000, "currency": "JPY"}, {}),
        ({"price_minor": 5000}, {"price_minor": 4000, "stock": 0}, {}),
        ({"price_minor": 5000}, {"price_minor": 4000, "hidden": True}, {}),
        ({"stock": 0}, {"stock": 4}, {"Product Back In Stock": 1}),
        ({"stock": 0}, {"stock": None}, {"Product Back In Stock": 1}),
        ({"stock": 0}, {"stock": 4, "hidden": True}, {}),
        ({"stock": None}, {"stock": 4}, {}),
        ({"stock": 2}, {"stock": 4}, {}),
        (
            {"stock": 0, "price_minor": 5000},
            {"stock": 4, "price_minor": 1000},
            {"Product Price Dropped": 1, "Product Back In Stock": 1},
        ),
    ],
)
def test_what_is_news_and_what_is_not(shop: Shop, before: dict, after: dict, news: dict[str, int]) -> None:
    sell(shop, replace(LAMP, **before))
    assert sell(shop, replace(LAMP, **after)) == news


def test_older_facts_change_nothing_and_late_ones_start_nothing(shop: Shop) -> None:
    sell(shop, LAMP)
    looked(shop, "mia")
    assert sell(shop, replace(LAMP, price_minor=100), age=timedelta(hours=2)) == {}
    assert shop.rows("SELECT price_minor FROM products WHERE product_id = 'lamp'") == [(5000,)]
    shop.run("UPDATE products SET updated_at = now() - interval '1 day', listed_at = now() - interval '1 day'")
    assert sell(shop, replace(LAMP, price_minor=100), age=timedelta(hours=2)) == {"Product Price Dropped": 1}
    assert tell_all(shop.engine).told == 1
    assert shop.rows(TIMERS) == []
    assert shop.rows(REFUSED, c="price_drop") == [("mia", "back_dated")]


def test_interest_counts_for_as_long_as_the_campaign_says_and_only_from_before(shop: Shop) -> None:
    sell(shop, LAMP)
    looked(shop, "old", hours=24 * 31)
    looked(shop, "young", hours=24 * 29)
    sell(shop, replace(LAMP, price_minor=4000))
    shop.send(identify("late", shop.now + timedelta(seconds=60)))
    shop.send(track("Product Viewed", "late", shop.now + timedelta(seconds=61), product_id="lamp"))
    assert tell_all(shop.engine).told == 1
    assert [row[1] for row in shop.rows(TIMERS)] == ["young"]
    use_drafts(shop, "price_drop", edits=("interest_for: 30d", "interest_for: 60d"))
    sell(shop, replace(LAMP, price_minor=3000))
    assert tell_all(shop.engine).told == 2


def test_where_no_campaign_listens_nobody_is_told(tmp_path: Path, environ: dict[str, str]) -> None:
    with open_shop(tmp_path / "shop", environ) as shop:
        sell(shop, LAMP)
        looked(shop, "mia")
        assert sell(shop, replace(LAMP, price_minor=4000)) == {"Product Price Dropped": 1}
        report = tell_all(shop.engine)
        assert (report.told, report.finished) == (0, 1)
        assert shop.rows("SELECT count(*) FROM interests") == [(0,)]


def test_a_price_that_rose_again_before_anybody_was_told_is_told_to_nobody(shop: Shop) -> None:
    sell(shop, LAMP)
    looked(shop, "mia")
    sell(shop, replace(LAMP, price_minor=4000))
    sell(shop, LAMP)
    report = tell_all(shop.engine)
    assert (report.told, report.finished) == (0, 1)


def test_whoever_was_joined_to_another_is_told_once_under_the_name_that_stayed(shop: Shop) -> None:
    sell(shop, LAMP)
    shop.send(track("Product Viewed", "anon-a", shop.ago(5), product_id="lamp"))
    tell_all(shop.engine)
    tell_all(shop.engine)  # the stranger's interest is gathered
    shop.send(identify("mia", shop.ago(4), anonymous_id="anon-a"))
    shop.send(track("Product Viewed", "mia", shop.ago(3), product_id="lamp"))
    sell(shop, replace(LAMP, price_minor=4000))
    tell_all(shop.engine)
    assert shop.rows("SELECT count(*) FROM events WHERE source = 'catalog'") == [(1,)]
    assert [tuple(row) for row in shop.rows(TIMERS)] == [("price_drop", "mia", "lamp", "armed")]


def test_batches_break_off_anywhere_and_go_on_there(shop: Shop) -> None:
    vase = replace(LAMP, product_id="vase")
    sell(shop, LAMP, vase)
    for number in range(5):
        looked(shop, f"u{number}")
        looked(shop, f"u{number}", product="vase")
    sell(shop, replace(LAMP, price_minor=4000), replace(vase, price_minor=4000))
    batches = []
    while not (report := tell_changes(shop.engine, limit=3)).is_all:
        batches.append(report.told)
    assert sum(batches) == 10
    assert max(batches) == 3
    assert shop.rows("SELECT told, finished_at IS NOT NULL FROM catalog_changes") == [(5, True), (5, True)]


def test_events_that_commit_late_are_gathered_all_the_same(shop: Shop) -> None:
    sell(shop, LAMP)
    looked(shop, "mia")
    with shop.engine.database.connect() as slow:
        slow.exec_driver_sql(
            "INSERT INTO events (occurred_at, received_at, profile_id, source, message_id, name, payload)"
            " SELECT occurred_at, received_at, profile_id, 'slow', 'slow', 'Product Viewed', jsonb_set(payload,"
            " '{lines,0,product_id}', '\"vase\"') FROM events WHERE name = 'Product Viewed'"
        )
        looked(shop, "eve")
        sell(shop, replace(LAMP, price_minor=4000))
        assert tell_all(shop.engine).told == 0  # not before it is sure that nothing can appear below
        slow.commit()
    assert tell_all(shop.engine).told == 2
    assert shop.rows("SELECT count(*) FROM interests WHERE product_id = 'vase'") == [(1,)]


def test_a_shopper_who_cannot_be_told_holds_up_nobody(shop: Shop, monkeypatch) -> None:
    sell(shop, LAMP)
    for number in range(4):
        looked(shop, f"u{number}")
    sell(shop, replace(LAMP, price_minor=4000))
    real = telling.apply_events

    def failing(engine, connection, events):
        if any(event.user_id == "u1" for event in events):
            raise ZeroDivisionError("a profile nobody thought of")
        return real(engine, connection, events)

    monkeypatch.setattr(telling, "apply_events", failing)
    assert tell_all(shop.engine).told == 3
    assert [row[1] for row in shop.rows(TIMERS)] == ["u0", "u2", "u3"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_dies_at_any_commit_loses_and_repeats_nothing(shop: Shop, moment: str) -> None:
    sell(shop, LAMP)
    for number in range(3):
        looked(shop, f"u{number}")
    sell(shop, replace(LAMP, price_minor=4000))
    deaths = 0
    for number in range(1, 9):
        child = os.fork()
        if child == 0:
            die_at(shop, moment, number)
        deaths += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert deaths >= 2
    tell_all(shop.engine)
    assert shop.rows("SELECT count(*) FROM events WHERE source = 'catalog'") == [(3,)]
    assert len(shop.rows(TIMERS)) == 3
    assert shop.rows("SELECT told FROM catalog_changes") == [(3,)]


def die_at(shop: Shop, moment: str, number: int) -> None:
    """In a child: tells, and exits right before or after the commit of this number."""
    shop.engine.database.dispose(close=False)
    dialect, commits = shop.engine.database.dialect, 0
    real = dialect.do_commit

    def commit(connection: object) -> None:
        nonlocal commits
        commits += 1
        if commits == number and moment == "before":
            os._exit(7)
        real(connection)
        if commits == number:
            os._exit(7)

    dialect.do_commit = commit
    try:
        tell_changes(shop.engine, limit=2)
    finally:
        os._exit(0)


def test_a_paused_campaign_stands_in_nobodys_way_and_why_says_that_it_is_held(shop: Shop) -> None:
    sell(shop, LAMP)
    shop.send(identify("mia", shop.ago(3)), added("mia", shop.ago(2)))
    sold_cheaper(shop)
    with transaction(shop.engine.database) as connection:
        now = shop.engine.now(connection)
        set_campaign_status(connection, "abandoned_cart", "paused", by="test", now=now)
    shop.decide()
    assert shop.decisions() == [("price_drop", 1, "send", "passed")]
    [held] = [moment.text for moment in tell(shop.engine, "mia").next]
    assert held.startswith("Abandoned cart: mail 1 of 3 (reminder) is held, for the campaign is paused.")
