"""What a hostile template must not reach: Python, time, memory, functions in the data."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from campaigns.rendering import (
    EmailTemplate,
    RenderContext,
    TemplateProblem,
    UnsafeTemplate,
)

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cart.__class__ }}",
    "{{ cart['__class__'] }}",
    "{{ ''['__class__'] }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ range.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ dict.mro() }}",
    "{{ ()|attr('__class__') }}",
    "{{ ''|attr('for' ~ 'mat') }}",
    "{{ '{0.__class__}'.format(cart) }}",
    "{{ '{0.__class__.__init__.__globals__}'.format_map({'0': cart}) }}",
    "{{ '{0[__class__]}'.format(cart) }}",
    "{{ ('{0.__class__}'|safe).format(cart) }}",
    "{{ '%(a.__class__)s' % {'b': 1} }}",
    "{{ [cart]|map(attribute='__class__')|list }}",
    "{{ [cart]|map('attr', '__class__')|list }}",
    "{{ [cart]|groupby('__class__') }}",
    "{{ [cart]|selectattr('__class__')|list|first }}",
    "{{ [cart]|sort(attribute='__class__') }}",
    "{{ [cart]|sum(attribute='__class__') }}",
    "{{ [cart]|map(attribute='__class__.__mro__')|join }}",
    "{% set x = cart.update({'count': 0}) %}",
    "{% do cart.lines.append(1) %}",
    "{% do cart.clear() %}",
    "{{ cart.lines.pop() }}",
    "{{ cart.lines.sort() }}",
    "{{ _voice.zone }}",
    "{{ _catalog.chain }}",
    "{{ _voice }}",
    "{{ loop.__class__ }}",
    "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__call__.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{{ t.__globals__ }}",
    "{{ now.__class__.now() }}",
    "{{ now.replace(year=1) }}",
    "{{ now.tzinfo }}",
    "{% include '/etc/passwd' %}",
    "{% include '../../../etc/passwd' %}",
    "{% import 'os' as os %}{{ os.popen('id') }}",
    "{{ cart.lines.__len__() }}",
    "{{ ''.encode() }}",
    "{{ 'abc'.translate({97: 98}) }}",
    "{{ nothing_of_the_kind.__class__ }}",
    "{{ cart.lines[99].__class__ }}",
    "{{ cart.lines[99]['_undefined_obj'] }}",
    "{{ [1]|map(attribute='real.__class__')|list }}",
    "{{ [1]|map(attribute='real.__init__.__globals__')|list }}",
    "{{ cycler('a').__init__ }}",
    "{{ joiner.__call__ }}",
    "{{ namespace(a=1).__class__ }}",
    "{{ namespace.__mro__ }}",
    "{{ dict.fromkeys([1]) }}",
    "{{ {}.setdefault('a', 1) }}",
    "{{ super.__class__ }}",
    "{% block q %}{{ super() }}{% endblock %}",
    "{% macro m() %}{{ varargs.__class__ }}{{ kwargs.__class__ }}{% endmacro %}{{ m(1, a=2) }}",
    "{{ ['a']|map('attr', '__class__')|list }}",
    "{{ '%(x)s'|format(x=cart.__class__) }}",
    "{{ _('{a.__class__}', a=1) }}",
    "{% set _counted = dict %}{% for x in [1] %}{{ x.__class__ }}{% endfor %}",
    "{% extends '/etc/passwd' %}",
    "{% set f = '{0.__class__}'.format %}{{ f(cart) }}",
    "{% set f = '{0.__class__}'.format_map %}{{ f({'0': cart}) }}",
    "{{ ['{0.__class__}']|map('format', cart)|list }}",
    "{{ (['a']|map('upper')).gi_frame.f_globals }}",
    "{{ (cart.lines|select).gi_code }}",
    "{% for x in [1] %}{{ loop.cycle.__self__ }}{% endfor %}",
    "{% for x in [1] %}{{ loop.changed.__func__ }}{% endfor %}",
    "{{ ''.join.__self__.__class__ }}",
    "{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns.__class__ }}",
    "{{ {'onclick=x': 2}|xmlattr }}",
    "{% call(x) cart.update({}) %}{% endcall %}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}",
]
BOMBS = [
    "{{ 'x' * 10**9 }}",
    "{{ [1] * 10**9 }}",
    "{{ 10**10**10 }}",
    "{{ 9**9**9 }}",
    "{{ '%0999999999d' % 1 }}",
    "{{ '%*d' % (999999999, 1) }}",
    "{{ '%.999999999f' % 1 }}",
    "{{ '%999999999s'|format('x') }}",
    "{{ '{:>999999999}'.format('x') }}",
    "{{ '{:{}}'.format('x', 99999999) }}",
    "{{ 'x'|center(10**9) }}",
    "{{ 'x'.center(10**9) }}",
    "{{ 'x'.ljust(10**9) }}",
    "{{ 'x'.zfill(10**9) }}",
    "{{ 'x'.expandtabs(10**9) }}",
    "{{ 'x'|indent(10**9, true) }}",
    "{{ [1]|batch(10**9, 'x')|list }}",
    "{{ [1]|slice(10**9)|list }}",
    "{{ lipsum(10**6) }}",
    "{{ range(10**9) }}",
    "{{ range(10**6)|list }}",
    "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
    "{% for a in range(999) %}{% for b in range(999) %}x{% endfor %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s]|join %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}",  # noqa: E501
    "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s = ns.s|replace('x', 'xx') %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s = ns.s.replace('x', 'xx') %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s = '%s%s' % (ns.s, ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s = '{}{}'.format(ns.s, ns.s) %}{% endfor %}",
    "{% set ns = namespace(s=7) %}{% for i in range(60) %}{% set ns.s = ns.s * ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(30) }}",
    "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
    "{% include 'mail/body.mjml' %}",
    "{{ ('x' * 900000) ~ ('x' * 900000) }}",
    "{% for i in range(900) %}{{ 'x' * 9000 }}{% endfor %}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% macro a(f) %}{{ f(f) }}{% endmacro %}{{ a(a) }}",
    "{% import 'mail/body.mjml' as me %}",
    "{% from 'mail/body.mjml' import x %}",
    "{% extends 'mail/body.mjml' %}",
    "{% block x %}{{ self.x() }}{% endblock %}",
    "{% for i in range(3) recursive %}{{ loop(range(1000)) }}{% endfor %}",
    "{% for a in cart.lines %}{% for b in range(900) %}{% for c in range(900) %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% set _counted = dict %}{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
    "{% set s = 'a ' * 400000 %}{% for i in range(900) %}{{ s|title|length }}{% endfor %}",
    *[
        f"{{% set ns = namespace(x=[1]) %}}{{% for i in range(30) %}}{{% set ns.x = {doubled} %}}{{% endfor %}}{use}"
        for doubled in ("[ns.x, ns.x]", "(ns.x, ns.x)", "{'a': ns.x, 'b': ns.x}", "dict(a=ns.x, b=ns.x)")
        for use in ("{{ ns.x }}", "{{ ns.x|tojson }}", "{{ ns.x ~ '' }}", "{{ '{}'.format(ns.x) }}", "{{ ns.x == [] }}")
    ],
    "{% set ns = namespace(x=[1]) %}{% for i in range(30) %}{% set ns.x = [ns.x] * 2 %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(30) %}{% set ns.x = [ns.x] + [ns.x] %}{% endfor %}{{ ns.x }}",
]

HEAVY = [
    "{{ range(1000)|join('x' * 900000) }}",
    "{{ ('x' * 900000).join(['a'] * 900) }}",
    "{{ ['x' * 900000]|map('upper')|join('y' * 900000) }}",
    "{{ ('x' * 900000)|wordwrap(1, true, 'y' * 900) }}",
    "{{ ('x' * 900000)|wordwrap(1) }}",
    "{{ ('x ' * 20000)|wordwrap(2, true, 'y' * 900) }}",
    "{{ ('x\n' * 400000)|indent('y' * 900) }}",
    "{{ ('x\n' * 400000)|indent(900) }}",
    "{{ ['x' * 999999] * 900 }}",
    "{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = ns.l + ['x' * 999999] %}{% endfor %}",
    "{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = [ns.l, 'x' * 999999] %}{% endfor %}",
    "{% set ns = namespace(l={}) %}{% for i in range(999) %}"
    "{% set ns.l = dict(ns.l, **{i|string: 'x' * 999999}) %}{% endfor %}",
    "{% set big = 'x' * 999999 %}{{ range(1000)|map('string')|map('replace', '0', big)|list|length }}",
    "{% set big = 'x' * 999999 %}{{ range(1000)|map('string')|map('replace', '0', big)|sort|length }}",
    "{% set big = 'x' * 999999 %}{{ ('%(a)s' * 1000) % {'a': big} }}",
    "{% set big = 'x' * 999999 %}{{ ('%s' * 9) % (big, big, big, big, big, big, big, big, big) }}",
    "{% set big = 'x' * 999999 %}{{ ('{0}' * 1000).format(big) }}",
    "{% set big = 'x' * 999999 %}{{ (('{0}' * 1000)|safe).format(big) }}",
    "{% set big = 'x' * 999999 %}{{ " + " ~ ".join(["big"] * 300) + " }}",
]


@pytest.mark.parametrize("source", HEAVY)
def test_what_would_take_memory_is_refused_before_it_does(
    source: str, in_text: Callable[[str], EmailTemplate], context: RenderContext
) -> None:
    template = in_text(source)
    tracemalloc.start()
    try:
        with pytest.raises(TemplateProblem):
            template.render(context)
        assert tracemalloc.get_traced_memory()[1] < 32_000_000
    finally:
        tracemalloc.stop()


def test_filters_that_are_looked_at_still_do_their_work(
    write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    source = (
        "[{{ range(3)|map('string')|join(', ') }}][{{ [3, 1, 2]|sort|join('-') }}][{{ 'a b c'|wordwrap(3)|length }}]"
        "[{{ 'a'|indent(2, true) }}][{{ [1, 2, 3]|batch(2)|list }}][{{ [1, 2]|sum }}][{{ 'abc'|reverse }}]"
        "[{{ cart.lines|map(attribute='quantity')|list|length }}][{{ [[1, 2], [3]]|sum(start=[])|join(d=';') }}]"
    )
    text = write("<mjml><mj-body></mj-body></mjml>", text=source).render(context).text
    assert text.strip()[1:-1].split("][") == ["0, 1, 2", "1-2-3", "5", "  a", "[[1, 2], [3]]", "3", "cba", "3", "1;2;3"]


@pytest.mark.parametrize("source", ESCAPES)
def test_no_way_out_of_the_sandbox(
    source: str, in_text: Callable[[str], EmailTemplate], context: RenderContext
) -> None:
    try:
        html = in_text(source).render(context).html
    except TemplateProblem:
        return
    for sign in ("class '", "&lt;class", "function", "module", "root:", "object at", "ZoneInfo"):
        assert sign not in html


@pytest.mark.slow
@pytest.mark.parametrize("source", BOMBS)
def test_no_template_takes_all_time_or_memory(
    source: str, in_text: Callable[[str], EmailTemplate], context: RenderContext
) -> None:
    with pytest.raises(TemplateProblem):
        in_text(source).render(context)


def test_a_context_with_living_objects_is_refused(
    in_text: Callable[[str], EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    class Living:
        name = "x"

        def delete(self) -> str:
            return "deleted"

    context = context_with(coupon={"code": Living(), "description": "", "expires_at": None})
    for source in ("{{ coupon.code }}", "{{ coupon.code.name }}", "{{ coupon.code.delete() }}"):
        with pytest.raises(UnsafeTemplate):
            in_text(source).render(context)


def test_functions_in_the_data_are_not_called(
    in_text: Callable[[str], EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    context = context_with(coupon={"code": print, "description": "", "expires_at": None})
    with pytest.raises(UnsafeTemplate):
        in_text("{{ coupon.code('x') }}").render(context)
