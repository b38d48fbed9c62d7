"""What `preview --check` says and draws of the mails that are not as their snapshots."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFont

from campaigns.cli.browser import LOOKS, Look, find_browser, pictures
from campaigns.cli.output import Output
from campaigns.pipeline.preview_samples import with_sample_pictures
from campaigns.pipeline.preview_snapshots import Change

_DIFF_LINES: Final = 40
_GAP, _HEAD = 20, 76
_ROUNDING: Final = 2
_PAPER, _INK, _FAINT, _MARKED = (245, 242, 238), (36, 32, 28), (117, 108, 98), (214, 40, 60)


def report_changes(output: Output, found: Sequence[Change], folder: Path) -> None:
    """Says every change once, however many mails it is in, and draws each mail in `folder` where a browser is there."""
    shown = _draw(found, folder) if found and find_browser() else {}
    if output.as_json:
        output.document(
            [{"mail": c.name, "what": c.what, "diff": list(c.diff), "picture": shown.get(c.name)} for c in found]
        )
        return
    told: dict[object, str] = {}
    for change in found:
        output.line(f"{change.name} {change.what}")
        same = told.setdefault(_kind(change), change.name)
        for line in _lines(change) if same == change.name else (f"the same as in {same}",):
            output.line(f"    {line}")
        if change.name in shown:
            output.line(f"    {shown[change.name] or 'looks the same at every width and in both colours'}")
    many = f"{len(found)} mail{'s' if len(found) != 1 else ''} changed: look, then `rekindle preview --all --update`."
    output.line(many if found else "Every mail is what its snapshot says.")


def _kind(change: Change) -> object:
    """The same for mails that changed in the same way, however often it shows in each."""
    return frozenset((old, new) for old, new, _ in change.swaps) or change.diff or change.name


def _lines(change: Change) -> list[str]:
    if change.swaps:
        times = {1: "", 2: " twice"}
        return [f"{old} became {new}{times.get(n, f' {n} times')}" for old, new, n in change.swaps]
    lines = [line[:400] for line in change.diff[:_DIFF_LINES]]
    more = len(change.diff) - _DIFF_LINES
    return [*lines, f"... and {more} lines more"] if more > 0 else lines


def _draw(found: Iterable[Change], folder: Path) -> dict[str, str]:
    """A picture a change, in the first look that shows it: before, after, and what differs, beside each other.
    "" for what no look shows."""
    left = [change for change in found if change.before and change.after]
    paths = {change.name: "" for change in left}
    for look in LOOKS:
        if not left:
            break
        pages = chain.from_iterable((change.before, change.after) for change in left)
        taken = pictures(((with_sample_pictures(page), look) for page in pages), scale=1)
        unseen = []
        for change, before, after in zip(left, taken[::2], taken[1::2], strict=True):
            sheet = _side_by_side(before, after, change.name, look)
            if sheet is None:
                unseen.append(change)
                continue
            path = folder / f"{change.name.replace('/', '-')}.png"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
            sheet.save(path)
            paths[change.name] = str(path)
        left = unseen
    return paths


def _side_by_side(before: bytes, after: bytes, name: str, look: Look) -> Image.Image | None:
    old, new = (Image.open(io.BytesIO(taken)).convert("RGB") for taken in (before, after))
    alike = old.size == new.size
    width, height = max(old.width, new.width), max(old.height, new.height)
    old, new = _on_canvas(old, width, height), _on_canvas(new, width, height)
    mask = _differing(old, new)
    if alike and mask.getbbox() is None:
        return None
    faded = Image.blend(new, Image.new("RGB", new.size, "white"), 0.75)
    faded.paste(_MARKED, mask=mask)
    sheet = Image.new("RGB", (3 * width + 4 * _GAP, height + _HEAD + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 14), f"{name}, {look.width} wide{', dark' if look.dark else ''}", fill=_FAINT, font=_font(15))
    for number, (part, label) in enumerate(((old, "before"), (new, "now"), (faded, "what differs"))):
        left = _GAP + number * (width + _GAP)
        draw.text((left, 42), label, fill=_MARKED if part is faded else _INK, font=_font(20))
        sheet.paste(part, (left, _HEAD))
    return sheet


def _differing(old: Image.Image, new: Image.Image) -> Image.Image:
    """White where a colour differs by more than a browser's own rounding."""
    red, green, blue = ImageChops.difference(old, new).split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return most.point(lambda value: 255 if value > _ROUNDING else 0)


def _on_canvas(picture: Image.Image, width: int, height: int) -> Image.Image:
    canvas = Image.new("RGB", (width, height), "white")
    canvas.paste(picture, (0, 0))
    return canvas


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
