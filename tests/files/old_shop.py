"""A file as an old shop exports it, and the map that reads it."""

from __future__ import annotations

from pathlib import Path

MAP = """
name: old shop
source: oldshop
event: {column: action, values: {view: Product Viewed, basket: Product Added, order: Order Completed}}
occurred_at: {column: when, zone: Europe/Berlin, from: 2025-01-01, until: 2026-01-01}
fields:
  user_id: customer
  product_id: {column: sku, otherwise: ean}
  quantity: {column: qty, default: 1}
  price: price
  currency: {constant: EUR}
  order_id: "{customer}-{when}"
"""
HEADER = "customer;action;when;sku;ean;qty;price"


def written(tmp_path: Path, *rows: str, header: str = HEADER, name: str = "events.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join((header, *rows)) + "\n")
    return path
