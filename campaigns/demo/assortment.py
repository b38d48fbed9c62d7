"""What the shop sells, as its buyers would list it: departments, kinds of product and their names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of product. `shape` names its drawing and is unique over the shop; `price` is the usual range in whole
    euros; `finish` the family of colours it comes in; `pairs` the shapes people buy along with it; `lasts_days` is set
    where it is used up and bought again."""

    shape: str
    noun: str
    price: tuple[int, int]
    finish: str
    pairs: tuple[str, ...]
    names: tuple[str, ...]
    lasts_days: int | None = None


@dataclass(frozen=True, slots=True)
class Department:
    """One category of the shop. `pull` is its share of visits; `sources` are referral sources it does well on."""

    name: str
    slug: str
    pull: float
    brands: tuple[str, ...]
    sources: tuple[str, ...]
    kinds: tuple[Kind, ...]


COLOURS: dict[str, tuple[str, ...]] = {
    "clay": ("moss", "terracotta", "oat", "ink", "blush", "sage", "ochre", "slate"),
    "paint": ("coral", "mustard", "sky", "forest", "navy", "plum", "cream", "sage"),
    "cloth": ("oat", "sage", "rust", "navy", "blush", "mustard", "slate", "forest"),
    "wood": ("oak", "walnut", "beech", "cherry"),
    "metal": ("brass", "copper", "steel", "graphite"),
    "glass": ("clear", "smoke", "amber", "seafoam"),
    "tech": ("graphite", "cream", "sage", "navy", "coral", "sky"),
}
