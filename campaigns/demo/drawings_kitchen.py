"""Drawings of what stands in the kitchen."""

from __future__ import annotations

from campaigns.demo.canvas import Canvas, arc, smooth
from campaigns.demo.chance import Chance
from campaigns.demo.palettes import CREAM, DARK, LEAF, OAK, STEEL, WALNUT, WHITE, Inks, mixed


def saucepan(c: Canvas, inks: Inks, chance: Chance) -> None:
    height, half = chance.real(20, 28), chance.real(20, 24)
    top = 79 - height
    c.ground(46, half)
    c.line([(46 + half - 2, top + 6), (91, top - 1)], 3.6, chance.pick((WALNUT, DARK)))
    c.line([(46 + half - 2, top + 6), (46 + half + 7, top + 4)], 4.4, inks.deep)
    c.turned([(top, half), (79 - 5, half), (79, half - 2)], inks.body, cx=46, depth=0.12)
    if chance.happens(0.5):
        c.turned([(top - 6, 3), (top - 4, half * 0.7), (top, half + 0.8)], inks.pale, cx=46, depth=0.12)
        c.oval(46, top - 9, 3.6, 3, DARK, "ball")
    else:
        c.mouth(top, half, inks.pale, inks.inside, cx=46, depth=0.12)


def kettle(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 23)
    if chance.happens(0.45):
        neck = smooth([(32, 72), (22, 66), (25, 50), (15, 40)], closed=False)
        c.line(neck, 3.4, inks.deep)
    else:
        c.fill(smooth([(34, 58), (34, 70), (28, 66), (15, 47), (15, 47), (20, 45), (20, 45)]), inks.deep)
    c.line(arc(50, 45, 17, 20, 195, 345), 3.2, DARK)
    c.line(arc(50, 45, 17, 20, 235, 305), 4.6, chance.pick((OAK, WALNUT)))
    c.turned([(46, 9), (49, 17), (60, 23), (72, 24), (79, 21)], inks.body, depth=0.12)
    c.turned([(42.5, 3), (44, 8), (46.5, 10)], inks.pale, depth=0.15)
    c.oval(50, 40.5, 2.8, 2.6, DARK, "ball")


def knife(c: Canvas, inks: Inks, chance: Chance) -> None:
    broad = chance.real(7, 13)
    c.ground(50, 36, 84, 0.3)
    blade = smooth([(36, 76), (36, 76), (90, 74.5), (90, 74.5), (80, 77 + broad * 0.75), (60, 77 + broad),
                    (36, 77 + broad * 0.9), (36, 77 + broad * 0.9)])  # fmt: skip
    c.fill(blade, STEEL, "ball")
    c.line([(37, 76.4), (84, 75.2)], 0.9, mixed(STEEL, WHITE, 0.55))
    c.box(33, 75.4, 37.5, 84, 1, mixed(STEEL, DARK, 0.25))
    grip = [(34, 75.6), (34, 75.6), (20, 74.6), (10, 76), (9, 81), (15, 83.4), (24, 81.8), (34, 83.6), (34, 83.6)]
    c.fill(smooth(grip), inks.body, "ball")
    for x in (15.5, 22.5, 30):
        c.oval(x, 79, 1.1, 1.1, mixed(STEEL, WHITE, 0.3))


def board(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 25)
    style = chance.whole(0, 2)
    if style == 0:
        c.box(45, 14, 55, 36, 5, inks.body, "soft")
        c.box(29, 27, 71, 80, 7, inks.body, "soft")
        c.oval(50, 19.5, 2.1, 2.1, c.backdrop.wall)
    elif style == 1:
        c.oval(50, 50, 30, 30, inks.body, "soft")
        c.oval(50, 26, 2.3, 2.3, c.backdrop.wall)
    else:
        c.box(23, 26, 77, 80, 5, inks.body, "soft")
        c.box(43, 31, 57, 35.4, 2.2, c.backdrop.wall)
    for x, top, bottom in ((37, 46, 72), (43, 40, 76), (51, 44, 70), (58, 40, 74), (64, 48, 70)):
        wave = [(x, top), (x + 0.8, (top + bottom) / 2), (x - 0.3, bottom)]
        c.line(smooth(wave, closed=False), 0.5, mixed(inks.body, DARK, 0.13))
    if chance.happens(0.5):
        c.line(smooth([(60, 80), (67, 66), (74, 58)], closed=False), 0.9, LEAF)
        for x, y in ((66, 69), (69, 64), (73, 60)):
            c.oval(x - 2, y - 1, 2.6, 1.4, LEAF)
            c.oval(x + 2.4, y + 0.5, 2.6, 1.4, mixed(LEAF, DARK, 0.15))


def coffee(c: Canvas, inks: Inks, chance: Chance) -> None:
    c.ground(50, 18)
    glass = mixed(c.backdrop.glow, (150, 190, 200), 0.3)
    c.turned([(52, 8), (56, 12), (68, 18), (79, 17)], glass, depth=0.12)
    c.turned([(66, 16.6), (70, 17.8), (78.6, 16)], mixed((92, 58, 40), c.backdrop.wall, 0.12), depth=0.12)
    c.line(smooth([(66, 60), (76, 58), (76, 70), (67, 72)], closed=False), 2.4, glass)
    c.box(41, 46.5, 59, 52, 2, chance.pick((OAK, WALNUT)), "round")
    c.turned([(24, 21), (25, 20), (45, 8), (47, 7)], inks.body, depth=0.14)
    c.mouth(24, 21, inks.pale, mixed((92, 58, 40), inks.body, 0.25), depth=0.16)
    c.line(smooth([(70, 28), (79, 27), (77, 38), (63, 37)], closed=False), 2.4, inks.deep)


def jar(c: Canvas, inks: Inks, chance: Chance) -> None:
    half, top = chance.real(13, 20), chance.real(28, 44)
    c.ground(50, half)
    glass = mixed(inks.body, c.backdrop.glow, 0.4)
    stuff = chance.pick(((226, 190, 130), (198, 120, 72), (122, 84, 58), (236, 222, 196), (140, 152, 92)))
    c.turned([(top, half - 3), (top + 4, half), (76, half), (79, half - 1.5)], glass, depth=0.13)
    level = top + chance.real(8, 20)
    c.turned([(level, half - 1.6), (76, half - 1.6), (78, half - 2.6)], mixed(stuff, inks.body, 0.12), depth=0.13)
    c.oval(50, level, half - 1.6, (half - 1.6) * 0.13, mixed(stuff, WHITE, 0.25))
    c.line([(50 - half * 0.62, top + 6), (50 - half * 0.62, 72)], 1.4, mixed(glass, WHITE, 0.6))
    lid = chance.pick((OAK, WALNUT, (196, 160, 118)))
    c.turned([(top - 7, half - 4), (top - 1, half - 3)], lid, depth=0.14)
    c.oval(50, top - 7, half - 4, (half - 4) * 0.14, mixed(lid, WHITE, 0.25))
    if chance.happens(0.5):
        c.box(50 - 7, 60, 50 + 7, 69, 1, CREAM)
        c.line([(46, 64.4), (54, 64.4)], 0.7, mixed(CREAM, DARK, 0.5))


def casserole(c: Canvas, inks: Inks, chance: Chance) -> None:
    height, half = chance.real(20, 28), chance.real(26, 31)
    top = 79 - height
    c.ground(50, half)
    for side in (-1, 1):
        c.line(smooth([(50 + side * (half - 1), top + 5), (50 + side * (half + 6), top + 5.5),
                       (50 + side * (half - 1), top + 10)], closed=False), 2.6, inks.deep)  # fmt: skip
    c.turned([(top, half), (73, half - 1), (79, half - 5)], inks.body, depth=0.1)
    c.turned(
        [(top - 9, 7), (top - 6.5, half * 0.62), (top - 1, half + 0.8), (top + 1, half + 0.8)], inks.body, depth=0.1
    )
    c.line(arc(50, top + 1, half + 0.4, (half + 0.4) * 0.1, 4, 176), 0.8, inks.deep)
    c.turned([(top - 14.5, 3.8), (top - 12, 4.2), (top - 9.5, 2.2)], chance.pick(((205, 168, 85), DARK, STEEL)))


def mill(c: Canvas, inks: Inks, chance: Chance) -> None:
    tall = chance.real(34, 50)
    top = 79 - tall
    c.ground(50, 10)
    knob = (205, 168, 85)
    c.oval(50, top - 8, 2.2, 2.2, knob, "ball")
    c.turned([(top - 6, 4), (top - 3, 8), (top + 3, 8.4), (top + 6, 5)], inks.body, depth=0.15)
    c.turned([(top + 6, 7), (top + 10, 8.6), (top + tall * 0.5, 5.8), (73, 10), (79, 10)], inks.body, depth=0.15)
    c.line(arc(50, 72.6, 9.9, 1.5, 8, 172), 0.9, mixed(inks.body, DARK, 0.35))
    c.box(43, top + 4.6, 57, top + 6.6, 0.8, STEEL, "round")
    if chance.happens(0.6):
        for x, y in ((66, 80), (70, 82), (63, 83), (74, 80.5), (68, 84.4)):
            c.oval(x, y, 1.3, 1.2, (72, 62, 58), "ball")


DRAWINGS = {
    "saucepan": saucepan,
    "kettle": kettle,
    "knife": knife,
    "board": board,
    "coffee": coffee,
    "jar": jar,
    "casserole": casserole,
    "mill": mill,
}
