"""Attributes that do nothing: MJML leaves them out without a word, and a misspelt one is missed by nobody.

`mjml_attributes.json` lists what each component takes: the `allowedAttributes` of the npm package `mjml` (4.18.0, MIT),
printed where it is installed by

    node -p 'JSON.stringify(require("mjml-preset-core").default.components.map(
        each => [each.componentName, Object.keys(each.allowedAttributes || {}).sort().join(" ")]))'

with the root's `dir`, `lang` and `owa`, which the core reads, and `css-class` and `mj-class`, which every component
takes. `undrawn` lists those that mrml, which compiles our mails, does nothing with: tests hold it against mrml.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from campaigns.rendering.lint.mail import Mail
from campaigns.rendering.lint.rules import Finding
from campaigns.rendering.scanner import ATTRIBUTE, tags
from campaigns.rendering.undefined import nearest

DATA: Final = "mjml_attributes.json"


@lru_cache(maxsize=1)
def _data() -> Any:
    return json.loads(resources.files("campaigns.rendering.lint").joinpath(DATA).read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def undrawn_attributes() -> Mapping[str, frozenset[str]]:
    """Component -> attributes that MJML has and that change nothing in our mails."""
    return {name: frozenset(own.split()) for name, own in _data()["undrawn"].items()}


@lru_cache(maxsize=1)
def known_attributes() -> Mapping[str, frozenset[str]]:
    """Component -> its attributes. `mj-all` and `mj-class` hand theirs on, so they take those of all components."""
    everywhere = _data()["everywhere"].split()
    found = {name: frozenset([*everywhere, *own.split()]) for name, own in _data()["components"].items()}
    every = frozenset[str]().union(*found.values())
    return {**found, "mj-all": every, "mj-class": every | {"name"}}


def attribute_findings(mail: Mail) -> Iterator[Finding]:
    """unknown-attribute."""
    for tag in tags(mail.traced.source):
        known = known_attributes().get(tag.name)
        if known is None or tag.closes:
            continue
        undrawn = undrawn_attributes().get(tag.name, frozenset())
        for written in ATTRIBUTE.finditer(tag.rest):
            name, position = written["name"], tag.rest_start + written.start()
            if name in undrawn:
                yield mail.at("unknown-attribute", f"{name} of <{tag.name}> does nothing in our mails", position)
            elif name not in known:
                found = mail.at("unknown-attribute", f"<{tag.name}> has no attribute {name} in MJML", position)
                near = nearest(name.lower(), known - undrawn)
                yield replace(found, fix=f"did you mean {near}?") if near else found
