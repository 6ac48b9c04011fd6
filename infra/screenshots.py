"""The gallery of pages: ``make screenshots`` starts a hub with the demo content, visits its pages in Chromium, wide and
narrow, light and dark, and writes small pictures and their list into ``infra/screenshots/``.

The hub is a new one each time, in ``.weightroom-screens``. HUB names one that runs already: people, words and pictures
are made there.
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
from dataclasses import dataclass
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
DRAWING_SECONDS = 1200  # some sixty pictures, on a machine that does other things too


def main() -> int:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        print("no Chromium here: install one, or name it in CHROMIUM")
        return 1
    with running() as hub, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        visit = Visit(hub, browser)
        pages = visit.prepared()
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        for name, shot in pages.items():
            for size in (WIDE, NARROW):
                for theme in ("light", "dark"):
                    picture = visit.seen(shot, size, theme)
                    _keep(picture, SHOWN[size], f"{name}-{'wide' if size == WIDE else 'narrow'}-{theme}.webp")
            print(name, flush=True)
        browser.close()
    (FOLDER / "README.md").write_text(_listed({name: shot.words for name, shot in pages.items()}))
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

    shutil.rmtree(DATA, ignore_errors=True)
    port = embedded.free_port()
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {"DATA_DIR": str(DATA), "PORT": str(port), "PUBLIC_URL": address}
    process = subprocess.Popen([sys.executable, "manage.py", "up"], cwd=PROJECT, env=environment)
    try:
        _wait("the hub to start", lambda: _answers(address, process), 300)
        _keep_boards_short()
        _wait("the demo content to be drawn", lambda: _drawn(address, process), DRAWING_SECONDS)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(DATA, ignore_errors=True)


def _wait(what: str, found: Callable[[], Any], seconds: float) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := found():
            return answer
        time.sleep(1)
    raise SystemExit(f"waited {seconds:.0f} s in vain for {what}")


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    import httpx

    if process.poll() is not None:
        raise SystemExit("the hub stopped while starting")
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{address}/healthz", timeout=10).status_code == 200
    return False


def _keep_boards_short() -> None:
    """As an operator may: a board of two prompts, so that all strips are drawn in minutes on two cores."""
    import psycopg2

    addresses = json.loads((DATA / "addresses.json").read_text())
    connection = psycopg2.connect(addresses["DATABASE_URL"])
    with contextlib.closing(connection), connection, connection.cursor() as cursor:
        cursor.execute("UPDATE gallery_boardprompt SET active = false WHERE position > 1")


def _drawn(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether every model of the demo is listed with all frames of its strip, and the library written."""
    import httpx

    if process.poll() is not None:
        raise SystemExit("the hub stopped while drawing")
    shipped = json.loads((PROJECT / "workers/nano/weights/manifest.json").read_text())
    adapters = sum(one["type"] not in {"Checkpoint", "Controlnet"} for one in shipped)
    try:
        models = httpx.get(f"{address}/api/v1/models?limit=100", timeout=10).json().get("items", [])
        if len(models) < len(shipped):
            return False
        if any(not version["images"] for model in models for version in model["modelVersions"]):
            return False
        stripped = [model for model in models if model["type"] != "Controlnet"]
        for version in (version["id"] for model in stripped for version in model["modelVersions"]):
            strips = httpx.get(f"{address}/api/v1/model-versions/{version}/previews", timeout=10).json()
            frames = [frame for strip in strips for frame in strip["frames"]]
            if not frames or any(frame["state"] not in {"drawn", "failed"} for frame in frames):
                return False
        prompts = httpx.get(f"{address}/api/v1/prompts?limit=100", timeout=10).json().get("items", [])
    except (httpx.HTTPError, ValueError):
        return False
    return len(prompts) >= adapters + 3  # three of words alone, and one of each adapter


@dataclass(frozen=True)
class Shot:
    """A page of the gallery: what it is, where, a selector that says it is complete, who looks (mira where None)."""

    words: str
    address: str
    shows: str = ""
    who: Any = None


class Visit:
    """Two people at a browser, who leave the traces that make a hub look lived in."""

    def __init__(self, hub: str, browser: Any) -> None:
        self.hub = hub
        self.anybody, self.okko, self.mira = (browser.new_context().new_page() for _ in range(3))
        self.page = self.mira

    def goes(self, path: str) -> Any:
        self.page.goto(self.hub + path)
        return self.page

    def prepared(self) -> dict[str, Shot]:
        """Name of a page → what it is and where."""
        models = self.page.request.get(f"{self.hub}/api/v1/models?limit=100").json()["items"]
        lora = next((model for model in models if model["name"] == "Flat"), models[0])
        version = lora["modelVersions"][0]["id"]
        model = f"/models/{lora['id']}"
        self._signs_up("mira")
        self._says(model, "Works at **0.8**; above 1 the outlines close.")
        self._writes("{fox|owl|whale}, {blue|red|yellow} background, flat style")
        drawing = self._draws(f"/try?use={version}", "house, yellow background, flat style")
        compare = f"/compare?stack=&stack={version}:0.5&stack={version}:1"
        self._compares(compare)
        prompts = self.page.request.get(f"{self.hub}/api/v1/prompts?limit=100").json()["items"]
        prompt = next((prompt for prompt in prompts if prompt["title"] == "With Flat"), prompts[0])
        self.page = self.okko
        self._signs_up("okko")
        self._says(model, "And at 0.5 it keeps the base's light. @mira, which seed was the house?")
        self._says(drawing, "The door is what I would have drawn.")
        self.page = self.mira
        return {
            "home": Shot("Home: what is new, drawn the same way", "/", who=self.anybody),
            "models": Shot("Every adapter drawn with one prompt, split with the base", "/models?drawn=0&split=on"),
            "model": Shot("A model: what it does to the same picture", model),
            "try": Shot("Try it: prompt, stack, settings, and the picture", self.tried, "main img[src*='/image/']"),
            "compare": Shot("Stacks side by side", compare),
            "prompts": Shot("The prompt library", "/prompts"),
            "prompt": Shot("A prompt: a thing of its own", f"/prompts/{prompt['id']}"),
            "pictures": Shot("Pictures with their recipes", "/pictures"),
            "picture": Shot("A picture, and all that it was made of", drawing),
            "upload": Shot("Upload: one page for one file or many", "/uploads/start"),
            "import": Shot("Models taken over from elsewhere", "/import"),
            "notices": Shot("Notifications", "/notifications"),
        }

    def _signs_up(self, name: str) -> None:
        page, name = self.goes("/sign-up"), name if not os.environ.get("HUB") else f"{name}{secrets.randbelow(1000)}"
        page.fill("[name=username]", name)
        page.fill("[name=email]", f"{name}@example.org")
        page.fill("[name=password1]", secrets.token_urlsafe(16))
        page.click("main [type=submit]")
        page.wait_for_url(f"{self.hub}/")

    def _says(self, where: str, words: str) -> None:
        page = self.goes(where)
        page.fill("#say-new", words)
        page.get_by_role("button", name="Say it").click()
        page.locator(".comment .prose").get_by_text(words[-12:]).first.wait_for()

    def _writes(self, prompt: str) -> str:
        page = self.goes("/prompts/new")
        page.fill("[name=prompt]", prompt)
        page.click("main form [type=submit]")
        page.wait_for_url(re.compile(r"/prompts/\d+"))
        return str(page.url).removeprefix(self.hub)

    def _draws(self, address: str, prompt: str) -> str:
        """The address of the kept picture; that of its drawing stays in ``tried``."""
        page = self.goes(address)
        page.fill("[name=prompt]", prompt)
        page.fill("[name=seed]", "4567")
        page.get_by_role("button", name="Draw").first.click()
        page.wait_for_url(re.compile(r"/try/[0-9a-f-]{36}"))
        page.locator("main img[src*='/image/']").first.wait_for(timeout=600_000)
        self.tried = page.url.removeprefix(self.hub)
        page.get_by_role("button", name="Keep it").first.click()
        page.wait_for_url(re.compile(r"/pictures/\d+"))
        return str(page.url).removeprefix(self.hub)

    def _compares(self, address: str) -> None:
        page = self.goes(address)
        page.get_by_role("button", name=re.compile("^Draw the")).click()
        page.get_by_text(re.compile(r"(\d+) of \1 are drawn")).wait_for(timeout=600_000)

    def seen(self, shot: Shot, size: tuple[int, int], theme: str) -> bytes:
        page = shot.who or self.mira
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.goto(self.hub + shot.address)
        page.wait_for_load_state("networkidle")
        if shot.shows:
            page.locator(shot.shows).first.wait_for(timeout=30_000)
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
