"""A rendered mail as a flat list of what it shows: text with its colours, and tags with their attributes."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from campaigns.rendering.lint.colours import Colour, parsed_colour
from campaigns.rendering.scanner import VOID


@dataclass(frozen=True, slots=True)
class Style:
    """What a text inherits: colours (None where nobody can tell), size in px and weight."""

    colour: Colour | None = (0, 0, 0)
    background: Colour | None = (255, 255, 255)
    size: float = 16
    bold: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A stretch of visible text."""

    words: str
    style: Style


@dataclass(frozen=True, slots=True)
class Element:
    """A tag with its attributes and the declarations of its `style`."""

    name: str
    attributes: dict[str, str]
    declarations: dict[str, str] = field(default_factory=dict)


class Document(HTMLParser):
    """Reads a mail once; `texts` and `elements` are in the order of the document."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[Text] = []
        self.elements: list[Element] = []
        self._open: list[tuple[str, Style]] = [("", Style())]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, declarations_of(attributes.get("style", "")))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append((tag, _inherited(self._open[-1][1], element)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if any(name == tag for name, _ in self._open[1:]):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        name, style = self._open[-1]
        if data.strip() and name not in ("style", "script", "title") and not style.hidden:
            self.texts.append(Text(" ".join(data.split()), style))


def declarations_of(style: str) -> dict[str, str]:
    """`color:red;padding:0` as a mapping."""
    pairs = (part.partition(":") for part in style.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if value.strip()}


def pixels(value: str, otherwise: float) -> float:
    """`14px` as 14; anything else as `otherwise`."""
    text = value.strip().lower().removesuffix("px")
    try:
        return float(text)
    except ValueError:
        return otherwise


def _inherited(outer: Style, element: Element) -> Style:
    own = element.declarations
    background = own.get("background-color") or own.get("background") or element.attributes.get("bgcolor", "")
    words = background.split(" url(")[0] if " url(" in background else background
    return Style(
        colour=parsed_colour(own["color"]) if "color" in own else outer.colour,
        background=_background(words, outer.background),
        size=pixels(own.get("font-size", ""), outer.size),
        bold=own.get("font-weight", "") in ("bold", "600", "700", "800", "900") or element.name in ("b", "strong")
        if "font-weight" in own or element.name in ("b", "strong")
        else outer.bold,
        hidden=outer.hidden or ("none" in (own.get("display", ""), own.get("mso-hide", "")) and "display" in own),
    )


def _background(words: str, outer: Colour | None) -> Colour | None:
    if not words or words.strip().lower() in ("transparent", "none", "inherit", "initial"):
        return outer
    return parsed_colour(words)
