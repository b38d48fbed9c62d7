"""Templates by name, from folders that shadow one another, ready to render."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, Template, TemplateNotFound
from markupsafe import escape

from campaigns.domain.message import RenderedEmail
from campaigns.rendering.compiler import Compiler
from campaigns.rendering.environment import SandboxEnvironment
from campaigns.rendering.failures import rendering_errors
from campaigns.rendering.filters import VOICE
from campaigns.rendering.holes import MARK, MjmlEnvironment
from campaigns.rendering.mjml import html_from_mjml
from campaigns.rendering.problems import TemplateProblem
from campaigns.rendering.undefined import nearest
from campaigns.rendering.voice import voice_of

BODY, TEXT, SUBJECT, PREHEADER = "body.mjml", "body.txt", "subject.txt", "preheader.txt"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SPACES = re.compile(r"\s+")


def shipped_templates() -> Path:
    """The folder of the templates that come with the product: in the wheel beside the package, else in the checkout."""
    package = Path(__file__).resolve().parent.parent
    packed = package / "shipped_templates" / "emails"
    return packed if packed.is_dir() else package.parent / "templates" / "emails"


class TemplateStore:
    """All templates of a workspace. `folders` hold template folders; an earlier folder's file shadows a later one's.

    `cache` is a folder for compiled templates that several processes share."""

    def __init__(self, folders: Sequence[Path], *, cache: Path | None = None) -> None:
        self.folders = tuple(Path(folder) for folder in folders)
        loader = FileSystemLoader([str(folder) for folder in self.folders])
        self.html_environment = MjmlEnvironment(loader)
        self.compiler = Compiler(cache)
        self.text_environment = SandboxEnvironment(loader, autoescape=False)
        self._templates: dict[str, EmailTemplate] = {}

    def names(self) -> list[str]:
        """Names of all complete templates, sorted; `_base` and other folders that start with `_` are parts."""
        found = {
            body.parent.name
            for folder in self.folders
            for body in folder.glob(f"*/{BODY}")
            if not body.parent.name.startswith("_")
        }
        return sorted(found)

    def get(self, name: str) -> EmailTemplate:
        """The template of that name; raises TemplateProblem where a part is missing or does not compile."""
        if name not in self._templates:
            self._templates[name] = self._open(name)
        return self._templates[name]

    def _open(self, name: str) -> EmailTemplate:
        known = self.names()
        if name not in known:
            near = nearest(name, known)
            fix = f"did you mean '{near}'?" if near else f"there is {', '.join(known) or 'no template at all'}"
            raise TemplateProblem(f"no template '{name}'", fix=fix)
        return EmailTemplate(name, self)


class EmailTemplate:
    """One email: subject, preheader, HTML and text parts, compiled; thread-safe and reusable."""

    def __init__(self, name: str, store: TemplateStore) -> None:
        self.name = name
        self._store = store
        self._subject = self._part(SUBJECT)
        self._preheader = self._part(PREHEADER)
        self._text = self._part(TEXT)
        self._body = self._part(BODY, html=True)

    def render(self, context: Mapping[str, Any]) -> RenderedEmail:
        """The email for one recipient; raises TemplateProblem, never gives half a mail."""
        values = self._values(context)
        mail = values["mail"]
        mail["subject"] = one_line(self._rendered(self._subject, values))
        mail["preheader"] = one_line(self._rendered(self._preheader, values))
        text = self._rendered(self._text, values).strip() + "\n"
        return RenderedEmail(mail["subject"], mail["preheader"], self._html(values), text)

    def render_uncompiled(self, context: Mapping[str, Any]) -> str:
        """The HTML by the slow way, Jinja first and MJML after: the yardstick for the compiled one."""
        values = self._values(context)
        values["mail"]["subject"] = one_line(self._rendered(self._subject, values))
        values["mail"]["preheader"] = one_line(self._rendered(self._preheader, values))
        return html_from_mjml(self._shape(values, holes=False))

    def _html(self, values: dict[str, Any]) -> str:
        source = self._shape(values, holes=True)
        filling = self._store.html_environment.holes.values
        if source.count(MARK) != len(filling):  # a construct that printed and threw away: no holes, no speed, no harm
            source, filling = self._shape(values, holes=False), []
        with rendering_errors(f"{self.name}/{BODY}"):
            layout = self._store.compiler.layout(source, filling)
            return layout.fill([*filling, str(escape(values["mail"]["preheader"])), ""], None)

    def _shape(self, values: dict[str, Any], *, holes: bool) -> str:
        mail = values["mail"]
        speaker = (values.get("shop"), mail["language"], mail["direction"])
        self._store.html_environment.holes.start(speaker, off=not holes)
        return self._rendered(self._body, values)

    def _part(self, file: str, *, html: bool = False) -> Template:
        path = f"{self.name}/{file}"
        try:
            with rendering_errors(path):
                return (self._store.html_environment if html else self._store.text_environment).get_template(path)
        except TemplateNotFound as lacking:
            raise TemplateProblem(f"there is no {file}", file=path, fix=f"add the file {path}") from lacking

    def _rendered(self, template: Template, values: dict[str, Any]) -> str:
        environment = template.environment
        if isinstance(environment, SandboxEnvironment):
            environment.budget.start()
        with rendering_errors(template.name or self.name):
            root: Callable[..., Any] = template.root_render_func
            return environment.concat(root(template.new_context(values)))

    @staticmethod
    def _values(context: Mapping[str, Any]) -> dict[str, Any]:
        voice = voice_of(context)
        mail = {"subject": "", "preheader": "", "language": voice.language, "direction": voice.direction}
        return {**context, "mail": mail, VOICE: voice}


def one_line(text: str) -> str:
    """A header's text: control characters and line breaks become spaces, so that data cannot add a header."""
    return _SPACES.sub(" ", _CONTROL.sub(" ", text)).strip()
