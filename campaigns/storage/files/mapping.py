"""Column maps: a small YAML or TOML file that says which column means what. docs/importing.md shows every key."""

from __future__ import annotations

import codecs
import tomllib
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from campaigns.domain.errors import InvalidInput
from campaigns.storage.files.opening import one_line


class RowKind(StrEnum):
    """What the rows of a file are."""

    EVENTS = "events"
    CATALOG = "catalog"
    PROFILES = "profiles"
    COUPONS = "coupons"


_LINE_FIELDS = (
    "product_id",
    "quantity",
    "price",
    "price_minor",
    "variant",
    "title",
    "category",
    "brand",
    "url",
    "image_url",
)
_IDENTITY_FIELDS = ("user_id", "anonymous_id", "email", "message_id")
_EVENT_FIELDS = (
    *_IDENTITY_FIELDS,
    *_LINE_FIELDS,
    "products",
    *("cart_id", "checkout_id", "order_id", "total", "total_minor", "currency", "session_id"),
    *("referrer", "utm_source", "utm_medium", "utm_campaign", "landing_url", "device"),
)
_CATALOG_FIELDS = (
    *("product_id", "title", "url", "image_url", "category", "brand", "price", "price_minor"),
    *("list_price", "list_price_minor", "currency", "stock", "in_stock", "hidden", "published_at"),
)
FIELDS: Mapping[RowKind, tuple[str, ...]] = {
    RowKind.EVENTS: _EVENT_FIELDS,
    RowKind.CATALOG: _CATALOG_FIELDS,
    RowKind.PROFILES: _IDENTITY_FIELDS,
    RowKind.COUPONS: ("code", "expires_at"),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, coerce_numbers_to_str=True)


class FieldSource(_Part):
    """Where a field's value comes from: one of a column, a template of columns, or a constant.

    `otherwise` is the column to look into where the first is empty, `values` translates what stands there, `default` is
    taken where nothing does. `share` fills the field for
    this part of the rows only, the same part every time: the draw is a hash of the value.
    """

    column: str | None = None
    otherwise: str | None = None
    template: str | None = None
    constant: str | None = None
    values: Mapping[str, str] = Field(default_factory=dict)
    default: str | None = None
    share: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _one_origin(self) -> FieldSource:
        if sum(origin is not None for origin in (self.column, self.template, self.constant)) != 1:
            raise ValueError("give one of `column`, `template` and `constant`")
        if self.template is not None:
            _check_template(self.template)
        return self


def _check_template(template: str) -> None:
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f'"{template}" is not a template: {error}') from None
    if any(name == "" or spec or conversion for _, name, spec, conversion in parts):
        raise ValueError(f'"{template}" is not a template; write columns in braces: "{{customer}}-{{when}}"')


def _field_source(value: object) -> object:
    if isinstance(value, str):
        return {"template": value} if "{" in value else {"column": value}
    return {"constant": value} if isinstance(value, int | float) else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f'"{name}" is not a time zone; write for example "Europe/Berlin"') from None
    return name


def _unit(unit: str) -> str:
    if unit in ("", "s", "ms", "us", "iso"):
        return unit
    try:
        datetime.strptime("", unit)  # noqa: DTZ007 - only asks whether the pattern is one
    except ValueError as error:
        if "%" in unit and "directive" not in str(error) and "stray" not in str(error):
            return unit
    raise ValueError(f'"{unit}" is not a unit of time; write s, ms, us, iso or a pattern such as "%d.%m.%Y %H:%M"')


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f'"{name}" is not an encoding; write for example utf-8 or latin-1') from None


class TimeSource(_Part):
    """The column that holds the time, how it is written, and the bounds a believable time lies in.

    `unit` is s, ms, us (since 1970), iso, or a strptime pattern; left out, it is told from each value. `zone` is that of
    times without one, and of `from` and `until`; `from` is included, `until` is not.
    """

    column: str
    unit: Annotated[str, AfterValidator(_unit)] = ""
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    from_: datetime | None = Field(default=None, alias="from")
    until: datetime | None = None

    @property
    def earliest(self) -> datetime:
        """Aware. Without `from` the year 2000: shops have no older events, broken clocks have."""
        return self._aware(self.from_ or datetime(2000, 1, 1))  # noqa: DTZ001 - gets its zone here

    @property
    def latest(self) -> datetime:
        """Aware. Without `until` the year 2100."""
        return self._aware(self.until or datetime(2100, 1, 1))  # noqa: DTZ001 - gets its zone here

    def _aware(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.zone))


def _time_source(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


Source = Annotated[FieldSource, BeforeValidator(_field_source)]


class ColumnMap(_Part):
    """How the rows of one kind of file are read.

    `columns` names the columns of a CSV without a header line, and is how a built-in map knows its files. With `optional`
    a field whose column the file does not have is left empty; else the file is refused.
    """

    name: str = ""
    about: str = ""
    kind: RowKind = RowKind.EVENTS
    source: str = "file"
    columns: tuple[str, ...] = ()
    optional: bool = False
    delimiter: Annotated[str, Field(max_length=1)] = ""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    event: Source | None = None
    occurred_at: Annotated[TimeSource, BeforeValidator(_time_source)] | None = None
    fields: Mapping[str, Source] = Field(default_factory=dict)
    traits: Mapping[str, Source] = Field(default_factory=dict)
    properties: Mapping[str, Source] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> ColumnMap:
        known = FIELDS[self.kind]
        for name in self.fields:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
                raise ValueError(f"`fields` has no `{name}`; {hint}")
        if "products" in self.fields and self.fields["products"].column is None:
            raise ValueError("`products` is the column that holds an array of products")
        if self.kind is RowKind.EVENTS and (self.event is None or self.occurred_at is None):
            raise ValueError("a map of events needs `event` and `occurred_at`")
        if self.kind is RowKind.CATALOG and "product_id" not in self.fields:
            raise ValueError("a map of a catalog needs `product_id` under `fields`")
        if self.kind is RowKind.COUPONS and "code" not in self.fields:
            raise ValueError("a map of coupons needs `code` under `fields`")
        return self


def load_map(path: Path) -> ColumnMap:
    """The map in a YAML or TOML file. Raises InvalidInput with file and line."""
    with one_line(path):
        text = path.read_text(encoding="utf-8")
    return parse_map(text, str(path), toml=path.suffix == ".toml")


def parse_map(text: str, where: str, *, toml: bool = False) -> ColumnMap:
    """A map from its text; `where` names it in errors."""
    try:
        tree: Any = tomllib.loads(text) if toml else YAML(typ="rt").load(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"not valid TOML: {error}", where=where) from error
    except MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InvalidInput(f"not valid YAML: {error.problem}", where=where + line) from error
    except YAMLError as error:
        raise InvalidInput(f"not valid YAML: {str(error).splitlines()[0]}", where=where) from error
    if not isinstance(tree, Mapping):
        raise InvalidInput("this is not a column map", where=where, fix="docs/importing.md shows one")
    try:
        return ColumnMap.model_validate(_plain(tree))
    except ValidationError as error:
        raise _explain(error, tree, where) from None


def built_in_maps(kind: RowKind) -> list[ColumnMap]:
    """The maps that come with the product, those for special files first."""
    folder = resources.files("campaigns").joinpath("library", "maps")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    maps = [parse_map(file.read_text(encoding="utf-8"), file.name) for file in files]
    return sorted((found for found in maps if found.kind is kind), key=lambda found: found.optional)


def _plain(value: Any) -> Any:
    """Plain dicts and lists: the loader's own classes would show in values."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return datetime.fromisoformat(value.isoformat())
    return value


def _explain(error: ValidationError, tree: Any, where: str) -> InvalidInput:
    details = error.errors(include_url=False)
    detail = min(details, key=lambda each: each["type"] == "missing")  # a misspelt key explains the missing one
    path = [str(part) for part in detail["loc"]]
    what = detail["msg"].removeprefix("Value error, ")
    fix = ""
    if detail["type"] == "extra_forbidden":
        near = get_close_matches(path[-1], _keys_beside(path), n=1)
        what, fix = (
            f"`{'.'.join(path)}` is not a key",
            f"did you mean `{near[0]}`?" if near else "see docs/importing.md",
        )
    elif path:
        what = f"`{'.'.join(path)}`: {what[:1].lower() + what[1:]}"
    return InvalidInput(what, where=where + _line_of(tree, path), fix=fix)


def _keys_beside(path: list[str]) -> list[str]:
    model = ColumnMap if len(path) == 1 else TimeSource if path[0] == "occurred_at" else FieldSource
    return [field.alias or name for name, field in model.model_fields.items()]


def _line_of(tree: Any, path: list[str]) -> str:
    line = ""
    for part in path:
        if not isinstance(tree, Mapping) or part not in tree:
            break
        if hasattr(tree, "lc"):
            line = f":{tree.lc.key(part)[0] + 1}"
        tree = tree[part]
    return line


__all__ = ["ColumnMap", "FieldSource", "RowKind", "TimeSource", "built_in_maps", "load_map", "parse_map"]
