"""A new version of a template is compiled before the first mail needs it."""

from __future__ import annotations

import shutil

import pytest

from campaigns.pipeline.engine import open_engine
from campaigns.pipeline.warm import warm_templates
from campaigns.rendering import TemplateStore, shipped_templates
from tests.pipeline.small_shop import Postbox, Shop, added, identify

pytestmark = pytest.mark.servers


def carts_left_behind(shop: Shop, who: str) -> int:
    """How much is compiled for the reminders of twenty shoppers."""
    shop.engine.templates = TemplateStore(
        shop.engine.templates.folders, cache=shop.engine.workspace.artifacts / "templates", links=shop.engine.links
    )
    shop.engine.templates.expect_many()
    for number in range(20):
        lines = (added(f"{who}{number}", shop.ago(2), f"p{n}") for n in range(1 + number % 2))
        name = {"first_name": "Bo" if number % 3 else ""}
        shop.send(identify(f"{who}{number}", shop.ago(3), **name), *lines)
    assert shop.decide() == 20
    shop.deliver(box := Postbox())
    assert len({mail.email.subject for mail in box.mails}) > 1
    return shop.engine.templates.compiler.compiled


def test_a_worker_hardly_compiles_anything_after_a_warm_up(shop: Shop, environ: dict[str, str]) -> None:
    cold = carts_left_behind(shop, "early")
    shutil.rmtree(shop.engine.workspace.artifacts / "templates")
    with open_engine(shop.engine.workspace.root, environ=environ) as first:
        warmed = warm_templates(first)
        assert warm_templates(first).compiled == 0
    assert 20 < warmed.compiled < warmed.mails
    assert carts_left_behind(shop, "late") * 4 <= cold


def test_a_template_that_fails_for_some_is_warmed_for_the_others(shop: Shop, environ: dict[str, str]) -> None:
    own = shop.engine.workspace.templates / "emails" / "abandoned_cart"
    shutil.copytree(shipped_templates() / "abandoned_cart", own)
    (own / "subject.txt").write_text("{{ profile.first_name[0] }}, your cart", encoding="utf-8")
    with open_engine(shop.engine.workspace.root, environ=environ) as engine:
        assert warm_templates(engine).mails > 20
        assert warm_templates(engine).compiled == 0
