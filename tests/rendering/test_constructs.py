"""What authors do with Jinja across MJML and several files: whoever the reader is, and however many mails went before,
a mail is what rendering first and compiling after would have given."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.rendering import EmailTemplate, RenderContext, TemplateProblem, TemplateStore
from campaigns.rendering.lint import personas

pytestmark = pytest.mark.slow


def section(text: str) -> str:
    return f"<mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section>"


LAYOUT = (
    f"<mjml><mj-body>{{% block top %}}{section('top {{ profile.first_name }}')}{{% endblock %}}"
    "{% block content %}{% endblock %}{% include './foot.mjml' %}</mj-body></mjml>"
)
EACH = "{% for l in (cart.lines if cart else []) %}"
PARTS = {
    "layout.mjml": LAYOUT,
    "foot.mjml": section("foot {{ shop.name }} {{ extra | default('-') }}"),
    "line.mjml": section("{{ k | default('') }}{{ l.title }}{{ profile.first_name }}{{ loop is defined }}"),
    "twice.mjml": "{% for q in range(2) %}{% include './line.mjml' %}{% endfor %}",
    "macros.mjml": "{% set who = profile.first_name if profile is defined else '-' %}"
    f"{{% macro card(l, wide=false) %}}{section('{{ who }} {{ l.title }}{{ 1 if wide else 0 }}')}{{% endmacro %}}",
}
WHOLE = {
    "blocks with super and a loop": "{% extends './layout.mjml' %}{% set extra = profile.first_name %}"
    f"{{% block content %}}{{{{ super() }}}}{EACH}{section('{{ l.title }} {{ extra }}')}{{% endfor %}}{{% endblock %}}"
    "{% block top %}{{ super() }}{{ super() }}{% endblock %}",
    "macros of another file in a block": "{% extends './layout.mjml' %}{% from './macros.mjml' import card as c %}"
    f"{{% block content %}}{EACH}{{{{ c(l, wide=loop.first) }}}}{{% endfor %}}{{% endblock %}}",
}
BODIES = {
    "import with context": f"{{% import './macros.mjml' as m with context %}}{EACH}{{{{ m.card(l) }}}}{{% endfor %}}",
    "import in a loop": f"{EACH}{{% import './macros.mjml' as m with context %}}{{{{ m.card(l) }}}}{{% endfor %}}",
    "include in a loop": f"{{% set k = 0 %}}{EACH}{{% set k = loop.index %}}"
    "{% include './line.mjml' %}{% endfor %}",
    "includes in loops in loops": f"{EACH}{{% include './twice.mjml' %}}{{% endfor %}}",
    "a choice of files": "{% include ['./nothing.mjml', './foot.mjml'] %}{% include './zzz.mjml' ignore missing %}",
    "defaults of a macro": "{% set d = profile.first_name %}{% macro x(a, b=d, c=a) %}"
    + section("{{ a }}{{ b }}{{ c }}")
    + "{% endmacro %}{{ x(1) }}{{ x(2, c=3) }}{{ x(a=profile.email) }}",
    "a macro that calls itself": "{% macro x(n) %}{% if n %}"
    + section("{{ n }}{{ profile.first_name }}")
    + "{{ x(n - 1) }}{% endif %}{% endmacro %}{{ x(3) }}",
    "a caller with arguments": "{% macro each(xs) %}"
    "{% for x in xs %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro %}"
    "{% call(x, i) each(cart.lines if cart else []) %}" + section("{{ i }}{{ x.title }}") + "{% endcall %}",
    "callers in callers": "{% macro a() %}<mj-section>{{ caller() }}</mj-section>{% endmacro %}"
    "{% macro b() %}<mj-column>{{ caller() }}</mj-column>{% endmacro %}"
    "{% call a() %}{% call b() %}<mj-text>{{ profile.first_name }}</mj-text>{% endcall %}{% endcall %}",
    "markup that was set": "{% set x %}" + section("{{ profile.first_name }}") + "{% endset %}{{ x }}{{ x }}",
    "a filtered stretch": "{% filter replace('a', 'b') %}" + section("{{ profile.first_name }} a") + "{% endfilter %}",
    "another shop": "{% set shop = {'name': profile.first_name} %}" + section("{{ shop.name }}"),
    "a namespace": "{% set ns = namespace(n=0) %}"
    f"{EACH}{{% set ns.n = ns.n + l.quantity %}}{{% endfor %}}{{% if ns.n > 4 %}}{section('{{ ns.n }}')}{{% endif %}}",
    "cycler and joiner": "{% set row = cycler('a', 'b') %}{% set j = joiner(', ') %}"
    f"{EACH}<mj-section css-class='{{{{ row.next() }}}}'><mj-column><mj-text>{{{{ j() }}}}{{{{ l.title }}}}</mj-text>"
    "</mj-column></mj-section>{% endfor %}",
    "break and continue": f"{EACH}{{% if loop.index == 2 %}}{{% continue %}}{{% elif loop.index > 3 %}}{{% break %}}"
    f"{{% endif %}}{section('{{ l.title }}')}{{% endfor %}}",
    "neighbours in a loop": EACH
    + section(
        "{{ loop.previtem.title if loop.previtem is defined }}|{{ loop.nextitem.title if loop.nextitem is defined }}"
    )
    + "{% endfor %}",
    "a block in a loop": f"{EACH}{{% block item scoped %}}{section('{{ l.title }}{{ loop.index }}')}"
    "{% endblock %}{% endfor %}",
    "attributes in a loop": "{% set a = {'align': 'center', 'color': '#ff0000'} %}<mj-section><mj-column><mj-text"
    ' {% for k, v in a.items() %}{{ k }}="{{ v }}" {% endfor %}>{{ profile.first_name }}</mj-text>'
    "</mj-column></mj-section>",
    "a section that opens in a branch": "{% if cart %}<mj-section>{% else %}<mj-section padding='0'>{% endif %}"
    "<mj-column><mj-text>{{ profile.first_name }}</mj-text></mj-column></mj-section>",
    "a link of many values": "<mj-section><mj-column>"
    "<mj-button href='https://x.example/?n={{ profile.first_name | urlencode }}"
    f"{EACH}&amp;i={{{{ l.product_id }}}}{{% endfor %}}'>x</mj-button></mj-column></mj-section>",
}
SOURCES = {**WHOLE, **{name: f"<mjml><mj-body>{body}</mj-body></mjml>" for name, body in BODIES.items()}}
READERS = personas()


def outcome(template: EmailTemplate, context: RenderContext, *, slowly: bool) -> str:
    try:
        return template.render_uncompiled(context) if slowly else template.render(context).html
    except TemplateProblem as problem:
        return f"refused: {problem.what}"


@pytest.mark.parametrize("name", SOURCES)
def test_every_reader_gets_what_the_slow_way_gives(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    files = {"subject.txt": "x", "preheader.txt": "x", "body.txt": "x", "body.mjml": SOURCES[name], **PARTS}
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    store = TemplateStore([tmp_path])
    store.flatten_after = 3
    template = store.get("mail")
    slow = {reader: outcome(template, context, slowly=True) for reader, context in READERS.items()}
    assert sum("refused" in html for html in slow.values()) < len(slow) / 2, slow
    for turn in range(4):
        for reader in list(READERS)[turn % 3 :: 1 + turn % 2]:
            assert outcome(template, READERS[reader], slowly=False) == slow[reader], (turn, reader)
