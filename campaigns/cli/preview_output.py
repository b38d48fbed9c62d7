"""A preview on paper: as text, HTML, message, JSON or pictures."""

from __future__ import annotations

import sys
from pathlib import Path

from campaigns.cli.browser import LOOKS, Look, pictures
from campaigns.cli.output import Output
from campaigns.clock import WallClock
from campaigns.pipeline.preview import Preview, Studio
from campaigns.pipeline.preview_samples import with_sample_pictures
from campaigns.pipeline.preview_snapshots import plain_links

FORMATS = ("html", "text", "eml", "png", "json")


def write_preview(
    output: Output,
    studio: Studio,
    shown: Preview,
    form: str,
    out: Path | None,
    *,
    width: int,
    dark: bool,
    looks: bool,
) -> None:
    """Writes one preview to `out`, else to standard output; pictures get names of their own."""
    if form == "json":
        from campaigns.pipeline.preview_mail import message_bytes

        size = len(message_bytes(studio, shown, WallClock().now()))
        told = shown.as_json()
        output.document(told | {"sizes": {**told["sizes"], "message": size}})
        return
    if shown.scene.verdict.line and (form != "text" or out is not None):
        output.note(shown.scene.verdict.line)
    if form == "png":
        _write_pictures(output, studio, shown, out, LOOKS if looks else (Look(width, dark),))
    else:
        _write(_bytes(studio, shown, form), out)


def page_of(studio: Studio, html: str) -> str:
    """A mail's HTML as a file of its own: the samples' pictures inside, and links that lead to the shop."""
    return with_sample_pictures(plain_links(html, studio.links.base_url))


def _write_pictures(output: Output, studio: Studio, shown: Preview, out: Path | None, looks: tuple[Look, ...]) -> None:
    page = page_of(studio, shown.email.html)
    single = len(looks) == 1
    paths = [out if out and single else (out or Path()) / f"{shown.name}-{look.name}.png" for look in looks]
    for path, taken in zip(paths, pictures((page, look) for look in looks), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(taken)
        output.line(f"Wrote {path}")


def _bytes(studio: Studio, shown: Preview, form: str) -> bytes:
    email = shown.email
    if form == "html":
        return page_of(studio, email.html).encode()
    if form == "text":
        verdict = shown.scene.verdict
        fate = f"{verdict.headline}: {verdict.code}\n{verdict.says}\n\n" if verdict.headline else ""
        return f"{fate}Subject: {email.subject}\nPreview: {email.preheader}\n\n{email.text}".encode()
    from campaigns.pipeline.preview_mail import message_bytes

    return message_bytes(studio, shown, WallClock().now())


def _write(content: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.write(b"" if content.endswith(b"\n") else b"\n")
        sys.stdout.flush()
    else:
        out.write_bytes(content)
