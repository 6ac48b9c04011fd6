"""A hub takes models over from a running hub, by Civitai's API and by Hugging Face's: here from itself, by people who
may not read what they import but with its owner's token."""

import hashlib

import httpx
import pytest
from safetensors.torch import load_file, save_file

from tests.journeys.conftest import WEIGHTS, Person, listed, wait_for

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def otto(hub, nano, tmp_path_factory):
    """Somebody with a model that nobody else may see: its words, its licence, its file."""
    otto = Person.signs_up(hub, "otto")
    tensors = load_file(WEIGHTS / "nano-flat.safetensors")
    tensors = {key: tensor * 1.005 if key.endswith("lora_up.weight") else tensor for key, tensor in tensors.items()}
    path = tmp_path_factory.mktemp("otto") / "drypoint.safetensors"
    save_file(tensors, path, metadata={"ss_network_module": "networks.lora"})
    model = otto.asks(
        "POST", "/api/v1/models",
        {"name": "Drypoint", "type": "LORA", "tags": ["print"], "allow_commercial_use": ["Image"],
         "allow_no_credit": False, "allow_derivatives": False, "description": "Scratched."},
        status=201,
    )  # fmt: skip
    about = {"model_id": model["id"], "name": "first state", "trigger_words": ["dry point"]}
    version = otto.asks("POST", "/api/v1/model-versions", about, status=201)
    upload = otto.uploads(path, version_id=version["id"])
    assert upload["status"] == "accepted", upload["findings"]
    otto.model, otto.version = model["id"], version["id"]
    otto.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return otto


def taken_over(person: Person, link: str, **more) -> dict:
    made = person.asks("POST", "/api/v1/imports", {"link": link, **more}, status=201)

    def ended():
        now = person.asks("GET", made["url"], status=200)
        return now if now["status"] not in {"waiting", "fetching"} else None

    return wait_for(f"the import of {link}", ended, 120)


@pytest.mark.parametrize("tongue", ["civitai", "huggingface"])
def test_it_works(hub, otto, tongue):
    ina = Person.signs_up(hub, f"ina-{tongue}")
    link = f"{hub.address}/models/{otto.model}" if tongue == "civitai" else f"{hub.address}/otto/Drypoint"
    refused = taken_over(ina, link)
    assert refused["status"] == "failed", "what is private is not there"
    done = taken_over(ina, link, token=otto.token)
    assert done["status"] == "done", done
    assert [item["state"] for item in done["items"] if item["kind"] == "file"] == ["done"], "it was fetched"
    shown = ina.asks("GET", f"/api/v1/models/{done['model']}", status=200)
    [version] = shown["modelVersions"]
    assert (shown["name"], shown["type"]) == ("Drypoint", "LORA")
    assert "print" in shown["tags"]
    assert version["trainedWords"] == ["dry point"]
    assert version["files"][0]["hashes"]["SHA256"] == otto.sha256.upper()
    assert (shown["allowNoCredit"], shown["allowCommercialUse"], shown["allowDerivatives"]) == (False, ["Image"], False)
    page = ina.http.get(f"/models/{done['model']}").text
    assert "Imported from" in page
    if tongue == "civitai":
        air = ina.asks("GET", f"/api/v1/model-versions/{version['id']}", status=200)["air"]
        assert air.endswith(f":{otto.model}@{otto.version}"), "it keeps the numbers of where it is from"


def test_pictures_come_with_it(hub, nano):
    """The file is here already and may be read by everybody; the pictures are fetched, with their recipes."""
    iris = Person.signs_up(hub, "iris")
    model = httpx.get(f"{hub.address}/api/v1/model-versions/{nano['version']}").json()["modelId"]
    done = taken_over(iris, f"{hub.address}/models/{model}", publish=True)
    assert done["status"] == "done", done
    assert {item["state"] for item in done["items"] if item["kind"] == "file"} == {"here"}
    taken = [item for item in done["items"] if item["kind"] == "picture"]
    assert taken
    assert {item["state"] for item in taken} == {"done"}
    of = {"modelId": done["model"], "username": "iris"}
    wait_for("their scores", lambda: len(listed(hub, **of)) == len(taken))
    shown = listed(hub, **of)
    assert all(one["meta"]["prompt"] and one["meta"]["seed"] is not None for one in shown)
