"""The preview app in a real browser: switches, a save that shows by itself, a problem in place; and pictures."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from campaigns.cli.browser import FLAGS, find_browser
from campaigns.clock import WallClock
from campaigns.config import Workspace, load_settings
from campaigns.pipeline.preview import Wanted, open_studio, template_folders
from campaigns.pipeline.preview_live import LiveTemplates
from campaigns.rendering import shipped_templates
from campaigns.web.preview import PreviewApp
from campaigns.web.server import serving

pytestmark = pytest.mark.browser
MAIL = "#stage iframe:not(.coming)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if find_browser() is None:
        pytest.skip("no browser was found: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, workspace: Workspace) -> Iterator[Any]:
    studio = open_studio(workspace, load_settings(workspace, {}))
    studio.templates = LiveTemplates(template_folders(workspace), links=studio.links)
    preview = PreviewApp(studio, Wanted("abandoned_cart"), WallClock())
    complaints: list[str] = []
    with serving(preview.app) as url:
        opened = browser.new_page(viewport={"width": 1280, "height": 860})
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.goto(url)
        opened.wait_for_selector("html[data-watching=yes][data-version]")
        yield opened
        opened.close()
        preview.close()
    assert complaints == []


def mail(page: Any) -> Any:
    return page.frame_locator(MAIL)


def save(workspace: Workspace, old: str, new: str) -> None:
    text = (shipped_templates() / "abandoned_cart" / "body.mjml").read_text(encoding="utf-8")
    path = workspace.templates / "emails" / "abandoned_cart" / "body.mjml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_saved_template_shows_by_itself_where_the_reader_was(page: Any, workspace: Workspace) -> None:
    scrolled = f"document.querySelector('{MAIL}').contentDocument.scrollingElement.scrollTop"
    page.evaluate(f"{scrolled} = 240")
    save(workspace, "Return to your cart", "Onwards")
    mail(page).get_by_text("Onwards").wait_for()
    page.wait_for_timeout(100)
    assert page.evaluate(scrolled) == 240
    assert page.locator("#stage iframe").count() == 1


def test_a_picture_that_never_comes_does_not_hold_up_the_mail(page: Any, workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/slow.png"
        save(workspace, "{{ ui.help_line() }}", f'<mj-image src="{address}" alt="" /><mj-text>At once</mj-text>')
        mail(page).get_by_text("At once").wait_for()
        shown = page.evaluate(f"document.querySelector('{MAIL}').contentDocument.readyState")
        assert shown == "interactive", "the picture is still awaited"


def test_a_problem_stands_in_place_and_goes_when_it_is_mended(page: Any, workspace: Workspace) -> None:
    save(workspace, "ui.help_line()", "ui.help_lin()")
    page.wait_for_selector("#trouble .wrong")
    assert "ui.help_lin()" in page.inner_text("#trouble .wrong")
    assert "abandoned_cart/body.mjml:15" in page.inner_text("#trouble")
    save(workspace, "nothing", "nothing")
    page.wait_for_selector("#trouble", state="hidden")
    mail(page).get_by_text("Return to your cart").wait_for()


def test_every_switch_shows_its_mail_and_stands_in_the_address(page: Any) -> None:
    page.select_option("[name=locale]", "de")
    mail(page).get_by_text("Zurück zum Warenkorb").wait_for()
    page.select_option("[name=persona]", "right to left")
    page.select_option("[name=locale]", "")
    mail(page).locator("html[dir=rtl]").wait_for(state="attached")
    page.select_option("[name=campaign]", "post_purchase")
    page.select_option("[name=step]", "2")
    page.locator("#facts", has_text="post_purchase_cross_sell").wait_for()
    assert "campaign=post_purchase" in page.url and "step=2" in page.url and "persona=right" in page.url
    page.reload()
    page.locator("#facts", has_text="post_purchase_cross_sell").wait_for()


def test_phone_and_dark_are_looks_of_the_mail_alone(page: Any) -> None:
    page.click("[data-width=phone]")
    page.click("[data-scheme=dark]")
    page.wait_for_selector("iframe.phone.dark:not(.coming)")
    assert page.locator(MAIL).bounding_box()["width"] == 390 + 2 * 7
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_a_mail_that_would_not_go_out_says_so_above_it(page: Any) -> None:
    assert page.locator("#fate").is_hidden()
    page.select_option("[name=persona]", "no cart")
    page.wait_for_selector("#fate")
    said = page.inner_text("#fate")
    assert "would not be sent" in said and "exited (cart_emptied)" in said and "the cart was emptied" in said
    page.select_option("[name=persona]", "everything")
    page.wait_for_selector("#fate", state="hidden")


def test_tabs_by_key(page: Any) -> None:
    page.focus("#tab-html")
    page.keyboard.press("ArrowRight")
    page.get_by_text("https://lantern-lane.example/products").first.wait_for()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".source li")
    assert page.url.endswith("#source")


def rekindle(workspace: Workspace, *arguments: object) -> subprocess.CompletedProcess[str]:
    """In a process of its own: two browsers of one kind do not go together in one."""
    if find_browser() is None:
        pytest.skip("no browser was found: apt-get install chromium")
    command = [sys.executable, "-m", "campaigns.cli", "-w", str(workspace.root), "preview", *map(str, arguments)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)


def test_pictures_at_phone_and_desktop_width_light_and_dark(workspace: Workspace, tmp_path: Path) -> None:
    done = rekindle(workspace, "abandoned_cart", "--looks", "--out", tmp_path / "looks")
    assert done.returncode == 0, done.stderr
    sizes = {path.stem.partition("reminder-")[2]: Image.open(path).size[0] for path in tmp_path.glob("looks/*.png")}
    assert sizes == {"390": 780, "390-dark": 780, "680": 1360, "680-dark": 1360}


def test_a_contact_sheet_as_one_picture(workspace: Workspace, tmp_path: Path) -> None:
    done = rekindle(workspace, "abandoned_cart", "--all", "--format", "png", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "abandoned_cart-sheet.png").size[0] == 1480


def test_a_change_is_drawn_beside_what_it_was(workspace: Workspace, tmp_path: Path) -> None:
    assert rekindle(workspace, "--all", "--update").returncode == 0
    save(workspace, "Return to your cart", "Onwards")
    done = rekindle(workspace, "--all", "--check", "--out", tmp_path / "changes")
    assert done.returncode == 1
    [drawn] = tmp_path.glob("changes/*.png")
    assert drawn.name == "abandoned_cart-1-reminder.png" and Image.open(drawn).size[0] == 3 * 680 + 80


def test_a_change_that_only_the_dark_shows_is_drawn_dark(workspace: Workspace, tmp_path: Path) -> None:
    assert rekindle(workspace, "abandoned_cart", "--all", "--update").returncode == 0
    dark = '\n[shop.brand.dark]\nsurface = "#401020"\n'
    workspace.config_file.write_text(workspace.config_file.read_text(encoding="utf-8") + dark, encoding="utf-8")
    done = rekindle(workspace, "abandoned_cart", "--all", "--check", "--out", tmp_path)
    assert done.returncode == 1
    drawn = Image.open(tmp_path / "abandoned_cart-1-reminder.png")
    assert drawn.getpixel((20 + 680 // 2, 320))[0] < 90 and (64, 16, 32) in {c for _, c in drawn.getcolors(1 << 24)}


def test_a_change_that_nobody_sees_is_said_to_be_one(workspace: Workspace) -> None:
    assert rekindle(workspace, "abandoned_cart", "--all", "--update").returncode == 0
    unseen = "{% block head %}<mj-style>.nobody { color: red; }</mj-style>{% endblock %}"
    save(workspace, "{% block after %}", unseen + "{% block after %}")
    done = rekindle(workspace, "abandoned_cart", "--all", "--check")
    assert done.returncode == 1 and "looks the same at every width" in done.stdout
