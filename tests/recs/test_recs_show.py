"""A slate explained: candidates, rules, and what the sources of the full model say - on real servers."""

from __future__ import annotations

import pytest

from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.recs_champion import challenge
from campaigns.pipeline.recs_show import show
from campaigns.pipeline.refresh import train_and_publish
from campaigns.storage.database import statement, transaction

pytestmark = pytest.mark.servers


def test_show_tells_what_was_filtered_and_why(engine: Engine) -> None:
    train_and_publish(engine)
    with transaction(engine.database) as connection:
        connection.execute(statement("UPDATE products SET stock = 0 WHERE product_id IN ('P6', 'P7', 'P8')"))
    found = show(engine, "user-1", "next_best")
    rules = {one.product_id: one.rule for one in found.considered}
    assert "out of stock" in rules.values()
    assert {one.place for one in found.considered} >= {1, 2}
    assert found.as_json()["slate"][0]["reason"]
    with pytest.raises(WrongUsage, match="no slot"):
        show(engine, "user-1", "sideways")
    with pytest.raises(WrongUsage, match="no profile"):
        show(engine, "nobody", "next_best")


def test_show_tells_where_the_sources_of_the_full_model_put_its_products(engine: Engine) -> None:
    train_and_publish(engine)
    assert show(engine, "user-1", "next_best").sources_say == []  # no full model yet
    challenge(engine, force=True)
    found = show(engine, "user-1", "next_best", most=5)
    assert 1 <= len(found.sources_say) <= 5
    scores = [one.score for one in found.sources_say]
    assert scores == sorted(scores, reverse=True)
    assert all(one.places and found.titles[one.product_id] for one in found.sources_say)
