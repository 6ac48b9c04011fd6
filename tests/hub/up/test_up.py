"""`manage.py up` as an operator has it: started, hurt, stopped; it mends itself and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from hub import supervisor
from hub.embedded import CannotStart, free_port
from hub.processes import wait_until

PROJECT = Path(__file__).resolve().parents[3]


class Up:
    """A hub of its own, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder.with_suffix(".out")
        self.process: subprocess.Popen | None = None

    def start(self, seconds: float = 120) -> None:
        environment = os.environ | {"DATA_DIR": str(self.folder), "PORT": str(self.port), "DEMO_CONTENT": "false"}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=PROJECT, env=environment, stdout=output, stderr=output
            )
        assert wait_until(lambda: self.said("the object store is ready") or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.output.read_text()

    def said(self, words: str) -> bool:
        return words in self.output.read_text()

    def answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).status == 200
        except OSError:
            return False

    def pid(self, name: str) -> int:
        return json.loads((self.folder / "processes.json").read_text()).get(name, {}).get("pid", 0)

    def alive(self) -> list[str]:
        """Every process on this machine that was started with our data folder, however it was started."""
        found, mark = [], f"DATA_DIR={self.folder}".encode()
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdecimal() and mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


@pytest.fixture
def up(folder):
    hub = Up(folder)
    yield hub
    if hub.process and hub.process.poll() is None:
        hub.process.send_signal(signal.SIGINT)
        hub.process.wait(60)


@pytest.mark.journey
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_it_works_mends_itself_and_leaves_nothing(up):
    up.start()
    assert up.answers()
    assert wait_until(lambda: all(up.pid(name) for name in ("hub", "header", "inspect", "generate")), 10)
    for name in ("header", "inspect", "generate"):
        environment = Path(f"/proc/{up.pid(name)}/environ").read_text()
        assert "DATABASE_URL" not in environment
        assert "\0S3_SECRET_KEY" not in environment, "workers have their own, smaller key"

    # kill -9 of what serves and of what it stands on: started again, at the same places
    for name in ("web", "broker", "postgres"):
        before = up.pid(name)
        os.kill(before, signal.SIGKILL)
        assert wait_until(lambda name=name, before=before: up.pid(name) not in {0, before}, 15), name
    assert wait_until(up.answers, 30), up.output.read_text()
    assert up.said("web stopped")
    assert wait_until(lambda: "ready" in (up.folder / "logs" / "inspect.log").read_text(), 60)

    # kill -9 of the supervisor: the kernel ends the rest
    up.process.kill()
    up.process.wait()
    assert wait_until(lambda: not up.alive(), 20), up.alive()

    # and the next start recovers
    up.start()
    assert up.answers()

    # Ctrl-C
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(40) == 0
    assert wait_until(lambda: not up.alive(), 2), up.alive()


def test_another_port_is_used_and_said_when_ours_is_taken():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert supervisor._free_from(port, "127.0.0.1") > port


def test_a_host_that_is_not_ours_is_refused():
    with pytest.raises(CannotStart, match="Set HOST and PORT"):
        supervisor._free_from(8000, "192.0.2.1")  # RFC 5737: nobody's


@pytest.mark.parametrize("text", ["", "http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(text):
    with pytest.raises(CannotStart, match="PORT must be a number"):
        supervisor._port(text)


def test_workers_get_nothing_that_opens_the_hubs_data():
    given = {
        "DATABASE_URL": "a",
        "S3_SECRET_KEY": "b",
        "SECRET_KEY_FILE": "c",
        "WORKER_S3_SECRET_KEY": "d",
        "PATH": "e",
    }
    assert supervisor.worker_environment(given) == {"WORKER_S3_SECRET_KEY": "d", "PATH": "e"}


def test_uploads_are_let_in_from_both_names_of_this_machine():
    assert supervisor._origins("http://127.0.0.1:8000", 8000) == ["http://127.0.0.1:8000", "http://localhost:8000"]
    assert supervisor._origins("https://hub.example.org", 8000) == ["https://hub.example.org"]
