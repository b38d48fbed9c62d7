"""Neighbouring pieces of text of a flat program, joined: fixed text and the shop's own values become one piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import nodes

from campaigns.rendering.holes import is_settled


def merged(body: Sequence[Any], *, settles: bool) -> list[Any]:
    """The same statements with neighbouring outputs as one, here and in every branch and loop.

    With `settles` the shop's values join the text around them.
    """
    out: list[Any] = []
    for node in body:
        if isinstance(node, nodes.Output) and out and isinstance(out[-1], nodes.Output):
            out[-1].nodes.extend(node.nodes)
            continue
        for field in ("body", "else_", "elif_"):
            inner = getattr(node, field, None)
            if isinstance(inner, list):
                setattr(node, field, merged(inner, settles=settles))
        out.append(node)
    for node in out:
        if settles and isinstance(node, nodes.Output):
            node.nodes = _runs(node.nodes)
    return out


def _runs(pieces: Sequence[nodes.Expr]) -> list[nodes.Expr]:
    """Stretches of fixed text and settled values as one expression each, which is looked up once."""
    out: list[nodes.Expr] = []
    run: list[nodes.Expr] = []
    for piece in pieces:
        if isinstance(piece, nodes.TemplateData) or is_settled(piece):
            run.append(piece)
            continue
        out += [*_joined(run), piece]
        run = []
    return out + _joined(run)


def _joined(run: list[nodes.Expr]) -> list[nodes.Expr]:
    if not any(isinstance(piece, nodes.Name) or piece.find(nodes.Name) for piece in run):
        return run  # Jinja would fold it into plain text, and that would be escaped once more
    return [nodes.Concat(run, lineno=run[0].lineno)]
