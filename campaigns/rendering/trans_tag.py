"""`{% trans %}...{% endtrans %}`: Jinja's own tag for translated texts, looked up like `_("...")`."""

from __future__ import annotations

import re
from typing import Final

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateAssertionError
from jinja2.ext import Extension, InternationalizationExtension

_PLACE: Final = re.compile(r"%\((\w+)\)s")


class TransTag(InternationalizationExtension):
    """The key is the text with `{name}` for each value; a count chooses the plural by the reader's locale. What stands
    between the tags is the author's, markup included; values are escaped."""

    def __init__(self, environment: Environment) -> None:
        Extension.__init__(self, environment)  # not Jinja's: it would put functions of its own into every template
        environment.policies["ext.i18n.trimmed"] = True

    def _make_node(
        self,
        singular: str,
        plural: str | None,
        context: str | None,
        variables: dict[str, nodes.Expr],
        plural_expr: nodes.Expr | None,
        vars_referenced: bool,
        num_called_num: bool,
    ) -> nodes.Output:
        if context is not None:
            raise TemplateAssertionError("a {% trans %} takes no context here; write other words, or t('a.key')", 1)
        if plural is None or plural_expr is None:
            return nodes.Output([_looked_up(singular, variables)])
        given = {"n": plural_expr, **variables}
        is_one = nodes.Compare(plural_expr, [nodes.Operand("eq", nodes.Const(1))])
        return nodes.Output([nodes.CondExpr(is_one, _looked_up(singular, given), _looked_up(plural, given))])


def _looked_up(text: str, variables: dict[str, nodes.Expr]) -> nodes.Expr:
    key = nodes.MarkSafeIfAutoescape(nodes.Const(_in_braces(text)))
    given = [nodes.Keyword(name, value) for name, value in variables.items()]
    return nodes.Call(nodes.Name("_", "load"), [key], given, None, None)


def _in_braces(text: str) -> str:
    """`Hello %(name)s` as `Hello {name}`, the form of the locale files."""
    parts = _PLACE.split(text)
    for at in range(0, len(parts), 2):
        parts[at] = parts[at].replace("%%", "%").replace("{", "{{").replace("}", "}}")
        if at + 1 < len(parts):
            parts[at + 1] = f"{{{parts[at + 1]}}}"
    return "".join(parts)
