"""The products of the shop as arrays, numbered together with every product that was ever touched."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys.arrays import Bools, Floats, Ints
from recsys.columns import Columns
from recsys.ids import IdMap
from recsys.log import seconds


@dataclass(frozen=True)
class Catalog:
    """Facts by product number. Codes are -1 and numbers NaN where unknown; names are at the position of their code."""

    products: IdMap
    listed: Bools  # in the products frame at all
    category: Ints
    categories: list[str]
    brand: Ints
    brands: list[str]
    price: Floats
    published_at: Floats
    titles: list[str]

    def __len__(self) -> int:
        return len(self.products)

    @property
    def price_band(self) -> Ints:
        """Each doubling of the price is a new band; -1 where unknown."""
        known = np.isfinite(self.price) & (self.price > 0)
        bands = np.full(len(self), -1)
        bands[known] = np.floor(np.log2(self.price[known])).astype(int) + 64
        return bands


def build_catalog(products: pd.DataFrame | None, interactions: pd.DataFrame) -> Catalog:
    """Number the products of both frames; a product id that is listed twice keeps its last row."""
    touched = interactions[Columns.PRODUCT].dropna() if Columns.PRODUCT in interactions else pd.Series([], dtype=object)
    return catalog_of(products, pd.unique(touched))


def catalog_of(products: pd.DataFrame | None, touched: Iterable[Hashable]) -> Catalog:
    """Number the products of a frame, then those of `touched` that it lacks, each of which is named once."""
    frame = pd.DataFrame({Columns.PRODUCT: []}) if products is None else products
    frame = frame.rename(columns={a: c for a, c in Columns.ALIASES.items() if c not in frame})
    frame = frame[frame[Columns.PRODUCT].notna()].drop_duplicates(Columns.PRODUCT, keep="last")
    ids = IdMap([*frame[Columns.PRODUCT], *touched])
    size = len(ids)
    category, categories = _codes(frame, Columns.CATEGORY, size)
    brand, brands = _codes(frame, Columns.BRAND, size)
    return Catalog(
        products=ids,
        listed=np.arange(size) < len(frame),
        category=category,
        categories=categories,
        brand=brand,
        brands=brands,
        price=_numbers(frame, size),
        published_at=_published(frame, size),
        titles=_titles(frame, size),
    )


def _codes(frame: pd.DataFrame, column: str, size: int) -> tuple[Ints, list[str]]:
    codes: Ints = np.full(size, -1)
    if column not in frame:
        return codes, []
    text = frame[column].astype(object).where(frame[column].notna(), None)
    text = text.map(lambda value: None if value is None or value == "" else str(value))
    numbers, names = pd.factorize(text, use_na_sentinel=True)
    codes[: len(frame)] = numbers
    return codes, [str(n) for n in names]


def _numbers(frame: pd.DataFrame, size: int) -> Floats:
    prices = np.full(size, np.nan)
    if Columns.PRICE in frame:
        prices[: len(frame)] = pd.to_numeric(frame[Columns.PRICE], errors="coerce").to_numpy(dtype=float)
    return prices


def _published(frame: pd.DataFrame, size: int) -> Floats:
    times = np.full(size, np.nan)
    if Columns.PUBLISHED_AT in frame:
        times[: len(frame)] = seconds(frame[Columns.PUBLISHED_AT])
    return times


def _titles(frame: pd.DataFrame, size: int) -> list[str]:
    titles = [""] * size
    if Columns.TITLE in frame:
        titles[: len(frame)] = [str(t) if isinstance(t, str) else "" for t in frame[Columns.TITLE]]
    return titles
