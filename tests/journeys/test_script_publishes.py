"""A training script publishes with a token: model, version, file, picture with its recipe, prompt, collection."""

import io
import time

import httpx
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load_file, save_file

from tests.journeys.conftest import WEIGHTS, Person, wait_for

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    tensors = load_file(WEIGHTS / "nano-flat.safetensors")
    tensors = {key: tensor * 1.003 if key.endswith("lora_up.weight") else tensor for key, tensor in tensors.items()}
    path = tmp_path_factory.mktemp("trained") / "etching.safetensors"
    save_file(tensors, path, metadata={"ss_network_module": "networks.lora"})
    return path


def sample(words):
    text = PngInfo()
    text.add_text(
        "parameters", f"{words}\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: {int(time.time())}, Size: 64x64"
    )
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def test_it_works(hub, nano, trained):
    token = Person.signs_up(hub, "sara").token
    with httpx.Client(
        base_url=f"{hub.address}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as api:

        def post(path, **body):
            answer = api.post(path, json=body)
            assert answer.status_code in {200, 201, 202}, f"{path}: {answer.status_code} {answer.text}"
            return answer.json()

        model = post("models", name="Etching", type="LORA", tags=["print"], allow_commercial_use=["Image"])
        version = post("model-versions", model_id=model["id"], name="epoch 10", trigger_words=["flat style"])
        data = trained.read_bytes()
        upload = post("uploads", filename=trained.name, size=len(data), fields={"version_id": version["id"]})
        here = f"uploads/{upload['id']}"
        for number, url in post(f"{here}/parts", numbers=[1])["urls"].items():
            assert number == "1"
            httpx.put(url, content=data, timeout=60).raise_for_status()
        post(f"{here}/complete")
        done = wait_for(
            "the verdict", lambda: (u := api.get(here).json())["status"] not in {"waiting", "inspecting"} and u
        )
        assert done["status"] == "accepted", done["findings"]
        assert done["version"] == version["id"]
        assert post(f"model-versions/{version['id']}/publish")["status"] == "published"

        png = sample("flat style, a cat")
        sent = post("pictures/send", name="sample.png", size=len(png), version=version["id"])
        httpx.put(sent["put"], content=png, timeout=60).raise_for_status()
        assert api.post(sent["finish"]).status_code == 202
        state = f"pictures/send/{sent['id']}"
        read = wait_for(
            "the picture", lambda: (p := api.get(state).json())["state"] not in {"waiting", "reading"} and p
        )
        assert read["state"] == "accepted", read
        prompt = post("prompts", picture=read["picture"], tags=["print"])
        assert prompt["prompt"] == "flat style, a cat"
        shelf = post("collections", name="Of my training")
        post(f"collections/{shelf['id']}/items", model=model["id"])
        post(f"collections/{shelf['id']}/items", picture=read["picture"])

    with httpx.Client(base_url=f"{hub.address}/api/v1", timeout=30) as anybody:
        shown = anybody.get(f"models/{model['id']}").json()
        [listed] = shown["modelVersions"]
        assert (listed["baseModel"], listed["trainedWords"]) == ("nano", ["flat style"])
        ask = {"imageId": read["picture"], "withMeta": "true", "flatMeta": "true"}
        [picture] = wait_for("its score", lambda: anybody.get("images", params=ask).json()["items"])
        assert (picture["meta"]["prompt"], picture["meta"]["steps"]) == ("flat style, a cat", 20)
        assert version["id"] in picture["modelVersionIds"]
        assert anybody.get(f"collections/{shelf['id']}").json()["name"] == "Of my training"
