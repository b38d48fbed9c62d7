"""Drawings for the nursery: toys and games."""

from __future__ import annotations

from campaigns.demo.canvas import Canvas, Point, arc, rounded, smooth
from campaigns.demo.chance import Chance
from campaigns.demo.palettes import ACCENTS, CREAM, DARK, LIGHT, OAK, WHITE, Colour, Inks, mixed, swatch


def _paints(inks: Inks, chance: Chance, count: int) -> list[Colour]:
    """The product's own colour and others that make a merry row with it."""
    others = [swatch(name) for name in chance.some(ACCENTS, count + 2)]
    return [inks.body, *[tone for tone in others if tone != inks.body]][:count]


def _wheel(c: Canvas, x: float, y: float, r: float, tyre: Colour) -> None:
    c.oval(x, y, r, r, tyre, "ball")
    c.oval(x, y, r * 0.5, r * 0.5, mixed(OAK, WHITE, 0.25), "ball")
    c.oval(x, y, r * 0.16, r * 0.16, mixed(OAK, DARK, 0.5))


def train(c: Canvas, inks: Inks, chance: Chance) -> None:
    paints = _paints(inks, chance, 4)
    c.ground(50, 36)
    c.line([(12, 80.6), (88, 80.6)], 1.4, mixed(OAK, DARK, 0.15))
    c.line([(44, 70), (54, 70)], 1.6, mixed(OAK, DARK, 0.3))
    c.box(48, 54, 72, 71, 3, paints[0], "ball")
    c.box(66, 38, 84, 71, 2, paints[0], "soft")
    c.box(70, 43, 80, 53, 1.4, mixed(LIGHT, WHITE, 0.4))
    c.box(63, 34, 87, 39, 2, paints[1], "soft")
    c.turned([(41, 4.6), (45, 3), (54, 3)], paints[2], cx=55)
    c.oval(55, 33, 3.4, 2.8, mixed(c.backdrop.wall, WHITE, 0.7))
    c.oval(49, 27, 4.6, 3.8, mixed(c.backdrop.wall, WHITE, 0.7))
    c.box(14, 60, 44, 71, 2, paints[3], "soft")
    if chance.happens(0.5):
        for x in (20, 28, 36):
            c.oval(x, 58.6, 4.2, 4.2, chance.pick(paints[1:3]), "ball")
    else:
        for y in (58, 54):
            c.box(17, y - 3.2, 41, y, 1.6, mixed(OAK, WHITE, 0.1), "soft")
    c.box(12, 69.6, 88, 73, 1, mixed(OAK, WHITE, 0.1), "soft")
    for x in (21, 37, 55, 68, 80):
        _wheel(c, x, 75, 5.2, paints[2])


def rings(c: Canvas, inks: Inks, chance: Chance) -> None:
    count = chance.whole(4, 6)
    paints = _paints(inks, chance, count)
    c.ground(50, 24)
    c.box(28, 75, 72, 80, 2.4, OAK, "soft")
    c.line([(50, 30), (50, 76)], 4, OAK)
    high = 44 / count
    style = chance.happens(0.6)
    for place in range(count):
        y = 75 - place * high
        half = 24 - place * (15 / count) if style else 22 - (place % 2) * 5
        c.box(50 - half, y - high, 50 + half, y, high / 2, paints[place % len(paints)], "round")
    c.oval(50, 75 - count * high - 4.6, 5.4, 5.2, paints[1 % len(paints)], "ball")


def blocks(c: Canvas, inks: Inks, chance: Chance) -> None:
    paints = _paints(inks, chance, 6)
    c.ground(50, 33)
    wood = mixed(OAK, WHITE, 0.2)
    side = 19
    spots: list[Point] = [(20, 61), (40.5, 61), (61, 61)]
    for place, (x, y) in enumerate(spots):
        c.box(x, y, x + side, y + side, 1.4, paints[place], "soft")
    c.fill([*rounded(30, 42, 50, 60.4, 1.4)], paints[3], "soft")
    c.fill(
        [*arc(61, 60.4, 10, 18, 180, 360), (71, 60.4), (66, 60.4), *reversed(arc(61, 60.4, 5, 9.6, 180, 360))],
        paints[4],
        "soft",
    )
    c.fill([(28, 41.6), (40, 23), (52, 41.6)], paints[5 % len(paints)], "soft")
    c.oval(29.5, 70.5, 5, 5, wood)
    c.fill([(50, 65), (55.4, 75.4), (44.6, 75.4)], wood)
    c.box(66, 66, 75, 75, 0.6, wood)
    c.line([(36, 51.2), (44, 51.2)], 2.2, wood)
    c.line([(40, 47.2), (40, 55.2)], 2.2, wood)
    if chance.happens(0.5):
        c.oval(61, 38, 4.4, 4.4, paints[1], "ball")


def bear(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 23)
    fur = mixed(inks.body, OAK, 0.18)
    pale, dark = mixed(fur, CREAM, 0.55), mixed(fur, DARK, 0.16)
    for side in (-1, 1):
        c.oval(50 + side * 14, 23, 6.6, 6.4, fur, "soft")
        c.oval(50 + side * 14, 23.6, 3.6, 3.4, pale)
        c.fill(
            smooth(
                [
                    (50 + side * 14, 52),
                    (50 + side * 22, 56),
                    (50 + side * 25, 66),
                    (50 + side * 20, 69),
                    (50 + side * 15, 62),
                ]
            ),
            dark,
        )
    c.oval(50, 63, 17, 17, fur, "ball")
    c.oval(50, 65, 10.6, 11, pale)
    for side in (-1, 1):
        c.oval(50 + side * 14.6, 74, 7.6, 6.8, dark, "ball")
        c.oval(50 + side * 15, 74.4, 3.8, 3.4, pale)
    c.oval(50, 34, 18, 16, fur, "ball")
    c.oval(50, 39.4, 8, 6.4, pale)
    for side in (-1, 1):
        c.oval(50 + side * 7.6, 31.6, 1.5, 1.7, DARK)
        c.oval(50 + side * 7.6 - 0.4, 31, 0.5, 0.5, WHITE)
        c.oval(50 + side * 11.6, 37.4, 2.4, 1.6, mixed(fur, (232, 130, 120), 0.35))
    c.oval(50, 36.6, 2.6, 1.8, DARK)
    c.line(arc(50, 39.4, 2.6, 2, 20, 160), 0.6, DARK)
    if chance.happens(0.6):
        tone = inks.accent
        for side in (-1, 1):
            c.fill(smooth([(50, 50), (50 + side * 7, 46.6), (50 + side * 7.4, 53.4)]), tone)
        c.oval(50, 50, 2, 2, mixed(tone, DARK, 0.25))
    else:
        c.fill(smooth([(36, 46), (50, 50), (64, 46), (65, 51), (50, 55), (35, 51)]), inks.accent, "soft")
        c.box(55, 50, 61, 62, 1.6, mixed(inks.accent, DARK, 0.12))


def game(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 32)
    c.box(19, 70, 81, 80, 1.4, inks.deep, "soft")
    c.box(17, 30, 83, 73, 1.8, inks.body, "soft")
    c.box(20.6, 33.6, 79.4, 69.4, 1, mixed(inks.body, CREAM, 0.82))
    second, accent = mixed(inks.second, CREAM, 0.1), inks.accent
    style = chance.whole(0, 2)
    if style == 0:
        c.oval(33, 44, 5, 5, accent)
        c.fill([(22, 68.4), (38, 54), (52, 68.4)], second)
        c.fill([(40, 68.4), (60, 48), (78, 68.4)], mixed(second, DARK, 0.25))
        c.fill([(55, 53), (60, 48), (65, 53.6), (60, 55)], CREAM)
    elif style == 1:
        for row in range(4):
            for column in range(7):
                tone = second if (row + column) % 2 else mixed(accent, CREAM, 0.3)
                c.box(22.6 + column * 8, 36 + row * 8, 30 + column * 8, 43.4 + row * 8, 0.8, tone)
    else:
        c.line(smooth([(25, 64), (36, 52), (46, 62), (56, 46), (66, 56), (75, 40)], closed=False), 1.6, second)
        for x, y in ((25, 64), (36, 52), (46, 62), (56, 46), (66, 56), (75, 40)):
            c.oval(x, y, 2.8, 2.8, accent)
    c.box(34, 38, 66, 46, 1.4, inks.body)
    c.line([(40, 42), (60, 42)], 1.5, CREAM)
    for x, tone in ((27, accent), (68, second)):
        c.oval(x, 17.6 + 4, 3.4, 3.4, tone, "ball")
        c.fill(
            smooth([(x - 2, 23), (x + 2, 23), (x + 4.4, 30), (x + 4.4, 30), (x - 4.4, 30), (x - 4.4, 30)]), tone, "soft"
        )


def kite(c: Canvas, inks: Inks, chance: Chance) -> None:
    for x, y, r in ((22, 30, 7), (30, 33, 5.4), (15, 34, 5), (80, 60, 6), (87, 63, 4.6), (74, 63, 4.4)):
        c.oval(x, y, r * 1.4, r * 0.8, mixed(c.backdrop.wall, WHITE, 0.6))
    paints = _paints(inks, chance, 4)
    top, left, right, low = (58, 13), (35, 36), (76, 34), (49, 66)
    centre = (55.5, 36)
    c.line(smooth([low, (42, 72), (50, 80), (40, 88), (30, 99)], closed=False), 0.7, mixed(DARK, c.backdrop.wall, 0.3))
    c.fill([top, left, centre], paints[0])
    c.fill([top, right, centre], mixed(paints[0], WHITE, 0.22))
    c.fill([low, left, centre], paints[1] if chance.happens(0.6) else inks.deep)
    c.fill([low, right, centre], mixed(paints[1], WHITE, 0.2))
    c.line([top, low], 0.7, CREAM)
    c.line([left, right], 0.7, CREAM)
    for place, (x, y) in enumerate(((43, 73), (48, 79), (41, 87))):
        tone = paints[place + 1]
        c.fill([(x, y), (x - 5, y - 3), (x - 5, y + 2.6)], tone)
        c.fill([(x, y), (x + 5, y - 2.6), (x + 5, y + 3)], mixed(tone, DARK, 0.12))


def car(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 34)
    glass = mixed((206, 226, 234), c.backdrop.glow, 0.2)
    style = chance.whole(0, 2)
    if style == 0:
        c.fill(smooth([(30, 58), (36, 42), (48, 36), (62, 38), (72, 56), (72, 60), (30, 60)]), inks.body, "soft")
        c.fill(
            smooth([(17, 74), (17, 74), (15, 64), (22, 56), (50, 54), (78, 56), (86, 64), (85, 74), (85, 74)]),
            inks.body,
            "ball",
        )
        c.fill(smooth([(36, 54), (36, 54), (41, 44), (48, 41), (48, 41), (48, 54), (48, 54)]), glass)
        c.fill(smooth([(52, 54), (52, 54), (52, 41), (52, 41), (59, 43), (66, 54), (66, 54)]), glass)
    elif style == 1:
        c.box(16, 34, 84, 74, 8, inks.body, "soft")
        c.fill([*rounded(16, 34, 84, 60, 8)[:-1]], mixed(CREAM, WHITE, 0.2))
        c.box(16, 52, 84, 74, 6, inks.body, "soft")
        for x in (22, 39, 56):
            c.box(x, 40, x + 14, 51, 2, glass)
        c.box(73, 40, 82, 51, 2, glass)
        c.box(20, 29.6, 66, 34, 1.6, OAK, "soft")
    else:
        c.fill(
            smooth(
                [(14, 72), (14, 72), (16, 62), (34, 58), (44, 50), (60, 50), (70, 59), (84, 63), (88, 72), (88, 72)]
            ),
            inks.body,
            "ball",
        )
        c.fill(smooth([(42, 58), (42, 58), (47, 52.4), (54, 52.4), (54, 58), (54, 58)]), glass)
        c.oval(60, 63.4, 5.6, 5.6, mixed(CREAM, WHITE, 0.4))
        c.line([(60, 60.6), (60, 66.2)], 1.3, DARK)
        c.line([(16, 67), (50, 66)], 1.4, mixed(inks.second, CREAM, 0.3))
    c.oval(84, 64, 2.2, 2.6, LIGHT)
    tyre = DARK if chance.happens(0.5) else mixed(inks.second, DARK, 0.3)
    for x in (31, 70):
        _wheel(c, x, 73, 8, tyre)


DRAWINGS = {
    "train": train,
    "rings": rings,
    "blocks": blocks,
    "bear": bear,
    "game": game,
    "kite": kite,
    "car": car,
}
