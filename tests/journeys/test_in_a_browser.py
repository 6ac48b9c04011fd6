"""The same in a real browser: sign up, drop a file, watch it come in; then draw a picture and see it."""

import os
import shutil

import pytest
from safetensors.torch import load_file, save_file

from tests.journeys.conftest import WEIGHTS

pytestmark = [pytest.mark.journey, pytest.mark.browser]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def page():
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install Debian's chromium, or name one in CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        broken: list[str] = []
        page.on("console", lambda message: broken.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: broken.append(str(error)))
        yield page
        assert not broken, broken
        browser.close()


def test_upload_and_draw(hub, nano, page, tmp_path):
    page.goto(f"{hub.address}/sign-up")
    page.fill("[name=username]", "bea")
    page.fill("[name=email]", "bea@example.org")
    page.fill("[name=password1]", "correct horse battery")
    page.click("main [type=submit]")
    page.wait_for_url(f"{hub.address}/**")

    path = tmp_path / "bea-flat.safetensors"
    save_file({k: v * 1.002 for k, v in load_file(WEIGHTS / "nano-flat.safetensors").items()}, path)
    page.goto(f"{hub.address}/uploads/start")
    page.set_input_files("input[type=file]", str(path))
    page.get_by_text("Accepted").first.wait_for(timeout=60_000)

    page.goto(f"{hub.address}/try?base={nano['version']}")
    page.fill("[name=prompt]", "rocket, white background")
    page.get_by_role("button", name="Draw").first.click()
    page.wait_for_url(f"{hub.address}/try/*")
    picture = page.locator("main img[src*='/image/']").first
    picture.wait_for(timeout=60_000)
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 128
