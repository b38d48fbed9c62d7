"""Snapshots: what every mail looked like when somebody last said it was right, and what has changed since."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import zip_longest
from pathlib import Path
from urllib.parse import unquote

import orjson

from campaigns.domain.errors import InvalidInput
from campaigns.pipeline.preview import MESSAGE_REF, Preview, Studio
from campaigns.pipeline.preview_sheet import Cell, Choice

HTML, TEXT = ".html", ".txt"
_CHOICE = "choice.json"
_TAG = re.compile(r"(<[^<>]+>)")
_WORD = re.compile(r"#?[\w.%-]+|\s+|[^\w\s]")
_FEW = 5  # more swaps than these are better read as a diff
_BETWEEN_TAGS = re.compile(r">\s*<")


@dataclass(frozen=True, slots=True)
class Change:
    """A mail that is not what its snapshot says. `before` and `after` are normalised HTML, "" where there is none."""

    name: str
    what: str
    diff: tuple[str, ...] = ()
    before: str = ""
    after: str = ""

    @property
    def swaps(self) -> tuple[tuple[str, str, int], ...]:
        """(was, is, how often) where words or values took the place of others and nothing else changed; else empty."""
        gone = [line[1:] for line in self.diff if line.startswith("-") and not line.startswith("--- ")]
        come = [line[1:] for line in self.diff if line.startswith("+") and not line.startswith("+++ ")]
        found: Counter[tuple[str, str]] = Counter()
        for old, new in zip_longest(gone, come, fillvalue=""):
            olds, news = _WORD.findall(old), _WORD.findall(new)
            if len(olds) != len(news):
                return ()
            found.update((was, now) for was, now in zip(olds, news, strict=True) if was != now)
        return tuple((*pair, count) for pair, count in found.items()) if len(found) <= _FEW else ()


def plain_links(html: str, base_url: str, *, escaped: bool = True) -> str:
    """Tracked links of a preview led straight to where they lead; other signed links without their signature. So a
    click in a preview goes nowhere but to the shop, and a snapshot holds on every machine whatever its secret."""
    address = re.escape(f"{base_url}/")
    tracked = re.compile(rf"{address}[cr]/{MESSAGE_REF}/[\w-]+\?u=([^\"'\s<>)&]*)")
    signed = re.compile(rf"{address}([upwo])/{MESSAGE_REF}/[\w-]+")

    def target(found: re.Match[str]) -> str:
        url = unquote(found[1])
        return url.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;") if escaped else url

    return signed.sub(rf"https://links.example/\1/{MESSAGE_REF}", tracked.sub(target, html))


def snapshot(studio: Studio, preview: Preview) -> dict[str, str]:
    """The files of one mail by suffix: the HTML, one tag a line, and subject, preheader and text in one."""
    base, email = studio.links.base_url, preview.email
    html = _BETWEEN_TAGS.sub(">\n<", plain_links(email.html, base)).strip() + "\n"
    text = plain_links(email.text, base, escaped=False).strip()
    return {HTML: html, TEXT: f"Subject: {email.subject}\nPreheader: {email.preheader}\n\n{text}\n"}


def kept_choice(folder: Path) -> Choice | None:
    """Which persons and locales the snapshots were taken of; None where there are none yet."""
    try:
        kept = orjson.loads((folder / _CHOICE).read_bytes())
        return Choice(personas=tuple(kept["personas"]), locales=tuple(kept["locales"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        fix = "write it anew with `rekindle preview --all --update`"
        raise InvalidInput("is not what `--update` wrote", where=str(folder / _CHOICE), fix=fix) from error


def update_snapshots(studio: Studio, folder: Path, campaign_id: str, cells: Sequence[Cell], choice: Choice) -> int:
    """Takes the mails as they are now for right; returns how many files changed. Those of mails that are no more go."""
    changed = 0
    wanted = {path: text for cell in cells for path, text in _files(studio, folder / campaign_id, cell).items()}
    for path in _stored(folder / campaign_id) - set(wanted):
        path.unlink()
        changed += 1
    for path, text in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed += 1
    kept = {"personas": choice.personas, "locales": choice.locales}
    (folder / _CHOICE).write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2) + b"\n")
    return changed


def compare_snapshots(studio: Studio, folder: Path, campaign_id: str, cells: Sequence[Cell]) -> list[Change]:
    """Every mail of the campaign that is not what its snapshot says, is new, or is gone."""
    own = folder / campaign_id
    found = [change for cell in cells for change in _compared(studio, own, campaign_id, cell)]
    known = {own / f"{cell.key}{suffix}" for cell in cells for suffix in (HTML, TEXT)}
    for path in sorted(_stored(own) - known):
        if path.suffix == HTML:
            found.append(Change(f"{campaign_id}/{path.stem}", "is not sent any more", before=_read(path)))
    return found


def _compared(studio: Studio, own: Path, campaign_id: str, cell: Cell) -> Iterator[Change]:
    name = f"{campaign_id}/{cell.key}"
    if cell.preview is None:
        yield Change(name, f"does not render: {cell.problem}")
        return
    now = snapshot(studio, cell.preview)
    before = {suffix: _read(own / f"{cell.key}{suffix}") for suffix in now}
    if not any(before.values()):
        yield Change(name, "has no snapshot yet", after=now[HTML])
    elif before != now:
        diff = [line for suffix in (TEXT, HTML) for line in _diff(f"{name}{suffix}", before[suffix], now[suffix])]
        yield Change(name, "has changed", tuple(diff), before[HTML], now[HTML])


def _diff(name: str, before: str, after: str) -> Iterator[str]:
    names = (f"{name} (snapshot)", f"{name} (now)")
    old, new = (_TAG.sub(r"\n\1\n", text).split("\n") for text in (before, after))
    return unified_diff([line for line in old if line], [line for line in new if line], *names, n=1, lineterm="")


def _files(studio: Studio, own: Path, cell: Cell) -> dict[Path, str]:
    if cell.preview is None:
        return {}
    return {own / f"{cell.key}{suffix}": text for suffix, text in snapshot(studio, cell.preview).items()}


def _stored(own: Path) -> set[Path]:
    return {path for path in own.glob("*") if path.suffix in (HTML, TEXT)}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
