"""The contact sheet: every mail of a campaign on one page that needs nothing but itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from campaigns.pipeline.preview_sheet import Cell
from campaigns.web.inbox_frame import framed
from campaigns.web.inbox_pages import console_folder


def sheet_page(
    title: str,
    cells: Sequence[Cell],
    pages: Sequence[str],
    *,
    pictures: Sequence[bytes] = (),
    looks: Sequence[str] = ("680",),
) -> str:
    """The sheet as HTML. `pages` are the mails, one a cell ("" where it failed); with `pictures`, `looks` of them for
    every mail there is, those are shown instead."""
    environment = Environment(
        loader=FileSystemLoader(console_folder() / "preview"), autoescape=True, undefined=StrictUndefined
    )
    taken = iter([f"data:image/png;base64,{b64encode(picture).decode()}" for picture in pictures])
    shown: list[dict[str, Any]] = [
        {
            "cell": cell,
            "page": framed(page, "light") if page and not pictures else "",
            "pictures": [(look, next(taken)) for look in looks] if page and pictures else [],
        }
        for cell, page in zip(cells, pages, strict=True)
    ]
    count = len({each["cell"].wanted.step for each in shown})
    groups = [("", shown)] if count == len(shown) else _by_mail(shown)
    return environment.get_template("sheet.html").render(title=title, groups=groups, count=len(shown), looks=len(looks))


def _by_mail(shown: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Rows of its own for each mail, under its name."""
    found = []
    for mail, cells in groupby(shown, key=lambda each: str(each["cell"].title.partition(" · ")[0])):
        number, _, name = mail.partition(". ")
        found.append((f"{number}. {name.capitalize()}", list(cells)))
    return found
