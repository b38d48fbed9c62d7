"""Whom a preview is for: built-in personas by name, and those of the workspace's persona files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from campaigns.domain.errors import InvalidInput, WrongUsage
from campaigns.domain.product import Product
from campaigns.rendering.context import Traits, cart_context, line_context, product_context, slot_item
from campaigns.rendering.lint import personas
from campaigns.rendering.plain_data import plain_words

EVERYTHING: Final = "everything"
"""The built-in persona of whom all is known."""

PARTS: Final = ("profile", "cart", "order", "session", "slots", "coupon")
"""What a persona file may give, each as templates know it."""

_SUFFIXES = (".yaml", ".yml")


@lru_cache(maxsize=1)
def built_in_personas() -> tuple[str, ...]:
    """Names of the made-up shoppers every template is checked with."""
    return tuple(personas())


def persona_files(folder: Path) -> dict[str, Path]:
    """The workspace's own personas by name: the file's name without `.yaml`."""
    return {path.stem: path for path in sorted(folder.glob("*")) if path.suffix in _SUFFIXES}


def find_persona(wanted: str, folder: Path) -> Path | str:
    """A persona file's path, or the name of a built-in persona. `wanted` is a path or a name; dashes may be spaces."""
    files = persona_files(folder)
    if wanted in files:
        return files[wanted]
    if wanted.replace("-", " ") in built_in_personas():
        return wanted.replace("-", " ")
    path = Path(wanted)
    if path.suffix in _SUFFIXES or path.is_file():
        return path
    known = ", ".join([*files, *built_in_personas()])
    raise WrongUsage(f"no persona {wanted!r}", fix=f"give a YAML file, or one of {known}")


def read_persona(path: Path, base: Mapping[str, Any]) -> dict[str, Any]:
    """A persona file: YAML with some of the parts templates know; `null` takes a part away, and what a part leaves
    out is taken from `base`. Products need no more than a title."""
    try:
        parts = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUsage(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise InvalidInput("is not YAML", where=f"{path}:{line}") from error
    if not isinstance(parts, dict) or set(parts) - set(PARTS):
        raise InvalidInput("is no persona", where=str(path), fix=f"give some of {', '.join(PARTS)}")
    currency = str(base["shop"]["currency"])
    parts = _cleaned(parts)
    return {name: _part(str(path), name, part, base.get(name), currency) for name, part in parts.items()}


def _cleaned(value: Any) -> Any:
    """YAML can spell characters that are no text; the shop's own data cannot hold them."""
    if isinstance(value, dict):
        return {key: _cleaned(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_cleaned(part) for part in value]
    return plain_words(value) if isinstance(value, str) else value


def _listed(where: str, name: str, given: Any) -> list[Any]:
    if given is not None and not isinstance(given, list):
        raise InvalidInput(f"{name} is not a list", where=where, fix="write each on a line of its own, after `- `")
    return given or []


def _as_known(base: Any, value: Any) -> Any:
    """A number where the context has words is those digits."""
    return str(value) if isinstance(base, str) and value is not None else _aware(value)


def _part(where: str, name: str, part: Any, base: Any, currency: str) -> Any:
    if part is None and name == "profile":
        raise InvalidInput(
            "a mail needs a reader", where=f"{where}: {name}", fix="take away single fields: `first_name: null`"
        )
    if part is None:
        return type(base)(recommendations={"title": "", "items": []}) if name == "slots" else None
    if not isinstance(part, dict):
        raise InvalidInput("is not a list of names and values", where=f"{where}: {name}")
    if name == "slots":
        return base.copy() | {slot: _slot(where, slot, given, currency) for slot, given in part.items()}
    _refuse_unknown(where, name, part, base)
    base = base or {}
    found = {**base, **{key: _as_known(base.get(key), value) for key, value in part.items()}}
    if "lines" in part:
        lines = [_line(where, name, line, currency) for line in _listed(where, f"{name}.lines", part["lines"])]
        sums = cart_context(lines, currency=currency)
        found |= {key: sums[key] for key in ("lines", "count", "total_minor") if key in found and key not in part}
        found["lines"] = lines
    if "viewed" in part:
        found["viewed"] = [
            product_context(_product(where, name, each, currency))
            for each in _listed(where, f"{name}.viewed", part["viewed"])
        ]
    if "traits" in found:
        if not isinstance(found["traits"] or {}, dict):
            raise InvalidInput("traits is not a list of names and values", where=f"{where}: {name}")
        found["traits"] = Traits(found["traits"] or {})
    return found


def _refuse_unknown(where: str, name: str, part: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    strange = [str(key) for key in part if key not in known]
    if strange:
        raise InvalidInput(f"{name} has no {strange[0]!r}", where=where, fix=f"give some of {', '.join(known)}")


def _slot(where: str, slot: str, given: Any, currency: str) -> dict[str, Any]:
    given = given or {}
    if not isinstance(given, dict):
        raise InvalidInput(
            f"slots.{slot} is not a list of names and values", where=where, fix="write `items:` below it"
        )
    items = _listed(where, f"slots.{slot}.items", given.get("items"))
    return {
        "title": str(given.get("title") or ""),
        "items": [
            slot_item(
                _product(where, slot, each, currency),
                reason=str(each.get("reason") or ""),
                source=str(each.get("source") or "persona"),
                rung=str(each.get("rung") or ""),
            )
            for each in items
        ],
    }


def _line(where: str, part: str, given: Any, currency: str) -> Any:
    product = _product(where, part, given, currency)
    quantity, variant = given.get("quantity", 1), str(given.get("variant") or "")
    if not isinstance(quantity, int) or quantity < 1:
        raise InvalidInput(f"a quantity in {part} is no whole number from 1", where=where)
    return line_context(product, quantity=quantity, variant=variant)


def _product(where: str, part: str, given: Any, currency: str) -> Product:
    if not isinstance(given, dict) or not given.get("title"):
        raise InvalidInput(f"a product in {part} has no title", where=where, fix="write `- title: Oak chair`")
    texts = {name: str(given.get(name) or "") for name in ("url", "image_url", "category", "brand")}
    prices = {name: given.get(name) for name in ("price_minor", "list_price_minor")}
    if any(price is not None and not isinstance(price, int) for price in prices.values()):
        raise InvalidInput(
            f"a price in {part} is no whole number", where=where, fix="write 1990 for 19.90: prices are minor units"
        )
    return Product(
        str(given.get("product_id") or given["title"]),
        str(given["title"]),
        currency=str(given.get("currency") or currency),
        stock=0 if given.get("in_stock") is False else None,
        price_minor=prices["price_minor"],
        list_price_minor=prices["list_price_minor"],
        url=texts["url"],
        image_url=texts["image_url"],
        category=texts["category"],
        brand=texts["brand"],
    )


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
