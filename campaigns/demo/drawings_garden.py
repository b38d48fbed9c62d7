"""Drawings of what the garden and the bathroom need."""

from __future__ import annotations

from campaigns.demo.canvas import Canvas, arc, rounded, smooth
from campaigns.demo.chance import Chance
from campaigns.demo.palettes import CREAM, DARK, LEAF, LEAF_DEEP, LIGHT, OAK, STEEL, WALNUT, WHITE, Inks, mixed


def _leaf(c: Canvas, root: tuple[float, float], tip: tuple[float, float], broad: float, deep: bool) -> None:
    (x0, y0), (x1, y1) = root, tip
    mx, my = (x0 + x1) / 2, (y0 + y1) / 2
    nx, ny = (y1 - y0) * broad, (x0 - x1) * broad
    green = LEAF_DEEP if deep else LEAF
    c.fill(smooth([root, root, (mx + nx, my + ny), tip, tip, (mx - nx, my - ny)]), green)
    c.line([root, (x0 + (x1 - x0) * 0.85, y0 + (y1 - y0) * 0.85)], 0.5, mixed(green, WHITE, 0.3))


def _plant(c: Canvas, chance: Chance, top: float) -> None:
    style = chance.whole(0, 3)
    if style == 0:
        for place, x in enumerate((26, 36, 50, 64, 75)):
            _leaf(c, (50, top), (x, top - (22, 32, 37, 33, 21)[place]), 0.17, place % 2 == 0)
    elif style == 1:
        c.turned([(top - 28, 3), (top - 25, 8), (top - 12, 9), (top, 7)], LEAF_DEEP, depth=0.1)
        for x in (45, 50, 55):
            c.line([(x, top - 27), (x + (x - 50) * 0.2, top - 2)], 0.5, mixed(LEAF, WHITE, 0.35))
        c.oval(50, top - 30, 3.2, 2.8, (232, 130, 120), "ball")
    elif style == 2:
        for x, y, r in ((40, -8, 9), (60, -8, 9), (50, -16, 11), (43, -19, 7), (58, -19, 7)):
            c.oval(x, top + y, r, r * 0.92, mixed(LEAF, LEAF_DEEP, chance.fraction()), "ball")
    else:
        for place, x in enumerate((34, 44, 56, 66)):
            c.line(smooth([(50, top), ((x + 50) / 2, top - 16), (x, top - 24)], closed=False), 0.9, LEAF_DEEP)
            for step in (0.45, 0.65, 0.85, 1.0):
                c.oval(50 + (x - 50) * step, top - 25 * step, 3.4, 2.6, LEAF if place % 2 else LEAF_DEEP)


def pot(c: Canvas, inks: Inks, chance: Chance) -> None:
    top, half = chance.real(46, 54), chance.real(17, 22)
    foot = half * chance.pick((0.72, 0.8, 0.94))
    c.ground(50, foot + 3)
    c.oval(50, top, half, half * 0.15, inks.inside)
    _plant(c, chance, top + 1)
    c.turned([(77, foot + 4), (80, foot + 3)], inks.deep, depth=0.12)
    c.fill(
        [*arc(50, top, half, half * 0.15, 0, 180), *reversed(arc(50, 77, foot, foot * 0.15, 0, 180))],
        inks.body,
        "round",
    )
    style = chance.whole(0, 2)
    if style == 0:
        band = arc(50, top, half + 1.2, half * 0.16, 0, 180)
        c.fill([*band, *reversed(arc(50, top + 7, half + 1, half * 0.16, 0, 180))], inks.pale, "round")
    elif style == 1:
        for step in range(-4, 5):
            x = step / 4.6
            c.line([(50 + x * half, top + half * 0.15 * (1 - x * x) ** 0.5 + 1.5), (50 + x * foot, 78)], 0.7, inks.deep)


def can(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(52, 20)
    c.line(smooth([(36, 73), (26, 66), (22, 52), (11, 38)], closed=False), 3.6, inks.deep)
    if chance.happens(0.6):
        c.fill([(6, 42), (13, 33), (16, 35.4), (9, 44.4)], mixed(inks.body, WHITE, 0.25))
    c.line(arc(70, 58, 13, 16, -115, 100), 3.0, inks.deep)
    if chance.happens(0.5):
        c.line(arc(52, 44, 13, 13, 180, 360), 2.6, chance.pick((OAK, WALNUT, inks.deep)))
    c.turned([(44, 14), (47, 15), (70, 19), (79, 19)], inks.body, cx=52, depth=0.14)
    c.mouth(44, 14, inks.pale, inks.inside, cx=52, depth=0.16)
    c.line(arc(52, 71, 18.8, 2.7, 6, 174), 0.8, inks.deep)


def trowel(c: Canvas, inks: Inks, chance: Chance) -> None:
    slim = chance.real(9, 13)
    c.ground(50, 16, 82)
    c.fill(
        smooth([(50 - 5, 13), (50 + 5, 13), (50 + 4, 26), (50 + 4.6, 36), (50 - 4.6, 36), (50 - 4, 26)]),
        inks.body,
        "round",
    )
    c.box(45.6, 35, 54.4, 39, 1.2, chance.pick(((205, 168, 85), STEEL)), "round")
    c.line([(50, 39), (50, 52)], 3, mixed(STEEL, DARK, 0.2))
    blade = smooth([(50 - slim, 50), (50, 47.5), (50 + slim, 50), (50 + slim, 64), (50, 83), (50, 83), (50 - slim, 64)])
    c.fill(blade, STEEL, "round")
    c.line([(50, 52), (50, 75)], 0.9, mixed(STEEL, DARK, 0.22))
    c.oval(50, 15.6, 1.2, 1.2, mixed(inks.body, DARK, 0.5))


def seeds(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 21)
    paper = mixed(CREAM, inks.body, 0.1)
    c.box(28, 20, 72, 80, 1.4, paper, "soft")
    c.box(28, 20, 72, 33, 1.4, inks.body, "soft")
    c.box(35, 24.6, 65, 26.2, 0.8, paper)
    c.box(40, 28, 60, 29.2, 0.6, mixed(paper, inks.body, 0.3))
    petal = inks.body
    for x, y, r in ((50, 49, 9.5), (38.5, 58, 5), (62, 60, 5.5)):
        c.line(smooth([(x, y), (x + (50 - x) * 0.3, 66), (50 + (x - 50) * 0.35, 76)], closed=False), 0.9, LEAF_DEEP)
        count = chance.pick((6, 8))
        for step in range(count):
            cx, cy = arc(x, y, r * 0.62, r * 0.62, step * 360 / count, step * 360 / count + 8)[0]
            c.oval(cx, cy, r * 0.36, r * 0.36, petal)
        c.oval(x, y, r * 0.36, r * 0.36, (226, 178, 72), "ball")
    _leaf(c, (50, 74), (39, 69), 0.22, True)
    _leaf(c, (50, 76), (62, 71), 0.22, False)


def birdhouse(c: Canvas, inks: Inks, chance: Chance) -> None:
    style = chance.whole(0, 1)
    if style == 0:
        c.line([(50, 74), (50, 100)], 3.4, WALNUT)
    else:
        c.line([(50, 0), (50, 26)], 1, mixed(OAK, DARK, 0.2))
    c.fill([(33, 42), (50, 26), (67, 42), (67, 76), (33, 76)], inks.body, "soft")
    if chance.happens(0.5):
        for y in (50, 58, 66):
            c.line([(33.4, y), (66.6, y)], 0.5, inks.deep)
    roof = chance.pick((WALNUT, inks.second, mixed(inks.body, DARK, 0.45)))
    c.line([(28, 46), (50, 24.5), (72, 46)], 5, roof)
    c.oval(50, 51, 6.4, 6.4, mixed(inks.body, WHITE, 0.55))
    c.oval(50, 51.4, 5.2, 5.2, (62, 52, 48))
    c.line([(50, 63), (50, 64)], 2.6, OAK)
    c.box(31, 75, 69, 79, 1, roof, "soft")
    bird = inks.accent
    c.oval(63, 67, 6, 4.6, bird, "ball")
    c.oval(67.4, 62.8, 3.2, 3, bird, "ball")
    c.fill([(70, 62.4), (73, 63.4), (70, 64.2)], (226, 168, 62))
    c.oval(68.2, 62.2, 0.6, 0.6, DARK)
    c.fill([(58, 66), (50.6, 63), (57, 70)], mixed(bird, DARK, 0.25))


def hanging_planter(c: Canvas, inks: Inks, chance: Chance) -> None:
    half, top = chance.real(16, 21), 54.0
    for x in (-1, 1):
        c.line([(50, 2), (50 + x * half * 0.96, top)], 0.9, mixed(OAK, DARK, 0.15))
    c.oval(50, top, half, half * 0.16, inks.inside)
    for place, tip in enumerate((28, 38, 50, 62, 72)):
        _leaf(c, (50 + (tip - 50) * 0.4, top), (tip, top - (14, 21, 25, 20, 13)[place]), 0.2, place % 2 == 1)
    deep = chance.real(20, 27)
    left = [(50 - half, top), (50 - half * 0.9, top + deep * 0.5), (50 - half * 0.3, top + deep)]
    right = [(100 - x, y) for x, y in reversed(left)]
    under = smooth([*left, *right], closed=False)
    c.fill([*arc(50, top, half, half * 0.16, 0, 180)[::-1], *reversed(under)][::-1], inks.body, "round")
    for side, length in ((-0.75, 24), (-0.35, 14), (0.7, 20)):
        x0 = 50 + side * half
        c.line(
            smooth([(x0, top + 1), (x0 + side * 3, top + length / 2), (x0 + side, top + length)], closed=False),
            0.8,
            LEAF_DEEP,
        )
        for step in (0.3, 0.55, 0.8, 1.0):
            c.oval(x0 + side * 2, top + length * step, 2.4, 1.9, LEAF)


def candle(c: Canvas, inks: Inks, chance: Chance) -> None:
    half, tall = chance.real(15, 19), chance.real(26, 34)
    top = 79 - tall
    c.ground(50, half)
    glow = mixed(c.backdrop.wall, LIGHT, 0.7)
    c.oval(50, top - 8, 13, 13, mixed(c.backdrop.glow, LIGHT, 0.4))
    c.oval(50, top - 8, 8, 8, glow)
    c.turned([(top, half), (76, half), (79, half - 1)], inks.body)
    c.mouth(top, half, inks.pale, mixed(CREAM, inks.body, 0.15))
    c.line([(50, top), (50, top - 4)], 0.8, DARK)
    c.fill(smooth([(50, top - 14), (50, top - 14), (53, top - 7), (50, top - 3), (47, top - 7)]), (244, 178, 70))
    c.fill(smooth([(50, top - 10), (51.6, top - 6.4), (50, top - 4), (48.4, top - 6.4)]), (255, 238, 190))
    c.box(41, top + 9, 59, top + 20, 1, CREAM)
    c.line([(45, top + 13), (55, top + 13)], 0.8, mixed(CREAM, DARK, 0.6))
    c.line([(47, top + 16), (53, top + 16)], 0.6, mixed(CREAM, DARK, 0.35))


def soap(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 30)
    c.box(19, 73, 81, 80, 3.4, chance.pick((OAK, WALNUT)), "soft")
    for groove in (32, 44, 56, 68):
        c.line([(groove, 74), (groove, 76)], 1, mixed(WALNUT, DARK, 0.3))
    c.fill(rounded(27, 49, 73, 73, 9), mixed(inks.body, DARK, 0.14), "soft")
    c.fill(rounded(27, 47, 73, 69, 9), inks.body, "ball")
    c.fill(rounded(35, 52.5, 65, 63.5, 5), mixed(inks.body, DARK, 0.09))
    c.line([(43, 58), (57, 58)], 0.9, inks.deep)
    for x, y, r in ((76.0, 44.0, 4.4), (69.6, 37.0, 2.8), (79.0, 35.6, 2.0), (25.0, 43.0, 3.0)):
        c.oval(x, y, r, r, mixed(c.backdrop.wall, WHITE, 0.75))
        c.oval(x - r * 0.3, y - r * 0.3, r * 0.3, r * 0.3, WHITE)
    if chance.happens(0.5):
        _leaf(c, (60, 47), (76, 52), 0.2, False)
        _leaf(c, (60, 47), (72, 58), 0.2, True)


def dispenser(c: Canvas, inks: Inks, chance: Chance) -> None:
    half = chance.real(12.5, 16)
    c.ground(50, half)
    head = chance.pick((DARK, (205, 168, 85), CREAM))
    c.line([(50, 22), (50, 36)], 2, head)
    c.line(smooth([(51, 22), (40, 21.4), (35, 24), (34.6, 27)], closed=False), 2.8, head)
    c.box(46, 33, 54, 41, 1.2, head, "round")
    c.turned([(41, 6), (44, half - 2), (48, half), (76, half), (79, half - 1)], inks.body)
    c.line([(50 - half * 0.62, 50), (50 - half * 0.62, 73)], 1.3, mixed(inks.body, WHITE, 0.5))
    c.box(50 - half * 0.5, 53, 50 + half * 0.62, 70, 1, CREAM)
    for y, wide in ((57.6, 0.4), (61.4, 0.28), (65.2, 0.34)):
        c.line([(51 - half * wide, y), (51 + half * wide, y)], 0.7, mixed(CREAM, DARK, 0.5))


def diffuser(c: Canvas, inks: Inks, chance: Chance) -> None:
    half = chance.real(12, 16)
    c.ground(50, half)
    for step in (-3, -2, -1, 1, 2, 3):
        c.line(
            [(50 - step * 0.6, 66), (50 + step * 4.4, 15 + abs(step) * 2.4)], 0.9, mixed(OAK, DARK, 0.08 * (step + 3))
        )
    glass = mixed(inks.body, c.backdrop.glow, 0.3)
    c.turned([(44, 5.6), (48, 5.4), (54, half - 1), (60, half), (79, half)], glass, depth=0.12)
    c.turned([(62, half - 1.4), (77.6, half - 1.6)], inks.body, depth=0.12)
    c.box(43, 42, 57, 47, 1.6, chance.pick(((205, 168, 85), WALNUT, DARK)), "round")
    c.box(50 - half * 0.55, 63, 50 + half * 0.55, 73, 1, CREAM)
    c.line([(50 - half * 0.32, 68), (50 + half * 0.32, 68)], 0.8, mixed(CREAM, DARK, 0.5))


def bath_towels(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 29)
    tones = [inks.body, mixed(inks.body, CREAM, 0.6), inks.deep, mixed(inks.second, CREAM, 0.35)]
    y = 80.0
    for place in range(chance.whole(3, 4)):
        tone, high = tones[place], 9.6
        inset = place * 0.9
        c.box(23 + inset, y - high, 77 - inset, y, 4.6, tone, "ball")
        for step in (0.36, 0.66):
            c.line([(27 + inset, y - high * step), (73 - inset, y - high * step)], 0.5, mixed(tone, DARK, 0.16))
        y -= high - 0.2
    rolled = mixed(inks.accent, CREAM, 0.45)
    if chance.happens(0.6):
        c.oval(50, y - 6.4, 7.6, 6.8, rolled, "ball")
        for r in (5.4, 3.4, 1.4):
            c.line(arc(50, y - 6.4, r, r * 0.9, 0, 320), 0.6, mixed(rolled, DARK, 0.25))


def mirror(c: Canvas, inks: Inks, chance: Chance) -> None:
    glass, shine = (214, 228, 234), (236, 244, 247)
    style = chance.whole(0, 2)
    if style == 0:
        c.ground(50, 16)
        c.line([(50, 60), (50, 78)], 3, inks.deep)
        c.turned([(76, 14), (79, 16)], inks.body)
        c.oval(50, 39, 25, 25, inks.body, "soft")
        c.oval(50, 39, 21.6, 21.6, glass)
        outline = arc(50, 39, 21.6, 21.6, 120, 240)
    elif style == 1:
        c.ground(50, 22)
        c.fill([*arc(50, 38, 22, 24, 180, 360), (72, 80), (28, 80)], inks.body, "soft")
        c.fill([*arc(50, 38, 19, 21, 180, 360), (69, 77), (31, 77)], glass)
        outline = [(31, 77), (31, 40), (36, 26), (46, 19)]
    else:
        c.line([(36, 30), (50, 12), (64, 30)], 1.5, WALNUT)
        c.oval(50, 11.5, 2, 2, (205, 168, 85), "ball")
        c.oval(50, 49, 29, 29, inks.body, "soft")
        c.oval(50, 49, 26, 26, glass)
        outline = arc(50, 49, 26, 26, 130, 230)
    c.fill(outline, shine)


DRAWINGS = {
    "pot": pot,
    "can": can,
    "trowel": trowel,
    "seeds": seeds,
    "birdhouse": birdhouse,
    "hanging_planter": hanging_planter,
    "candle": candle,
    "soap": soap,
    "dispenser": dispenser,
    "diffuser": diffuser,
    "bath_towels": bath_towels,
    "mirror": mirror,
}
