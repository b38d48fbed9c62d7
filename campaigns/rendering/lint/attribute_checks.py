"""Attributes that MJML does not know: it leaves them out without a word, and a misspelt one is missed by nobody.

`mjml_attributes.json` lists what each component takes: the `allowedAttributes` of the npm package `mjml` (4.18.0, MIT),
printed where it is installed by

    node -p 'JSON.stringify(require("mjml-preset-core").default.components.map(
        each => [each.componentName, Object.keys(each.allowedAttributes || {}).sort().join(" ")]))'

with the root's `dir`, `lang` and `owa`, which the core reads, and `css-class` and `mj-class`, which every component
takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import Final

from campaigns.rendering.lint.mail import Mail
from campaigns.rendering.lint.rules import Finding
from campaigns.rendering.scanner import ATTRIBUTE, tags
from campaigns.rendering.undefined import nearest

DATA: Final = "mjml_attributes.json"


@lru_cache(maxsize=1)
def known_attributes() -> Mapping[str, frozenset[str]]:
    """Component -> its attributes. `mj-all` and `mj-class` hand theirs on, so they take those of all components."""
    data = json.loads(resources.files("campaigns.rendering.lint").joinpath(DATA).read_text(encoding="utf-8"))
    everywhere = data["everywhere"].split()
    found = {name: frozenset([*everywhere, *own.split()]) for name, own in data["components"].items()}
    every = frozenset[str]().union(*found.values())
    return {**found, "mj-all": every, "mj-class": every | {"name"}}


def attribute_findings(mail: Mail) -> Iterator[Finding]:
    """unknown-attribute."""
    for tag in tags(mail.traced.source):
        known = known_attributes().get(tag.name)
        if known is None or tag.closes:
            continue
        for written in ATTRIBUTE.finditer(tag.rest):
            name = written["name"]
            if name in known:
                continue
            said = f"<{tag.name}> has no attribute {name}; MJML leaves it out"
            found = mail.at("unknown-attribute", said, tag.rest_start + written.start())
            near = nearest(name.lower(), known)
            yield replace(found, fix=f"did you mean {near}?") if near else found
