"""The whole hub, started once as ``make run`` starts it: its own servers, its own workers, nano as the base."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from hub import embedded

PROJECT = Path(__file__).resolve().parents[2]
logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every question would bury what failed
WEIGHTS = PROJECT / "workers" / "nano" / "weights"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
ADDRESSES = ("DATABASE_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "BROKER_URL", "SECRET_KEY")


def wait_for(what: str, found: Callable[[], Any], seconds: float = 180) -> Any:
    """The first true answer of ``found``; fails, naming ``what`` was waited for, when there is none in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := found():
            return answer
        time.sleep(0.3)
    pytest.fail(f"waited {seconds:.0f} s in vain for {what}")


@dataclass
class RunningHub:
    address: str
    folder: Path
    process: subprocess.Popen[str]

    def pid(self, name: str) -> int:
        """The process id of a program of the hub: web, generate, …, as its supervisor wrote it down."""
        return int(json.loads((self.folder / "processes.json").read_text())[name]["pid"])

    def does(self, *statements: str) -> None:
        """What its operator may do to its database by hand."""
        addresses = json.loads((self.folder / "addresses.json").read_text())
        connection = psycopg2.connect(addresses["DATABASE_URL"])
        with contextlib.closing(connection), connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def keeps_boards_short(self) -> None:
        """Nano's board of two prompts, few steps, no other; or the stories draw for minutes."""
        self.does(
            "UPDATE gallery_boardprompt SET active = false WHERE family <> 'nano' OR position > 1",
            "UPDATE gallery_boardprompt SET steps = 8",
        )

    def becomes_admin(self, name: str) -> None:
        """Quicker than the command that makes one."""
        self.does(f"UPDATE accounts_user SET role = 'admin' WHERE username = '{name}'")


@pytest.fixture(scope="session")
def hub(tmp_path_factory) -> Iterator[RunningHub]:
    """A hub that runs, empty but for what the stories bring."""
    folder = PROJECT / f".weightroom-journey{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    shutil.rmtree(folder, ignore_errors=True)
    port = embedded.free_port()
    environment = {name: value for name, value in os.environ.items() if name not in ADDRESSES}
    environment = {name: value for name, value in environment.items() if not name.startswith("WORKER_S3")}
    environment |= {"DATA_DIR": str(folder), "PORT": str(port), "DEMO_CONTENT": "false"}
    environment |= {"PUBLIC_URL": f"http://127.0.0.1:{port}", "PYTHONUNBUFFERED": "1"}
    environment |= {"WORKER_SILENT_SECONDS": "10"}  # so that a story need not wait long for a dead one
    environment |= {"INSPECT_LARGE_BYTES": str(8 * 1024**2)}  # so that a test's file can be a large one
    environment |= {"ALLOWED_HOSTS": "127.0.0.1,localhost,civitai.com", "IMPORT_HOSTS": "http://127.0.0.1:*"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    log = (tmp_path_factory.mktemp("journey") / "up.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"], cwd=PROJECT, env=environment, stdout=log, stderr=log, text=True
    )
    try:
        running = RunningHub(f"http://127.0.0.1:{port}", folder, process)

        def ready() -> bool:
            log.seek(0)
            said = log.read()
            assert process.poll() is None, f"the hub stopped while starting:\n{said}"
            return "the object store is ready" in said

        wait_for("the hub to start", ready, 120)
        running.keeps_boards_short()
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Person:
    """Somebody at a browser, and their script with a token."""

    name: str
    http: httpx.Client
    token: str = ""
    password: str = field(default="correct horse battery", repr=False)

    @classmethod
    def signs_up(cls, hub: RunningHub, name: str) -> Person:
        person = cls(name, httpx.Client(base_url=hub.address, follow_redirects=True, timeout=30))
        person.submits("/sign-up", username=name, email=f"{name}@example.org", password1=person.password)
        person.http.headers["X-CSRFToken"] = person.http.cookies["csrftoken"]
        scopes = {"name": "script", "scopes": ["read", "upload", "generate"]}
        made = person.http.post("/api/v1/tokens", json=scopes)
        assert made.status_code == 201, made.text
        person.token = made.json()["token"]
        return person

    def submits(self, path: str, **fields: str) -> httpx.Response:
        """Open a page with a form and send it, as a browser does."""
        page = self.http.get(path)
        secret = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert secret, f"no form at {path}: {page.status_code}"
        answer = self.http.post(
            path, data={"csrfmiddlewaretoken": secret[1], **fields}, headers={"Referer": str(page.url)}
        )
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer

    def asks(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """The API's answer to this person's token."""
        answer = self.http.request(method, path, json=body, headers={"Authorization": f"Bearer {self.token}"})
        assert status is None or answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    def uploads(self, path: Path, **fields: Any) -> dict[str, Any]:
        """Send a file, and wait for its verdict: the upload as the API tells it."""
        return self.judged(self.sends(path, **fields))

    def sends(self, path: Path, **fields: Any) -> str:
        """Send a file in parts, straight to the store; the API's address of its upload."""
        data = path.read_bytes()
        started = self.asks(
            "POST", "/api/v1/uploads", {"filename": path.name, "size": len(data), "fields": fields}, status=201
        )
        here, size = f"/api/v1/uploads/{started['id']}", started["part_size"]
        for number in range(1, started["parts"] + 1):
            url = self.asks("POST", f"{here}/parts", {"numbers": [number]}, status=200)["urls"][str(number)]
            httpx.put(url, content=data[(number - 1) * size : number * size], timeout=60).raise_for_status()
        self.asks("POST", f"{here}/complete", {}, status=200)
        return here

    def judged(self, here: str) -> dict[str, Any]:
        """The upload at this address, once it has its verdict."""

        def judged() -> dict[str, Any] | None:
            upload = self.asks("GET", here, status=200)
            return upload if upload["status"] not in {"waiting", "inspecting"} else None

        return wait_for(f"the verdict on {here}", judged, 120)

    def strip(self, version: int, seconds: float = 240) -> list[dict[str, Any]]:
        """The frames of a version's strip once all of them are drawn."""

        def drawn() -> list[dict[str, Any]] | None:
            strips = self.asks("GET", f"/api/v1/model-versions/{version}/previews", status=200)
            frames = [frame for strip in strips if strip["board"] for frame in strip["frames"]]
            assert not [frame for frame in frames if frame["state"] == "failed"], frames
            return frames if frames and all(frame["state"] == "drawn" for frame in frames) else None

        return wait_for(f"the strip of version {version}", drawn, seconds)


@pytest.fixture(scope="session")
def nano(hub) -> dict[str, Any]:
    """nano's version on the running hub, uploaded and drawn like anybody's checkpoint."""
    person = Person.signs_up(hub, "nina")
    upload = person.uploads(WEIGHTS / "nano-sd1.safetensors", model_name="nano", publish=True)
    assert upload["status"] == "accepted", upload["findings"]
    drawn = {frame["picture"]["sha256"] for frame in person.strip(upload["version"])}
    wait_for("its pictures' scores", lambda: len(listed(hub, modelVersionId=upload["version"])) >= len(drawn))
    return {"version": upload["version"], "sha256": hashlib.sha256(nano_bytes()).hexdigest()}


def listed(hub: RunningHub, **of: Any) -> list[dict[str, Any]]:
    """The pictures that everybody is shown, by Civitai's API: those that are scored."""
    ask = {"limit": 100, "withMeta": "true", "flatMeta": "true"} | of
    answer = httpx.get(f"{hub.address}/api/v1/images", params=ask)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def nano_bytes() -> bytes:
    return (WEIGHTS / "nano-sd1.safetensors").read_bytes()


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """A page of a real browser; its console stays silent to the end of the story."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install Debian's chromium, or name one in CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        broken: list[str] = []
        page.on(
            "console",
            lambda said: broken.append(f"{said.text} ({said.location['url']})") if said.type == "error" else None,
        )
        page.on("pageerror", lambda error: broken.append(str(error)))
        yield page
        assert not broken, broken
        browser.close()
