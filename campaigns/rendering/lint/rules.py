"""The closed list of lint rules: what each looks for, how bad it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """error: must not go out; warning: hurts; advice: worth a look."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `fix` is the sentence shown with every finding; docs/lint-rules.md says more."""

    id: str
    severity: Severity
    title: str
    fix: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule is broken. `line` is 0 where a finding is about the whole mail."""

    rule: str
    severity: Severity
    file: str
    line: int
    message: str
    fix: str
    persona: str = ""


_E, _W, _A = Severity.ERROR, Severity.WARNING, Severity.ADVICE

RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule("template-error", _E, "The template does not compile", "correct the template at the place named"),
        Rule("undefined-variable", _E, "A name nobody gives", "correct the name; docs/templates.md lists all"),
        Rule("unknown-attribute", _W, "An attribute that does nothing", "leave it out"),
        Rule("persona-holes", _E, "Fails for a shopper with missing data", "guard it with {% if %} or | default(...)"),
        Rule(
            "hollow-words", _W, "A gap shows where data is missing", "give a fallback: {{ profile.first_name or ... }}"
        ),
        Rule("link-target", _E, "A link that leads nowhere", "give a full https:// address"),
        Rule("link-insecure", _W, "A link without https", "use https://"),
        Rule("unsafe-address", _E, "An address mail clients block", "use https://, mailto: or tel:"),
        Rule("image-alt", _E, "A picture without words", 'add alt="..." (alt="" for pure decoration)'),
        Rule("image-size", _W, "A picture without a width", "add width (and height) so that the mail does not jump"),
        Rule("contrast", _W, "Text hard to read", "use colours with a contrast of at least 4.5 (3 for large text)"),
        Rule("heading-order", _W, "Headings skip a level", "use h1, then h2, then h3"),
        Rule("touch-target", _W, "A button too small for a thumb", "give it at least 44 px of height"),
        Rule("html-size", _W, "Close to Gmail's limit", "fewer products or less markup; Gmail clips at 102 KB"),
        Rule("html-clipped", _E, "Gmail clips this mail", "stay below 102 KB; the footer and its unsubscribe get lost"),
        Rule("unsubscribe-missing", _E, "No unsubscribe link", "link to {{ links.unsubscribe }}"),
        Rule("postal-address-missing", _E, "No postal address", "show {{ shop.postal_address }}"),
        Rule("subject-empty", _E, "No subject", "write subject.txt"),
        Rule("subject-length", _W, "A subject that is cut off", "stay below 60 characters"),
        Rule("preheader-length", _W, "A preheader that is missing or cut off", "write 30 to 140 characters"),
        Rule("text-part-missing", _E, "No text part", "write body.txt"),
        Rule("text-unsubscribe", _W, "No unsubscribe link in the text part", "add {{ links.unsubscribe }} to body.txt"),
        Rule("css-support", _A, "CSS and HTML that clients ignore", "make sure that the mail works without it"),
        Rule("spam-words", _W, "Words and signs that spam filters know", "say it plainly"),
        Rule("active-content", _E, "Scripts and forms", "remove it; mail clients strip or block it"),
        Rule("safe-filter", _W, "Data printed unescaped", "leave out | safe"),
        Rule(
            "value-in-layout",
            _W,
            "A value for which MJML runs for every mail",
            "print it as text, address or colour, or choose between fixed values with {% if %}",
        ),
        Rule("language-missing", _W, "No language", 'write <mjml lang="{{ mail.language }}">'),
        Rule("coupon-unshown", _W, "A coupon nobody sees", "show {{ coupon.code }}, or leave the coupon out"),
        Rule("raw-value", _W, "Cents or a time as the machine writes them", "write | money or | date"),
        Rule("translation-field", _E, "A text asks for what nobody passes", "correct the {name} in the locale's file"),
        Rule("image-address", _E, "A picture no mail client can find", "give a full https:// address"),
        Rule("translation-missing", _W, "A text without a translation", "add the key to the locale's file"),
    )
}


def finding(rule: str, message: str, *, file: str, line: int = 0, persona: str = "", fix: str = "") -> Finding:
    """A finding of a known rule."""
    known = RULES[rule]
    return Finding(rule, known.severity, file, line, message, fix or known.fix, persona)
