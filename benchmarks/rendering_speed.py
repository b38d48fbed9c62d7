"""How many mails a core renders: compiled once, MJML per recipient (mjml-python), and node mjml, in one run.

    python benchmarks/rendering_speed.py [--seconds 3] [--node DIR]

`--node DIR` is a folder with `node_modules/mjml` (npm install mjml); without it, or without node, that line is left
out. Recipients differ in name, products, prices, quantities, reductions and pictures (one line in ten has none); all
have 12 lines.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

from campaigns.delivery.mime import compose
from campaigns.domain.message import Address, OutboundMail
from campaigns.domain.product import Product
from campaigns.rendering import (
    EmailTemplate,
    LinkSigner,
    TemplateStore,
    Utm,
    cart_context,
    line_context,
    profile_context,
    shipped_templates,
)
from campaigns.rendering.lint import full_context

WARM_UP = 400
SLICES = 40  # of the time of one row; the quickest counts, for what slows the others down is not this program
PLAIN = """<mjml><mj-head><mj-attributes><mj-all font-family="{{ shop.brand.font }}" /></mj-attributes></mj-head>
<mj-body background-color="{{ shop.brand.background }}">
<mj-section><mj-column><mj-image src="{{ shop.logo_url }}" alt="{{ shop.name }}" width="120px" />
<mj-text font-size="24px">Still here, {{ profile.first_name or "there" }}</mj-text></mj-column></mj-section>
{% for line in cart.lines %}
<mj-section background-color="#ffffff"><mj-column width="30%">
<mj-image src="{{ line.image_url }}" alt="{{ line.title }}" href="{{ line.url }}" /></mj-column>
<mj-column width="70%"><mj-text>
<a href="{{ line.url }}">{{ line.title }}</a><br />
{{ line.quantity }} x {{ line.price_minor | money(line.currency) }}</mj-text></mj-column></mj-section>
{% endfor %}
<mj-section><mj-column>
<mj-button href="{{ links.cart }}">{{ cart.total_minor | money(cart.currency) }}: to the cart</mj-button>
<mj-text>{{ shop.postal_address }} <a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text></mj-column></mj-section>
</mj-body></mjml>
"""
NODE = """const mjml = require('mjml'); const fs = require('fs');
const sources = JSON.parse(fs.readFileSync(0)); let n = 0; const convert = mjml.default || mjml;
(async () => { for (const s of sources) await convert(s); const start = process.hrtime.bigint(); const limit =
BigInt(%d) * 1000000000n;
while (process.hrtime.bigint() - start < limit) { await convert(sources[n %% sources.length]); n++; }
console.log(n / (Number(process.hrtime.bigint() - start) / 1e9)); })();
"""


def contexts(count: int = 2_500) -> list[Any]:
    """Prepared contexts of different recipients with 12 lines each."""
    full = full_context(lines=12)
    chance = random.Random(7)
    return [
        {
            **full,
            "profile": profile_context(profile_id=str(number), first_name=f"Name {number}", locale="en"),
            "cart": cart_context(
                [line_context(_product(chance), quantity=chance.choice([1, 1, 2, 3])) for _ in range(12)],
                currency="EUR",
                url="https://shop.example/cart",
            ),
        }
        for number in range(count)
    ]


def _product(chance: random.Random) -> Product:
    base, number = "https://shop.example", chance.randrange(1_000_000)
    price = chance.randrange(900, 90_000)
    return Product(
        f"p{number}",
        f"Product & thing {number}",
        url=f"{base}/products/{number}?ref=mail",
        image_url="" if chance.random() < 0.1 else f"{base}/images/{number}.jpg",
        price_minor=price,
        list_price_minor=price + 500 if chance.random() < 0.5 else None,
    )


def delivered(template: EmailTemplate) -> Callable[[Any], object]:
    """Renders and assembles the bytes that go to the mail server."""
    sender, date = Address("shop@shop.example", "Shop"), datetime(2026, 3, 14, tzinfo=UTC)

    def composed(context: Any) -> object:
        email = template.render(context)
        recipient = Address("ann@mail.example", context["profile"]["first_name"])
        mail = OutboundMail(
            message_ref=context["message"]["ref"],
            sender=sender,
            recipient=recipient,
            email=email,
            campaign_id="abandoned_cart",
            shop_id="shop",
            unsubscribe_url=context["links"]["unsubscribe"],
        )
        return compose(mail, date)

    return composed


def per_second(render: Callable[[Any], object], recipients: list[Any], seconds: float) -> float:
    """Calls per second of processor time for recipients not seen before, after a warm-up with others: the best of
    some slices of time, as `timeit` does it."""
    for recipient in recipients[:WARM_UP]:
        render(recipient)
    gc.collect()
    turns: Iterator[Any] = cycle(recipients[WARM_UP:])
    return max(_rate(render, turns, seconds / SLICES) for _ in range(SLICES))


def _rate(render: Callable[[Any], object], turns: Iterator[Any], seconds: float) -> float:
    start, calls = time.process_time(), 0
    while time.process_time() - start < seconds:
        for _ in range(20):
            render(next(turns))
        calls += 20
    return calls / (time.process_time() - start)


def plain_folder(folder: Path) -> Path:
    """A template without a design, to compare with other engines."""
    mail = folder / "plain"
    mail.mkdir()
    (mail / "subject.txt").write_text("{{ profile.first_name }}, your cart")
    (mail / "preheader.txt").write_text("{{ cart.count }} things are waiting")
    (mail / "body.txt").write_text("{% for line in cart.lines %}{{ line.title }}\n{% endfor %}{{ links.unsubscribe }}")
    (mail / "body.mjml").write_text(PLAIN)
    return folder


def measure_node(sources: list[str], folder: Path, seconds: int) -> float | None:
    """Mails per second of node mjml alone, Jinja not counted; None where node or the package is missing."""
    if shutil.which("node") is None or not (folder / "node_modules" / "mjml").is_dir():
        return None
    done = subprocess.run(
        ["node", "-e", NODE % seconds],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    return float(done.stdout) if done.returncode == 0 and done.stdout.strip() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--node", type=Path, default=Path.cwd())
    options = parser.parse_args()
    recipients = contexts()
    signer = LinkSigner(b"0123456789abcdef", "https://links.shop.example")
    with tempfile.TemporaryDirectory() as kept:
        folders = [plain_folder(Path(kept)), shipped_templates()]
        store, tracked = TemplateStore(folders), TemplateStore(folders, links=signer, utm=Utm())
        for name in ("plain", "abandoned_cart"):
            template, signed = store.get(name), tracked.get(name)
            rows = {
                "HTML, compiled once": template.render_html,
                "subject, HTML, text": template.render,
                "subject, HTML, text, links signed": signed.render,
                "subject, HTML, text, links signed, MIME bytes": delivered(signed),
                "HTML, Jinja then mjml-python per recipient": template.render_uncompiled,
            }
            print(f"{name}: 12 products, {len(template.render(recipients[0]).html) / 1024:.0f} KB of HTML")
            for label, render in rows.items():
                print(f"  {label:<48}{per_second(render, recipients, options.seconds):>9,.0f} mails/s/core")
            sources = [template.traced(recipient).source for recipient in recipients[:20]]
            rate = measure_node(sources, options.node, max(int(options.seconds), 1))
            shown = f"{rate:>9,.0f} mails/s" if rate else "  left out: no node mjml found"
            print(f"  {'node mjml per recipient (MJML only)':<48}{shown}")


if __name__ == "__main__":
    main()
