"""The HTML part of a mail: its shape from Jinja, its layout from MJML, its values checked and filled in."""

from __future__ import annotations

from typing import Any

from jinja2 import Template
from markupsafe import escape

from campaigns.rendering.compiler import Compiler, with_preheader
from campaigns.rendering.composing import Composer
from campaigns.rendering.holes import MARK, MjmlEnvironment
from campaigns.rendering.layout import LinkRewriter
from campaigns.rendering.mjml import MjmlProblem, check_structure, html_from_mjml
from campaigns.rendering.problems import TemplateProblem
from campaigns.rendering.running import FLATTEN_AFTER, flattened, opened, rendered
from campaigns.rendering.tracing import TracedSource, TracingEnvironment, traced
from campaigns.rendering.units import Unit, cut, without_bounds


class Body:
    """`body.mjml` of one template. After some renderings it runs written out flat; each new shape of the flat program
    is
    compared with the template itself before it is believed."""

    def __init__(
        self, path: str, environment: MjmlEnvironment, tracing: TracingEnvironment, compiler: Compiler
    ) -> None:
        self._path, self._environment, self._tracing, self._compiler = path, environment, tracing, compiler
        self._composer = Composer(compiler)
        self._template = opened(environment, path)
        self._flat: Template | None = None
        self._until_flat = FLATTEN_AFTER

    def html(self, values: dict[str, Any], rewrite: LinkRewriter | None) -> str:
        """The HTML of one recipient; `rewrite` makes tracked links of external ones."""
        source, unit, filling = self._shape_and_values(values)
        try:
            layout = self._composer.layout(source, unit, filling)
        except MjmlProblem as problem:
            raise self._placed(problem, values) from problem
        return layout.fill([*filling, str(escape(values["mail"]["preheader"])), ""], rewrite)

    def html_uncompiled(self, values: dict[str, Any]) -> str:
        """Jinja first, MJML after, nothing kept."""
        source = self._run(self._template, values, holes=False)
        return with_preheader(html_from_mjml(source), source, str(escape(values["mail"]["preheader"])))

    def traced(self, values: dict[str, Any]) -> TracedSource:
        """The mail's MJML with the file and line of every part of it."""
        self._tracing.holes.start((), off=True)
        return traced(rendered(self._tracing.get_template(self._path), values))

    def _shape_and_values(self, values: dict[str, Any]) -> tuple[str, Unit | None, list[str]]:
        if self._flat is None and self._until_flat:
            self._until_flat -= 1
            if not self._until_flat:
                self._flat = flattened(self._environment, self._path)
        if self._flat is not None:
            found = self._run_flat(self._flat, values)
            if found is not None:
                return found
            self._flat = None
        source, filling = self._run_whole(values)
        return source, None, filling

    def _run_flat(self, flat: Template, values: dict[str, Any]) -> tuple[str, Unit | None, list[str]] | None:
        """What the flat program gives; None where the template itself gives something else."""
        try:
            source = self._run(flat, values, holes=True)
        except TemplateProblem:
            self._run_whole(values)  # raises the same, with the author's file and line
            return None
        filling = self._environment.holes.values
        if source.count(MARK) != len(filling):
            return None
        if self._composer.has(source):
            return source, None, filling
        unit = cut(source)
        if not self._composer.knows(source, unit):
            bare = without_bounds(source)
            if _together(bare, filling) != _together(*self._run_whole(values)):
                return None
        return source, unit, filling

    def _run_whole(self, values: dict[str, Any]) -> tuple[str, list[str]]:
        source = self._run(self._template, values, holes=True)
        filling = self._environment.holes.values
        if source.count(MARK) == len(filling):
            return source, filling
        # A construct that printed and threw away: without holes it is slower and never wrong.
        return self._run(self._template, values, holes=False), []

    def _run(self, template: Template, values: dict[str, Any], *, holes: bool) -> str:
        mail = values["mail"]
        self._environment.holes.start((values.get("shop"), mail["language"], mail["direction"]), off=not holes)
        return rendered(template, values)

    def _placed(self, problem: MjmlProblem, values: dict[str, Any]) -> TemplateProblem:
        """The same problem with the author's file and line, found by rendering once more with notes."""
        found = self.traced(values)
        try:
            check_structure(found.source)
            html_from_mjml(found.source)
        except MjmlProblem as again:
            problem = again
        file, line = found.origin(problem.position) if problem.position >= 0 else ("", 0)
        return TemplateProblem(problem.fault, file=file or self._path, line=line, tag=problem.tag, fix=problem.fix)


def _together(source: str, filling: list[str]) -> str:
    """A shape with its values in their places."""
    pieces = source.split(MARK)
    return "".join([part for pair in zip(pieces, [*filling, ""], strict=True) for part in pair])
