"""The preview app by HTTP: choices, parts, problems in place, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from campaigns.clock import WallClock
from campaigns.config import Workspace, load_settings
from campaigns.pipeline.preview import Wanted, open_studio, template_folders
from campaigns.pipeline.preview_files import read_campaigns
from campaigns.pipeline.preview_live import LiveTemplates
from campaigns.rendering import shipped_templates
from campaigns.web.preview import PreviewApp
from campaigns.web.server import serving

pytestmark = pytest.mark.slow


@pytest.fixture
def site(workspace: Workspace) -> Iterator[httpx.Client]:
    studio = open_studio(workspace, load_settings(workspace, {}))
    studio.templates = LiveTemplates(template_folders(workspace), links=studio.links)
    app = PreviewApp(studio, Wanted("abandoned_cart"), WallClock()).app
    with serving(app) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def save(workspace: Workspace, text: str) -> None:
    path = workspace.templates / "emails" / "abandoned_cart" / "body.mjml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def shipped() -> str:
    return (shipped_templates() / "abandoned_cart" / "body.mjml").read_text(encoding="utf-8")


def until(answer, good) -> object:
    deadline = time.monotonic() + 20
    while not good(found := answer()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert good(found), found
    return found


def test_the_choices_of_a_campaign(site: httpx.Client) -> None:
    state = site.get("/preview/state", params={"campaign": "post_purchase", "step": "2"}).json()
    assert state["chosen"]["step"] == 2 and len(state["options"]["steps"]) == 3
    assert "no name" in [each["value"] for each in state["options"]["people"]]
    assert "de" in [each["value"] for each in state["options"]["locales"]]
    assert state["subject"] and state["sizes"]["html"] and state["problem"] is None


def test_a_choice_that_does_not_fit_falls_back(site: httpx.Client) -> None:
    state = site.get("/preview/state", params={"campaign": "gone", "step": "77", "variant": "x"}).json()
    assert state["chosen"]["campaign"] == "abandoned_cart" and state["chosen"]["step"] == 1


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("text", "Still here when you are"),
        ("source", "_base/layout.mjml:1"),
        ("headers", "List-Unsubscribe"),
        ("data", "postal_address"),
        ("slates", "Often bought with Carving Knife 22 cm"),
        ("lint", "postal-address-missing"),
    ],
)
def test_each_part_shows_its_own(site: httpx.Client, part: str, shown: str) -> None:
    answer = site.get(f"/preview/part/{part}", params={"campaign": "abandoned_cart"})
    assert answer.status_code == 200 and shown in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_the_frame_runs_no_script_and_shows_pictures(site: httpx.Client) -> None:
    answer = site.get("/preview/frame", params={"campaign": "abandoned_cart"})
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "allow-scripts" not in policy
    name = answer.text.split("/preview/pictures/")[1].split('"')[0]
    assert site.get(f"/preview/pictures/{name}").content.startswith(b"\x89PNG")
    assert site.get("/preview/pictures/other.png").status_code == 404
    assert site.get("/preview/static/..%2Fbase.html").status_code == 404


def test_a_save_shows_in_the_next_answer(site: httpx.Client, workspace: Workspace) -> None:
    def frame() -> str:
        return site.get("/preview/frame", params={"campaign": "abandoned_cart"}).text

    assert "Return to your cart" in frame()
    for words in ("First words", "Second words"):
        save(workspace, shipped().replace("Return to your cart", words))
        until(frame, lambda html, words=words: words in html)
    (workspace.templates / "emails/abandoned_cart/body.mjml").unlink()
    until(frame, lambda html: "Return to your cart" in html)


def test_a_problem_is_shown_with_the_line_of_the_template(site: httpx.Client, workspace: Workspace) -> None:
    save(workspace, shipped().replace("ui.help_line()", "ui.help_lin()"))
    state = until(
        lambda: site.get("/preview/state", params={"campaign": "abandoned_cart"}).json(), lambda state: state["problem"]
    )
    [wrong] = [line for line in state["problem"]["excerpt"] if line["wrong"]]
    assert wrong == {"line": 15, "text": "{{ ui.help_lin() }}", "wrong": True}
    assert site.get("/preview/part/text", params={"campaign": "abandoned_cart"}).status_code == 200


def test_a_real_shopper_without_servers_is_a_problem_in_place(site: httpx.Client) -> None:
    state = site.get("/preview/state", params={"campaign": "abandoned_cart", "persona": "profile:C1"}).json()
    assert "servers" in state["problem"]["what"]


def test_another_sites_name_for_this_machine_is_refused(site: httpx.Client) -> None:
    assert site.get("/preview/state", headers={"Host": "evil.example"}).status_code == 400


def test_drafts_can_be_chosen_in_a_group_of_their_own(site: httpx.Client) -> None:
    state = site.get("/preview/state", params={"campaign": "welcome"}).json()
    groups = {each["value"]: each.get("group") for each in state["options"]["campaigns"]}
    assert state["template"] == "welcome" and state["subject"]
    assert groups["welcome"] == "Drafts" and groups["abandoned_cart"] is None


def test_a_campaign_file_is_parsed_again_only_when_it_changed(workspace: Workspace) -> None:
    path = workspace.campaigns / "abandoned_cart.yaml"
    before = read_campaigns(workspace.campaigns).by_id["abandoned_cart"]
    assert read_campaigns(workspace.campaigns).by_id["abandoned_cart"] is before
    path.write_text(path.read_text(encoding="utf-8").replace("name: Abandoned cart", "name: Carts"), encoding="utf-8")
    assert read_campaigns(workspace.campaigns).by_id["abandoned_cart"].name == "Carts"
    path.write_text("id: [", encoding="utf-8")
    for _ in range(2):
        assert "not YAML" in read_campaigns(workspace.campaigns).problems[0]
