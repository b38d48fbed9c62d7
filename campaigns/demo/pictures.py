"""Product pictures and the shop's logo, drawn when they are first asked for."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from campaigns.demo import (
    drawings_desk,
    drawings_garden,
    drawings_home,
    drawings_kitchen,
    drawings_play,
    drawings_road,
    drawings_table,
)
from campaigns.demo.canvas import SIZE, Canvas, arc, smooth
from campaigns.demo.catalog import catalog
from campaigns.demo.chance import Chance
from campaigns.demo.palettes import ACCENTS, CREAM, LEAF, Backdrop, Inks, backdrops_for, mixed, swatch
from campaigns.demo.shop import DemoShop
from campaigns.domain.product import Product

Drawing = Callable[[Canvas, Inks, Chance], None]

DRAWINGS: Final[Mapping[str, Drawing]] = {
    **drawings_kitchen.DRAWINGS,
    **drawings_table.DRAWINGS,
    **drawings_garden.DRAWINGS,
    **drawings_home.DRAWINGS,
    **drawings_desk.DRAWINGS,
    **drawings_play.DRAWINGS,
    **drawings_road.DRAWINGS,
}
LOGO: Final = "logo.png"
LOGO_SIZE: Final = (552, 144)


class Pictures:
    """The pictures of a shop, kept in `folder` once drawn. Several processes may share the folder."""

    def __init__(self, shop: DemoShop, folder: Path) -> None:
        self._shop, self._folder = shop, folder
        self._products = {f"{product.product_id}.png": product for product in catalog(shop)}

    def find(self, name: str) -> bytes | None:
        """The PNG file called `name` ("FK-1000.png" or "logo.png"), or None where the shop has no such picture."""
        if name != LOGO and name not in self._products:
            return None
        kept = self._folder / name
        if kept.is_file():
            return kept.read_bytes()
        picture = logo(self._shop) if name == LOGO else draw(self._shop.seed, self._products[name])
        self._keep(kept, picture)
        return picture

    def _keep(self, path: Path, picture: bytes) -> None:
        """Under another name first: nobody reads half a picture. A full disk costs the keeping, not the picture."""
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, half = tempfile.mkstemp(".part", dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(picture)
                Path(half).replace(path)
            except OSError:
                Path(half).unlink(missing_ok=True)


def draw(seed: int, product: Product) -> bytes:
    """The picture of a product of the demo's catalog as PNG, 600 by 600: always the same for the same product."""
    chance = Chance(seed, "picture", product.product_id)
    colour = str(product.attributes["colour"])
    others = chance.some([accent for accent in ACCENTS if accent != colour], 2)
    canvas = Canvas(chance.pick(backdrops_for(colour)))
    _studio(canvas, chance)
    DRAWINGS[str(product.attributes["shape"])](
        canvas, Inks(swatch(colour), swatch(others[0]), swatch(others[1])), chance
    )
    return canvas.png()


def _studio(canvas: Canvas, chance: Chance) -> None:
    """A disc or an arch of light behind the product, so that no two neighbours look cut from one cloth."""
    style = chance.whole(0, 3)
    if style == 0:
        canvas.oval(50, 47, 36, 36, canvas.backdrop.glow)
    elif style == 1:
        canvas.box(18, 12, 82, 130, 32, canvas.backdrop.glow)
    elif style == 2:
        canvas.oval(chance.pick((26, 74)), 26, 15, 15, canvas.backdrop.glow)
    canvas.fill([(0, 77), (100, 77), (100, 100), (0, 100)], canvas.backdrop.floor)


def logo(shop: DemoShop) -> bytes:
    """The shop's badge and name on a transparent ground, in a green that reads on light and on dark mail."""
    green = mixed(swatch("forest"), CREAM, 0.16)
    sign = Image.new("RGBA", LOGO_SIZE, (*green, 0))
    badge = _badge().resize((136, 136), Image.Resampling.LANCZOS)
    sign.paste(badge, (4, 4), badge)
    font = ImageFont.load_default(66)
    ImageDraw.Draw(sign).text((160, 72), shop.name, font=font, fill=(*green, 255), anchor="lm")
    out = io.BytesIO()
    sign.save(out, "PNG", optimize=True)
    return out.getvalue()


def _badge() -> Image.Image:
    green = swatch("forest")
    canvas = Canvas(Backdrop(green, green, green))
    for side in (-1, 1):
        for angle in range(-18, 62, 13):
            (x, y), (tip_x, tip_y) = (arc(50, 54, reach, reach, -angle, -angle - 8)[0] for reach in (34, 43))
            root, tip = (50 + side * (x - 50), y), (50 + side * (tip_x - 50), tip_y - 3)
            x, y = (root[0] + tip[0]) / 2, (root[1] + tip[1]) / 2
            leaf = [root, root, (x - 2 * side, y - 1.6), tip, tip, (x + 2 * side, y + 1.6)]
            canvas.fill(smooth(leaf), LEAF)
    drawings_kitchen.kettle(canvas, Inks(CREAM, CREAM, CREAM), Chance("badge", 3))
    side_length = canvas.image.width
    mask = Image.new("L", (side_length, side_length), 0)
    ImageDraw.Draw(mask).ellipse((8, 8, side_length - 8, side_length - 8), fill=255)
    round_badge = canvas.image.convert("RGBA")
    round_badge.putalpha(mask)
    return round_badge.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
