"""Makes a workspace: settings with fresh keys, the shipped campaigns to edit, folders with a word on their use."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from campaigns.config.workspace import CONFIG_NAME, Workspace
from campaigns.domain.errors import UnusableEnvironment, WrongUsage

_SETTINGS = """\
# Settings of this shop. Every line may be changed; docs/configuration.md explains each one.
# A variable wins over this file: REKINDLE_SHOP_NAME over `name` under [shop], and so on.
# Keep this file to yourself: it holds the keys.

# Signs the links in mails and salts the draw of the holdout. Changing it breaks links in mails already sent.
secret = "{secret}"

# The address shoppers' links lead to. Leave it out to use http://host:port of the web process.
# base_url = "https://mail.shop.example"

# Leave these out to run on servers of our own under .rekindle/ and to catch mail in the inbox page.
# database_url = "postgresql+psycopg://rekindle:password@db.example/rekindle"
# redis_url = "redis://cache.example:6379/0"
# mailer = "smtp://name:password@smtp.example:587?starttls=1"

# Lets the shop's system push prices and stock to /v1/products. No browser may ever see it.
catalog_key = "{catalog_key}"

# One write key for each source that sends events: the shop itself, an app, a customer data platform.
[write_keys]
{source} = "{write_key}"

[shop]
id = "{shop_id}"
name = "{shop_name}"
url = "{shop_url}"
currency = "{currency}"
zone = "{zone}"        # quiet hours of shoppers whose own zone is not known
locale = "{locale}"
postal_address = ""    # the law asks for it in the footer of marketing mail
support_email = ""

[sender]
name = "{shop_name}"
address = ""           # an address of a domain you may send from, such as hello@shop.example
reply_to = ""

# The colours of every mail; [shop.brand.dark] has the same names for dark mode.
[shop.brand]
primary = "#1d4ed8"
on_primary = "#ffffff"

# Add a block for each of the shop's profiles elsewhere.
# [[shop.social]]
# name = "Instagram"
# url = "https://instagram.com/yourshop"

[policy]
quiet_hours = "21:00-08:00"   # no marketing mail at night; "off" for none
frequency_cap = "16h"         # at most one marketing mail per shopper in this time; "off" for no cap
after_order_pause = "24h"     # no abandonment mail after an order
holdout_share = 0.10          # this share of shoppers gets no mail, to measure what mail earns
"""

_NOTES = {
    "templates/README.md": (
        "Put a template here to use it instead of the shipped one of the same path, for example\n"
        "`emails/abandoned_cart/body.mjml`. What is not here is taken from the shipped templates.\n"
    ),
    "personas/README.md": (
        "Put shoppers here that exist only for previews, one YAML file each:\n"
        "`rekindle preview abandoned_cart --persona personas/anna.yaml`.\n"
    ),
    ".gitignore": "# The engine's own data, rows it could not import, and the file with the keys.\n"
    ".rekindle/\nrejects/\nrekindle.toml\n",
}


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What `scaffold` did: files it wrote, and files that were there and stay as they are."""

    workspace: Workspace
    created: tuple[Path, ...]
    kept: tuple[Path, ...]


def scaffold(
    folder: Path | str,
    *,
    shop_id: str = "shop",
    shop_name: str = "My shop",
    shop_url: str = "http://localhost",
    currency: str = "EUR",
    zone: str = "UTC",
    locale: str = "en",
    source: str = "website",
) -> Scaffold:
    """Makes a workspace in `folder`, or adds what is missing to one; files that are there are never touched.

    `rekindle.toml` is written last, so a folder that has one is whole. Raises WrongUsage where the folder holds other
    things, UnusableEnvironment where it cannot be written; then nothing of what was begun stays.
    """
    workspace = Workspace(Path(folder).expanduser().resolve())
    _refuse_other_folders(workspace)
    files = dict(_starting_files())
    files[CONFIG_NAME] = settings_text(
        shop_id=shop_id,
        shop_name=shop_name,
        shop_url=shop_url,
        currency=currency,
        zone=zone,
        locale=locale,
        source=source,
    )
    return _write_missing(workspace, files)


def settings_text(
    *, shop_id: str, shop_name: str, shop_url: str, currency: str, zone: str, locale: str, source: str = "website"
) -> str:
    """The text of a new `rekindle.toml`, with a fresh secret and write key."""
    return _SETTINGS.format(
        secret=secrets.token_hex(32),
        catalog_key=secrets.token_urlsafe(24),
        write_key=secrets.token_urlsafe(24),
        source=source,
        shop_id=shop_id,
        shop_name=_quoted(shop_name),
        shop_url=shop_url,
        currency=currency,
        zone=zone,
        locale=locale,
    )


def library_campaigns() -> Mapping[str, str]:
    """The shipped campaigns and the schema that editors check them by: file name and text."""
    return _library_files("library")


def library_drafts() -> Mapping[str, str]:
    """Shipped campaigns that are for the marketer to put in force: nobody is mailed by eight campaigns unasked."""
    return _library_files("library", "drafts")


def _library_files(*folders: str) -> Mapping[str, str]:
    folder = resources.files("campaigns").joinpath(*folders)
    files = (
        [file for file in folder.iterdir() if file.name.endswith((".yaml", ".schema.json"))] if folder.is_dir() else []
    )
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name)}


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _refuse_other_folders(workspace: Workspace) -> None:
    root = workspace.root
    if root.exists() and not root.is_dir():
        raise WrongUsage("this is a file, not a folder", where=str(root), fix="name a new folder")
    try:
        others = (path for path in root.iterdir() if path.name != ".git") if root.exists() else ()
        strange = not workspace.exists and any(others)
    except OSError as error:
        raise _unwritable(root, error) from error
    if strange:
        raise WrongUsage("this folder holds other things", where=str(root), fix="name a new or an empty folder")


def _starting_files() -> Iterator[tuple[str, str]]:
    for name, text in library_campaigns().items():
        yield f"campaigns/{name}", text
        if name.endswith(".schema.json"):
            yield f"campaigns/drafts/{name}", text
    for name, text in library_drafts().items():
        yield f"campaigns/drafts/{name}", text
    yield from _NOTES.items()


def _write_missing(workspace: Workspace, files: Mapping[str, str]) -> Scaffold:
    created: list[Path] = []
    kept: list[Path] = []
    made_root = not workspace.root.exists()
    try:
        workspace.campaigns.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = workspace.root / name
            if path.exists():
                kept.append(path)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            created.append(path)
            write_whole(path, text, mode=0o600 if name == CONFIG_NAME else 0o644)
    except OSError as error:
        _take_back(workspace, created, made_root)
        raise _unwritable(workspace.root, error) from error
    return Scaffold(workspace, tuple(created), tuple(kept))


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Writes a file so that it is there whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _take_back(workspace: Workspace, created: list[Path], made_root: bool) -> None:
    for path in created:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    for folder in (
        workspace.campaigns / "drafts",
        workspace.campaigns,
        workspace.templates,
        workspace.personas,
        *([workspace.root] if made_root else []),
    ):
        with suppress(OSError):
            folder.rmdir()


def _unwritable(root: Path, error: OSError) -> UnusableEnvironment:
    reason = (error.strerror or str(error)).lower()
    return UnusableEnvironment(
        f"cannot be written: {reason}", where=str(root), fix="free space or choose another folder"
    )
