"""The same in a real browser: sign up, drop a file, watch it come in; then draw a picture and see it."""

import pytest
from safetensors.torch import load_file, save_file

from tests.journeys.conftest import WEIGHTS

pytestmark = [pytest.mark.journey, pytest.mark.browser]


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
