"""Drawings of what lies on a desk, and of what plays music."""

from __future__ import annotations

from campaigns.demo.canvas import Canvas, arc, rounded, smooth
from campaigns.demo.chance import Chance
from campaigns.demo.palettes import ACCENTS, BRASS, CREAM, DARK, OAK, STEEL, WALNUT, WHITE, Inks, mixed, swatch


def notebook(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(52, 24)
    c.box(30, 19, 74, 80, 2, mixed(inks.body, DARK, 0.3))
    c.box(31, 21, 75.5, 80.5, 1.4, CREAM)
    for step in range(3):
        c.line([(75.2 - step * 0.5, 22), (75.2 - step * 0.5, 79.6)], 0.25, mixed(CREAM, DARK, 0.2))
    c.box(28, 18.5, 72.5, 79.5, 2, inks.body, "soft")
    c.box(28, 18.5, 34, 79.5, 2, inks.deep)
    style = chance.whole(0, 3)
    if style == 0:
        c.box(42, 30, 64, 42, 1, CREAM)
        c.line([(46, 34.5), (60, 34.5)], 0.8, mixed(CREAM, DARK, 0.6))
        c.line([(48, 38), (58, 38)], 0.6, mixed(CREAM, DARK, 0.4))
    elif style == 1:
        c.line([(65.5, 18.6), (65.5, 79.4)], 1.7, inks.second)
    elif style == 2:
        for x in range(40, 70, 6):
            for y in range(27, 76, 6):
                c.oval(x, y, 0.8, 0.8, mixed(inks.body, CREAM, 0.6))
    else:
        c.oval(53, 47, 10, 10, mixed(inks.second, CREAM, 0.2))
        c.fill([*arc(53, 51, 10, 6, 200, 340), *arc(53, 47, 10, 10, 20, 160)], inks.deep)
    if chance.happens(0.6):
        c.fill([(58, 79), (61, 79), (61, 89), (59.5, 87), (58, 89)], inks.accent)


def pen(c: Canvas, inks: Inks, chance: Chance) -> None:
    ink = chance.pick(((48, 66, 118), (82, 48, 92), (38, 84, 84)))
    swirl = [(14, 70), (24, 62), (28, 72), (38, 64), (44, 74), (56, 67)]
    c.line(smooth(swirl, closed=False), 1.0, mixed(ink, c.backdrop.wall, 0.1))

    def along(start: float, end: float, half: float) -> list[tuple[float, float]]:
        """A piece of the barrel, measured from the nib at (56, 67) up to the right."""
        dx, dy = 0.56, -0.83
        (x0, y0), (x1, y1) = ((56 + dx * s, 67 + dy * s) for s in (start, end))
        nx, ny = -dy * half, dx * half
        return [(x0 - nx, y0 - ny), (x1 - nx, y1 - ny), (x1 + nx, y1 + ny), (x0 + nx, y0 + ny)]

    metal = BRASS if chance.happens(0.6) else STEEL
    nib = [(56.0, 67.0), along(7, 9, 2.3)[0], along(7, 9, 2.3)[3]]
    c.fill(nib, metal)
    c.line([(56, 67), along(6, 7, 0)[0]], 0.4, DARK)
    c.fill(along(7, 17, 2.7), mixed(inks.body, DARK, 0.45))
    c.fill(along(17, 19, 3.1), metal)
    c.fill(along(19, 42, 3.4), inks.body)
    c.fill(along(19, 42, 3.4)[:2] + along(19, 42, 1.6)[1::-1], mixed(inks.body, WHITE, 0.3))
    c.fill(along(42, 43.6, 3.6), metal)
    c.fill(along(43.6, 60, 3.6), inks.deep)
    c.line([along(45, 46, 0)[0], along(57, 58, 0)[0]], 1.2, metal)
    c.oval(*along(60, 61, 0)[0], 3.3, 3.3, inks.deep)


def pencils(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 17)
    for place in range(7):
        tone = swatch(ACCENTS[(place + chance.whole(0, 1)) % len(ACCENTS)])
        x, top = 35.5 + place * 4.8, chance.real(19, 33)
        lean = (x - 50) * 0.32
        c.line([(x, 62), (x + lean, top + 6)], 4.0, tone)
        c.line([(x - 0.9, 62), (x - 0.9 + lean, top + 6)], 0.8, mixed(tone, WHITE, 0.35))
        tip = x + lean * 1.13
        c.fill([(x + lean - 2, top + 6), (tip, top), (x + lean + 2, top + 6)], (236, 208, 166))
        c.fill([(x + lean - 0.7, top + 2.2), (tip, top - 0.2), (x + lean + 0.9, top + 2.2)], tone)
    c.fill([*arc(50, 51, 17.5, 2.6, 0, 180), *reversed(arc(50, 78, 16.5, 2.5, 0, 180))], inks.body, "round")
    c.line(arc(50, 56, 17.1, 2.6, 4, 176), 0.9, inks.deep)
    c.line(arc(50, 51, 17.3, 2.6, 0, 180), 1.0, mixed(inks.body, WHITE, 0.3))


def letters(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 30)
    sheet = mixed(CREAM, WHITE, 0.5)
    c.fill([(30, 20), (74, 15), (78, 52), (34, 57)], sheet, "soft")
    for step in range(5):
        y = 24 + step * 5
        c.line(
            [(36 + step * 0.4, y + 1), (70 + step * 0.4 - (12 if step == 4 else 0), y - 3)],
            0.6,
            mixed(sheet, DARK, 0.3),
        )
    c.box(18, 42, 82, 80, 1.6, inks.body, "soft")
    c.line([(18.6, 79), (43, 58)], 0.7, inks.deep)
    c.line([(81.4, 79), (57, 58)], 0.7, inks.deep)
    c.fill([(18.4, 42.6), (81.6, 42.6), (52, 66), (50, 67), (48, 66)], mixed(inks.body, WHITE, 0.2))
    c.line([(18.8, 42.8), (48, 66), (50, 67), (52, 66), (81.2, 42.8)], 0.7, inks.deep)
    seal = swatch("terracotta") if inks.body != swatch("coral") else swatch("navy")
    c.oval(50, 65.6, 5.4, 5.2, seal, "ball")
    c.oval(50, 65.6, 3.4, 3.2, mixed(seal, DARK, 0.2))
    if chance.happens(0.5):
        c.line([(21, 47), (21, 75)], 1, mixed(inks.body, WHITE, 0.4))


def calendar(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 29)
    c.fill([(22, 80), (26, 30), (74, 30), (78, 80)], mixed(inks.body, DARK, 0.3))
    paper = mixed(CREAM, WHITE, 0.6)
    c.fill([(24, 76), (27, 28), (73, 28), (76, 76)], paper)
    c.fill([(26.1, 42), (27, 28), (73, 28), (73.9, 42)], inks.body)
    c.box(38, 33, 62, 37, 1.4, mixed(inks.body, WHITE, 0.7))
    today = chance.whole(6, 20)
    for day in range(28):
        x, y = 32.5 + (day % 7) * 5.9, 48.5 + (day // 7) * 7
        if day == today:
            c.oval(x, y, 3, 3, inks.body)
        c.oval(x, y, 1.1, 1.1, paper if day == today else mixed(paper, DARK, 0.45))
    for x in (35, 45, 55, 65):
        c.line(arc(x, 27, 1.5, 4.2, 0, 360), 0.9, STEEL)


def tape(c: Canvas, inks: Inks, chance: Chance) -> None:
    rolls = ((36, 60, inks.body), (66, 62, mixed(inks.second, CREAM, 0.2)), (51, 38, mixed(inks.accent, CREAM, 0.2)))
    c.ground(51, 32)
    for place, (x, y, tone) in enumerate(rolls):
        if place == 2:
            c.fill(
                smooth(
                    [(x + 12, y + 8), (x + 17, y), (x + 34, y - 3), (x + 34, y + 4), (x + 20, y + 8), (x + 16, y + 13)]
                ),
                tone,
            )
        c.oval(x, y, 17.5, 17.5, mixed(tone, DARK, 0.12))
        c.oval(x, y, 16.8, 16.8, tone, "soft")
        style = (chance.whole(0, 2) + place) % 3
        for step in range(18):
            spot = arc(x, y, 13.4, 13.4, step * 20, step * 20 + 8)[0]
            if style == 0:
                c.oval(*spot, 1.1, 1.1, mixed(tone, WHITE, 0.65))
            elif style == 1:
                inner = arc(x, y, 11.6, 11.6, step * 20, step * 20 + 8)[0]
                outer = arc(x, y, 15.6, 15.6, step * 20 + 6, step * 20 + 14)[0]
                c.line([inner, outer], 0.9, mixed(tone, WHITE, 0.55))
        c.oval(x, y, 9.8, 9.8, (222, 196, 160), "soft")
        c.oval(x, y, 8, 8, mixed(c.backdrop.wall, DARK, 0.12))


def print_(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.box(23, 15, 77, 83, 1, mixed(c.backdrop.wall, DARK, 0.18))
    c.box(22, 13, 76, 81, 1, inks.body, "soft")
    c.box(24.6, 15.6, 73.4, 78.4, 0.4, mixed(CREAM, WHITE, 0.6))
    x0, y0, x1, y1 = 31.0, 23.0, 67.0, 71.0
    sky = mixed(inks.second, CREAM, 0.55)
    c.box(x0, y0, x1, y1, 0, sky)
    sun = mixed(inks.accent, WHITE, 0.1)
    c.oval(chance.real(42, 56), chance.real(33, 40), 6.4, 6.4, sun)
    tones = [mixed(inks.second, CREAM, 0.2), mixed(inks.accent, DARK, 0.2), mixed(inks.second, DARK, 0.4)]
    style = chance.whole(0, 1)
    for place, tone in enumerate(tones):
        base = 48 + place * 7
        ridge = [(x0 + (x1 - x0) * step / 4, base + chance.real(-5, 5)) for step in range(5)]
        edge = (
            smooth(ridge, closed=False)
            if style == 0
            else [(x, base + (x - x0) * (-0.12, 0.1, -0.05)[place]) for x, _ in ridge]
        )
        c.fill([*edge, (x1, y1), (x0, y1)], tone)
    if style == 1:
        c.fill([(46, 62), (56, 62), (54, 66), (48, 66)], CREAM)
        c.fill([(51, 44), (51, 60), (58, 60)], WHITE)


def headphones(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 24)
    c.line(arc(50, 50, 25, 29, 180, 360), 5.4, inks.deep)
    c.line(arc(50, 50, 25, 29, 205, 335), 6.4, inks.body)
    c.line(arc(50, 50.6, 22.4, 26.6, 225, 315), 1.4, mixed(inks.body, WHITE, 0.35))
    cushion = chance.pick((DARK, mixed(CREAM, OAK, 0.4), mixed(inks.body, DARK, 0.5)))
    for side in (-1, 1):
        x = 50 + side * 25
        c.line([(x, 47), (x, 56)], 3, STEEL)
        c.fill(rounded(x - side * 6 - 5, 50, x - side * 6 + 5, 77, 5), cushion, "soft")
        c.fill(rounded(x + side * 1.4 - 6, 47.6, x + side * 1.4 + 6, 79, 6), inks.body, "soft")
        c.oval(x + side * 1.4, 63.4, 3.6, 7.6, mixed(inks.body, WHITE, 0.18))


def speaker(c: Canvas, inks: Inks, chance: Chance) -> None:
    half, top = chance.real(17, 24), chance.real(22, 38)
    c.ground(50, half)
    c.box(50 - half, top, 50 + half, 79, 4.5, chance.pick((inks.body, inks.body, WALNUT, OAK)), "soft")
    front = mixed(inks.body, DARK, 0.3)
    c.box(50 - half + 2.4, top + 2.4, 50 + half - 2.4, 76.6, 3, front)
    big = min(half - 5.5, (76 - top) * 0.3)
    y = 74 - big - 1.4
    small = min(big * 0.5, (y - big - top) * 0.36)
    for cy, r in ((y, big), (top + 4.5 + small, small)):
        c.oval(50, cy, r, r, mixed(STEEL, DARK, 0.1))
        c.oval(50, cy, r - 0.9, r - 0.9, (58, 58, 64), "ball")
        c.oval(50, cy, r * 0.62, r * 0.62, (78, 78, 84))
        c.oval(50, cy, r * 0.3, r * 0.3, mixed(inks.body, WHITE, 0.2), "ball")
    c.oval(50 + half - 6, 73, 0.9, 0.9, (140, 214, 150))


def earbuds(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 23)
    c.box(28, 57, 72, 80, 9, inks.body, "ball")
    c.oval(50, 57.4, 21.4, 3.6, mixed(inks.body, DARK, 0.5))
    lid = [(71, 56.6), (71, 56.6), (69, 48), (66, 45), (34, 45), (31, 48), (29, 56.6)]
    c.fill([(29, 56.6), (71, 56.6), *smooth(lid, closed=False)], mixed(inks.body, WHITE, 0.16), "soft")
    c.oval(50, 69, 1, 1, (150, 220, 160))
    for side in (-1, 1):
        x = 50 + side * 13
        c.line([(x, 27), (x + side * 1.5, 41)], 4.6, inks.body)
        c.line([(x - side * 0.8, 30), (x + side * 0.4, 40)], 0.9, mixed(inks.body, WHITE, 0.4))
        c.oval(x, 24, 6.4, 6.8, inks.body, "ball")
        c.oval(x - side * 5.4, 25, 3.2, 4, mixed(CREAM, DARK, 0.35), "soft")
        c.oval(x + side * 1.4, 22.4, 1.6, 1.8, inks.deep)


def turntable(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 38, 82)
    for x in (22, 78):
        c.box(x - 3, 78, x + 3, 82, 1, DARK)
    c.fill([(16, 66), (24, 36), (76, 36), (84, 66)], mixed(inks.body, WHITE, 0.12))
    c.box(15, 65, 85, 79, 2, inks.body, "soft")
    c.oval(45, 51, 22, 12.6, mixed(STEEL, DARK, 0.15))
    c.oval(45, 50.4, 21, 11.8, (44, 42, 48))
    for r in (18, 15, 12):
        c.line(arc(45, 50.4, r, r * 0.56), 0.3, (78, 76, 84))
    c.oval(45, 50.4, 7, 4, mixed(inks.second, CREAM, 0.1))
    c.oval(45, 50.4, 0.9, 0.6, DARK)
    c.oval(72, 42, 4, 2.6, STEEL, "ball")
    c.line([(72, 41.6), (71, 55), (60, 58)], 1.5, STEEL)
    c.line([(60, 58), (57.4, 58.2)], 2.4, DARK)
    for x in (70, 77):
        c.oval(x, 72, 2, 2, chance.pick((BRASS, STEEL)), "ball")
    c.line([(22, 72), (36, 72)], 0.8, inks.deep)


def radio(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 31)
    c.line([(70, 38), (84, 12)], 1.1, STEEL)
    c.oval(84, 12, 1.2, 1.2, STEEL)
    if chance.happens(0.6):
        c.line([(33, 39), (36, 31), (64, 31), (67, 39)], 2.6, WALNUT)
    paint = mixed(inks.second, CREAM, 0.2) if chance.happens(0.5) else inks.body
    c.box(19, 38, 81, 79, 6, inks.body, "soft")
    c.box(22, 41, 78, 76, 4, paint)
    cloth = mixed(CREAM, OAK, 0.25)
    if chance.happens(0.5):
        c.oval(38, 58.6, 13, 13, mixed(paint, DARK, 0.25))
        c.oval(38, 58.6, 12, 12, cloth)
    else:
        c.box(26, 46, 51, 72, 3, cloth)
    for x in range(29, 49, 3):
        for y in range(50, 70, 3):
            if (x - 38) ** 2 + (y - 58.6) ** 2 < 110:
                c.oval(x, y, 0.65, 0.65, mixed(cloth, DARK, 0.5))
    c.box(55, 46, 75, 53, 1.2, mixed(CREAM, WHITE, 0.4))
    for x in range(57, 75, 3):
        c.line([(x, 47.5), (x, 49.6)], 0.4, mixed(CREAM, DARK, 0.6))
    c.line([(64, 46.6), (64, 52.4)], 0.7, (214, 84, 62))
    for knob in (59.6, 70.4):
        c.oval(knob, 64, 4.4, 4.4, mixed(paint, DARK, 0.3))
        c.oval(knob, 63.6, 3.9, 3.9, BRASS, "ball")
        c.line([(knob, 60.6), (knob, 62.4)], 0.6, DARK)


DRAWINGS = {
    "notebook": notebook,
    "pen": pen,
    "pencils": pencils,
    "letters": letters,
    "calendar": calendar,
    "tape": tape,
    "print": print_,
    "headphones": headphones,
    "speaker": speaker,
    "earbuds": earbuds,
    "turntable": turntable,
    "radio": radio,
}
