"""From saving a template to the new mail in the preview app's frame, in a real browser.

    python -m benchmarks.preview_reload [--saves 10]

Needs chromium and Playwright; skipped where they are missing. Time is the wall's: what an author waits for.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from campaigns.cli.browser import FLAGS, find_browser
from campaigns.clock import WallClock
from campaigns.config import load_settings, scaffold
from campaigns.pipeline.preview import Wanted, open_studio, template_folders
from campaigns.pipeline.preview_live import LiveTemplates
from campaigns.rendering import shipped_templates
from campaigns.web.preview import PreviewApp
from campaigns.web.server import serving

OLD = "Still here when you are, {name}"
WATCH = """(mark) => ({shown: new Promise(done => { const look = () => {
  const frame = document.querySelector('iframe:not(.coming)');
  if (frame?.contentDocument?.body?.textContent.includes(mark)) done(Date.now()); else setTimeout(look, 2);
}; look(); })})"""


def measure(saves: int) -> list[float]:
    """Milliseconds of each save."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        workspace = scaffold(Path(folder) / "shop").workspace
        file = workspace.templates / "emails" / "abandoned_cart" / "body.mjml"
        text = (shipped_templates() / "abandoned_cart" / "body.mjml").read_text(encoding="utf-8")
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        studio = open_studio(workspace, load_settings(workspace, {}))
        studio.templates = LiveTemplates(template_folders(workspace), links=studio.links)
        app = PreviewApp(studio, Wanted("abandoned_cart"), WallClock())
        found = []
        with serving(app.app) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1380, "height": 900}, bypass_csp=True)
            page.goto(url)
            page.wait_for_selector("html[data-watching=yes][data-version]")
            for number in range(saves + 2):
                mark = f"Save {number} of this run"
                shown = page.evaluate_handle(WATCH, mark)
                started = time.time()
                file.write_text(text.replace(OLD, mark), encoding="utf-8")
                found.append(float(page.evaluate("each => each.shown", shown)) - started * 1000)
                time.sleep(0.5)
            browser.close()
            app.close()
    return found[2:]  # the first ones wait for the samples' pictures to be drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saves", type=int, default=10)
    asked = parser.parse_args()
    if find_browser() is None:
        print("skipped: no browser was found")
        return
    found = measure(asked.saves)
    print(f"save to frame: median {statistics.median(found):.0f} ms, best {min(found):.0f}, worst {max(found):.0f}")


if __name__ == "__main__":
    main()
