"""Errors of the recommender: bad frames and artifacts that cannot be read."""

from __future__ import annotations


class RecsysError(ValueError):
    """Something the caller can put right: says what is wrong and what to do, in one readable line."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what}; {fix}" if fix else what)
        self.what, self.fix = what, fix


class BadFrame(RecsysError):
    """A training frame lacks a column or holds values that cannot be used."""


class BadArtifact(RecsysError):
    """Stored bytes or files are not ours, cut off, or of another format version."""


class OutdatedArtifact(BadArtifact):
    """A stored model is whole, but of a version of this program with other sources: it can no longer be asked."""
