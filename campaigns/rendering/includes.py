"""`<mj-include>` as MJML has it, made Jinja's own: MJML, a style sheet or HTML, found beside the template."""

from __future__ import annotations

import re

_INCLUDE = re.compile(
    r"<mj-include\b(?P<rest>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*?\bpath\s*=\s*[\"'](?P<path>[^\"'{}]+)[\"']"
    r"(?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(?:/>|>\s*</mj-include>)"
)
_TYPE = re.compile(r"\btype\s*=\s*[\"'](\w+)[\"']")
_INLINE = re.compile(r"\bcss-inline\s*=\s*[\"']inline[\"']")


def with_includes(source: str) -> str:
    """The template with its `<mj-include>` read as `{% include %}`, on the same lines."""
    return _INCLUDE.sub(_as_include, source) if "<mj-include" in source else source


def _as_include(found: re.Match[str]) -> str:
    kind, path = _TYPE.search(found["rest"]), found["path"]
    path = path if path.startswith(("./", "_")) else f"./{path.lstrip('/')}"
    if kind is None or kind[1] == "mjml":
        path = path if "." in path.rpartition("/")[2] else f"{path}.mjml"
    before, after = _around(kind[1] if kind else "", found["rest"])
    lines = "\n" * found[0].count("\n")
    return f'{before}{{% include "{path}" %}}{lines}{after}'


def _around(kind: str, rest: str) -> tuple[str, str]:
    """What the content of a file is wrapped in."""
    if kind == "css":
        return ('<mj-style inline="inline">' if _INLINE.search(rest) else "<mj-style>"), "</mj-style>"
    return ("<mj-raw>", "</mj-raw>") if kind == "html" else ("", "")
