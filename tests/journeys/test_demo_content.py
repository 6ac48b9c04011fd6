"""Demo content comes in as anybody's files do; here a LoRA of a few kilobytes, through the running hub."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import psycopg2
import pytest

from tests.journeys.conftest import ADDRESSES, PROJECT, wait_for

pytestmark = pytest.mark.journey


def write_lora(path) -> None:
    """A LoRA of one SD1 attention projection, kohya's names, rank 4."""
    import numpy
    from safetensors.numpy import save_file

    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    random = numpy.random.default_rng(0)
    tensors = {
        f"{key}.lora_down.weight": random.standard_normal((4, 768)).astype("float16"),
        f"{key}.lora_up.weight": random.standard_normal((320, 4)).astype("float16"),
        f"{key}.alpha": numpy.array(4, dtype="float16"),
    }
    save_file(tensors, path, {"ss_base_model_version": "sd_v1", "ss_network_module": "networks.lora"})


@pytest.fixture
def weights(tmp_path):
    write_lora(tmp_path / "lines.safetensors")
    entries = [
        {"file": "lines.safetensors", "name": "Fine Lines", "type": "LORA", "version": "v1", "base": "SD 1.5",
         "tags": ["style"], "trigger_words": ["fine lines"], "description": "Thin lines.", "licence": "Apache-2.0"},
        {"file": "missing.safetensors", "name": "Not There", "type": "LORA"},
    ]  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    return tmp_path


def test_it_works_and_again_changes_nothing(hub, weights):
    # The workers and the pages find the broker again, when it dies under them.
    before = hub.pid("broker")
    os.kill(before, signal.SIGKILL)
    running = hub.folder / "processes.json"
    wait_for("another broker", lambda: json.loads(running.read_text()).get("broker", {}).get("pid", before) != before)

    environment = {name: value for name, value in os.environ.items() if name not in ADDRESSES}
    environment |= {"DATA_DIR": str(hub.folder)}
    command = [sys.executable, "manage.py", "demo_content", f"--folder={weights}", f"--address={hub.address}"]
    first = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=240)
    assert "Fine Lines: accepted" in first.stdout, first.stdout + first.stderr
    assert "Not There is left out: there is no" in first.stdout
    assert first.returncode == 1, "something is missing, and it says so"

    again = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=240)
    assert "Fine Lines" not in again.stdout

    addresses = json.loads((hub.folder / "addresses.json").read_text())
    connection = psycopg2.connect(addresses["DATABASE_URL"])
    with contextlib.closing(connection), connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM catalog_model WHERE name = 'Fine Lines'")
        assert cursor.fetchall() == [("published",)]
        cursor.execute(
            "SELECT count(*) FROM accounts_token t JOIN accounts_user u ON u.id = t.user_id "
            "JOIN catalog_model m ON m.owner_id = u.id WHERE m.name = 'Fine Lines' AND t.revoked_at IS NULL"
        )
        assert cursor.fetchall() == [(0,)], "its token ends with it"
