"""The gallery of pages: ``make screenshots`` starts a hub with the demo content, visits its pages in Chromium, wide and
narrow, light and dark, and writes small pictures and their list into ``infra/screenshots/``.

The hub's data stays in ``.weightroom-screens``; a later run finds its pictures drawn. HUB names one that runs already:
people, words and a collection are made there.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
FOLDER = PROJECT / "infra" / "screenshots"
DATA = PROJECT / ".weightroom-screens"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
WIDE, NARROW = (1440, 900), (390, 844)
SHOWN = {WIDE: 960, NARROW: 300}  # pixels across in the pictures kept
QUALITY, ALL_BYTES = 58, 1_500_000
DRAWING_SECONDS = 3600  # a dozen strips on a machine that does other things too


def main() -> int:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        print("no Chromium here: install one, or name it in CHROMIUM")
        return 1
    with running() as hub, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        visit = Visit(hub, browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]}))
        pages = visit.prepared()
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        for name, (_, address, state) in pages.items():
            for size in (WIDE, NARROW):
                for theme in ("light", "dark"):
                    picture = visit.seen(address, size, theme, state)
                    _keep(picture, SHOWN[size], f"{name}-{'wide' if size == WIDE else 'narrow'}-{theme}.webp")
            print(name, flush=True)
        browser.close()
    (FOLDER / "README.md").write_text(_listed({name: words for name, (words, _, _) in pages.items()}))
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(pages)} pages, {total / 1e6:.2f} MB in {FOLDER.relative_to(PROJECT)}")
    return int(total > ALL_BYTES)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The address of a hub that holds the demo content with its strips drawn."""
    if address := os.environ.get("HUB"):
        yield address.rstrip("/")
        return
    from hub import embedded

    port = embedded.free_port()
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {"DATA_DIR": str(DATA), "PORT": str(port), "PUBLIC_URL": address}
    process = subprocess.Popen([sys.executable, "manage.py", "up"], cwd=PROJECT, env=environment)
    try:
        _wait("the demo content to be drawn", lambda: _drawn(address, process), DRAWING_SECONDS)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait(what: str, found: Callable[[], Any], seconds: float) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := found():
            return answer
        time.sleep(1)
    raise SystemExit(f"waited {seconds:.0f} s in vain for {what}")


def _drawn(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether every model of the demo is listed with all frames of its strip."""
    import httpx

    if process.poll() is not None:
        raise SystemExit("the hub stopped while starting")
    wanted = len(json.loads((PROJECT / "workers/nano/weights/manifest.json").read_text()))
    try:
        models = httpx.get(f"{address}/api/v1/models?limit=100", timeout=10).json().get("items", [])
        if len(models) < wanted:
            return False
        for version in (version["id"] for model in models for version in model["modelVersions"]):
            strips = httpx.get(f"{address}/api/v1/model-versions/{version}/previews", timeout=10).json()
            if any(frame["state"] not in {"drawn", "failed"} for strip in strips for frame in strip["frames"]):
                return False
    except (httpx.HTTPError, ValueError):
        return False
    return True


class Visit:
    """Somebody at a browser, who leaves the traces that make a hub look lived in."""

    def __init__(self, hub: str, context: Any) -> None:
        self.hub, self.context = hub, context
        self.page = context.new_page()

    def goes(self, path: str) -> Any:
        self.page.goto(self.hub + path)
        return self.page

    def prepared(self) -> dict[str, tuple[str, str, str]]:
        """Name of a page → (what it is, its address, a selector that says it is complete)."""
        models = self.context.request.get(f"{self.hub}/api/v1/models?limit=100").json()["items"]
        by_name = {model["name"]: model for model in models}
        lora = by_name.get("Flat", models[0])
        version = lora["modelVersions"][0]["id"]
        self._signs_up()
        self._says(f"/models/{lora['id']}")
        prompt = self._writes("fox, {blue|red|yellow} background, flat style")
        picture = self._draws(f"/try?use={version}", "fox, blue background, flat style")
        self._imports_words()
        compare = f"/compare?stack=&stack={version}:0.5&stack={version}:1"
        return {
            "home": ("Home: what is new, drawn the same way", "/", ""),
            "models": ("Every adapter drawn with one prompt, split with the base", "/models?drawn=0&split=on", ""),
            "model": ("A model: what it does to the same picture", f"/models/{lora['id']}", ""),
            "try": ("Try it: prompt, stack, settings, and the picture", picture, "main img[src*='/image/']"),
            "compare": ("Stacks side by side", compare, ""),
            "prompts": ("The prompt library", "/prompts", ""),
            "prompt": ("A prompt: a thing of its own", prompt, ""),
            "pictures": ("Pictures with their recipes", "/pictures", ""),
            "upload": ("Upload: one page for one file or many", "/uploads/start", ""),
            "import": ("Models taken over from elsewhere", "/import", ""),
            "settings": ("Settings", "/settings", ""),
            "notices": ("Notifications", "/notifications", ""),
        }  # fmt: skip

    def _signs_up(self) -> None:
        page, name = self.goes("/sign-up"), f"mira{secrets.randbelow(1000)}"
        page.fill("[name=username]", name)
        page.fill("[name=email]", f"{name}@example.org")
        page.fill("[name=password1]", secrets.token_urlsafe(16))
        page.click("main [type=submit]")
        page.wait_for_url(f"{self.hub}/**")

    def _says(self, model: str) -> None:
        page = self.goes(model)
        page.fill("#say-new", "Works at **0.8**; above 1 the outlines close.")
        page.get_by_role("button", name="Say it").click()
        page.locator(".comment strong").first.wait_for()

    def _writes(self, prompt: str) -> str:
        page = self.goes("/prompts/new")
        page.fill("[name=prompt]", prompt)
        page.click("main form [type=submit]")
        page.wait_for_url(re.compile(r"/prompts/\d+"))
        return str(page.url).removeprefix(self.hub)

    def _draws(self, address: str, prompt: str) -> str:
        page = self.goes(address)
        page.fill("[name=prompt]", prompt)
        page.get_by_role("button", name="Draw").first.click()
        page.wait_for_url(re.compile(r"/try/[0-9a-f-]{36}"))
        page.locator("main img[src*='/image/']").first.wait_for(timeout=120_000)
        keep = page.get_by_role("button", name="Keep it")
        if keep.count():
            keep.first.click()
            page.wait_for_timeout(1500)
        return str(page.url).removeprefix(self.hub)

    def _imports_words(self) -> None:
        for prompt in ("cat, green background", "house, ink style, white background", "rocket, blue background"):
            self._writes(prompt)

    def seen(self, address: str, size: tuple[int, int], theme: str, state: str) -> bytes:
        page = self.page
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.goto(self.hub + address)
        page.wait_for_load_state("networkidle")
        if state:
            page.locator(state).first.wait_for(timeout=30_000)
        return bytes(page.screenshot())


def _keep(png: bytes, across: int, name: str) -> None:
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = picture.resize((across, round(picture.height * across / picture.width)), Image.Resampling.LANCZOS)
    picture.save(FOLDER / name, quality=QUALITY, method=6)


def _listed(pages: dict[str, str]) -> str:
    """The list of pictures, light or dark as its reader prefers."""
    lines = ["# Pages of the hub", "", "Written by `make screenshots`, from the demo content.", ""]
    for name, words in pages.items():
        lines += [f"## {words}", ""]
        for width, across in (("wide", 640), ("narrow", 200)):
            lines += [
                f'<picture><source media="(prefers-color-scheme: dark)" srcset="{name}-{width}-dark.webp">'
                f'<img src="{name}-{width}-light.webp" alt="{words}, {width}" width="{across}"></picture>'
            ]
        lines += [""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
