"""Templates by name, from folders that shadow one another, ready to render."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader
from markupsafe import escape

from campaigns.domain.message import RenderedEmail
from campaigns.rendering.body import Body
from campaigns.rendering.compiler import Compiler
from campaigns.rendering.environment import SandboxEnvironment
from campaigns.rendering.holes import MjmlEnvironment
from campaigns.rendering.links import LinkSigner, Utm
from campaigns.rendering.message_links import MessageLinks
from campaigns.rendering.problems import TemplateProblem
from campaigns.rendering.running import FLATTEN_AFTER, TextPart
from campaigns.rendering.seen import SeenByMjml
from campaigns.rendering.tracing import TracedSource, TracingEnvironment
from campaigns.rendering.translations import READING, Translations, translated, translated_text
from campaigns.rendering.undefined import nearest
from campaigns.rendering.voice import SPEAKING, voice_of

BODY, TEXT, SUBJECT, PREHEADER = "body.mjml", "body.txt", "subject.txt", "preheader.txt"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_TURNING = re.compile("[\u202a-\u202e\ufeff]")
_ISOLATES = re.compile("[\u2066-\u2068]")
_SPACES = re.compile(r"\s+")


def shipped_templates() -> Path:
    """The folder of the templates that come with the product: in the wheel beside the package, else in the checkout."""
    package = Path(__file__).resolve().parent.parent
    packed = package / "shipped_templates" / "emails"
    return packed if packed.is_dir() else package.parent / "templates" / "emails"


class TemplateStore:
    """All templates of a workspace. `folders` hold template folders; an earlier folder's file shadows a later one's.

    `cache` is a folder for compiled templates that several processes share. With `links`, links to
    other sites become tracked ones; `utm` adds campaign parameters to those to the shop; `open_pixel` notes openings.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        cache: Path | None = None,
        links: LinkSigner | None = None,
        utm: Utm | None = None,
        open_pixel: bool = False,
    ) -> None:
        self.links, self.utm, self.open_pixel = links, utm, open_pixel
        self.folders = tuple(Path(folder) for folder in folders)
        loader = FileSystemLoader([str(folder) for folder in self.folders])
        self.html_environment = MjmlEnvironment(loader)
        self.tracing_environment = TracingEnvironment(loader)
        self.compiler = Compiler(cache)
        self.text_environment = SandboxEnvironment(loader, autoescape=False)
        self.translations = Translations(self.folders)
        for environment in (self.html_environment, self.tracing_environment, self.text_environment):
            environment.add_function("t", translated, takes_context=True)
            environment.add_function("_", translated_text, takes_context=True)
        self.flatten_after = FLATTEN_AFTER
        self._templates: dict[str, EmailTemplate] = {}

    def expect_many(self) -> None:
        """For a process that will render many mails: each template is written out flat at its first, so that what is
        compiled are the parts that mails have in common, and not each kind of mail whole."""
        if self.flatten_after != 1:
            self.flatten_after = 1
            self._templates.clear()

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

    def refresh(self) -> None:
        """Forgets what was read from files, for an editor that has just saved one; compiled shapes stay."""
        for environment in (self.html_environment, self.tracing_environment, self.text_environment):
            if environment.cache is not None:
                environment.cache.clear()
        self.html_environment.forget_settled()
        self.tracing_environment.forget_settled()
        self.translations.forget()
        self._templates.clear()

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
        environments = (store.html_environment, store.tracing_environment)
        self._body = Body(f"{name}/{BODY}", *environments, store.compiler, flatten_after=store.flatten_after)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where this template's store looks for files."""
        return self._store.folders

    def render(self, context: Mapping[str, Any]) -> RenderedEmail:
        """The email for one recipient; raises TemplateProblem, never gives half a mail."""
        values = self._headed(context)
        mail = values["mail"]
        text = self._text.text(values).strip() + "\n"
        return RenderedEmail(mail["subject"], mail["preheader"], self._html(values), text)

    def render_html(self, context: Mapping[str, Any]) -> str:
        """The HTML alone, without subject and text: for previews of the body and for benchmarks."""
        return self._html(self._values(context))

    def traced(self, context: Mapping[str, Any]) -> TracedSource:
        """The MJML of one rendering, with the file and line of every part of it."""
        return self._body.traced(self._headed(context))

    def seen_by_mjml(self, context: Mapping[str, Any]) -> SeenByMjml:
        """The values of one rendering that MJML has to see filled, with the lines that print them."""
        return self._body.seen_by_mjml(self._headed(context))

    def render_uncompiled(self, context: Mapping[str, Any]) -> str:
        """The HTML by the slow way, Jinja first and MJML after: the yardstick for the compiled one."""
        return self._body.html_uncompiled(self._headed(context))

    def _headed(self, context: Mapping[str, Any]) -> dict[str, Any]:
        values = self._values(context)
        values["mail"]["subject"] = one_line(self._subject.text(values))
        values["mail"]["preheader"] = one_line(self._preheader.text(values))
        return values

    def _html(self, values: dict[str, Any]) -> str:
        signer = self._store.links
        rewrite = MessageLinks(signer, values, self._store.utm).__getitem__ if signer else None
        html = self._body.html(values, rewrite)
        if signer and self._store.open_pixel:
            return with_open_pixel(html, signer.open_pixel(str(values["message"]["ref"])))
        return html

    def _part(self, file: str) -> TextPart:
        store = self._store
        return TextPart(
            f"{self.name}/{file}", store.text_environment, store.compiler, flatten_after=store.flatten_after
        )

    def _values(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The context with what the renderer adds; from here on this thread speaks to this reader."""
        voice = voice_of(context)
        mail = {"subject": "", "preheader": "", "language": voice.language, "direction": voice.direction}
        shop_locale = str((context.get("shop") or {}).get("locale") or "")
        catalog = self._store.translations.catalog(self.name, voice.locale, shop_locale)
        SPEAKING.voice, READING.catalog = voice, catalog
        return {**context, "mail": mail}


def one_line(text: str) -> str:
    """A header's text: control characters and line breaks become spaces, so that data cannot add a header; signs that
    turn the rest of an inbox's line around go, and isolates are closed."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    line = _SPACES.sub(" ", _CONTROL.sub(" ", _TURNING.sub("", text))).strip()
    left_open = len(_ISOLATES.findall(line)) - line.count("\u2069")
    return line + "\u2069" * max(left_open, 0)


def with_open_pixel(html: str, address: str) -> str:
    """The mail with an invisible picture at its end."""
    pixel = f'<img\nsrc="{escape(address)}" width="1" height="1" alt=""\nstyle="display:block;border:0;" />'
    head, body_end, tail = html.rpartition("</body>")
    return f"{head}{pixel}{body_end}{tail}" if body_end else html
