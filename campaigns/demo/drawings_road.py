"""Drawings for the road: what people carry, wear and sleep in outdoors."""

from __future__ import annotations

from campaigns.demo.canvas import Canvas, arc, smooth
from campaigns.demo.chance import Chance
from campaigns.demo.palettes import BRASS, CREAM, DARK, LEAF_DEEP, OAK, STEEL, WALNUT, WHITE, Inks, mixed


def tent(c: Canvas, inks: Inks, chance: Chance) -> None:
    for x, tall in ((17, 26), (84, 20)):
        c.fill([(x, 78 - tall), (x + 7, 79), (x - 7, 79)], mixed(LEAF_DEEP, c.backdrop.wall, 0.45))
    c.ground(50, 36)
    style = chance.whole(0, 2)
    if style == 0:
        c.fill([(50, 26), (86, 79), (50, 79)], mixed(inks.body, DARK, 0.25))
        c.fill([(46, 24), (54, 24), (74, 79), (14, 79)], inks.body, "soft")
        c.fill([(48, 36), (60, 79), (36, 79)], mixed(inks.body, DARK, 0.6))
        c.fill(
            smooth([(48, 36), (48, 36), (42, 62), (30, 79), (30, 79), (36, 79), (36, 79)]), mixed(CREAM, inks.body, 0.3)
        )
        c.line([(47, 25), (44, 18)], 1.2, WALNUT)
    elif style == 1:
        c.fill([*arc(50, 79, 35, 45, 180, 360)], inks.body, "soft")
        c.fill([*arc(50, 79, 14, 30, 180, 360)], mixed(inks.body, DARK, 0.55))
        c.line(arc(50, 79, 14, 30, 180, 360), 1, mixed(inks.body, WHITE, 0.4))
        c.line([(50, 49), (50, 79)], 0.8, mixed(inks.body, WHITE, 0.3))
        c.line(arc(50, 79, 26, 45, 180, 270), 0.8, inks.deep)
        c.line(arc(50, 79, 26, 45, 270, 360), 0.8, inks.deep)
    else:
        canvas = mixed(CREAM, inks.body, 0.12)
        c.fill([(18, 79), (20, 62), (80, 62), (82, 79)], canvas, "soft")
        c.fill(
            smooth([(50, 17), (50, 17), (62, 44), (84, 63), (84, 63), (16, 63), (16, 63), (38, 44)]), inks.body, "soft"
        )
        for x in (34, 66):
            c.line(smooth([(50, 18), (50 + (x - 50) * 0.45, 44), (x, 63)], closed=False), 0.7, inks.deep)
        c.fill(smooth([(50, 40), (50, 40), (58, 79), (58, 79), (42, 79), (42, 79)]), mixed(inks.body, DARK, 0.6))
        c.line([(50, 18), (50, 12)], 1.0, WALNUT)
        c.fill([(50, 11), (58, 13.4), (50, 16)], inks.second)


def backpack(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 22)
    c.line(arc(50, 23, 6, 7, 180, 360), 2.2, inks.deep)
    for side in (-1, 1):
        c.line(smooth([(50 + side * 18, 34), (50 + side * 27, 50), (50 + side * 20, 72)], closed=False), 3.4, inks.deep)
    c.fill(
        smooth([(32, 32), (38, 22), (62, 22), (68, 32), (71, 60), (69, 77), (64, 80), (36, 80), (31, 77), (29, 60)]),
        inks.body,
        "soft",
    )
    flap = chance.pick((inks.deep, mixed(inks.second, inks.body, 0.25), mixed(inks.body, CREAM, 0.25)))
    style = chance.whole(0, 1)
    if style == 0:
        c.fill(smooth([(31, 31), (38, 22), (62, 22), (69, 31), (68, 45), (50, 49), (32, 45)]), flap, "soft")
        for x in (41, 59):
            c.line([(x, 44), (x, 58)], 2.2, WALNUT)
            c.box(x - 2, 51, x + 2, 55.4, 0.8, BRASS)
    else:
        c.box(32, 19, 68, 27, 3.6, flap, "ball")
        c.line([(50, 24), (50, 40)], 2.2, WALNUT)
        c.box(48, 33, 52, 37, 0.8, BRASS)
    c.box(37, 58, 63, 76, 3, mixed(inks.body, DARK, 0.13), "soft")
    c.line([(38.6, 62), (61.4, 62)], 0.7, inks.deep)
    c.box(46, 65, 54, 70, 0.8, CREAM if chance.happens(0.5) else WALNUT)


def flask(c: Canvas, inks: Inks, chance: Chance) -> None:
    half, top = chance.real(9.5, 14), chance.real(30, 40)
    c.ground(50, half)
    cap = chance.pick((STEEL, OAK, DARK, mixed(inks.body, DARK, 0.4)))
    if chance.happens(0.45):
        c.line(arc(50, top - 8, 6, 7, 180, 360), 1.8, cap)
    c.turned([(top - 12, half * 0.66), (top - 4, half * 0.7)], cap)
    c.turned([(top - 4, half * 0.66), (top, half * 0.7), (top + 4, half - 0.4), (top + 8, half), (79, half)], inks.body)
    c.turned([(75, half), (79, half - 0.2)], mixed(STEEL, inks.body, 0.2))
    style = chance.whole(0, 2)
    if style == 0:
        c.turned([(57, half), (63, half)], mixed(inks.second, CREAM, 0.2))
    elif style == 1:
        peak = [
            (50 - half * 0.6, 64),
            (50 - half * 0.1, 55),
            (50 + half * 0.15, 59),
            (50 + half * 0.3, 56.4),
            (50 + half * 0.7, 64),
        ]
        c.fill(peak, CREAM)


def hammock(c: Canvas, inks: Inks, chance: Chance) -> None:
    for x in (9.0, 91.0):
        c.box(x - 3, 8, x + 3, 90, 1, WALNUT, "round")
        c.oval(x, 24, 13, 11, mixed(LEAF_DEEP, c.backdrop.wall, 0.35))
        c.oval(x + (6 if x < 50 else -6), 16, 9, 8, mixed(LEAF_DEEP, c.backdrop.wall, 0.25))
    c.ground(50, 27, 82, 0.24)
    for x, end in ((11, 19), (89, 81)):
        c.line([(x, 37), (end, 41)], 0.9, CREAM)
    top = smooth([(18, 40), (33, 53), (50, 58), (67, 53), (82, 40)], closed=False)
    low = smooth([(18, 40), (30, 65), (50, 75), (70, 65), (82, 40)], closed=False)
    c.fill([*top, *reversed(low)], inks.body, "ball")
    stripe = mixed(inks.second, CREAM, 0.35)
    for share in (0.26, 0.5, 0.74):
        band = [(x + (u - x) * share, y + (v - y) * share) for (x, y), (u, v) in zip(top, low, strict=True)]
        c.line(band[2:-2], 1.5, stripe)
    for x, y in low[8:-8:2]:
        c.line([(x, y), (x, y + 3.4)], 0.6, mixed(CREAM, inks.body, 0.2))
    c.fill(smooth([(27, 46), (33, 42), (41, 49), (38, 56), (31, 54)]), mixed(CREAM, inks.body, 0.15), "ball")


def sleeping_bag(c: Canvas, inks: Inks, chance: Chance) -> None:
    if chance.happens(0.5):
        c.ground(50, 31)
        c.box(22, 44, 80, 80, 17, inks.body, "ball")
        for x in (40, 51, 62):
            c.line(arc(x, 62, 5, 17.6, -88, 88), 0.6, inks.deep)
        for x in (44, 66):
            c.line(arc(x, 62, 5.4, 18, -90, 90), 2, DARK)
            c.box(x + 3.2, 59, x + 7.6, 64, 0.8, STEEL)
        c.oval(27, 62, 9, 18, inks.deep)
        lining = mixed(inks.second, CREAM, 0.4)
        for place, r in enumerate((15.4, 12, 8.6, 5.2, 2)):
            c.oval(27, 62, r * 0.5, r, lining if place % 2 == 0 else inks.deep)
        return
    c.ground(50, 20)
    c.fill(
        smooth([(50, 14), (66, 20), (71, 38), (66, 62), (60, 78), (50, 81), (40, 78), (34, 62), (29, 38), (34, 20)]),
        inks.body,
        "soft",
    )
    for y in (44, 52, 60, 68, 75):
        wide = 20.6 - (y - 44) * 0.33
        c.line(arc(50, y - 1, wide, 2.2, 8, 172), 0.7, inks.deep)
    c.oval(50, 28, 14, 12.6, inks.deep)
    c.oval(50, 29, 11.6, 10.4, mixed(inks.second, CREAM, 0.4))
    c.box(41, 25.4, 59, 35, 4.4, mixed(CREAM, WHITE, 0.4), "ball")
    c.line([(50, 41), (50, 78)], 0.9, mixed(inks.body, CREAM, 0.5))


def beanie(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 28)
    if chance.happens(0.6):
        fluff = mixed(inks.second, CREAM, 0.45)
        for angle in range(0, 360, 30):
            c.oval(*arc(50, 23, 5.6, 5.2, angle, angle + 8)[0], 3.6, 3.4, mixed(fluff, DARK, 0.04 * (angle // 30 % 3)))
        c.oval(50, 23, 6, 5.6, fluff)
    dome = smooth([(25, 66), (25, 66), (26, 46), (36, 31), (50, 27), (64, 31), (74, 46), (75, 66), (75, 66)])
    c.fill(dome, inks.body, "round")
    style = chance.whole(0, 2)
    if style == 0:
        for x in range(-4, 5):
            c.line(
                smooth([(50 + x * 2, 29 + abs(x)), (50 + x * 4.6, 44), (50 + x * 5.4, 64)], closed=False),
                0.6,
                inks.deep,
            )
    elif style == 1:
        for y, wide in ((42, 20), (50, 23), (58, 24)):
            for step in range(-4, 5):
                at = 50 + step * wide / 4.7
                c.line([(at - 1.6, y + 1.4), (at, y - 1.2), (at + 1.6, y + 1.4)], 0.9, mixed(inks.second, CREAM, 0.4))
    else:
        c.fill(
            [*arc(50, 46, 24, 4, 0, 180), *reversed(arc(50, 54, 25, 4, 0, 180))],
            mixed(inks.second, CREAM, 0.3),
            "round",
        )
    c.box(22.6, 61, 77.4, 79, 6.5, mixed(inks.body, DARK, 0.12), "round")
    for x in range(27, 76, 4):
        c.line([(x, 63.4), (x, 76.6)], 0.7, mixed(inks.body, DARK, 0.3))
    c.box(60, 66, 68, 73.4, 0.8, chance.pick((WALNUT, CREAM)))


def compass(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 20, 84)
    c.line(arc(50, 16, 5.4, 5.4), 1.8, inks.deep)
    c.box(47, 19, 53, 25, 1.4, inks.body, "round")
    c.oval(50, 53, 30, 30, inks.deep)
    c.oval(50, 52.4, 29.4, 29.4, inks.body, "soft")
    face = mixed(CREAM, WHITE, 0.4) if chance.happens(0.6) else mixed(inks.second, DARK, 0.3)
    mark = DARK if sum(face) > 480 else CREAM
    c.oval(50, 52.4, 25, 25, inks.deep)
    c.oval(50, 52.4, 24.2, 24.2, face)
    for angle in range(0, 360, 15):
        inner = 20.4 if angle % 90 == 0 else 22
        c.line([arc(50, 52.4, inner, inner, angle, angle + 8)[0], arc(50, 52.4, 23.2, 23.2, angle, angle + 8)[0]],
               1.1 if angle % 90 == 0 else 0.45, mark)  # fmt: skip
    for angle in (45, 135, 225, 315):
        tip = arc(50, 52.4, 11, 11, angle, angle + 8)[0]
        c.line([(50, 52.4), tip], 0.7, mixed(face, mark, 0.4))
    turn = chance.whole(-70, 40)
    point, back = (arc(50, 52.4, 18, 18, turn + extra, 500)[0] for extra in (0, 180))
    left, right = (arc(50, 52.4, 3.4, 3.4, turn + extra, 500)[0] for extra in (90, 270))
    c.fill([point, left, right], (214, 84, 62))
    c.fill([back, left, right], mixed(STEEL, DARK, 0.1))
    c.oval(50, 52.4, 2, 2, BRASS, "ball")
    c.fill(arc(43, 44, 9, 4, 190, 300), mixed(face, WHITE, 0.35))


DRAWINGS = {
    "tent": tent,
    "backpack": backpack,
    "flask": flask,
    "hammock": hammock,
    "sleeping_bag": sleeping_bag,
    "beanie": beanie,
    "compass": compass,
}
