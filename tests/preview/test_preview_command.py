"""`rekindle preview` for made-up shoppers: what it writes, for whom, and what it refuses."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from campaigns.cli.main import cli
from campaigns.config import Workspace
from campaigns.domain.errors import InvalidInput, RekindleError, WrongUsage

pytestmark = pytest.mark.slow

VARIANTS = """
experiment:
  variants:
    - name: calm
    - name: short
      templates: {reminder: abandoned_cart_last_call}
"""
PERSONA = """
profile: {first_name: Bo, locale: de}
cart:
  lines:
    - {title: Oak chair, price_minor: 9900, quantity: 2}
    - title: A thing without a price
coupon: null
"""


def preview(workspace: Workspace, *arguments: object) -> Result:
    given = ["-w", str(workspace.root), "preview", *map(str, arguments)]
    return CliRunner().invoke(cli, given, standalone_mode=False)


def told(workspace: Workspace, *arguments: object) -> dict:
    return json.loads(preview(workspace, *arguments, "--format", "json").output)


def with_variants(workspace: Workspace) -> None:
    path = workspace.campaigns / "abandoned_cart.yaml"
    path.write_text(path.read_text(encoding="utf-8") + VARIANTS, encoding="utf-8")


def test_json_tells_subject_preheader_sizes_and_slates_with_reasons(workspace: Workspace) -> None:
    shown = told(workspace, "abandoned_cart")
    assert shown["subject"] and shown["preheader"] and shown["for"] == "everything"
    assert 10_000 < shown["sizes"]["html"] < shown["sizes"]["message"]
    items = shown["slates"]["recommendations"]["items"]
    assert len(items) == 4 and all(item["reason"] and item["title"] for item in items)


def test_the_shop_is_the_workspaces_own(workspace: Workspace) -> None:
    html = preview(workspace, "abandoned_cart", "--format", "html").output
    assert "Lantern Lane" in html and "https://lantern-lane.example/products/" in html
    assert "nordsee" not in html.lower()
    assert "data:image/png;base64," in html and "samples.rekindle.example" not in html
    assert "/c/preview/" not in html, "links of a preview lead to the shop"


def test_a_locale_turns_the_mail(workspace: Workspace) -> None:
    assert "Warenkorb" in preview(workspace, "abandoned_cart", "--locale", "de-AT").output
    assert 'dir="rtl"' in preview(workspace, "abandoned_cart", "--locale", "ar", "--format", "html").output
    refused = preview(workspace, "abandoned_cart", "--locale", "klingon")
    assert isinstance(refused.exception, WrongUsage) and "de-AT" in str(refused.exception)


def test_the_shops_own_language_is_the_default(workspace: Workspace) -> None:
    text = workspace.config_file.read_text(encoding="utf-8")
    workspace.config_file.write_text(text.replace('locale = "en"', 'locale = "de"'), encoding="utf-8")
    assert "Warenkorb" in preview(workspace, "abandoned_cart").output


def test_a_variant_shows_its_own_template(workspace: Workspace) -> None:
    with_variants(workspace)
    assert told(workspace, "abandoned_cart", "--variant", "calm")["template"] == "abandoned_cart"
    assert told(workspace, "abandoned_cart", "--variant", "short")["template"] == "abandoned_cart_last_call"
    refused = preview(workspace, "abandoned_cart", "--variant", "loud")
    assert "calm, short" in str(refused.exception)


def test_a_built_in_persona_by_name(workspace: Workspace) -> None:
    assert "Ada" in told(workspace, "abandoned_cart")["subject"]
    assert "Ada" not in told(workspace, "abandoned_cart", "--persona", "no-name")["subject"]
    assert (
        told(workspace, "abandoned_cart", "--persona", "no recommendations")["slates"]["recommendations"]["items"] == []
    )


@pytest.mark.parametrize(("persona", "count"), [("one line", 1), ("two lines", 2), ("everything", 6)])
def test_a_persona_of_few_products_has_few_in_every_slot(workspace: Workspace, persona: str, count: int) -> None:
    slates = told(workspace, "browse_abandonment", "--persona", persona)["slates"]
    assert [len(slates[name]["items"]) for name in ("viewed", "recommendations")] == [count, min(count, 4)]


def test_a_persona_without_pictures_has_none_anywhere(workspace: Workspace) -> None:
    for campaign in ("abandoned_cart", "browse_abandonment", "post_purchase"):
        page = preview(workspace, campaign, "--persona", "no pictures", "--format", "html").output
        assert "<img" not in page and "rk-tile" in page, campaign
    assert "<img" in preview(workspace, "browse_abandonment", "--format", "html").output


def test_a_draft_is_shown_and_named_as_one(workspace: Workspace) -> None:
    assert told(workspace, "welcome")["campaign"] == "welcome"
    assert "welcome (a draft)" in str(preview(workspace, "welcom").exception)
    (workspace.campaigns / "drafts" / "torn.yaml").write_text("id: [", encoding="utf-8")
    assert "welcome" not in {
        each["campaign"] for each in json.loads(preview(workspace, "--all", "--format", "json").output)
    }


def test_a_price_drop_is_shown_with_both_prices(workspace: Workspace) -> None:
    text = preview(workspace, "price_drop").output
    [was] = re.findall(r"\n\* .+\n  (€[0-9.]+ \(was €[0-9.]+\))\n", text)
    low, high = map(float, re.findall(r"[0-9.]+", was))
    assert low < high


def test_a_persona_file_by_name_or_path(workspace: Workspace) -> None:
    workspace.personas.mkdir(exist_ok=True)
    path = workspace.personas / "bo.yaml"
    path.write_text(PERSONA, encoding="utf-8")
    by_name, by_path = (preview(workspace, "abandoned_cart", "--persona", given).output for given in ("bo", path))
    assert by_name == by_path
    assert "Bo" in by_name and "Oak chair" in by_name and "198,00" in by_name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profile: {frist_name: Bo}", "frist_name"),
        ("purse: 3", "is no persona"),
        ("cart: {lines: [{price_minor: 3}]}", "no title"),
        ("cart: {lines: [{title: A, price_minor: 3.5}]}", "minor units"),
        ("a: [", "is not YAML"),
        ("cart: {lines: 5}", "cart.lines is not a list"),
        ("slots: {recommendations: 5}", "slots.recommendations is not"),
        ("slots: {recommendations: {items: {a: 1}}}", "items is not a list"),
        ("session: {viewed: x}", "session.viewed is not a list"),
        ("profile: {traits: 5}", "traits is not"),
        ("profile: null", "a mail needs a reader"),
    ],
)
def test_a_persona_file_that_is_wrong_says_where_and_why(
    workspace: Workspace, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text, encoding="utf-8")
    refused = preview(workspace, "abandoned_cart", "--persona", path)
    assert isinstance(refused.exception, InvalidInput)
    assert said in str(refused.exception) and "wrong.yaml" in str(refused.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        (),
        ("abandoned_cart", "--step", 9),
        ("abandoned_cart", "--persona", "nobody"),
        ("abandoned_cart", "--persona", "no name", "--profile", "C1"),
        ("abandoned_cart", "--persona", "no name", "--persona", "emoji"),
        ("abandoned_cart", "--all", "--send-to", "me@shop.example"),
        ("abandoned_cart", "--check", "--step", 1),
    ],
)
def test_wrong_use_is_one_line(workspace: Workspace, arguments: tuple[object, ...]) -> None:
    refused = preview(workspace, *arguments)
    assert isinstance(refused.exception, RekindleError) and "\n" not in str(refused.exception)


def test_a_broken_campaign_file_does_not_hide_the_others(workspace: Workspace) -> None:
    (workspace.campaigns / "broken.yaml").write_text("id: [", encoding="utf-8")
    assert preview(workspace, "abandoned_cart").exit_code == 0


def test_a_test_mail_is_marked_and_every_one_is_a_new_one(workspace: Workspace) -> None:
    for _ in range(2):
        done = preview(workspace, "abandoned_cart", "--send-to", "marketing@shop.example")
        assert "marketing@shop.example" in done.output, done.exception
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in workspace.mail.glob("new/*")]
    assert len(mails) == 2 and len({mail["Message-ID"] for mail in mails}) == 2
    for mail in mails:
        assert mail["Subject"].startswith("[Test] ") and mail["X-Rekindle-Test"] == "yes"
        assert mail["To"] == "marketing@shop.example"
        page = mail.get_body(("html",)).get_content()
        assert "samples.rekindle.example" not in page and "rk-tile" in page, "no picture that only a preview has"


def test_the_eml_is_the_whole_message(workspace: Workspace, tmp_path: Path) -> None:
    preview(workspace, "abandoned_cart", "--format", "eml", "--out", tmp_path / "a.eml")
    mail = message_from_bytes((tmp_path / "a.eml").read_bytes(), policy=policy.default)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert "/u/preview/" in mail["List-Unsubscribe"] and mail["X-Rekindle-Test"] is None


@pytest.mark.parametrize(
    ("campaign", "persona", "code"),
    [
        ("abandoned_cart", "no cart", "exited (cart_emptied)"),
        ("browse_abandonment", "no session", "exited (too_few_views)"),
        ("post_purchase", "no order", "not_started"),
        ("price_drop", "no recommendations", "nothing_to_show"),
    ],
)
def test_a_mail_that_would_not_go_out_says_so_and_why(
    workspace: Workspace, campaign: str, persona: str, code: str
) -> None:
    shown = preview(workspace, campaign, "--persona", persona).output.splitlines()
    assert shown[0] == f"This mail would not be sent: {code}" and shown[1].endswith(".")
    decided = told(workspace, campaign, "--persona", persona)["decision"]
    assert decided["outcome"] in ("skip", "none") and decided["says"] == shown[1]
    assert code == decided["reason"] + (f" ({decided['exit_reason']})" if decided["exit_reason"] else "")
    fine = told(workspace, campaign)["decision"]
    assert (fine["outcome"], fine["reason"]) == ("send", "passed")


def test_why_it_would_not_go_out_is_said_beside_a_file_not_in_it(workspace: Workspace, tmp_path: Path) -> None:
    done = preview(
        workspace, "abandoned_cart", "--persona", "no cart", "--format", "html", "--out", tmp_path / "a.html"
    )
    assert "exited (cart_emptied)" in done.stderr
    assert "cart_emptied" not in (tmp_path / "a.html").read_text(encoding="utf-8")
    sheet = preview(workspace, "abandoned_cart", "--all", "--persona", "no cart", "--format", "html", "--out", tmp_path)
    assert sheet.exit_code == 0
    page = (tmp_path / "abandoned_cart-sheet.html").read_text(encoding="utf-8")
    assert page.count("This mail would not be sent: exited (cart_emptied)") == 3


def test_a_step_without_a_code_left_to_promise_would_not_go_out(workspace: Workspace) -> None:
    path = workspace.campaigns / "abandoned_cart.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("    template: abandoned_cart\n", "    template: abandoned_cart\n    coupon: {pool: spring}\n", 1)
    )
    decided = told(workspace, "abandoned_cart", "--persona", "no coupon")["decision"]
    assert decided["reason"] == "no_coupon" and "spring" in decided["says"]
