"""`rekindle init`: a workspace to work in."""

from __future__ import annotations

from pathlib import Path

import click

from campaigns.cli.output import Output
from campaigns.config import scaffold


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--shop-id", default="shop", show_default=True, help="Short name: small letters, digits, dashes.")
@click.option("--shop-name", default="My shop", show_default=True)
@click.option("--shop-url", default="http://localhost", show_default=True)
@click.option("--currency", default="EUR", show_default=True)
@click.option("--zone", default="UTC", show_default=True, help="Time zone, such as Europe/Berlin.")
@click.option("--locale", default="en", show_default=True)
@click.pass_obj
def init(
    output: Output, folder: Path, shop_id: str, shop_name: str, shop_url: str, currency: str, zone: str, locale: str
) -> None:
    """Makes a workspace in FOLDER: settings with fresh keys, campaigns, folders for templates."""
    made = scaffold(
        folder,
        shop_id=shop_id,
        shop_name=shop_name,
        shop_url=shop_url,
        currency=currency,
        zone=zone,
        locale=locale,
    )
    if output.as_json:
        output.document({"workspace": made.workspace.root, "created": made.created, "kept": made.kept})
        return
    output.line(f"Made {made.workspace.root}")
    for path in made.created:
        output.line(f"  {path}")
    for path in made.kept:
        output.line(f"  {path} was there and stays as it is")
    output.line(f"\nNext: rekindle --workspace {folder} up")
