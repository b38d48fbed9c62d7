"""Drawings of lamps and textiles."""

from __future__ import annotations

from campaigns.demo.canvas import Canvas, arc, rounded, smooth
from campaigns.demo.chance import Chance
from campaigns.demo.palettes import BRASS, CREAM, DARK, LIGHT, OAK, WALNUT, WHITE, Inks, mixed


def _halo(c: Canvas, cx: float, cy: float, reach: float) -> None:
    for share in (1.0, 0.72, 0.46):
        c.oval(cx, cy, reach * share, reach * share, mixed(c.backdrop.glow, LIGHT, 0.75 - share * 0.5))


def table_lamp(c: Canvas, inks: Inks, chance: Chance) -> None:
    _halo(c, 50, 36, 34)
    c.ground(50, 13)
    style = chance.whole(0, 2)
    if style == 0:
        c.turned([(46, 3), (52, 9), (64, 15), (74, 12), (79, 9)], inks.body)
    elif style == 1:
        c.turned([(46, 4), (50, 7), (57, 5.4), (68, 14), (79, 13)], inks.body)
    else:
        for y, r in ((73, 9), (60, 7.6), (49.6, 6)):
            c.oval(50, y, r, r * 0.86, inks.body, "round")
    shade = mixed(CREAM, LIGHT, 0.4) if chance.happens(0.6) else mixed(inks.second, CREAM, 0.4)
    wide = chance.real(20, 24)
    c.turned([(20, wide * chance.pick((0.5, 0.62, 0.85))), (46, wide)], shade, depth=0.1)
    c.line(arc(50, 46, wide - 0.4, wide * 0.1, 4, 176), 0.8, mixed(shade, DARK, 0.12))


def pendant(c: Canvas, inks: Inks, chance: Chance) -> None:
    drop = chance.real(22, 32)
    _halo(c, 50, drop + 32, 30)
    c.line([(50, 0), (50, drop)], 0.9, DARK)
    c.box(46.6, drop - 3, 53.4, drop + 5, 1.6, BRASS, "round")
    wide = chance.real(24, 32)
    style = chance.whole(0, 2)
    lip = drop + (26, 22, 30)[style]
    c.oval(50, lip + 1.5, 6.5, 6.5, (255, 243, 210))
    if style == 0:
        c.turned([(drop + 4, 5), (drop + 7, wide * 0.5), (drop + 15, wide * 0.86), (lip, wide)], inks.body, depth=0.1)
    elif style == 1:
        c.turned([(drop + 4, 4), (lip, wide)], inks.body, depth=0.1)
    else:
        bell = [(drop + 4, 4), (drop + 9, wide * 0.44), (drop + 20, wide * 0.5), (lip, wide * 0.86)]
        wide *= 0.86
        c.turned(bell, inks.body, depth=0.1)
    c.oval(50, lip, wide - 0.4, wide * 0.1 - 0.2, mixed(LIGHT, WHITE, 0.35))
    c.line(arc(50, lip, wide - 0.3, wide * 0.1, 0, 180), 0.7, inks.deep)


def floor_lamp(c: Canvas, inks: Inks, chance: Chance) -> None:
    style = chance.whole(0, 2)
    shade = mixed(CREAM, LIGHT, 0.4)
    if style == 0:
        _halo(c, 50, 30, 24)
        c.ground(50, 20, 86)
        for x in (34, 50, 66):
            c.line([(50, 34), (x, 86)], 1.6, inks.body if x != 50 else inks.deep)
        c.turned([(17, 14), (36, 17)], shade, depth=0.1)
    elif style == 1:
        _halo(c, 30, 30, 22)
        c.ground(68, 13, 86)
        c.line(smooth([(68, 85), (69, 46), (60, 18), (40, 14), (30, 22)], closed=False), 1.6, inks.body)
        c.turned([(83, 12), (86, 13)], inks.deep, cx=68)
        c.oval(30, 31, 6, 5, (255, 243, 210))
        c.turned([(21, 4), (24, 10), (31, 14)], inks.body, cx=30, depth=0.1)
    else:
        _halo(c, 50, 32, 24)
        c.ground(50, 13, 86)
        c.line([(50, 38), (50, 85)], 1.7, inks.body)
        c.turned([(83, 12), (86, 13)], inks.deep)
        c.turned([(18, 15), (41, 15)], shade, depth=0.12)
        c.line([(58, 42), (58, 49)], 0.5, inks.deep)
        c.oval(58, 50, 0.9, 0.9, inks.deep)


def desk_lamp(c: Canvas, inks: Inks, chance: Chance) -> None:
    _halo(c, 31, 56, 22)
    c.ground(58, 15)
    c.turned([(75, 13), (79, 14)], inks.body, cx=58)
    if chance.happens(0.55):
        c.line([(58, 76), (69, 50)], 1.9, BRASS if chance.happens(0.5) else inks.deep)
        c.line([(69, 50), (42, 30)], 1.9, inks.deep)
        c.oval(69, 50, 2.4, 2.4, DARK, "ball")
    else:
        c.line(smooth([(58, 76), (64, 50), (58, 28), (42, 28)], closed=False), 2, inks.deep)
    c.oval(30, 42.4, 6, 4, (255, 243, 210))
    c.fill(
        smooth([(45, 24), (45, 24), (47, 31), (38.6, 46.4), (38.6, 46.4), (19, 37), (19, 37), (31, 26)]),
        inks.body,
        "soft",
    )
    c.line([(38.6, 46.4), (19, 37)], 1.4, mixed(inks.body, WHITE, 0.4))


def lantern(c: Canvas, inks: Inks, chance: Chance) -> None:
    half = chance.real(14, 18)
    c.ground(50, half + 2)
    c.line(arc(50, 23, 8, 9, 160, 380), 1.5, inks.body)
    _halo(c, 50, 58, half + 13)
    glass = mixed((255, 246, 224), c.backdrop.glow, 0.3)
    c.box(50 - half, 38, 50 + half, 76, 1.5, glass)
    c.oval(50, 58, half * 0.7, half * 0.85, mixed(LIGHT, WHITE, 0.2))
    c.turned([(63, 5.4), (75, 5.4)], CREAM)
    c.line([(50, 63), (50, 60)], 0.7, DARK)
    c.fill(smooth([(50, 51), (50, 51), (52.4, 57), (50, 61), (47.6, 57)]), (244, 168, 60))
    for x in (-half, half):
        c.line([(50 + x, 38), (50 + x, 76)], 1.7, inks.body)
    c.fill([(50 - half - 3, 39), (50 - half * 0.4, 28), (50 + half * 0.4, 28), (50 + half + 3, 39)], inks.body, "round")
    c.box(50 - half - 3, 75, 50 + half + 3, 80, 1.2, inks.body, "round")


def mushroom_lamp(c: Canvas, inks: Inks, chance: Chance) -> None:
    _halo(c, 50, 48, 33)
    c.ground(50, 13)
    stem = mixed(CREAM, inks.body, chance.pick((0.08, 0.85)))
    c.turned([(46, 6), (60, 7), (72, 11), (79, 12)], stem, depth=0.12)
    wide, tall = chance.real(22, 27), chance.real(20, 27)
    c.fill([*arc(50, 48, wide, tall, 180, 360), *arc(50, 48, wide, wide * 0.16, 0, 180)], inks.body, "round")
    c.oval(50, 48, wide - 1, wide * 0.15, mixed(LIGHT, WHITE, 0.45))
    c.turned([(47, 5.6), (52, 6)], mixed(stem, LIGHT, 0.35), depth=0.12)
    if chance.happens(0.55):
        for x, y, r in ((-0.5, 0.35, 2.6), (0.05, 0.62, 3.4), (0.52, 0.3, 2.6), (-0.15, 0.22, 1.8), (0.3, 0.55, 1.6)):
            c.oval(50 + x * wide, 47 - y * tall, r, r * 0.85, mixed(inks.body, CREAM, 0.75))


def throw(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 31)
    stripe = mixed(inks.second, CREAM, 0.35)
    style = chance.whole(0, 2)
    for place in range(4):
        y = 80 - place * 9
        tone = mixed(inks.body, CREAM, 0.12 * (place % 2))
        c.box(20, y - 9.6, 80, y, 4.6, tone, "ball")
        if style == 0:
            for x in (30, 36, 64, 70):
                c.line([(x, y - 8.6), (x, y - 1.2)], 1.6, stripe)
        elif style == 1:
            for x in range(26, 78, 6):
                c.line([(x - 2, y - 2.4), (x, y - 6), (x + 2, y - 2.4)], 0.6, inks.deep)
    sash = [(42, 43.4), (42, 43.4), (60, 43.4), (60, 43.4), (62, 58), (61, 71), (61, 71), (43, 71), (43, 71), (44, 56)]
    c.fill(smooth(sash), mixed(inks.body, CREAM, 0.26), "soft")
    for x in range(44, 62, 2):
        c.line([(x, 71), (x + 0.3, 76)], 0.8, mixed(inks.body, CREAM, 0.4))


def cushion(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 25)
    outline = smooth([(24, 25), (24, 25), (50, 28.5), (76, 25), (76, 25), (72.6, 52), (77, 80), (77, 80), (50, 76.5),
                      (23, 80), (23, 80), (27.4, 52)])  # fmt: skip
    c.fill(outline, inks.body, "soft")
    pattern, style = mixed(inks.second, CREAM, 0.3), chance.whole(0, 3)
    if style == 0:
        for x in (36, 43, 50, 57, 64):
            c.line([(x, 31), (x, 74)], 1.7, pattern)
    elif style == 1:
        c.oval(50, 52, 13, 13, pattern)
        c.oval(55, 49, 11.5, 11.5, inks.body)
    elif style == 2:
        for x in (37, 50, 63):
            for y in (40, 53, 66):
                c.fill([(x, y - 4.6), (x + 4.6, y), (x, y + 4.6), (x - 4.6, y)], pattern)
    else:
        c.line([*outline, outline[0]], 1.0, inks.deep)
        c.oval(50, 52, 1.8, 1.8, inks.deep, "ball")


def tea_towel(c: Canvas, inks: Inks, chance: Chance) -> None:
    cloth = mixed(CREAM, WHITE, 0.3) if chance.happens(0.6) else mixed(inks.body, CREAM, 0.35)
    c.line([(14, 18), (86, 18)], 2.2, chance.pick((OAK, WALNUT, BRASS)))
    hem = [(72, 82), (72, 82), (50, 80.6), (28, 82), (28, 82)]
    c.fill(smooth([(29, 16), (29, 16), (71, 16), (71, 16), (70, 48), *hem, (30, 48)]), cloth, "soft")
    style = chance.whole(0, 2)
    if style == 0:
        for y in (24, 27.6, 68, 71.6, 75.2):
            c.line([(30.4, y), (69.6, y)], 1.5, inks.body)
    elif style == 1:
        tint = mixed(inks.body, cloth, 0.45)
        for x in (34, 42, 50, 58, 66):
            c.line([(x, 17), (x, 80.4)], 2.0, tint)
        for y in (26, 34, 42, 50, 58, 66, 74):
            c.line([(31.4, y), (68.6, y)], 2.0, tint)
            for x in (34, 42, 50, 58, 66):
                c.box(x - 1, y - 1, x + 1, y + 1, 0, inks.body)
    else:
        for x, y in ((40, 36), (58, 44), (44, 58), (60, 66)):
            c.line([(x, y + 8), (x, y - 6)], 0.8, inks.deep)
            for side in (-1, 1):
                for step in (-3, 1, 5):
                    c.oval(x + side * 2.6, y + step, 2.3, 1.3, inks.body)
    c.line([(50, 16), (50, 11)], 0.9, inks.deep)


def rug(c: Canvas, inks: Inks, chance: Chance) -> None:
    second = mixed(inks.second, CREAM, 0.25)
    if chance.happens(0.25):
        for r, tone in (
            (34, inks.body),
            (28, second),
            (22, mixed(inks.body, CREAM, 0.5)),
            (15, inks.body),
            (8, second),
        ):
            c.oval(50, 62, r, r * 0.62, tone)
        return
    c.fill([(22, 32), (78, 32), (90, 88), (10, 88)], inks.body)
    for x in range(0, 29):
        c.line([(11 + x * 2.8, 88), (10.6 + x * 2.82, 91)], 0.7, CREAM)
        c.line([(22 + x * 2, 32), (22 + x * 2, 30.4)], 0.5, CREAM)
    c.line([(25, 35), (75, 35), (85.6, 84.6), (14.4, 84.6), (25, 35)], 1.2, mixed(inks.body, CREAM, 0.6))
    style = chance.whole(0, 1)
    for place, y in enumerate((42, 52, 64, 77)):
        wide, high = 18 + (y - 32) * 0.17, 3.2 + place * 0.7
        if style == 0:
            c.fill([(50 - wide * 0.8, y), (50, y - high), (50 + wide * 0.8, y), (50, y + high)], second)
            c.fill(
                [(50 - wide * 0.35, y), (50, y - high * 0.5), (50 + wide * 0.35, y), (50, y + high * 0.5)], inks.deep
            )
        else:
            c.fill([(50 - wide * 1.22, y - 1.6), (50 + wide * 1.22, y - 1.6), (50 + wide * 1.28, y + 1.8),
                    (50 - wide * 1.28, y + 1.8)], (second, mixed(inks.body, CREAM, 0.55))[place % 2])  # fmt: skip


def linen(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 34)
    pale = mixed(inks.body, CREAM, 0.6)
    c.box(16, 62, 84, 80, 4, mixed(CREAM, WHITE, 0.4), "ball")
    c.fill(smooth([(18, 45), (30, 40), (48, 42), (49, 50), (48, 61), (32, 63), (18, 61), (16, 53)]), pale, "ball")
    c.fill(
        smooth([(51, 44), (66, 40), (82, 43), (84, 51), (82, 61), (66, 63), (52, 61), (50, 52)]),
        mixed(pale, WHITE, 0.25),
        "ball",
    )
    c.fill(smooth([(13, 63), (13, 63), (40, 59), (87, 62), (87, 62), (89, 78), (87, 81), (50, 82), (13, 81), (11, 76)]),
           inks.body, "soft")  # fmt: skip
    c.fill(
        smooth([(13, 62.6), (13, 62.6), (40, 58.6), (87, 61.6), (87, 61.6), (88, 68), (50, 67), (12, 69)]), pale, "soft"
    )
    if chance.happens(0.5):
        for x in range(18, 88, 7):
            c.line([(x, 70), (x + (x - 50) * 0.02, 80)], 0.8, inks.deep)


def basket(c: Canvas, inks: Inks, chance: Chance) -> None:
    half, tall = chance.real(21, 26), chance.real(28, 36)
    top = 79 - tall
    foot = half - chance.pick((2, 5))
    c.ground(50, foot)
    if chance.happens(0.5):
        c.line(arc(50, top + 2, half * 0.72, 20, 180, 360), 2.2, mixed(inks.body, DARK, 0.25))
    else:
        for side in (-1, 1):
            c.line(arc(50 + side * half * 0.94, top + 3, 6, 8, 180, 360), 2, mixed(inks.body, DARK, 0.25))
    c.oval(50, top, half, half * 0.15, inks.inside)
    if chance.happens(0.5):
        c.fill(rounded(50 - half * 0.6, top - 7, 50 + half * 0.5, top + 6, 5), mixed(inks.second, CREAM, 0.4), "ball")
    c.fill(
        [*arc(50, top, half, half * 0.15, 0, 180), *reversed(arc(50, 77, foot, foot * 0.15, 0, 180))],
        inks.body,
        "round",
    )
    rows = int(tall / 4)
    for row in range(1, rows + 1):
        share = row / (rows + 0.6)
        wide, y = half + (foot - half) * share, top + (77 - top) * share
        c.line(arc(50, y, wide - 0.5, wide * 0.15, 6, 174), 0.6, mixed(inks.body, DARK, 0.2))
        for angle in range(24 + 8 * (row % 2), 160, 16):
            x0, y0 = arc(50, y, wide - 0.5, wide * 0.15, angle, angle + 8)[0]
            c.line([(x0, y0 - 3.2), (x0, y0 - 0.6)], 0.5, mixed(inks.body, DARK, 0.2))
    c.line(arc(50, top, half, half * 0.15, 0, 180), 1.8, mixed(inks.body, WHITE, 0.2))


DRAWINGS = {
    "table_lamp": table_lamp,
    "pendant": pendant,
    "floor_lamp": floor_lamp,
    "desk_lamp": desk_lamp,
    "lantern": lantern,
    "mushroom_lamp": mushroom_lamp,
    "throw": throw,
    "cushion": cushion,
    "tea_towel": tea_towel,
    "rug": rug,
    "linen": linen,
    "basket": basket,
}
