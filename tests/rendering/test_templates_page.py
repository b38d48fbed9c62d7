"""docs/templates.md names every name, filter and limit there is."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest

from campaigns.rendering.brand import Brand
from campaigns.rendering.context import ROOT_NAMES, LineContext, MailContext, ProductContext, ShopContext
from campaigns.rendering.filters import FILTERS
from campaigns.rendering.limits import MAX_OUTPUT, MAX_RANGE, MAX_STEPS, MAX_TEXT

PAGE = (Path(__file__).parents[2] / "docs" / "templates.md").read_text()
SHAPES = (Brand, LineContext, MailContext, ProductContext, ShopContext)

FIELDS = sorted({field for shape in SHAPES for field in get_type_hints(shape)})


@pytest.mark.parametrize("name", [*ROOT_NAMES, *FILTERS, *FIELDS])
def test_every_name_is_documented(name: str) -> None:
    assert name in PAGE


@pytest.mark.parametrize("limit", [MAX_RANGE, MAX_STEPS, MAX_TEXT, MAX_OUTPUT])
def test_every_limit_is_documented(limit: int) -> None:
    assert f"{limit:,}" in PAGE
