"""One rendering of a template for one persona, as the checks look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from campaigns.domain.message import RenderedEmail
from campaigns.rendering.lint.document import Document
from campaigns.rendering.lint.rules import Finding, finding
from campaigns.rendering.tracing import TracedSource


@dataclass
class Mail:
    """What came out (`email`), from what MJML (`traced`, with file and line of every part), for whom."""

    template: str
    persona: str
    context: Mapping[str, Any]
    email: RenderedEmail
    traced: TracedSource

    @cached_property
    def document(self) -> Document:
        return Document(self.email.html)

    def at(self, rule: str, message: str, position: int) -> Finding:
        """A finding at a character of the MJML."""
        file, line = self.traced.origin(position) if position >= 0 else ("", 0)
        return finding(rule, message, file=file or f"{self.template}/body.mjml", line=line, persona=self.persona)

    def near(self, rule: str, message: str, words: str) -> Finding:
        """A finding where the MJML first says `words`."""
        return self.at(rule, message, self.traced.source.find(words[:40]) if words else -1)

    def whole(self, rule: str, message: str, part: str = "body.mjml") -> Finding:
        """A finding about one part of the mail."""
        return finding(rule, message, file=f"{self.template}/{part}", line=1, persona=self.persona)
