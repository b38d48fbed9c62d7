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
MAX_COUNTED = 10_000
MAX_FIXED = 500  # characters of a text that is kept as found
Entry = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The texts of one template for one reader: the chain of files, nearest first."""

    locale: str
    chain: tuple[Mapping[str, Entry], ...]
    _counted: dict[tuple[str, int, bool], str] = field(default_factory=dict, compare=False, repr=False)
    fixed: dict[str, str] = field(default_factory=dict, compare=False, repr=False)  # texts without fields, as found

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

    def counted_text(self, entry: Entry, text: str, number: int, *, escaped: bool) -> str:
        """A text whose only field is a number `n`: the same few numbers come again and again."""
        key = (text, number, escaped)
        found = self._counted.get(key)
        if found is None:
            found = self.text(entry, {"n": number}, escaped=escaped)
            if len(self._counted) < MAX_COUNTED:
                self._counted[key] = found
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
    catalog = _catalog()
    entry = catalog.find(key)
    if entry is None:
        near = nearest(key, catalog.keys())
        fix = f"did you mean '{near}'?" if near else "add it to locale/en.yaml"
        raise TemplateProblem(f"no text for '{key}' in {catalog.locale} or its fallbacks", fix=fix)
    return _filled(context, catalog, key, entry, values, html=key.endswith("_html"))


@pass_context
def translated_text(context: Context, text: str, **values: Any) -> str:
    """`_("Your cart")`: the translation of a text written in the template, else the text itself."""
    catalog = _catalog()
    if not values and type(text) is str and text in catalog.fixed:
        return catalog.fixed[text]
    entry = catalog.find(text)
    found = _filled(context, catalog, text, text if entry is None else entry, values, html=isinstance(text, Markup))
    if not values and type(text) is str and len(text) < MAX_FIXED and len(catalog.fixed) < MAX_COUNTED:
        catalog.fixed[text] = found
    return found


def _filled(
    context: Context, catalog: Catalog, key: str, entry: Entry, values: Mapping[str, Any], *, html: bool
) -> str:
    if len(values) == 1 and type(values.get("n")) is int:
        return catalog.counted_text(entry, key, values["n"], escaped=html and bool(context.eval_ctx.autoescape))
    return catalog.text(entry, values, escaped=html and bool(context.eval_ctx.autoescape))


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
