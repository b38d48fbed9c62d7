"""The HTML part of a mail: its shape from Jinja, its layout from MJML, its values checked and filled in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from jinja2 import Template

from campaigns.rendering.compiler import Compiler, hidden_preheader, with_preheader
from campaigns.rendering.composing import CannotCompose, Composer
from campaigns.rendering.failures import rendering_errors
from campaigns.rendering.folding import folded
from campaigns.rendering.holes import MARK, Holes, MjmlEnvironment
from campaigns.rendering.keeping import Allowance
from campaigns.rendering.layout import LinkRewriter
from campaigns.rendering.limits import checked_length
from campaigns.rendering.mjml import MjmlProblem, check_structure, html_from_mjml
from campaigns.rendering.problems import TemplateProblem
from campaigns.rendering.quick import MAX_LEARNED, MAX_PATHS, CannotLearn, DoubtfulAddress, LearningWalk, NotMet, Walk
from campaigns.rendering.running import TRIED_TIMES, opened, rendered, written_out
from campaigns.rendering.seen import SeenByMjml, seen_by_mjml
from campaigns.rendering.tracing import TracedSource, TracingEnvironment, traced
from campaigns.rendering.units import Closing, Unit, cut, without_bounds

_log = logging.getLogger(__name__)
_BODIES = count()
CAREFUL_TIMES = 20  # after an address that is not plain: a shop that has one has more


@dataclass(frozen=True, slots=True)
class _Run:
    """A mail's MJML with marks, its values, and its units where it was cut into some."""

    source: str
    values: list[str]
    unit: Unit | None = None
    closings: Sequence[Closing] = ()
    once: bool = False  # a new shape that is not to be kept


class Body:
    """`body.mjml` of one template. After some renderings it runs written out flat; each new shape of the flat program
    is
    compared with the template itself before it is believed."""

    def __init__(
        self,
        path: str,
        environment: MjmlEnvironment,
        tracing: TracingEnvironment,
        compiler: Compiler,
        *,
        flatten_after: int,
    ) -> None:
        self._path, self._environment, self._tracing, self._compiler = path, environment, tracing, compiler
        self._composer = Composer(compiler)
        self._template = opened(environment, path)
        self._flat: Template | None = None
        self._quick: list[Template] = []  # the quickest first; what errs is dropped
        self._until_flat = flatten_after
        self._untried = TRIED_TIMES  # mails of known shapes in which the flat program is compared, too
        self._allowance, self._told = Allowance(), False
        self._careful = 0  # renderings that check each address where it stands
        self._key = next(_BODIES)

    def html(self, values: dict[str, Any], rewrite: LinkRewriter | None) -> str:
        """The HTML of one recipient; `rewrite` makes tracked links of external ones."""
        html = self._html_quickly(values, rewrite) if self._quick else None
        if html is None:
            return self._html_slowly(values, rewrite)
        self._allowance.earn()
        return html

    def _html_quickly(self, values: dict[str, Any], rewrite: LinkRewriter | None) -> str | None:
        """The HTML from paths taken before; None where this one was not, or something is wrong."""
        if not self._environment.may_settle:
            return None
        careful = self._careful > 0
        self._careful = max(self._careful - 1, 0)
        holes = self._started(values)
        try:
            return self._walked(Walk(holes.paths, rewrite, holes, careful=careful), values)
        except DoubtfulAddress:
            self._careful = CAREFUL_TIMES
            return self._html_quickly(values, rewrite)
        except (NotMet, TemplateProblem):
            return None

    def _html_slowly(self, values: dict[str, Any], rewrite: LinkRewriter | None) -> str:
        run = self._shape_and_values(values)
        if run.once:
            return self._html_once(values, rewrite)
        try:
            layout = self._composer.layout(run.source, run.unit, run.values)
        except MjmlProblem as problem:
            raise self._placed(problem, values) from problem
        html = layout.fill([*run.values, _preheader(values), ""], rewrite)
        if self._quick and run.unit is not None and self._environment.may_settle:
            self._learn(run, values, rewrite, html)
        return html

    def _html_once(self, values: dict[str, Any], rewrite: LinkRewriter | None) -> str:
        """The HTML of a mail whose shape is compiled for it alone."""
        if not self._told:
            self._told = True
            _log.warning("%s has a new shape for nearly every mail: it is compiled for each, slowly", self._path)
        source, filling = self._run_whole(values)
        try:
            layout = self._compiler.once(source, filling)
        except MjmlProblem as problem:
            raise self._placed(problem, values) from problem
        return layout.fill([*filling, _preheader(values), ""], rewrite)

    def _walked(self, walk: Walk, values: dict[str, Any]) -> str:
        self._environment.holes.walk = walk
        rendered(self._quick[0], values)
        with rendering_errors(self._path):
            return checked_length(walk.finish(_preheader(values)))

    def _learn(self, run: _Run, values: dict[str, Any], rewrite: LinkRewriter | None, html: str) -> None:
        """Notes what the path of a mail just made gives; a quick program that gives another mail is given up."""
        if run.unit is None:
            return
        holes = self._started(values)
        known = holes.paths
        if len(known) >= MAX_PATHS or holes.learned > MAX_LEARNED:
            holes.forget_paths()
        try:
            walk = LearningWalk(known, rewrite, holes, self._composer, run.unit, run.closings)
            if self._walked(walk, values) == html:
                return
        except (CannotLearn, CannotCompose, NotMet, MjmlProblem, TemplateProblem):
            pass
        del self._quick[0]

    def html_uncompiled(self, values: dict[str, Any]) -> str:
        """Jinja first, MJML after, nothing kept."""
        source = self._run(self._template, values, holes=False)
        return folded(with_preheader(html_from_mjml(source), source, _preheader(values)))

    def traced(self, values: dict[str, Any]) -> TracedSource:
        """The mail's MJML with the file and line of every part of it."""
        self._tracing.start((self._key,), values.get("shop"), off=True)
        return traced(rendered(self._tracing.get_template(self._path), values))

    def seen_by_mjml(self, values: dict[str, Any]) -> SeenByMjml:
        """What has to be filled before MJML runs, by the lines that print it; raises TemplateProblem."""
        holes = self._tracing.start((self._key, values["mail"]["language"]), values.get("shop"))
        noted = rendered(self._tracing.get_template(self._path), values)
        try:
            return seen_by_mjml(noted, holes.values)
        except MjmlProblem as problem:
            raise self._placed(problem, values) from problem

    def _shape_and_values(self, values: dict[str, Any]) -> _Run:
        if self._flat is None and self._until_flat:
            self._until_flat -= 1
            if not self._until_flat:
                self._flat, self._quick = written_out(self._environment, self._path)
        if self._flat is not None:
            found = self._run_flat(self._flat, values)
            if found is not None:
                return found
            self._flat, self._quick = None, []
        source, filling = self._run_whole(values)
        return _Run(source, filling, once=not self._composer.knows(source, None) and not self._allowance.spend())

    def _run_flat(self, flat: Template, values: dict[str, Any]) -> _Run | None:
        """What the flat program gives; None where the template itself gives something else."""
        try:
            source = self._run(flat, values, holes=True)
        except TemplateProblem:
            self._run_whole(values)  # raises the same, with the author's file and line
            return None
        filling = self._environment.holes.values
        if source.count(MARK) != len(filling):
            return None
        unit, closings = cut(source)
        is_known = self._composer.knows(source, unit)
        if is_known:
            self._allowance.earn()
        elif not self._allowance.spend():
            return _Run(source, filling, once=True)
        if is_known and not self._untried:
            return _Run(source, filling, unit, closings)
        self._untried = max(self._untried - 1, 0)
        if _together(without_bounds(source), filling) != _together(*self._run_whole(values)):
            return None
        return _Run(source, filling, unit, closings)

    def _run_whole(self, values: dict[str, Any]) -> tuple[str, list[str]]:
        source = self._run(self._template, values, holes=True)
        filling = self._environment.holes.values
        if source.count(MARK) == len(filling):
            return source, filling
        # A construct that printed and threw away: without holes it is slower and never wrong.
        return self._run(self._template, values, holes=False), []

    def _run(self, template: Template, values: dict[str, Any], *, holes: bool) -> str:
        self._started(values, off=not holes)
        return rendered(template, values)

    def _started(self, values: dict[str, Any], *, off: bool = False) -> Holes:
        mail = values["mail"]
        return self._environment.start((self._key, mail["language"]), values.get("shop"), off=off)

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


def _preheader(values: dict[str, Any]) -> str:
    return hidden_preheader(values["mail"]["preheader"])


def _together(source: str, filling: list[str]) -> str:
    """A shape with its values in their places."""
    pieces = source.split(MARK)
    return "".join([part for pair in zip(pieces, [*filling, ""], strict=True) for part in pair])
