"""However large a file is, the web process does not grow: no byte of it passes there."""

import json
import os
import subprocess
import sys

import pytest

from tests.journeys.conftest import PROJECT, Person

pytestmark = pytest.mark.journey
BENCH = PROJECT / "infra" / "bench" / "uploads.py"


def test_two_hundred_megabytes(hub):
    person = Person.signs_up(hub, "lena")
    command = [sys.executable, str(BENCH), "--hub", hub.address, "--pid", str(hub.pid("web")), "--size", "200M"]
    done = subprocess.run(
        command, env=os.environ | {"HUB_TOKEN": person.token}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["bytes"] == 200 * 1024**2
    assert told["web_mb_grown"] < 50
