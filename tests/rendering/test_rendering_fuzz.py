"""Any data in any field gives one whole mail in which the data is text and nothing else."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.rendering import RenderContext, TemplateProblem, TemplateStore, profile_context, shipped_templates

pytestmark = pytest.mark.slow

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "{{ 7*7 }}{% endblock %}",
            "javascript:alert(1)",
            "]]>--><!--",
            "\uf8f0\uf8f1",
            "RKHOLE00001X",
            "\r\nBcc: x@x.example",
            "&amp;&lt;&#60;",
            "\\u{200d}\\",
            "\x00\x08\x1f",
            "ليلى\u202e\u200f",
            "😀👩‍👧\ufe0f",
        ]
    ),
)


class TagNames(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"an event handler: {name}"
            if name in ("href", "src"):
                assert not re.match(
                    r"[\s\x00-\x1f]*(?:javascript|data|vbscript):", unescape(value or ""), re.IGNORECASE
                )


@pytest.fixture(scope="module")
def store() -> TemplateStore:
    return TemplateStore([shipped_templates()])


@given(first=HOSTILE, title=HOSTILE, address=HOSTILE, code=HOSTILE)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_data_stays_data(
    store: TemplateStore, context: RenderContext, first: str, title: str, address: str, code: str
) -> None:
    cart = context["cart"]
    assert cart is not None
    changed: Any = [{**line, "title": title, "url": address} for line in cart["lines"]]
    hostile: Any = {
        **context,
        "profile": profile_context(profile_id="1", first_name=first, locale="en-GB"),
        "cart": {**cart, "lines": changed},
        "coupon": {**(context["coupon"] or {}), "code": code},
    }
    template = store.get("abandoned_cart")
    email = template.render(hostile)
    assert not re.search(r"[\x00-\x1f\x7f\u2028\u2029]", email.subject + email.preheader)
    tags = TagNames(email.html).tags
    assert "script" not in tags
    assert not re.search(r"RKHOLE\d{5}X", email.html.replace("RKHOLE00001X", ""))
    assert email.html.endswith("</html>")


@given(source=st.text(alphabet=st.sampled_from(list("<>/{}%#\"'=&;! \nabmj-")), max_size=80))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_source_renders_or_is_a_problem(
    tmp_path_factory: pytest.TempPathFactory, context: RenderContext, source: str
) -> None:
    folder: Path = tmp_path_factory.mktemp("mail") / "mail"
    folder.mkdir()
    for part in ("subject.txt", "preheader.txt", "body.txt"):
        (folder / part).write_text("x")
    (folder / "body.mjml").write_text(f"<mjml><mj-body><mj-raw>{source}</mj-raw></mj-body></mjml>")
    try:
        TemplateStore([folder.parent]).get("mail").render(context)
    except TemplateProblem as problem:
        assert problem.file.startswith("mail/")
