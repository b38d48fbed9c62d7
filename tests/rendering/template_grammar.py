"""Writes templates by a grammar: MJML with Jinja in every place where people put it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Part = Callable[[bool, int], str]
"""Writes a piece of a template: whether it stands in a loop, and how deep it may still go."""

NAMES = "name|cta|radius|height|id|color|html|wide"
EXPRESSIONS = (
    *NAMES.split("|"),
    *("items|length", "name|upper", "name|default('x')", "cta if wide else name", "name|truncate(5)"),
    *("nothing or cta", "html|safe", "name ~ '!'", "'lit'", "1+1", "items[0].name if items else 'none'"),
    "missing|default('m')",
)
LOOPED = ("i.name", "i.price", "loop.index", "i.name|length", "'odd' if loop.index is odd else 'even'", "i.url")
TESTS = ("wide", "not wide", "items", "name == 'Ann'", "items|length > 1")
LOOPED_TESTS = ("loop.first", "i.sale", "not loop.last")
LISTS = ("items", "items if i.sale", "items[:2]", "items|reverse")
HEADS = (
    "",
    '<mj-head><mj-attributes><mj-class name="one" color="{{ color }}" /><mj-class name="two" font-size="9px" />'
    '<mj-all padding="{{ radius }}px" /></mj-attributes></mj-head>',
    "<mj-head><mj-title>{{ name }}</mj-title><mj-preview>{{ cta }}</mj-preview>"
    "<mj-style>.a{color:{{ color }}}</mj-style></mj-head>",
)
ATTRIBUTES = {
    "mj-text": "color padding font-size css-class align mj-class height",
    "mj-button": "href background-color width padding title border-radius",
    "mj-image": "src alt href width padding title css-class",
    "mj-divider": "width padding",
    "mj-spacer": "height",
    "mj-navbar-link": "href color",
    "mj-column": "width padding border background-color css-class",
    "mj-wrapper": "padding background-color background-url",
    "mj-section": "padding background-color css-class background-url",
}


class TemplateGrammar:
    """One seed, one endless row of templates."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._pick, self._chance = self._random.choice, self._random.random

    def template(self) -> str:
        sections = "".join(self._control(self._section, False, 4) for _ in range(self._random.randint(1, 3)))
        return f"<mjml>{self._pick(HEADS)}<mj-body>{sections}</mj-body></mjml>"

    def _section(self, looped: bool, depth: int) -> str:
        if self._chance() < 0.15 and depth > 0 and not looped:
            return self._element("mj-wrapper", looped, self._control(self._section, looped, depth - 1))
        columns = [self._control(self._column, looped, depth - 1) for _ in range(self._random.randint(1, 2))]
        return self._element("mj-section", looped, "".join(columns))

    def _column(self, looped: bool, depth: int) -> str:
        items = [self._control(self._item, looped, depth - 1) for _ in range(self._random.randint(1, 2))]
        return self._element("mj-column", looped, "".join(items))

    def _item(self, looped: bool, depth: int) -> str:
        kinds = ["mj-button", "mj-image", "mj-divider", "mj-spacer", "mj-table", "mj-raw", "social", "faq", "nav"]
        kind = self._pick([*["mj-text"] * 4, *kinds])
        if kind in ("mj-image", "mj-divider", "mj-spacer"):
            return f"<{kind}{self._attributes(kind, looped)} />"
        if kind == "mj-table":
            return f"<mj-table>{self._control(self._row, looped, depth)}</mj-table>"
        if kind == "social":
            link = '<mj-social-element name="{{ s.kind }}" href="{{ s.url }}">{{ s.label }}</mj-social-element>'
            return f"<mj-social>{{% for s in social %}}{link}{{% endfor %}}</mj-social>"
        if kind == "faq":
            title = f"<mj-accordion-title>{self._expression(looped)}</mj-accordion-title>"
            text = f"<mj-accordion-text>{self._html(looped, 1)}</mj-accordion-text>"
            return f"<mj-accordion><mj-accordion-element>{title}{text}</mj-accordion-element></mj-accordion>"
        if kind == "nav":
            base = self._pick(["", ' base-url="{{ site }}"'])
            return f"<mj-navbar{base}>{self._element('mj-navbar-link', looped, self._expression(looped))}</mj-navbar>"
        within = self._html(looped, 1) if kind == "mj-button" else self._control(self._html, looped, depth)
        return self._element(kind, looped, within)

    def _row(self, looped: bool, depth: int) -> str:
        return f"<tr><td>{self._html(looped, depth)}</td></tr>"

    def _control(self, part: Part, looped: bool, depth: int) -> str:
        """The part, mostly inside a branch, a loop, an assignment or white space, or twice."""
        chance = self._chance()
        if depth <= 0 or chance < 0.45:
            return part(looped, depth)
        depth -= 1
        if chance < 0.6:
            test = self._pick([*TESTS, *LOOPED_TESTS] if looped else TESTS)
            return f"{{% if {test} %}}{part(looped, depth)}{self._otherwise(part, looped, depth)}{{% endif %}}"
        if chance < 0.8:
            row = f"{{% for i in {self._pick(LISTS)} %}}{part(True, depth)}"
            return f"{row}{self._otherwise(part, looped, depth)}{{% endfor %}}"
        if chance < 0.86:
            return f"{{% set v = {self._pick(['name', 'radius', 'cta|upper'])} %}}{part(looped, depth)}"
        if chance < 0.9:
            return self._pick(["\n  ", " ", "{#- c -#}"]) + part(looped, depth) + self._pick(["\n", ""])
        if chance < 0.94:
            return f"{{% with w = cta %}}{part(looped, depth)}{{{{ '' }}}}{{% endwith %}}"
        return part(looped, depth) + part(looped, depth)

    def _otherwise(self, part: Part, looped: bool, depth: int) -> str:
        return f"{{% else %}}{part(looped, depth)}" if self._chance() < 0.5 else ""

    def _html(self, looped: bool, depth: int) -> str:
        chance = self._chance()
        if depth <= 0 or chance < 0.3:
            return self._pick(["txt ", "<br/>", "a &amp; b ", "<br>", " "]) + self._expression(looped)
        if chance < 0.6:
            tag = self._pick(["b", "i", "p", "span", "div"])
            return f"<{tag}{self._html_attribute(looped)}>{self._control(self._html, looped, depth - 1)}</{tag}>"
        if chance < 0.7:
            return f'<a href="{self._address(looped)}">{self._expression(looped)}</a>'
        if chance < 0.8:
            alt, width = self._expression(looped), self._number(looped)
            return f'<img src="{self._address(looped)}" alt="{alt}" width="{width}" />'
        if chance < 0.9:
            return f"<table><tr><td>{self._control(self._html, looped, depth - 1)}</td></tr></table>"
        return self._control(self._html, looped, depth - 1)

    def _html_attribute(self, looped: bool) -> str:
        style = f' style="color:{{{{ color }}}};width:{self._number(looped)}px"'
        own, title = f' class="c{self._number(looped)}"', f' title="{self._expression(looped)}"'
        return self._pick(["", style, own, ' {% if wide %}id="{{ id }}"{% endif %}', title])

    def _element(self, name: str, looped: bool, content: str) -> str:
        return f"<{name}{self._attributes(name, looped)}>{content}</{name}>"

    def _attributes(self, component: str, looped: bool) -> str:
        written = ""
        for name in ATTRIBUTES.get(component, "").split():
            if self._chance() < 0.5:
                value = self._value(name, looped)
                quote = "'" if '"' in value else '"'
                one = f" {name}={quote}{value}{quote}"
                written += one if self._chance() < 0.85 else f"{{% if wide %}}{one}{{% endif %}}"
        return written

    def _value(self, name: str, looped: bool) -> str:
        if name in ("href", "src", "background-url"):
            return self._address(looped)
        if name in ("alt", "title"):
            return self._expression(looped)
        if name in ("font-size", "height", "border-radius"):
            return f"{self._number(looped)}px"
        given = {
            "color": ["{{ color }}"],
            "background-color": ["{{ color }}", "#fff"],
            "padding": [f"{self._number(looped)}px {self._number(looped)}px"],
            "width": [f"{self._number(looped)}px", f"{self._number(looped)}%"],
            "css-class": ["a b", "{{ id }}", f"k{self._number(looped)}"],
            "align": ["{{ align }}"],
            "mj-class": ["one", "{% if wide %}one{% else %}two{% endif %}"],
            "border": ["1px solid {{ color }}"],
        }
        return self._pick(given[name])

    def _expression(self, looped: bool) -> str:
        return f"{{{{ {self._pick([*EXPRESSIONS, *LOOPED] if looped else EXPRESSIONS)} }}}}"

    def _number(self, looped: bool) -> str:
        fixed = ["{{ radius }}", "{{ height }}", "10", "{% if wide %}5{% else %}7{% endif %}", "{{ 4 if wide else 9 }}"]
        return self._pick([*fixed, "{{ loop.index }}" if looped else "3"])

    def _address(self, looped: bool) -> str:
        query = "https://a.example/?n={{ name|urlencode }}&amp;b=1"
        fixed = ["{{ site }}", "{{ hero }}", "https://a.example/{{ id }}", query, "#"]
        return self._pick([*fixed, "{{ i.url }}" if looped else "{{ site }}/x"])
