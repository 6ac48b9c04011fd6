"""Alice signs up, uploads a LoRA, sees it inspected and drawn; Bob finds it and downloads the same bytes."""

import hashlib
import io
import os
import signal

import httpx
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file as save
from safetensors.torch import load_file, save_file

from tests.journeys.conftest import WEIGHTS, Person

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def lora(tmp_path_factory):
    """A LoRA that no hub has seen: nano's flat style, trained a hair differently."""
    tensors = load_file(WEIGHTS / "nano-flat.safetensors")
    changed = {key: tensor * 1.001 if key.endswith("lora_up.weight") else tensor for key, tensor in tensors.items()}
    path = tmp_path_factory.mktemp("files") / "woodblock.safetensors"
    save_file(changed, path, metadata={"ss_network_module": "networks.lora", "modelspec.trigger_phrase": "flat style"})
    return path


def test_it_works(hub, nano, lora):
    alice = Person.signs_up(hub, "alice")
    upload = alice.uploads(lora, model_name="Woodblock", description="Prints from *wood*.", publish=True)

    assert upload["status"] == "accepted", upload["findings"]
    assert upload["report"]["kind"] == "lora"
    assert upload["model"]["type"] == "LORA"
    assert upload["model"]["status"] == "published"

    frames = alice.strip(upload["version"])
    assert {frame["weight"] for frame in frames} == {0.0, 0.5, 0.8, 1.0}
    first = [frame for frame in frames if frame["position"] == frames[0]["position"]]
    pictures = {frame["weight"]: frame["picture"] for frame in first}
    assert len({picture["sha256"] for picture in pictures.values()}) == 4, "every weight draws another picture"
    shown = httpx.get(pictures[1.0]["url"])
    assert hashlib.sha256(shown.content).hexdigest() == pictures[1.0]["sha256"]
    png = Image.open(io.BytesIO(shown.content))
    assert png.size == (128, 128)
    assert "Steps: 8" in png.text["parameters"]

    with httpx.Client(base_url=hub.address, timeout=30) as bob:
        found = bob.get("/models", params={"query": "woodblok"})  # mistyped, as people do
        assert "Woodblock" in found.text
        listed = bob.get("/api/v1/models", params={"query": "woodblock"}).json()["items"]
        assert [item["name"] for item in listed] == ["Woodblock"]
        page = bob.get(f"/models/{upload['model']['id']}", follow_redirects=True)
        assert "flat style" in page.text
        assert "<em>wood</em>" in page.text
        sent = bob.get(f"/api/download/models/{upload['version']}")
        assert sent.status_code == 307
        got = httpx.get(sent.headers["location"])
        assert got.content == lora.read_bytes()
        assert "woodblock.safetensors" in got.headers["content-disposition"]
        part = httpx.get(sent.headers["location"], headers={"Range": "bytes=8-15"})
        assert (part.status_code, part.content) == (206, lora.read_bytes()[8:16])
        digest = hashlib.sha256(lora.read_bytes()).hexdigest()
        assert bob.get(f"/api/v1/model-versions/by-hash/{digest}").json()["id"] == upload["version"]


def test_a_pickle_is_refused_with_a_sentence(hub, tmp_path):
    charlie = Person.signs_up(hub, "charlie")
    pickle = tmp_path / "style.pt"
    pickle.write_bytes(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R.")
    upload = charlie.uploads(pickle)
    assert upload["status"] == "refused"
    assert any("safetensors" in finding["sentence"] for finding in upload["findings"])
    assert upload["version"] is None


def test_a_file_that_the_hub_holds_is_stored_once(hub, nano, lora):
    bob = Person.signs_up(hub, "bob")
    again = bob.uploads(lora, model_name="Woodblock mirror", publish=True)
    assert again["status"] == "accepted"
    versions = httpx.get(f"{hub.address}/api/v1/models", params={"query": "woodblock"}).json()["items"]
    hashes = {file["hashes"]["SHA256"] for item in versions for v in item["modelVersions"] for file in v["files"]}
    assert len(hashes) == 1


def test_a_small_file_does_not_wait_for_a_large_one(hub, tmp_path):
    """The inspector of large files is stopped, as if it read one for ever; small ones get their verdicts."""
    dora = Person.signs_up(hub, "dora")
    small, large = tmp_path / "small.safetensors", tmp_path / "large.safetensors"
    numbers = np.linspace(-1, 1, 4096 * 768, dtype=np.float32).reshape(4096, 768)
    save({"emb_params": numbers[:2]}, small)
    module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    save({f"{module}.lora_down.weight": numbers, f"{module}.lora_up.weight": numbers.T[:320].copy()}, large)
    inspector = hub.pid("inspect-large")
    os.kill(inspector, signal.SIGSTOP)
    try:
        sent = dora.sends(large)
        assert dora.uploads(small)["status"] == "accepted"
        assert dora.asks("GET", sent)["status"] == "inspecting"
    finally:
        os.kill(inspector, signal.SIGCONT)
    assert dora.judged(sent)["status"] == "accepted"
