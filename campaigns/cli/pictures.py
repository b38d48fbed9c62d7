"""A backtest as a picture: a bar for each day, beside the version in force where there is one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from campaigns.cli.backtest_text import headline, reason_words
from campaigns.pipeline.backtest import Backtest

_SCALE: Final = 2
_WIDTH, _HEIGHT = 1200, 640
_LEFT, _RIGHT, _TOP, _BOTTOM = 88, 48, 196, 64
_PAPER, _INK, _FAINT, _LINE = "#ffffff", "#1c2430", "#6b7685", "#e6e9ee"
_NEW, _OLD = "#d9541e", "#b9c2cd"

_PANEL, _GAP, _PANEL_TOP, _ROW, _MOST_ROWS = 506, 52, 52, 34, 7

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(slots=True)
class _Sheet:
    draw: ImageDraw.ImageDraw

    def text(self, at: tuple[float, float], text: str, size: int, colour: str = _INK, anchor: str = "la") -> None:
        place = (at[0] * _SCALE, at[1] * _SCALE)
        self.draw.text(place, text, fill=colour, font=_font(size), anchor=anchor)

    def box(self, left: float, top: float, right: float, bottom: float, colour: str, radius: float = 0) -> None:
        corners = (left * _SCALE, top * _SCALE, right * _SCALE, bottom * _SCALE)
        self.draw.rounded_rectangle(corners, radius * _SCALE, fill=colour, corners=(True, True, False, False))

    def bar(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        corners = (left * _SCALE, top * _SCALE, right * _SCALE, bottom * _SCALE)
        self.draw.rounded_rectangle(corners, 2 * _SCALE, fill=colour, corners=(False, True, True, False))

    def line(self, left: float, right: float, y: float, colour: str) -> None:
        self.draw.line((left * _SCALE, y * _SCALE, right * _SCALE, y * _SCALE), fill=colour, width=_SCALE)

    def length(self, text: str, size: int) -> float:
        return self.draw.textlength(text, font=_font(size)) / _SCALE


@dataclass(frozen=True, slots=True)
class _Panel:
    """A list of words with a number each, and the number in force where there is one; bars show them."""

    title: str
    rows: Sequence[tuple[str, int, int | None]]


def _skips(found: Backtest) -> _Panel:
    after = found.after.figures(found.campaign_id).skips
    before = found.before.figures(found.campaign_id).skips if found.before else None
    names = sorted({*after, *(before or ())}, key=lambda name: (-after[name], name))[:_MOST_ROWS]
    rows = [(reason_words(name), after[name], None if before is None else before[name]) for name in names]
    return _Panel("Not mailed, and why", rows)


def _clashes(found: Backtest) -> _Panel:
    rows: list[tuple[str, int, int | None]] = []
    for clash in found.after.clashes_of(found.campaign_id)[:_MOST_ROWS]:
        other = found.after.campaigns[clash.other].name
        told = (
            (f"lost to {other}", clash.lost),
            (f"won over {other}", clash.won),
            (f"also mailed by {other}", clash.shared),
        )
        rows += [(words, count, None) for words, count in told if count]
    return _Panel("Where campaigns met", rows[:_MOST_ROWS])


def draw_backtest(found: Backtest, file: Path) -> None:
    """Writes the picture as PNG, 1200 wide at double density: the mails of each day, below them what kept mails back
    and where campaigns met."""
    panels = [panel for panel in (_skips(found), _clashes(found)) if panel.rows]
    below = _PANEL_TOP + _ROW * max((len(panel.rows) for panel in panels), default=0) + 28 if panels else 0
    image = Image.new("RGB", (_WIDTH * _SCALE, (_HEIGHT + below) * _SCALE), _PAPER)
    sheet = _Sheet(ImageDraw.Draw(image))
    _draw_title(sheet, found)
    _draw_figures(sheet, found)
    after = found.after.figures(found.campaign_id).mails_by_day
    before = found.before.figures(found.campaign_id).mails_by_day if found.before else None
    _draw_bars(sheet, found.days, after, before)
    for place, panel in enumerate(panels):
        _draw_panel(sheet, panel, _LEFT + place * (_PANEL + _GAP))
    image.save(file, optimize=True)


def _draw_title(sheet: _Sheet, found: Backtest) -> None:
    campaign = found.after.campaigns[found.campaign_id]
    sheet.text((_LEFT, 34), campaign.name, 30)
    first, last = found.days[0], found.days[-1]
    span = f"Mails a day it would have sent, {first.day} {first:%b} to {last.day} {last:%b %Y}"
    sheet.text((_LEFT, 76), span, 17, _FAINT)
    if found.before is not None:
        x = float(_WIDTH - _RIGHT)
        for colour, words in ((_NEW, "as tried"), (_OLD, "in force")):
            x -= sheet.length(words, 16)
            sheet.text((x, 78), words, 16, _FAINT)
            sheet.box(x - 22, 80, x - 8, 94, colour)
            x -= 44


def _draw_figures(sheet: _Sheet, found: Backtest) -> None:
    x = float(_LEFT)
    for words, after, before in headline(found)[:4]:
        label = words.split(",")[0]
        sheet.text((x, 112), f"{after:,}", 26)
        beside = x + sheet.length(f"{after:,}", 26) + 8
        if before is not None and before != after:
            sheet.text((beside, 120), f"{after - before:+,}", 15, _NEW)
        sheet.text((x, 146), label, 15, _FAINT)
        x += max(190.0, sheet.length(label, 15) + 48)


def _draw_bars(sheet: _Sheet, days: Sequence[date], after: Counter[date], before: Counter[date] | None) -> None:
    most = max((*after.values(), *(before or {}).values(), 1))
    step = _nice_step(most)
    top = math.ceil(most / step) * step
    floor, height = _HEIGHT - _BOTTOM, _HEIGHT - _BOTTOM - _TOP
    for value in range(0, top + 1, step):
        y = floor - value / top * height
        sheet.line(_LEFT, _WIDTH - _RIGHT, y, _FAINT if value == 0 else _LINE)
        sheet.text((_LEFT - 14, y), f"{value:,}", 15, _FAINT, "rm")
    slot = (_WIDTH - _LEFT - _RIGHT) / len(days)
    every = max(1, math.ceil(64 / slot))
    for n, day in enumerate(days):
        left, width = _LEFT + n * slot + slot * 0.16, min(slot * 0.68, 72)
        left += (slot * 0.68 - width) / 2
        series = ((after, _NEW),) if before is None else ((before, _OLD), (after, _NEW))
        for place, (counts, colour) in enumerate(series):
            own = width / len(series)
            x = left + place * own
            if counts[day]:
                sheet.box(x, floor - counts[day] / top * height, x + own - 1, floor - 1, colour, min(4, own / 4))
        if n % every == 0:
            sheet.text((left + width / 2, floor + 14), f"{day.day} {day:%b}", 15, _FAINT, "ma")


def _draw_panel(sheet: _Sheet, panel: _Panel, left: float) -> None:
    """Words to the left, bars behind the numbers to the right; the widest bar is the largest number."""
    most = max((*(after for _, after, _ in panel.rows), *(before or 0 for _, _, before in panel.rows), 1))
    sheet.text((left, _HEIGHT + 8), panel.title, 17)
    bars, widest = left + 316, _PANEL - 316 - 8
    for n, (words, after, before) in enumerate(panel.rows):
        y = _HEIGHT + _PANEL_TOP + n * _ROW
        sheet.text((left, y), _fitting(sheet, words, 256), 15, _FAINT)
        sheet.text((bars - 12, y), f"{after:,}", 15, _INK, "ra")
        series = ((after, _NEW),) if before is None else ((before, _OLD), (after, _NEW))
        for place, (count, colour) in enumerate(series):
            height = 16 / len(series)
            if count:
                width = max(2.0, count / most * widest)
                sheet.bar(bars, y + 2 + place * height, bars + width, y + 1 + (place + 1) * height, colour)


def _fitting(sheet: _Sheet, words: str, width: float) -> str:
    while sheet.length(words, 15) > width:
        words = words.rstrip("…")[:-1].rstrip() + "…"
    return words


def _nice_step(most: int) -> int:
    """A round number of which about four make the highest bar."""
    rough = max(most / 4, 1)
    power = 10 ** math.floor(math.log10(rough))
    return int(next(m * power for m in (1, 2, 5, 10) if m * power >= rough))


def _font(size: int) -> Font:
    return ImageFont.load_default(size * _SCALE)
