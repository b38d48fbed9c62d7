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

from campaigns.cli.backtest_text import headline
from campaigns.pipeline.backtest import Backtest

_SCALE: Final = 2
_WIDTH, _HEIGHT = 1200, 640
_LEFT, _RIGHT, _TOP, _BOTTOM = 88, 48, 196, 64
_PAPER, _INK, _FAINT, _LINE = "#ffffff", "#1c2430", "#6b7685", "#e6e9ee"
_NEW, _OLD = "#d9541e", "#b9c2cd"

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

    def line(self, left: float, right: float, y: float, colour: str) -> None:
        self.draw.line((left * _SCALE, y * _SCALE, right * _SCALE, y * _SCALE), fill=colour, width=_SCALE)

    def length(self, text: str, size: int) -> float:
        return self.draw.textlength(text, font=_font(size)) / _SCALE


def draw_backtest(found: Backtest, file: Path) -> None:
    """Writes the picture as PNG, 1200 x 640 at double density."""
    image = Image.new("RGB", (_WIDTH * _SCALE, _HEIGHT * _SCALE), _PAPER)
    sheet = _Sheet(ImageDraw.Draw(image))
    _draw_title(sheet, found)
    _draw_figures(sheet, found)
    after = found.after.figures(found.campaign_id).mails_by_day
    before = found.before.figures(found.campaign_id).mails_by_day if found.before else None
    _draw_bars(sheet, found.days, after, before)
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


def _nice_step(most: int) -> int:
    """A round number of which about four make the highest bar."""
    rough = max(most / 4, 1)
    power = 10 ** math.floor(math.log10(rough))
    return int(next(m * power for m in (1, 2, 5, 10) if m * power >= rough))


def _font(size: int) -> Font:
    return ImageFont.load_default(size * _SCALE)
