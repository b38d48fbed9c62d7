"""One flat program for a template: layouts, includes, imports and macros written out where they are used.

Jinja calls macros, makes modules and contexts, and hands every piece of text through each layout anew for every
recipient. Written out once, with every local name made unique and constant arguments put in, a template with many
macros runs about three times as fast. What cannot be written out with certainty raises CannotFlatten, and the template
runs as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from jinja2 import Template, nodes

from campaigns.rendering.environment import SandboxEnvironment
from campaigns.rendering.fixed_parts import mark_fixed
from campaigns.rendering.flat_names import (
    BlockHere,
    CallerHere,
    CannotFlatten,
    MacroHere,
    ModuleHere,
    Renamed,
    Scope,
    Unreachable,
    constant_value,
    copied,
    own_names,
    set_in,
)
from campaigns.rendering.flat_text import merged
from campaigns.rendering.holes import MjmlEnvironment, is_settled
from campaigns.rendering.sandbox_code import buffered
from campaigns.rendering.units import with_bounds

MAX_DEPTH = 40
MAX_STATEMENTS = 5_000


_TOP_STATEMENTS = (nodes.Import, nodes.FromImport, nodes.Macro, nodes.Assign)


class Flattener:
    """Writes out one template."""

    def __init__(self, environment: SandboxEnvironment) -> None:
        self.environment = environment
        self._fresh = count()
        self._depth = 0
        self._written = 0
        self._blocks: dict[str, list[tuple[nodes.Block, str]]] = {}

    def body(self, name: str) -> list[nodes.Node]:
        """The written-out statements, with the bounds of units where it is MJML."""
        written = self._inherited(name, Scope(is_open=True))
        if not isinstance(self.environment, MjmlEnvironment):
            return written
        if self.environment.may_settle:
            mark_fixed(written)
        return with_bounds(written)

    def flat(self, name: str, body: Sequence[nodes.Node]) -> Template:
        """The written-out statements, compiled."""
        is_mjml = isinstance(self.environment, MjmlEnvironment)
        tree = nodes.Template([buffered(merged(body, settles=is_mjml))], lineno=1)
        tree.set_environment(self.environment)
        environment = self.environment
        code = environment._compile(str(environment._generate(tree, name, name)), f"<flat {name}>")
        return environment.template_class.from_code(environment, code, environment.globals)

    def _tree(self, name: str) -> nodes.Template:
        loader = self.environment.loader
        if loader is None:
            raise CannotFlatten("no loader")
        return self.environment.parse(loader.get_source(self.environment, name)[0], name)

    def _inherited(self, name: str, scope: Scope) -> list[nodes.Node]:
        """The statements of a template and its layouts: what the child sets first, then the outermost layout."""
        tree = self._tree(name)
        parents = list(tree.find_all(nodes.Extends))
        for block in tree.find_all(nodes.Block):
            self._blocks.setdefault(block.name, []).append((block, name))
        if not parents:
            return self._statements(tree.body, scope, name)
        if len(parents) > 1 or parents[0] not in tree.body or not isinstance(parents[0].template, nodes.Const):
            raise CannotFlatten("a conditional extends")
        kept = [
            each for each in tree.body if isinstance(each, nodes.Import | nodes.FromImport | nodes.Macro | nodes.Assign)
        ]
        others = [each for each in tree.body if each not in kept and not isinstance(each, nodes.Output | nodes.Block)]
        if others != parents:
            raise CannotFlatten("statements beside the blocks")
        own = self._statements(kept, scope, name)
        return own + self._inherited(self.environment.join_path(str(parents[0].template.value), name), scope)

    def _statements(self, body: Sequence[nodes.Node], scope: Scope, file: str) -> list[nodes.Node]:
        out: list[nodes.Node] = []
        for node in body:
            self._written += 1
            if self._written > MAX_STATEMENTS:
                raise CannotFlatten("too long")
            writer = getattr(self, f"_write_{type(node).__name__.lower()}", None)
            if writer is None:
                raise CannotFlatten(type(node).__name__)
            out += writer(node, scope, file)
        return out

    def _nested(self, body: Sequence[nodes.Node], scope: Scope, file: str) -> list[nodes.Node]:
        """A branch of a condition."""
        if any(isinstance(each, nodes.Macro | nodes.Import | nodes.FromImport) for each in body):
            raise CannotFlatten("a macro or import in a condition")
        return self._statements(body, scope, file)

    def _write_output(self, node: nodes.Output, scope: Scope, file: str) -> list[nodes.Node]:
        out: list[nodes.Node] = []
        for child in node.nodes:
            written = self._inlined(child, scope, file)
            if written is None:
                out.append(nodes.Output([self._expression(child, scope)], lineno=child.lineno))
            else:
                out += written
        return out

    def _inlined(self, node: nodes.Expr, scope: Scope, file: str) -> list[nodes.Node] | None:
        """What stands for a printed call of a macro, `caller()` or `super()`; None for other expressions."""
        if isinstance(node, nodes.CondExpr) and node.find(nodes.Call) and node.expr2 is not None:
            first, second = (self._write_output(nodes.Output([each]), scope, file) for each in (node.expr1, node.expr2))
            return [nodes.If(self._expression(node.test, scope), first, [], second, lineno=node.lineno)]
        if not isinstance(node, nodes.Call):
            return None
        called = self._called(node.node, scope)
        if isinstance(called, MacroHere):
            return self._call(node, called.node, called.scope, called.file, scope, None)
        if isinstance(called, CallerHere):
            return self._call(node, called.node, called.scope, called.file, scope, None)
        if isinstance(called, BlockHere):
            return self._block(called, scope)
        return None

    def _called(self, node: nodes.Expr, scope: Scope) -> Any:
        if isinstance(node, nodes.Name):
            return scope.find(node.name)
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
            module = scope.find(node.node.name)
            return module.scope.bound.get(node.attr) if isinstance(module, ModuleHere) else None
        return None

    def _call(
        self,
        call: nodes.Call,
        macro: nodes.Macro | nodes.CallBlock,
        around: Scope,
        file: str,
        scope: Scope,
        caller: CallerHere | None,
    ) -> list[nodes.Node]:
        """A macro's body with its arguments bound; names are looked up where the macro stands, arguments where it is
        called.
        """
        if call.dyn_args is not None or call.dyn_kwargs is not None or self._depth > MAX_DEPTH:
            raise CannotFlatten("a call with * or **, or recursion")
        free = {name.name for name in own_names(macro.body)}
        if free & {"varargs", "kwargs", "loop"}:
            raise CannotFlatten("varargs, kwargs or a loop of its caller")
        inner = Scope(around)
        targets, values = self._bound_arguments(call, macro, inner, scope)
        if caller is not None or isinstance(macro, nodes.Macro):
            inner.bound["caller"] = caller
        self._depth += 1
        body = self._statements(macro.body, inner, file)
        self._depth -= 1
        pairs = zip(targets, values, strict=True)
        return [*(nodes.Assign(target, value, lineno=call.lineno) for target, value in pairs), *body]

    def _bound_arguments(
        self, call: nodes.Call, macro: nodes.Macro | nodes.CallBlock, inner: Scope, scope: Scope
    ) -> tuple[list[nodes.Expr], list[nodes.Expr]]:
        given: dict[str, nodes.Expr] = {}
        names = [each.name for each in macro.args]
        if len(call.args) > len(names):
            raise CannotFlatten("too many arguments")
        given.update(zip(names, call.args, strict=False))
        for keyword in call.kwargs:
            if keyword.key not in names or keyword.key in given:
                raise CannotFlatten("an argument nobody takes")
            given[keyword.key] = keyword.value
        defaults = dict(zip(reversed(names), reversed(macro.defaults), strict=False))
        targets: list[nodes.Expr] = []
        values: list[nodes.Expr] = []
        for name in names:
            if name not in given and name not in defaults:
                raise CannotFlatten("an argument is missing")
            value = (
                self._expression(given[name], scope)
                if name in given
                else self._expression(defaults[name], Scope(inner.outer))
            )
            if isinstance(value, nodes.Const) or is_settled(value):
                inner.bound[name] = value
            else:
                inner.bound[name] = target = self._fresh_name(name)
                targets.append(nodes.Name(target, "store", lineno=call.lineno))
                values.append(value)
        return targets, values

    def _fresh_name(self, name: str) -> str:
        return f"f{next(self._fresh)}_{name}"

    def _write_if(self, node: nodes.If, scope: Scope, file: str) -> list[nodes.Node]:
        test = self._expression(node.test, scope)
        known = constant_value(test, self.environment)
        if known is not None:
            if known[0]:
                return self._nested(node.body, scope, file)
            if node.elif_:
                first, *rest = node.elif_
                return self._write_if(
                    nodes.If(first.test, first.body, rest, node.else_, lineno=first.lineno), scope, file
                )
            return self._nested(node.else_, scope, file)
        before = self._kept_names(node, scope)
        test = self._expression(node.test, scope)
        branches = [
            nodes.If(
                self._expression(each.test, scope), self._nested(each.body, scope, file), [], [], lineno=each.lineno
            )
            for each in node.elif_
        ]
        body, otherwise = self._nested(node.body, scope, file), self._nested(node.else_, scope, file)
        return [*before, nodes.If(test, body, branches, otherwise, lineno=node.lineno)]

    def _kept_names(self, node: nodes.If, scope: Scope) -> list[nodes.Node]:
        """Names that a branch sets are seen after the condition too: they get one flat name, and their value of
        before.
        """
        before: list[nodes.Node] = []
        for name in sorted(set(set_in(node)) - (scope.kept & set(scope.bound))):
            value = self._expression(nodes.Name(name, "load", lineno=node.lineno), scope)
            scope.bound[name] = flat = self._fresh_name(name)
            scope.kept.add(name)
            before.append(nodes.Assign(nodes.Name(flat, "store", lineno=node.lineno), value, lineno=node.lineno))
        return before

    def _write_for(self, node: nodes.For, scope: Scope, file: str) -> list[nodes.Node]:
        if node.recursive:
            raise CannotFlatten("a recursive loop")
        inner = Scope(scope, {"loop": "loop"})
        iterated = self._expression(node.iter, scope)
        target = self._target(node.target, inner)
        test = self._expression(node.test, inner) if node.test is not None else None
        body = self._statements(node.body, inner, file)
        otherwise = self._nested(node.else_, scope, file)
        return [nodes.For(target, iterated, body, otherwise, test, False, lineno=node.lineno)]

    def _target(self, node: nodes.Node, scope: Scope) -> Any:
        if isinstance(node, nodes.Name):
            kept = scope.bound.get(node.name) if node.name in scope.kept else None
            scope.bound[node.name] = name = kept or self._fresh_name(node.name)
            return nodes.Name(name, "store", lineno=node.lineno)
        if isinstance(node, nodes.Tuple):
            return nodes.Tuple([self._target(each, scope) for each in node.items], "store", lineno=node.lineno)
        raise CannotFlatten("an assignment to an attribute")

    def _write_with(self, node: nodes.With, scope: Scope, file: str) -> list[nodes.Node]:
        inner = Scope(scope)
        values = [self._expression(each, scope) for each in node.values]
        targets = [self._target(each, inner) for each in node.targets]
        for target in targets:
            target.set_ctx("param")
        return [nodes.With(targets, values, self._statements(node.body, inner, file), lineno=node.lineno)]

    def _write_assign(self, node: nodes.Assign, scope: Scope, file: str) -> list[nodes.Node]:
        if isinstance(node.target, nodes.NSRef):
            found = scope.find(node.target.name)
            if not isinstance(found, str):
                raise CannotFlatten("an unknown namespace")
            return [
                nodes.Assign(
                    nodes.NSRef(found, node.target.attr), self._expression(node.node, scope), lineno=node.lineno
                )
            ]
        value = self._expression(node.node, scope)
        return [nodes.Assign(self._target(node.target, scope), value, lineno=node.lineno)]

    def _write_filterblock(self, node: nodes.FilterBlock, scope: Scope, file: str) -> list[nodes.Node]:
        body = self._nested(node.body, Scope(scope, is_open=scope.is_open), file)
        return [nodes.FilterBlock(body, self._expression(node.filter, scope), lineno=node.lineno)]

    def _write_assignblock(self, node: nodes.AssignBlock, scope: Scope, file: str) -> list[nodes.Node]:
        if not isinstance(node.target, nodes.Name):
            raise CannotFlatten("an assignment to an attribute")
        body = self._nested(node.body, Scope(scope), file)
        used = self._expression(node.filter, scope) if node.filter is not None else None
        return [nodes.AssignBlock(self._target(node.target, scope), used, body, lineno=node.lineno)]

    def _write_exprstmt(self, node: nodes.ExprStmt, scope: Scope, file: str) -> list[nodes.Node]:
        return [nodes.ExprStmt(self._expression(node.node, scope), lineno=node.lineno)]

    def _write_macro(self, node: nodes.Macro, scope: Scope, file: str) -> list[nodes.Node]:
        scope.bound[node.name] = MacroHere(node, scope, file)
        return []

    def _write_callblock(self, node: nodes.CallBlock, scope: Scope, file: str) -> list[nodes.Node]:
        called = self._called(node.call.node, scope)
        if not isinstance(called, MacroHere):
            raise CannotFlatten("a call of something else than a macro")
        caller = CallerHere(node, scope, file)
        return self._call(node.call, called.node, called.scope, called.file, scope, caller)

    def _write_block(self, node: nodes.Block, scope: Scope, file: str) -> list[nodes.Node]:
        if not scope.is_open or self._depth:
            raise CannotFlatten("a block in a loop or macro")
        return self._block(BlockHere(self._blocks[node.name], 0), scope)

    def _block(self, block: BlockHere, scope: Scope) -> list[nodes.Node]:
        """A block sees what the file sets at its top, not what the block around it sets."""
        if block.index >= len(block.versions):
            raise CannotFlatten("super() without a parent")
        node, file = block.versions[block.index]
        top = scope
        while top.outer is not None:
            top = top.outer
        inner = Scope(top, {"super": BlockHere(block.versions, block.index + 1)}, is_open=True)
        return self._statements(node.body, inner, file)

    def _write_import(self, node: nodes.Import, scope: Scope, file: str) -> list[nodes.Node]:
        module, written = self._module(node, scope, file)
        scope.bound[node.target] = ModuleHere(module)
        return written

    def _write_fromimport(self, node: nodes.FromImport, scope: Scope, file: str) -> list[nodes.Node]:
        module, written = self._module(node, scope, file)
        for name in node.names:
            taken, alias = name if isinstance(name, tuple) else (name, name)
            if taken not in module.bound:
                raise CannotFlatten("an import of nothing")
            scope.bound[alias] = module.bound[taken]
        return written

    def _module(self, node: nodes.Import | nodes.FromImport, scope: Scope, file: str) -> tuple[Scope, list[nodes.Node]]:
        name = self._named(node.template, file)
        module = Scope(scope, with_context=node.with_context)
        kept = [each for each in self._tree(name).body if not isinstance(each, nodes.Output)]
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CannotFlatten("imports in a circle")
        written = self._statements(kept, module, name)
        self._depth -= 1
        return module, written

    def _write_include(self, node: nodes.Include, scope: Scope, file: str) -> list[nodes.Node]:
        name = self._named(node.template, file)
        tree = self._tree(name)
        if node.ignore_missing or not node.with_context or (tree.find(nodes.Extends) or tree.find(nodes.Block)):
            raise CannotFlatten("an include with more to it")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CannotFlatten("includes in a circle")
        unseen = {"loop": Unreachable()}  # the one name around an include that it does not see
        body = self._statements(tree.body, Scope(scope, unseen), name)
        self._depth -= 1
        return body

    def _named(self, template: nodes.Expr, file: str) -> str:
        if not isinstance(template, nodes.Const) or not isinstance(template.value, str):
            raise CannotFlatten("a file chosen while rendering")
        return self.environment.join_path(template.value, file)

    def _expression(self, node: nodes.Node, scope: Scope) -> Any:
        return Renamed(scope).visit(copied(node))
