"""Drawing on a studio table: smooth shapes, soft light from the left, a shadow on the ground.

Coordinates run from 0 to 100 in both directions, top left first; things stand at about y = 80. Everything is drawn at
three times the size and scaled down, which is what makes the edges smooth.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import cos, exp, isqrt, pi, sin
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from campaigns.demo.palettes import DARK, WHITE, Backdrop, Colour, mixed

Point = tuple[float, float]

SIZE: Final = 600
UNIT: Final = SIZE * 3 / 100
COLOURS: Final = (255, 160, 96, 48)
LARGEST: Final = 25_000
FRAME: Final = (5.5 * UNIT, 10 * UNIT, 94.5 * UNIT, 99 * UNIT)  # what of the table the picture shows


def arc(cx: float, cy: float, rx: float, ry: float, start: float = 0, end: float = 360) -> list[Point]:
    """Points on an ellipse, angles in degrees clockwise from three o'clock."""
    steps = max(int(abs(end - start) / 4), 2)
    angles = [(start + (end - start) * step / steps) * pi / 180 for step in range(steps + 1)]
    return [(cx + rx * cos(angle), cy + ry * sin(angle)) for angle in angles]


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> list[Point]:
    r = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    corners = ((x1 - r, y0 + r, -90), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180))
    return [point for cx, cy, start in corners for point in arc(cx, cy, r, r, start, start + 90)]


def smooth(points: Sequence[Point], closed: bool = True) -> list[Point]:
    """A curve through the points (Catmull-Rom); naming a point twice makes it a corner."""
    around = [points[-1], *points, points[0], points[1]] if closed else [points[0], *points, points[-1]]
    curve: list[Point] = []
    for p0, p1, p2, p3 in zip(around, around[1:], around[2:], around[3:], strict=False):
        if p1 != p2:
            curve.extend(_between(p0, p1, p2, p3, step / 10) for step in range(10))
    return curve if closed else [*curve, points[-1]]


def _between(p0: Point, p1: Point, p2: Point, p3: Point, t: float) -> Point:
    def at(a: float, b: float, c: float, d: float) -> float:
        return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)

    return at(p0[0], p1[0], p2[0], p3[0]), at(p0[1], p1[1], p2[1], p3[1])


class Canvas:
    """A picture in the making."""

    def __init__(self, backdrop: Backdrop) -> None:
        side = int(100 * UNIT)
        self.backdrop = backdrop
        self.image = Image.new("RGB", (side, side), backdrop.wall)
        self._pen = ImageDraw.Draw(self.image)
        self._pen.rectangle((0, 77 * UNIT, side, side), fill=backdrop.floor)

    def ground(self, cx: float, half: float, y: float = 80, strength: float = 0.34) -> None:
        """The soft shadow something `2 * half` wide throws where it stands."""
        shade = Image.new("L", (150, 150), 0)
        pen = ImageDraw.Draw(shade)
        for widen, depth in ((1.12, 0.5), (0.95, 1.0)):
            box = [(cx + 2.5 - half * widen) * 1.5, (y - half * 0.1) * 1.5]
            box += [(cx + 2.5 + half * widen) * 1.5, (y + half * 0.1 + 1.2) * 1.5]
            pen.ellipse(box, fill=int(255 * strength * depth))
        shade = shade.filter(ImageFilter.GaussianBlur(2.4)).resize(self.image.size, Image.Resampling.BICUBIC)
        self.image.paste(mixed(self.backdrop.floor, DARK, 0.75), (0, 0), shade)

    def fill(self, points: Sequence[Point], colour: Colour, light: str = "") -> None:
        """A closed shape. `light`: "" is flat, "round" as on a pot, "soft" as on cloth or a box, "ball" from above."""
        scaled = [(x * UNIT, y * UNIT) for x, y in points]
        if not light:
            self._pen.polygon(scaled, fill=colour)
            return
        left, top = int(min(x for x, _ in scaled)), int(min(y for _, y in scaled))
        width = int(max(x for x, _ in scaled)) - left + 2
        height = int(max(y for _, y in scaled)) - top + 2
        stencil = Image.new("L", (width, height), 0)
        ImageDraw.Draw(stencil).polygon([(x - left, y - top) for x, y in scaled], fill=255)
        self.image.paste(colour, (left, top), stencil)
        for tone, veil in _veils(light):
            mask = ImageChops.multiply(stencil, veil.resize((width, height), Image.Resampling.BILINEAR))
            self.image.paste(mixed(colour, tone, 0.75), (left, top), mask)

    def box(self, x0: float, y0: float, x1: float, y1: float, radius: float, colour: Colour, light: str = "") -> None:
        self.fill(rounded(x0, y0, x1, y1, radius), colour, light)

    def oval(self, cx: float, cy: float, rx: float, ry: float, colour: Colour, light: str = "") -> None:
        self.fill(arc(cx, cy, rx, ry), colour, light)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A stroke with round ends."""
        scaled = [(x * UNIT, y * UNIT) for x, y in points]
        self._pen.line(scaled, fill=colour, width=round(width * UNIT))
        r = round(width * UNIT) / 2 - 0.5
        for x, y in scaled:  # round joints, drawn: Pillow's own leave slits in thick bends
            self._pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def turned(
        self,
        profile: Sequence[Point],
        colour: Colour,
        *,
        cx: float = 50,
        depth: float = 0.15,
        light: str = "round",
    ) -> None:
        """A body as from a potter's wheel: `profile` gives (y, half width) from top to bottom, `depth` how much is
        seen of its round top and bottom."""
        right = smooth([(cx + half, y) for y, half in profile], closed=False)
        left = [(2 * cx - x, y) for x, y in reversed(right)]
        (top, upper), (bottom, lower) = profile[0], profile[-1]
        under = arc(cx, bottom, lower, lower * depth, 0, 180)
        over = arc(cx, top, upper, upper * depth, 180, 360)
        self.fill([*right, *under, *left, *over], colour, light)

    def mouth(self, y: float, half: float, rim: Colour, inside: Colour, *, cx: float = 50, depth: float = 0.15) -> None:
        """The open top of a turned body."""
        self.oval(cx, y, half, half * depth, rim)
        self.oval(cx, y + 0.25, half - 1.1, max(half * depth - 0.7, 0.4), inside)

    def png(self) -> bytes:
        """The picture, 600 by 600, below 25 kB: busy ones make do with fewer colours."""
        small = self.image.resize((SIZE, SIZE), Image.Resampling.LANCZOS, box=FRAME)
        tones = _tones(small)
        for colours in COLOURS:
            picture = _flattened(small, tones, colours)
            if len(picture) < LARGEST:
                break
        return picture


def _tones(picture: Image.Image) -> Image.Image:
    """All colours of a picture in one row, each as often as the root of its share: a small part that shines gets tones
    of its own beside a large plain wall."""
    found = picture.getcolors(SIZE * SIZE) or []
    row = b"".join(bytes(colour) * isqrt(count) for count, colour in found if isinstance(colour, tuple))
    return Image.frombytes("RGB", (len(row) // 3, 1), row)


def _flattened(picture: Image.Image, tones: Image.Image, colours: int) -> bytes:
    palette = tones.quantize(colours, method=Image.Quantize.MEDIANCUT)
    out = io.BytesIO()
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


@lru_cache(maxsize=8)
def _veils(light: str) -> tuple[tuple[Colour, Image.Image], ...]:
    """Masks of shadow and highlight, stretched over a shape."""
    if light == "round":
        return (DARK, _across(_round_shadow)), (WHITE, _across(_round_highlight))
    if light == "soft":
        return (DARK, _across(lambda u: 0.2 * max(u - 0.35, 0.0) ** 1.3)), (WHITE, _down(lambda v: 0.18 * (1 - v) ** 2))
    return (DARK, _down(lambda v: 0.34 * max(v - 0.35, 0.0) ** 1.2)), (WHITE, _down(lambda v: 0.24 * (1 - v) ** 2))


def _round_shadow(u: float) -> float:
    return 0.48 * float(max((u - 0.42) / 0.58, 0.0) ** 1.7) + 0.12 * max((0.12 - u) / 0.12, 0.0)


def _round_highlight(u: float) -> float:
    return 0.34 * exp(-(((u - 0.27) / 0.13) ** 2))


def _across(strength: Callable[[float], float]) -> Image.Image:
    return _down(strength).transpose(Image.Transpose.TRANSPOSE)


def _down(strength: Callable[[float], float]) -> Image.Image:
    veil = Image.new("L", (1, 128))
    veil.putdata([int(255 * strength(place / 127)) for place in range(128)])
    return veil.resize((128, 128))
