"""Reads a shop's files - events, catalog, profiles - as CSV, NDJSON or Parquet, and keeps the rows it could not use."""

from campaigns.storage.files.mapping import ColumnMap, RowKind, built_in_maps, load_map
from campaigns.storage.files.reading import ShopFile, open_catalog, open_coupons, open_events, open_profiles
from campaigns.storage.files.rejects import RowFault

__all__ = [
    "ColumnMap",
    "RowFault",
    "RowKind",
    "ShopFile",
    "built_in_maps",
    "load_map",
    "open_catalog",
    "open_coupons",
    "open_events",
    "open_profiles",
]
