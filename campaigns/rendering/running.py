"""Opening, writing out and running one template file."""

from __future__ import annotations

from typing import Any

from jinja2 import Template, TemplateNotFound

from campaigns.rendering.compiler import Compiler
from campaigns.rendering.environment import SandboxEnvironment
from campaigns.rendering.failures import rendering_errors
from campaigns.rendering.flat_names import CannotFlatten
from campaigns.rendering.flatten import Flattener
from campaigns.rendering.holes import MjmlEnvironment
from campaigns.rendering.problems import TemplateProblem
from campaigns.rendering.quick import quick_program

FLATTEN_AFTER = 20  # renderings, for writing a template out takes as long as some hundred of them
TRIED_TIMES = 20  # renderings in which a flat text is compared before it is believed


class TextPart:
    """Subject, preheader or text of one template.

    After some renderings it runs written out flat. The flat program is compared with the template itself at first, and
    again whenever the HTML takes a shape not met before, for then the data is of a new kind.
    """

    def __init__(self, path: str, environment: SandboxEnvironment, compiler: Compiler, *, flatten_after: int) -> None:
        self._path, self._environment, self._compiler = path, environment, compiler
        self._template = opened(environment, path)
        self._flat: Template | None = None
        self._until_flat = flatten_after
        self._untried = TRIED_TIMES
        self._met = -1

    def text(self, values: dict[str, Any]) -> str:
        """What this part says to one recipient; raises TemplateProblem."""
        if self._flat is None:
            self._count()
            return rendered(self._template, values)
        try:
            found = rendered(self._flat, values)
        except TemplateProblem:
            self._flat = None
            return rendered(self._template, values)  # raises the same, with the author's file and line
        if self._untried or self._met != self._compiler.met:
            self._untried, self._met = max(self._untried - 1, 0), self._compiler.met
            if found != rendered(self._template, values):
                self._flat = None
                return rendered(self._template, values)
        return found

    def _count(self) -> None:
        self._until_flat = max(self._until_flat - 1, -1)
        if self._until_flat == 0:
            self._flat = flattened(self._environment, self._path)


def flattened(environment: SandboxEnvironment, path: str) -> Template | None:
    """The template written out, or None where that cannot be done with certainty."""
    try:
        with rendering_errors(path):
            flattener = Flattener(environment)
            return flattener.flat(path, flattener.body(path))
    except (CannotFlatten, TemplateProblem):
        return None


def written_out(environment: MjmlEnvironment, path: str) -> tuple[Template | None, list[Template]]:
    """The flat program of a body, and those that compute values and path only, the quickest first."""
    try:
        with rendering_errors(path):
            flattener = Flattener(environment)
            body = flattener.body(path)
            quick = [quick_program(environment, path, body, careful=careful) for careful in (False, True)]
            return flattener.flat(path, body), quick
    except (CannotFlatten, TemplateProblem):
        return None, []


def opened(environment: SandboxEnvironment, path: str) -> Template:
    """The parsed template; raises TemplateProblem where the file is missing or wrong."""
    try:
        with rendering_errors(path):
            return environment.get_template(path)
    except TemplateNotFound as lacking:
        raise TemplateProblem("this file is missing", file=path, fix=f"add {path}") from lacking


def rendered(template: Template, values: dict[str, Any]) -> str:
    """What a template prints, with a budget of its own; raises TemplateProblem."""
    environment = template.environment
    if isinstance(environment, SandboxEnvironment):
        environment.budget.start()
    with rendering_errors(template.name or ""):
        return environment.concat(template.root_render_func(template.new_context(values)))
