"""A shopper's rights: the whole of what is known in one document, and nothing of it left after being forgotten."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import inspect

from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.people import load_people
from campaigns.pipeline.privacy import export_person, forget_person
from campaigns.pipeline.record import find_choices, unsubscribe
from campaigns.pipeline.report import report
from campaigns.pipeline.why import tell
from campaigns.storage.database import transaction
from campaigns.storage.identities import IdentityRace, resolve
from campaigns.storage.messages import claim_messages
from recsys import keys
from tests.pipeline.small_shop import Postbox, Shop, added, identify, ordered, track
from triggers.events import Event, EventName

pytestmark = pytest.mark.servers

TRACES = ("mia", "mia@shopper.example", "anon-mia", "Amaryllis", "cart-mia", "order-mia")


def live_a_little(shop: Shop) -> Postbox:
    """Mia is mailed about her cart, clicks nothing, orders; Ida is mailed too."""
    mailer = Postbox()
    shop.send(
        added("anon-mia", shop.ago(3), cart_id="cart-mia"),
        identify("mia", shop.ago(2.9), anonymous_id="anon-mia", first_name="Amaryllis", locale="de"),
        identify("ida", shop.ago(2.9)),
        added("ida", shop.ago(2.9)),
    )
    shop.decide()
    shop.deliver(mailer)
    shop.send(ordered("mia", shop.ago(0), order_id="order-mia", email="mia@shopper.example", cart_id="cart-mia"))
    shop.engine.cache.write({keys.profile(str(number(shop, "mia"))): b"slate"}, ttl_seconds=600)
    return mailer


def number(shop: Shop, who: str) -> int:
    [(profile_id,)] = shop.rows("SELECT profile_id FROM identities WHERE kind = 'user' AND value = :who", who=who)
    return int(profile_id)


def everything(shop: Shop) -> str:
    """The whole database as text, mails unpacked."""
    tables = [name for name in inspect(shop.engine.database).get_table_names() if name != "alembic_version"]
    rows = [str(row) for name in tables for row in shop.rows(f"SELECT t::text FROM {name} t")]
    contents = [row[0] for row in shop.rows("SELECT encode(content, 'hex') FROM messages")]
    return "\n".join(rows + contents)


def test_the_document_holds_what_was_said_done_decided_and_mailed(shop: Shop) -> None:
    live_a_little(shop)
    found = export_person(shop.engine, "MIA@shopper.example")
    assert {row["value"] for row in found["identities"]} >= {"mia", "anon-mia"}
    assert found["profiles"][0]["traits"]["first_name"] == "Amaryllis"
    assert [row["name"] for row in found["events"]] == ["Product Added", "Identified", "Order Completed"]
    [mail] = found["mails"]
    assert mail["address"] == "mia@shopper.example"
    assert "Amaryllis" in mail["html"] + mail["text"] + mail["subject"]
    assert [row["outcome"] for row in found["decisions"]] == ["send"]
    assert found["events"][-1]["payload"]["order_id"] == "order-mia"
    assert found["consents"][0]["granted"] is True
    assert "ida" not in json.dumps(found, default=str)


def test_nothing_that_names_a_forgotten_shopper_is_left_anywhere(shop: Shop) -> None:
    live_a_little(shop)
    profile_id = number(shop, "mia")
    before = everything(shop)
    assert all(trace in before for trace in TRACES)
    found = forget_person(shop.engine, "anon-mia")
    assert (found.counts["events deleted"], found.counts["mails emptied"], found.waiting) == (2, 1, 0)
    after = everything(shop)
    assert [trace for trace in TRACES if trace in after] == []
    assert "ida@shopper.example" in after
    assert shop.engine.cache.read([keys.profile(str(profile_id))]) == {}
    for who in ("mia", "mia@shopper.example", "anon-mia", str(profile_id)):
        with pytest.raises(WrongUsage, match="nobody is known"):
            export_person(shop.engine, who)


def test_reports_keep_their_numbers(shop: Shop) -> None:
    live_a_little(shop)
    [(ref,)] = shop.rows("SELECT message_ref FROM messages WHERE address = 'mia@shopper.example'")
    shop.run("UPDATE decisions SET decided_at = decided_at - interval '1 hour'")
    shop.run("INSERT INTO feedback (message_ref, kind, occurred_at, raw) VALUES (:ref, 'clicked', :at, '{}')",
             ref=ref, at=shop.ago(0.5))  # fmt: skip
    before = report(shop.engine, "abandoned_cart", length=timedelta(days=30)).as_json()
    assert "4990" in json.dumps(before, default=str)
    forget_person(shop.engine, "mia")
    assert report(shop.engine, "abandoned_cart", length=timedelta(days=30)).as_json() == before


def test_timers_end_and_waiting_mails_stay_at_home(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(2)), added("mia", shop.ago(2)))
    shop.decide()
    shop.send(identify("ida", shop.ago(2)), added("ida", shop.ago(0.5)))
    assert forget_person(shop.engine, "mia").counts["waiting mails withdrawn"] == 1
    assert forget_person(shop.engine, "ida").counts["timers ended"] == 1
    mailer = Postbox()
    assert shop.deliver(mailer) == {}
    assert mailer.mails == []
    shop.run("UPDATE enrollments SET due_at = due_at - interval '1 day' WHERE due_at IS NOT NULL")
    assert shop.decide() == 0
    assert {row[0] for row in shop.rows("SELECT exit_reason FROM enrollments")} == {"forgotten"}


def test_who_comes_back_is_somebody_new(shop: Shop) -> None:
    live_a_little(shop)
    old = number(shop, "mia")
    forget_person(shop.engine, "mia")
    shop.send(identify("mia", shop.ago(0)), added("mia", shop.ago(0)))
    assert number(shop, "mia") != old
    assert [row[0] for row in shop.rows("SELECT name FROM events WHERE profile_id = :old", old=old)] == [
        "Order Completed"
    ]
    assert tell(shop.engine, "mia").profile.email == "mia@shopper.example"


def test_an_event_on_its_way_meanwhile_is_not_added_to_the_empty_profile(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(2)))
    event = Event("website", "late", EventName.PAGE_VIEWED, shop.ago(0), shop.ago(0), user_id="mia")
    with transaction(shop.engine.database) as connection:
        resolution = resolve(connection, [event])
        forget_person(shop.engine, "mia")
        with pytest.raises(IdentityRace):
            load_people(shop.engine, connection, [event], resolution, now=shop.now)


def test_a_mail_under_way_stops_it_and_nothing_changes(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(2)), added("mia", shop.ago(2)))
    shop.decide()
    with transaction(shop.engine.database) as connection:
        now = shop.engine.now(connection)
        claim_messages(connection, token=uuid4(), limit=10, lease=timedelta(minutes=1), now=now)
    before = everything(shop)
    with pytest.raises(WrongUsage, match="being handed over"):
        forget_person(shop.engine, "mia")
    assert everything(shop) == before


def test_batches_that_still_name_them_are_told(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(2)))
    shop.post(added("mia", shop.ago(0)))
    shop.post(added("mia2", shop.ago(0)))
    assert forget_person(shop.engine, "mia").waiting == 1


def test_a_do_not_send_record_stays_and_an_old_link_takes_nobody_out(shop: Shop) -> None:
    live_a_little(shop)
    refs = [row[0] for row in shop.rows("SELECT message_ref FROM messages ORDER BY address DESC")]
    unsubscribe(shop.engine, refs[0], at=shop.now)
    forget_person(shop.engine, "mia")
    unsubscribe(shop.engine, refs[0], at=shop.now)
    assert [row[0] for row in shop.rows("SELECT address FROM suppressions")] == ["mia@shopper.example"]
    assert find_choices(shop.engine, refs[0]) is None
    assert find_choices(shop.engine, refs[1]) is not None


def test_the_user_id_of_one_is_never_the_number_of_another(shop: Shop) -> None:
    shop.send(identify("ida", shop.ago(2)))
    ida = number(shop, "ida")
    shop.send(identify(str(ida), shop.ago(2), email="number@shopper.example"))
    found = export_person(shop.engine, str(ida))
    assert found["profiles"][0]["email"] == "number@shopper.example"
    forget_person(shop.engine, str(ida))
    assert export_person(shop.engine, "ida")["profiles"][0]["email"] == "ida@shopper.example"
    with pytest.raises(WrongUsage, match="nobody is known"):
        forget_person(shop.engine, "nobody")


def test_an_address_stands_for_every_profile_that_has_it(shop: Shop) -> None:
    shop.send(
        identify("mia", shop.ago(2), email="two@shopper.example"), identify("max", shop.ago(2), "two@shopper.example")
    )
    shop.send(track("Product Viewed", "max", shop.ago(1), product_id="lamp"))
    assert len(forget_person(shop.engine, "two@shopper.example").profile_ids) == 2
    assert "two@shopper.example" not in everything(shop)
