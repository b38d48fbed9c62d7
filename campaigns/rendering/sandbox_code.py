"""The Python that Jinja's compiler writes for a template, with the sandbox's counting and its short cuts in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame


def buffered(body: list[nodes.Node]) -> nodes.Scope:
    """Statements whose output is collected in a list and handed on at once."""
    scope = nodes.Scope(body, lineno=1)
    scope.buffered = True  # type: ignore[attr-defined]
    return scope


class SandboxCode(CodeGenerator):
    """Generates `~` and `for` through the environment, where they are counted."""

    _speakers_bound = False

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.autoescape or frame.eval_ctx.volatile:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("(v if (v := ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.autoescape or frame.eval_ctx.volatile:
            super()._output_child_post(node, frame, finalize)
        else:
            self.write(").__class__ is str else environment.printed(v))")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("), context.eval_ctx.autoescape)")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802
        if isinstance(node.node, nodes.EnvironmentAttribute):  # ours, not the author's
            self.write(f"environment.{node.node.name}(")
            self.visit(node.args[0], frame)
            self.write(")")
        elif self._speakers_bound and isinstance(node.node, nodes.Name) and node.node.name in ("t", "_"):
            self.write(f"say_{node.node.name.strip('_')}(context")
            self.signature(node, frame)
            self.write(")")
        else:
            super().visit_Call(node, frame, forward_caller=forward_caller)

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802
        """Most texts are short enough for `truncate` as they are: that is seen without a call."""
        length = _truncated_to(node)
        if length is None or node.node is None:
            super().visit_Filter(node, frame)
            return
        self.write("(text if (text := ")
        self.visit(node.node, frame)
        self.write(f").__class__ is str and len(text) <= {length} else {self.filters[node.name]}(environment, text")
        self.signature(node, frame)
        self.write("))")

    def bind_speakers(self) -> None:
        """Looks `t` and `_` up once: in a flat program nothing else can bear these names."""
        self.writeline("say_, say_t = environment.speaking(context, '_'), environment.speaking(context, 't')")
        self._speakers_bound = True

    def visit_Scope(self, node: nodes.Scope, frame: Frame) -> None:  # noqa: N802
        if not getattr(node, "buffered", False):
            super().visit_Scope(node, frame)
            return
        inner = frame.inner()
        inner.symbols.analyze_node(node)
        self.enter_frame(inner)
        self.bind_speakers()
        self.buffer(inner)
        self.blockvisit(node.body, inner)
        self.writeline(f"yield concat({inner.buffer})")
        self.leave_frame(inner)

    def visit_List(self, node: nodes.List, frame: Frame) -> None:  # noqa: N802
        self._weighed(super().visit_List, node, frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802
        if node.ctx == "load":
            self._weighed(super().visit_Tuple, node, frame)
        else:
            super().visit_Tuple(node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802
        self._weighed(super().visit_Dict, node, frame)

    def _weighed(self, visit: Callable[[Any, Frame], None], node: nodes.Node, frame: Frame) -> None:
        if node.find(nodes.Name) is None and node.find(nodes.Call) is None:
            visit(node, frame)
            return
        self.write("environment.weighed(")
        visit(node, frame)
        self.write(")")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802
        """Reads a key of a plain dict without a call; everything else goes through the sandbox."""
        if not isinstance(node.node, nodes.Name):
            super().visit_Getattr(node, frame)
            return
        name = frame.symbols.ref(node.node.name)
        self.write(f"({name}[{node.attr!r}] if {name}.__class__ is dict and {node.attr!r} in {name} else ")
        super().visit_Getattr(node, frame)
        self.write(")")


def _truncated_to(node: nodes.Filter) -> int | None:
    """The length of a `truncate` that leaves every text of that length alone."""
    given = [each.value if isinstance(each, nodes.Const) else None for each in node.args]
    plain = node.name == "truncate" and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
    if not plain or len(given) < 3 or type(given[0]) is not int or type(given[2]) is not str:
        return None
    return given[0] if len(given[2]) <= given[0] else None


def count_loops(tree: nodes.Node) -> None:
    """Wraps what every loop runs over, so that its turns are paid from the budget."""
    for loop in tree.find_all(nodes.For):
        counted_items = nodes.EnvironmentAttribute("counted_items")
        loop.iter = nodes.Call(counted_items, [loop.iter], [], None, None, lineno=loop.lineno)
