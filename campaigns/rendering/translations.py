"""Texts in the reader's language: one YAML file per locale beside a template, with a chain of fallbacks.

`abandoned_cart/locale/de.yaml` holds keys and texts; `_base/locale/de.yaml` holds those all templates share. For a
reader of
`de-AT` the chain is de_AT, de, the shop's locale, its language, en; in each the template's own file comes before
`_base`.
A text may hold `{name}` fields, and a mapping of plural forms (`one`, `few`, `other`, ...) chosen by the field `n`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from campaigns.rendering.filters import plural_kind
from campaigns.rendering.markup import trusted
from campaigns.rendering.operators import brace_formatted
from campaigns.rendering.problems import TemplateProblem
from campaigns.rendering.undefined import nearest
from campaigns.rendering.voice import known_locale

SHARED = "_base"
MAX_SAID = 10_000  # texts remembered as they were said
MAX_KEPT = 500  # characters of the key of one
Entry = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The texts of one template for one reader: the chain of files, nearest first."""

    locale: str
    chain: tuple[Mapping[str, Entry], ...]
    said: dict[tuple[str, int | None, bool] | None, str] = field(default_factory=dict, compare=False, repr=False)

    def find(self, key: str) -> Entry | None:
        """The text of the nearest file that has the key."""
        for texts in self.chain:
            if key in texts:
                return texts[key]
        return None

    def text(self, entry: Entry, values: Mapping[str, Any], *, escaped: bool) -> str:
        """The text with its fields filled; values are escaped where the text is HTML."""
        if not isinstance(entry, str):
            form = plural_kind(self.locale, values.get("n") or 0)
            entry = entry.get(form) or entry.get("other") or next(iter(entry.values()))
        fields = _fields(entry)
        if fields is None:
            return brace_formatted(trusted(entry) if escaped else entry, **values)
        parts = [text if name is None else _shown(values, name, escaped) for text, name in fields]
        return trusted("".join(parts)) if escaped else "".join(parts)

    def say(self, key: str, entry: Entry, values: Mapping[str, Any], *, escaped: bool) -> str:
        """The same as `text`, remembered under `key` where no field but a number `n` is filled."""
        found = self.text(entry, values, escaped=escaped)
        known = _known_as(key, values, escaped=escaped)
        if known is not None and len(key) < MAX_KEPT and len(self.said) < MAX_SAID:
            self.said[known] = found
        return found

    def keys(self) -> set[str]:
        return {key for texts in self.chain for key in texts}


class Translations:
    """All catalogs of a workspace, read when first asked for."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._read: dict[tuple[str, str], Mapping[str, Entry]] = {}
        self._catalogs: dict[tuple[str, str, str], Catalog] = {}

    def catalog(self, template: str, locale: str, shop_locale: str) -> Catalog:
        """The chain for one template and one reader."""
        key = (template, locale, shop_locale)
        if key not in self._catalogs:
            texts = [
                self.texts(part, each) for each in fallback_chain(locale, shop_locale) for part in (template, SHARED)
            ]
            self._catalogs[key] = Catalog(locale, tuple(each for each in texts if each))
        return self._catalogs[key]

    def forget(self) -> None:
        """Reads the files anew when they are next asked for."""
        self._read.clear()
        self._catalogs.clear()

    def locales(self, template: str) -> list[str]:
        """The locales a template has a file for."""
        return sorted({path.stem for folder in self._folders for path in (folder / template / "locale").glob("*.yaml")})

    def texts(self, template: str, locale: str) -> Mapping[str, Entry]:
        """The texts of one file, empty where there is none."""
        key = (template, locale)
        if key not in self._read:
            names = (f"{locale}.yaml", f"{locale.replace('_', '-')}.yaml")
            paths = [folder / template / "locale" / name for folder in self._folders for name in names]
            found = next((path for path in paths if path.is_file()), None)
            self._read[key] = _read(found, f"{template}/locale/{found.name}") if found else {}
        return self._read[key]


@lru_cache(maxsize=4_096)
def _fields(text: str) -> tuple[tuple[str, str | None], ...] | None:
    """The text as stretches and plain `{name}` fields; None where it has formats that need more care."""
    found: list[tuple[str, str | None]] = []
    for before, name, form, conversion in Formatter().parse(text):
        if before:
            found.append((before, None))
        if name is not None:
            if form or conversion or not name.isidentifier():
                return None
            found.append(("", name))
    return tuple(found)


def _shown(values: Mapping[str, Any], name: str, escaped: bool) -> str:
    if name not in values:
        near = nearest(name, values)
        raise TemplateProblem(f"a text needs '{name}'", fix=f"pass {name}=..." + (f" (not '{near}')" if near else ""))
    value = values[name]
    return str(escape(value)) if escaped else str(value)


@lru_cache(maxsize=1_024)
def fallback_chain(locale: str, shop_locale: str) -> tuple[str, ...]:
    """Locales to look in, nearest first, each once."""
    wanted = []
    for each in (locale, known_locale(shop_locale), "en"):
        parts = each.split("_")
        wanted += ["_".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return tuple(dict.fromkeys(wanted))


class Reading(threading.local):
    """The catalog of the rendering under way on this thread."""

    catalog: Catalog | None = None


READING = Reading()


def _catalog() -> Catalog:
    if READING.catalog is None:
        raise TypeError("texts are translated while a mail is rendered")
    return READING.catalog


@pass_context
def translated(context: Context, key: str, **values: Any) -> str:
    """`t("hero.title", name=...)`: the text of a key; a key without a text in any fallback is an error."""
    catalog = READING.catalog or _catalog()
    escaped = key.endswith("_html") and bool(context.eval_ctx.autoescape)
    found = catalog.said.get(_known_as(key, values, escaped=escaped))
    if found is not None:
        return found
    entry = catalog.find(key)
    if entry is None:
        near = nearest(key, catalog.keys())
        fix = f"did you mean '{near}'?" if near else "add it to locale/en.yaml"
        raise TemplateProblem(f"no text for '{key}' in {catalog.locale} or its fallbacks", fix=fix)
    return catalog.say(key, entry, values, escaped=escaped)


@pass_context
def translated_text(context: Context, text: str, **values: Any) -> str:
    """`_("Your cart")`: the translation of a text written in the template, else the text itself."""
    catalog = READING.catalog or _catalog()
    escaped = isinstance(text, Markup) and bool(context.eval_ctx.autoescape)
    found = catalog.said.get(_known_as(text, values, escaped=escaped))
    if found is not None:
        return found
    entry = catalog.find(text)
    return catalog.say(text, text if entry is None else entry, values, escaped=escaped)


def _known_as(text: str, values: Mapping[str, Any], *, escaped: bool) -> tuple[str, int | None, bool] | None:
    """What a text is remembered as: the same few numbers come again and again, names do not."""
    if not values:
        return text, None, escaped
    number = values.get("n")
    return (text, number, escaped) if type(number) is int and len(values) == 1 else None


def _read(path: Path, shown: str) -> Mapping[str, Entry]:
    try:
        loaded = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise TemplateProblem(str(error.problem), file=shown, line=line, fix="correct the YAML") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateProblem(f"cannot be read: {error}", file=shown, fix="save it as UTF-8 text") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise TemplateProblem("must map keys to texts", file=shown, line=1, fix="write `key: text` lines")
    return _flat(loaded)


_FORMS = frozenset({"zero", "one", "two", "few", "many", "other"})


def _flat(tree: Mapping[Any, Any], prefix: str = "") -> dict[str, Entry]:
    """`hero: {title: x}` as `hero.title`; a mapping of plural forms stays whole."""
    flat: dict[str, Entry] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and set(value) <= _FORMS:
            flat[name] = {str(form): str(text) for form, text in value.items()}
        elif isinstance(value, Mapping):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = str(value)
    return flat
