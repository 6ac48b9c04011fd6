"""The hub in a browser that runs no scripts: Nora sends a LoRA, sees it judged, publishes it, and sends a picture."""

from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load_file, save_file

from tests.journeys.conftest import CHROMIUM, QUIET, WEIGHTS

pytestmark = [pytest.mark.journey, pytest.mark.browser]


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install Debian's chromium, or name one in CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()
        browser.close()


def looked_at_until(page, words: str) -> None:
    """Press *Look again* until the page says ``words``."""
    for _ in range(120):
        if page.get_by_text(words, exact=True).count():
            return
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Look again").first.click()
    raise AssertionError(f"never said: {words}")


def test_it_works(hub, nano, page, tmp_path):
    page.goto(f"{hub.address}/models")
    page.get_by_role("link", name="Content", exact=True).click()
    page.get_by_label("Suggestive, or mild violence").uncheck()
    page.get_by_role("button", name="Save").click()
    assert page.url == f"{hub.address}/models"
    page.get_by_role("link", name="Content", exact=True).click()
    assert not page.get_by_label("Suggestive, or mild violence").is_checked(), "a visitor's word is kept"

    page.goto(f"{hub.address}/sign-up")
    page.fill("[name=username]", "nora")
    page.fill("[name=email]", "nora@example.org")
    page.fill("[name=password1]", "correct horse battery")
    page.click("main [type=submit]")

    path = tmp_path / "nora-flat.safetensors"
    save_file({k: v * 1.004 for k, v in load_file(WEIGHTS / "nano-flat.safetensors").items()}, path)
    page.goto(f"{hub.address}/uploads/start")
    page.get_by_label("File", exact=True).set_input_files(str(path))
    page.get_by_role("button", name="Send it").click()
    looked_at_until(page, "Accepted")
    page.get_by_role("button", name="Publish now").click()
    looked_at_until(page, "Published")
    page.get_by_role("article", name=path.name).get_by_role("link", name="flat").first.click()


def test_what_is_no_model_is_told_on_the_page(hub, page, tmp_path):
    path = tmp_path / "setup.exe"
    path.write_bytes(b"MZ" * 1_500_000)
    page.goto(f"{hub.address}/uploads/start")
    page.get_by_label("File", exact=True).set_input_files(str(path))
    page.get_by_role("button", name="Send it").click()
    page.get_by_role("alert").get_by_text("“.exe” files are not taken here.").wait_for()


def test_a_picture_for_a_gallery_and_for_try_it(hub, page, tmp_path):
    path, info = tmp_path / "fox.png", PngInfo()
    info.add_text("parameters", "a fox\nSteps: 9, Sampler: Euler a, CFG scale: 7, Seed: 1234, Size: 64x64")
    Image.new("RGB", (64, 64), "red").save(path, pnginfo=info)

    def sent() -> None:
        page.get_by_label("Picture", exact=True).set_input_files(str(path))
        page.get_by_role("button", name="Send it").click()

    page.goto(f"{hub.address}/models?query=nora+flat")
    page.get_by_role("link", name="nora flat").or_(page.get_by_role("link", name="nora-flat")).first.click()
    page.get_by_role("link", name="Send the picture").click()
    sent()
    looked_at_until(page, "Look at it")
    page.get_by_role("link", name="Look at it").click()
    page.get_by_text("a fox").first.wait_for()

    page.goto(f"{hub.address}/try")
    page.fill("[name=prompt]", "half written")
    page.get_by_role("button", name="Read a picture’s recipe").click()
    sent()
    looked_at_until(page, "Back to Try it")
    page.get_by_role("link", name="Back to Try it").click()
    page.get_by_text("Read from fox.png: prompt, 9 steps, seed 1234.").wait_for()
    assert page.input_value("[name=prompt]") == "half written"
