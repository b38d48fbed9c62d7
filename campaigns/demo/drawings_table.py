"""Drawings of what stands on the table."""

from __future__ import annotations

from campaigns.demo.canvas import Canvas, arc, rounded, smooth
from campaigns.demo.chance import Chance
from campaigns.demo.palettes import CREAM, DARK, OAK, STEEL, WALNUT, WHITE, Colour, Inks, mixed


def _speckles(c: Canvas, inks: Inks, chance: Chance, *, cx: float, cy: float, rx: float, ry: float) -> None:
    for _ in range(26):
        angle, reach = chance.real(0, 6.283), chance.fraction() ** 0.5
        spot = arc(cx, cy, rx * reach, ry * reach, angle * 57.3, angle * 57.3 + 8)[0]
        c.oval(*spot, 0.42, 0.36, inks.deep)


def mug(c: Canvas, inks: Inks, chance: Chance) -> None:
    half, tall = chance.real(15, 20), chance.real(26, 38)
    top = 79 - tall
    c.ground(47, half)
    c.line(arc(47 + half, top + tall * 0.48, 10, tall * 0.27, -80, 80), 4.2, inks.deep)
    foot = half - chance.pick((0.5, 2.5, 5.5))
    c.turned(
        [(top, half), (top + tall * 0.55, half - (half - foot) * 0.25), (76, foot), (79, foot - 1.2)], inks.body, cx=47
    )
    style = chance.whole(0, 2)
    if style == 0:
        _speckles(c, inks, chance, cx=47, cy=top + tall * 0.55, rx=half * 0.8, ry=tall * 0.34)
    elif style == 1:
        c.turned([(top, half), (top + tall * 0.3, half - 0.4)], CREAM, cx=47)
    c.mouth(top, half, inks.pale if style != 1 else WHITE, inks.inside, cx=47)
    if chance.happens(0.4):
        for x in (41, 48):
            steam = smooth([(x, top - 5), (x + 2, top - 9), (x - 1, top - 13), (x + 1.5, top - 18)], closed=False)
            c.line(steam, 1.1, mixed(c.backdrop.wall, WHITE, 0.65))


def plate(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 30, 80)
    c.oval(50, 49, 31, 31, inks.body, "soft")
    rim = chance.pick((inks.pale, mixed(inks.body, CREAM, 0.6), inks.body))
    c.oval(50, 49, 30, 30, rim, "soft")
    c.oval(50, 49, 21.5, 21.5, mixed(rim, DARK, 0.1))
    c.oval(50, 49.5, 21, 21, mixed(inks.body, rim, 0.35), "soft")
    style = chance.whole(0, 2)
    if style == 0:
        _speckles(c, inks, chance, cx=50, cy=49, rx=28, ry=28)
    elif style == 1:
        for step in range(24):
            c.oval(*arc(50, 49, 25.7, 25.7, step * 15, step * 15 + 8)[0], 0.8, 0.8, inks.deep)


def bowl(c: Canvas, inks: Inks, chance: Chance) -> None:
    half, tall = chance.real(24, 30), chance.real(18, 25)
    top = 77 - tall
    c.ground(50, half * 0.55)
    c.turned([(75, half * 0.42), (79, half * 0.4)], inks.deep, depth=0.14)
    c.turned(
        [(top, half), (top + tall * 0.45, half * 0.9), (top + tall * 0.85, half * 0.58), (77, half * 0.42)], inks.body
    )
    c.mouth(top, half, inks.pale, mixed(inks.body, DARK, 0.28), depth=0.16)
    if chance.happens(0.45):
        for x, y, r in ((41, -3, 7), (57, -3.6, 7.5), (49, -6.5, 7.5)):
            c.oval(x, top + y, r, r, chance.pick(((222, 120, 88), (226, 178, 72), (150, 168, 92))), "ball")
        front = [
            *arc(50, top, half - 1, half * 0.16 - 0.6, 0, 180),
            *reversed(arc(50, top + 4, half * 0.96, 4, 0, 180)),
        ]
        c.fill(front, inks.body)
        c.line(arc(50, top, half - 0.5, half * 0.16 - 0.4, 2, 178), 1.0, inks.pale)


def glass(c: Canvas, inks: Inks, chance: Chance) -> None:
    half, tall = chance.real(11, 15), chance.real(30, 44)
    top = 79 - tall
    clear = mixed(inks.body, c.backdrop.glow, 0.45)
    c.ground(50, half, strength=0.22)
    foot = half - chance.pick((1, 3, 0))
    c.turned([(top, half), (76, foot), (79, foot - 0.6)], clear)
    if chance.happens(0.6):
        level = top + tall * 0.32
        drink = mixed(inks.body, chance.pick(((240, 180, 90), (220, 232, 235), (232, 150, 130))), 0.5)
        edge = half - (half - foot) * 0.32 - 1.4
        c.turned([(level, edge), (75, foot - 1.4), (76.5, foot - 2)], drink)
        c.oval(50, level, edge, edge * 0.15, mixed(drink, WHITE, 0.35))
    if chance.happens(0.6):
        for step in range(-3, 4):
            x = 50 + step * half * 0.27
            c.line([(x, top + 6), (50 + (x - 50) * foot / half, 76)], 0.6, mixed(clear, WHITE, 0.5))
    c.line(arc(50, top, half - 0.3, half * 0.15), 0.9, mixed(clear, WHITE, 0.55))
    c.line([(50 - half * 0.66, top + 5), (50 - foot * 0.66, 70)], 1.3, mixed(clear, WHITE, 0.7))


def teapot(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 18)
    c.fill(
        smooth([(66, 56), (66, 70), (72, 68), (80, 56), (86, 47), (86, 47), (81, 45.5), (81, 45.5), (74, 52)]),
        inks.deep,
    )
    if chance.happens(0.5):
        c.line(arc(31, 59, 10, 11, 70, 290), 3.4, inks.deep)
    else:
        c.line(arc(50, 48, 18, 21, 195, 345), 2.6, chance.pick((OAK, WALNUT)))
    belly = chance.real(21, 24)
    c.turned([(46, 10), (49, 15), (61, belly), (73, belly - 4), (79, 12)], inks.body, depth=0.1)
    c.line(arc(50, 46.6, 10.2, 1.9, 0, 180), 0.9, inks.deep)
    c.turned([(41, 3), (43, 8), (46, 10.4)], inks.body, depth=0.15)
    c.oval(50, 39, 2.9, 2.7, inks.deep, "ball")
    if chance.happens(0.5):
        _speckles(c, inks, chance, cx=50, cy=62, rx=belly * 0.8, ry=10)


def carafe(c: Canvas, inks: Inks, chance: Chance) -> None:
    clear = mixed(inks.body, c.backdrop.glow, 0.45)
    wide, neck = chance.real(14, 19), chance.real(5.5, 7)
    c.ground(50, wide, strength=0.22)
    c.turned([(26, neck + 2.5), (29, neck), (42, neck), (58, wide - 2), (68, wide), (79, wide - 2)], clear, depth=0.13)
    drink = mixed(inks.body, chance.pick(((150, 60, 74), (238, 206, 120), (214, 230, 236))), 0.55)
    c.turned([(58, wide - 3.4), (68, wide - 1.6), (77.5, wide - 3.6)], drink, depth=0.13)
    c.oval(50, 58, wide - 3.4, (wide - 3.4) * 0.14, mixed(drink, WHITE, 0.35))
    c.line(arc(50, 26, neck + 2.2, 1.4), 0.9, mixed(clear, WHITE, 0.5))
    c.line(smooth([(46, 32), (46, 43), (40, 55), (38, 66)], closed=False), 1.3, mixed(clear, WHITE, 0.7))
    if chance.happens(0.5):
        c.turned([(18, 5), (24, 5.4), (27, neck - 1)], chance.pick((OAK, WALNUT)))


def _fork(c: Canvas, x: float, colour: Colour) -> None:
    c.line([(x, 40), (x, 78)], 2.4, colour)
    c.fill(smooth([(x - 4, 30), (x - 4, 38), (x, 44), (x + 4, 38), (x + 4, 30), (x, 33)]), colour)
    for step in (-3.4, -1.15, 1.15, 3.4):
        c.line([(x + step, 21), (x + step, 34)], 1.3, colour)


def cutlery(c: Canvas, inks: Inks, chance: Chance) -> None:
    cloth = mixed(inks.second, CREAM, 0.35)
    c.fill(rounded(20, 16, 80, 85, 2.5), cloth, "soft")
    c.fill(rounded(22, 18, 78, 83, 1.6), mixed(cloth, WHITE, 0.18))
    shine = mixed(inks.body, STEEL, 0.15)
    handle = chance.pick((shine, inks.deep, WALNUT))
    _fork(c, 35, shine)
    c.fill(smooth([(48, 20), (48, 20), (53, 24), (54, 48), (48, 50), (48, 50)]), shine, "soft")
    c.line([(50, 49), (50, 78)], 2.6, shine)
    c.oval(65, 28, 5.2, 8.2, shine, "soft")
    c.line([(65, 34), (65, 78)], 2.4, shine)
    for x in (35, 50, 65):
        c.line([(x, 58), (x, 78)], 3.4, handle)


DRAWINGS = {
    "mug": mug,
    "plate": plate,
    "bowl": bowl,
    "glass": glass,
    "teapot": teapot,
    "carafe": carafe,
    "cutlery": cutlery,
}
