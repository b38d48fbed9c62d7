"""What can be wrong with a template, in one line a template author can act on."""

from __future__ import annotations

from campaigns.domain.errors import InvalidInput


class TemplateProblem(InvalidInput):
    """A template cannot be compiled or rendered.

    `file` is the path below the templates folder (`abandoned_cart/body.mjml`), `line` starts at 1 (0 where
    unknown), `tag` is the offending tag or expression as the author wrote it ("" where none is to blame).
    """

    def __init__(self, what: str, *, file: str = "", line: int = 0, tag: str = "", fix: str = "") -> None:
        self.file, self.line, self.tag = file, line, tag
        place = f"{file}:{line}" if file and line else file
        super().__init__(f"{what} (at {tag})" if tag else what, where=place, fix=fix)


class UnsafeTemplate(TemplateProblem):
    """The template asked for something the sandbox does not give: a hidden attribute, a call, too much work or
    memory.
    """
