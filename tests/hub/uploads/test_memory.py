"""However large a file is, the web process does not grow: no byte of it passes there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.accounts import actions as accounts
from hub.uploads.models import Upload
from tests import cast

BENCH = Path(__file__).resolve().parents[3] / "infra" / "bench" / "uploads.py"


@pytest.mark.django_db(transaction=True)
def test_two_hundred_megabytes(live_server):
    """The whole test process is the web server here; the sender is another one."""
    _, token = accounts.token_create(user=cast.alice(), name="bench", scopes=["upload"])
    command = [sys.executable, str(BENCH), "--hub", live_server.url, "--pid", str(os.getpid()), "--size", "200M"]
    done = subprocess.run(
        command, env=os.environ | {"HUB_TOKEN": token}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["bytes"] == 200 * 1024**2
    assert told["web_mb_grown"] < 50
    assert Upload.objects.get().status == "aborted"
