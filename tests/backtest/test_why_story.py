"""The story of a shopper, in a marketer's words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from campaigns.config import Workspace
from campaigns.domain.campaign_file import read_campaign
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.decide import decide_due
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.why import Story, tell
from campaigns.pipeline.why_words import say_cause, say_length
from campaigns.storage.database import transaction
from triggers.events import Event, EventName, Line

LIBRARY = Path(__file__).parents[2] / "campaigns" / "library"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(hours=1), "an hour"),
        (timedelta(hours=24), "24 hours"),
        (timedelta(days=10), "ten days"),
        (timedelta(days=14), "two weeks"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(days=60), "60 days"),
        (timedelta(0), "no time"),
    ],
)
def test_lengths_of_time_are_said_as_people_say_them(length: timedelta, words: str) -> None:
    assert say_length(length) == words


@pytest.mark.parametrize("file", sorted(LIBRARY.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_step_that_ships_has_a_cause_in_words(file: Path) -> None:
    campaign = read_campaign(file)
    for step in range(len(campaign.steps)):
        cause = say_cause(campaign, step)
        assert cause[0].isupper() and "{" not in cause and not cause.endswith(".")
        assert not cause.startswith("The campaign's event")


@pytest.fixture
def engine(workspace: Workspace, environ: dict[str, str]) -> Iterator[Engine]:
    for name in ("abandoned_cart", "browse_abandonment"):
        file = workspace.campaigns / f"{name}.yaml"
        text = file.read_text(encoding="utf-8").replace("quiet_hours: shop", "quiet_hours: off")
        file.write_text(text.replace("holdout: shop", "holdout: off"), encoding="utf-8")
    with open_engine(workspace.root, environ=environ) as opened:
        apply_files(opened, read_campaign_files(workspace.campaigns, opened.templates), by="test")
        yield opened


def do(engine: Engine, *happenings: tuple[timedelta, str, str]) -> Story:
    with transaction(engine.database) as connection:
        now = engine.now(connection)
    for ago, name, product in happenings:
        event = Event(
            *("shop", f"{name}-{product}-{ago}", name, now - ago, max(now - ago, now - 50 * MINUTE)),
            user_id="u1",
            email="ada@shoppers.example",
            lines=(Line(product, title=product.title()),),
        )
        ingest_events(engine, [event])
    return tell(engine, "u1")


def texts(story: Story) -> list[str]:
    return [moment.text for moment in story.moments]


@pytest.mark.servers
def test_views_of_one_visit_are_one_line(engine: Engine) -> None:
    views = [((30 - n) * MINUTE, EventName.PRODUCT_VIEWED, f"lamp {n % 6}") for n in range(8)]
    story = do(engine, *views, (20 * MINUTE, EventName.PRODUCT_ADDED, "lamp 1"))
    assert (
        "Looked at six products, 8 times in all in seven minutes: Lamp 0, Lamp 1, Lamp 2, Lamp 3 and 2 more."
        in texts(story)
    )
    assert "Put into the cart: Lamp 1." in texts(story)
    assert any("Browse abandonment ended: something was added to the cart." in text for text in texts(story))


@pytest.mark.servers
def test_the_cause_of_a_mail_stands_in_one_sentence_and_what_comes_next_is_told(engine: Engine) -> None:
    story = do(engine, (100 * MINUTE, EventName.PRODUCT_ADDED, "lamp"), (70 * MINUTE, EventName.PRODUCT_ADDED, "shade"))
    assert story.next[0].text.startswith("Abandoned cart: mail 1 of 3 (reminder) goes out, if nothing else happens")
    assert any("Activity set its timer anew once" in text for text in texts(story))
    decide_due(engine)
    said = texts(tell(engine, "u1"))
    cause = "mail 1 of 3 (reminder) is sent. The cart was left alone for an hour; nothing spoke against it."
    assert f"Abandoned cart: {cause}" in said
    coming = [moment.text for moment in tell(engine, "u1").next]
    assert [text.split(" goes out")[0] for text in coming] == [
        "Abandoned cart: mail 2 of 3 (second reminder)",
        "Abandoned cart: mail 3 of 3 (last call)",
    ]


@pytest.mark.servers
def test_a_campaign_that_never_started_says_why(engine: Engine) -> None:
    story = do(
        engine,
        (45 * MINUTE, EventName.ORDER_COMPLETED, "lamp"),
        (5 * MINUTE, EventName.PRODUCT_VIEWED, "shade"),
        (4 * MINUTE, EventName.PRODUCT_VIEWED, "bulb"),
    )
    assert "Browse abandonment did not start: there was an order shortly before." in texts(story)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("late", "comes"), [(23 * HOUR, "goes out, if nothing"), (25 * HOUR, "will not go out. The mail was due")]
)
def test_of_an_overdue_mail_why_says_what_the_gates_answer(engine: Engine, late: timedelta, comes: str) -> None:
    with transaction(engine.database) as connection:
        at = engine.now(connection) - HOUR - late
    ada = {"user_id": "u1", "email": "ada@shoppers.example", "lines": (Line("lamp"),)}
    ingest_events(engine, [Event("shop", "m1", EventName.PRODUCT_ADDED, at, at, **ada)])
    first, *_ = tell(engine, "u1").next
    assert first.text.startswith(f"Abandoned cart: mail 1 of 3 (reminder) {comes}")
    assert first.text.endswith("It is overdue: are the workers running?")
    assert "it waits for the hours" not in first.text
    decide_due(engine)
    [decided] = [moment.text for moment in tell(engine, "u1").moments if moment.kind == "decision"]
    assert ("is sent" in decided) is ("goes out" in comes)
    reason = first.text.partition("not go out. ")[2].removesuffix(" It is overdue: are the workers running?")
    assert reason.partition(" could go")[0] in decided  # and not to the second later
