"""Demo content comes in as anybody's files do; here a LoRA of a few kilobytes, through a running hub."""

import json
import os
import signal
import subprocess
import sys

import psycopg2
import pytest

from hub import demo
from hub.processes import wait_until
from tests.hub.up.test_up import PROJECT, Up


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


@pytest.mark.journey
def test_it_works_and_again_changes_nothing(folder, weights):
    hub = Up(folder)
    hub.start()
    try:
        # The workers and the pages find the broker again, when it dies under them.
        assert wait_until(lambda: all(hub.pid(name) for name in ("hub", "inspect")), 10)
        assert wait_until(lambda: "ready" in (folder / "logs" / "inspect.log").read_text(), 60)
        before = hub.pid("broker")
        os.kill(before, signal.SIGKILL)
        assert wait_until(lambda: hub.pid("broker") not in {0, before}, 15)

        environment = os.environ | {"DATA_DIR": str(folder)}
        command = [sys.executable, "manage.py", "demo_content", f"--folder={weights}"]
        command += [f"--address=http://127.0.0.1:{hub.port}"]
        first = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=240)
        assert "Fine Lines: accepted" in first.stdout, first.stdout + first.stderr
        assert "Not There is left out: there is no" in first.stdout
        assert first.returncode == 1, "something is missing, and it says so"

        again = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=240)
        assert "Fine Lines" not in again.stdout

        addresses = json.loads((folder / "addresses.json").read_text())
        with psycopg2.connect(addresses["DATABASE_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT name, status FROM catalog_model")
            assert cursor.fetchall() == [("Fine Lines", "published")]
            cursor.execute("SELECT count(*) FROM accounts_token WHERE revoked_at IS NULL")
            assert cursor.fetchall() == [(0,)], "its token ends with it"
        connection.close()
    finally:
        hub.process.send_signal(signal.SIGINT)
        hub.process.wait(60)


def test_no_manifest_is_a_sentence(tmp_path, db):
    said = []
    assert not demo.demo_content("http://127.0.0.1:9", said.append, tmp_path)
    assert said == [f"There is no {tmp_path / 'manifest.json'}, so no demo content."]


def test_bases_come_first(tmp_path):
    entries = [{"file": "a", "name": "A", "type": "LORA"}, {"file": "b", "name": "B", "type": "Checkpoint"}]
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    assert [item.name for item in demo.manifest(tmp_path)] == ["B", "A"]
