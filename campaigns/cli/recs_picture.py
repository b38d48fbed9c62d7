"""A comparison of models as a picture: a dot with its interval for each model and metric."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from campaigns.pipeline.recs_contest import Contest

_SCALE: Final = 2
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 1200, 250, 110, 120, 44
_PAPER, _INK, _FAINT, _LINE = "#ffffff", "#1c2430", "#6b7685", "#e6e9ee"
_NEW, _OLD = "#d9541e", "#8d99a6"
_METRICS: Final = (("hit", "Hit rate"), ("mrr", "MRR"), ("ndcg", "NDCG"))


def draw_contest(found: Contest, file: Path) -> None:
    """Writes the picture as PNG, 1200 pixels wide at double density. The first model is the new one."""
    block = _ROW * len(found.reports) + 56
    height = _TOP + block * len(_METRICS) + 24
    image = Image.new("RGB", (_WIDTH * _SCALE, height * _SCALE), _PAPER)
    draw = ImageDraw.Draw(image)
    _text(draw, (48, 32), "Would the slate have held what was wanted next?", 28)
    border = f"{found.border:%d %b %Y}" if found.border else ""
    _text(
        draw, (48, 74), f"{found.asked:,} questions after {border}; bars are 95 % intervals over shoppers", 16, _FAINT
    )
    for number, (metric, title) in enumerate(_METRICS):
        _block(draw, found, metric, title, _TOP + number * block)
    image.save(file, optimize=True)


def _block(draw: ImageDraw.ImageDraw, found: Contest, metric: str, title: str, top: float) -> None:
    most = max((one.overall[metric].high for one in found.reports), default=0.0) or 1.0
    _text(draw, (48, top), title, 20)
    for place, report in enumerate(found.reports):
        y, one = top + 48 + place * _ROW, report.overall[metric]
        colour = _NEW if place == 0 else _OLD
        x = [_LEFT + value / most * (_WIDTH - _LEFT - _RIGHT) for value in (one.low, one.mean, one.high)]
        _text(draw, (_LEFT - 20, y), report.model, 16, _INK if place == 0 else _FAINT, "rm")
        _line(draw, _LEFT, _WIDTH - _RIGHT, y, _LINE, 1)
        _line(draw, x[0], x[2], y, colour, 4)
        corners = [value * _SCALE for value in (x[1] - 7, y - 7, x[1] + 7, y + 7)]
        draw.ellipse(corners, fill=colour, outline=_PAPER, width=_SCALE)
        _text(draw, (_WIDTH - _RIGHT + 16, y), f"{one.mean:.3f}", 17, _INK, "lm")


def _line(draw: ImageDraw.ImageDraw, left: float, right: float, y: float, colour: str, width: int) -> None:
    draw.line((left * _SCALE, y * _SCALE, right * _SCALE, y * _SCALE), fill=colour, width=width * _SCALE)


def _text(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, colour: str = _INK, anchor: str = "la"
) -> None:
    font = ImageFont.load_default(size * _SCALE)
    draw.text((at[0] * _SCALE, at[1] * _SCALE), text, fill=colour, font=font, anchor=anchor)
