"""Who is who: strangers become known, devices change hands, and nobody is merged with somebody else."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Thread

import pytest
from sqlalchemy import Engine

from campaigns.storage.database import transaction
from campaigns.storage.identities import IdentityRace, Resolution, resolve
from campaigns.storage.profiles import ProfileRow, find_profile_ids, insert_profiles, mark_merged, read_profiles
from triggers.events import Event

pytestmark = pytest.mark.servers
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(**ids: str) -> Event:
    return Event("shop", str(sorted(ids.items())), "Product Viewed", AT, AT, **ids)


def place(database: Engine, *events: Event) -> Resolution:
    with transaction(database) as connection:
        found = resolve(connection, events)
        new = [i for i in found.created if i not in found.merges]
        insert_profiles(connection, [ProfileRow(i, found.users.get(i)) for i in new], AT)
        mark_merged(connection, found.merges, AT)
        return found


def test_events_of_one_anonymous_id_are_one_profile(database: Engine) -> None:
    first, second = place(database, event(anonymous_id="a"), event(anonymous_id="a")).profile_ids
    assert first == second
    assert place(database, event(anonymous_id="a")).profile_ids == [first]
    assert place(database, event(anonymous_id="b")).profile_ids != [first]


def test_a_stranger_who_logs_in_keeps_the_profile(database: Engine) -> None:
    [stranger] = place(database, event(anonymous_id="a")).profile_ids
    [known] = place(database, event(anonymous_id="a", user_id="u")).profile_ids
    assert known == stranger
    assert place(database, event(user_id="u")).profile_ids == [stranger]


def test_a_stranger_on_a_new_device_merges_into_the_known_profile(database: Engine) -> None:
    [known] = place(database, event(user_id="u", anonymous_id="phone")).profile_ids
    [stranger] = place(database, event(anonymous_id="laptop")).profile_ids
    found = place(database, event(user_id="u", anonymous_id="laptop"))
    assert found.merges == {stranger: known}
    assert place(database, event(anonymous_id="laptop")).profile_ids == [known]
    with transaction(database) as connection:
        assert find_profile_ids(connection, "laptop") == [known]


def test_a_shared_device_is_handed_over_and_nobody_is_merged(database: Engine) -> None:
    [anna] = place(database, event(user_id="anna", anonymous_id="tablet")).profile_ids
    found = place(database, event(user_id="ben", anonymous_id="tablet"))
    assert found.merges == {}
    assert found.profile_ids != [anna]
    assert place(database, event(anonymous_id="tablet")).profile_ids == found.profile_ids
    assert place(database, event(user_id="anna")).profile_ids == [anna]


def test_a_guest_with_the_same_address_is_the_same_person(database: Engine) -> None:
    [first] = place(database, event(anonymous_id="a", email="Mia@Example.com")).profile_ids
    [stranger] = place(database, event(anonymous_id="b")).profile_ids
    found = place(database, event(anonymous_id="b", email="mia@example.com "))
    assert found.profile_ids == [first]
    assert found.merges == {stranger: first}


def test_an_address_typed_by_somebody_logged_in_merges_nobody(database: Engine) -> None:
    [guest] = place(database, event(anonymous_id="a", email="mia@example.com")).profile_ids
    found = place(database, event(user_id="ben", email="mia@example.com"))
    assert found.merges == {}
    assert found.profile_ids != [guest]


def test_all_steps_of_one_shopper_in_one_batch(database: Engine) -> None:
    found = place(
        database,
        event(anonymous_id="a"),
        event(anonymous_id="b"),
        event(anonymous_id="a", user_id="u"),
        event(anonymous_id="b", user_id="u"),
        event(user_id="u"),
    )
    assert len(set(found.profile_ids)) == 1
    with transaction(database) as connection:
        [row] = read_profiles(connection, set(found.profile_ids)).values()
    assert row.user_id == "u"


def test_an_event_without_any_id_is_refused(database: Engine) -> None:
    with pytest.raises(ValueError, match="carries no id"):
        place(database, event())


def test_two_workers_that_meet_the_same_stranger_make_one_profile(database: Engine) -> None:
    results: list[int] = []

    def work() -> None:
        for number in range(40):
            while True:
                try:
                    results.append(place(database, event(anonymous_id=f"a{number}")).profile_ids[0])
                    break
                except IdentityRace:
                    continue

    workers = [Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 120
    assert len(set(results)) == 40
