"""Programs begin models, versions, prompts and collections with a token of the scope `upload`."""

import json

import pytest
from django.test import Client

from hub.accounts.actions import token_create
from hub.catalog.actions import file_add
from hub.catalog.models import Model
from hub.community.models import Collection
from hub.prompts.models import Prompt
from tests.hub.catalog.files import added, report


class Script:
    def __init__(self, user, *scopes):
        token = token_create(user=user, name="script", scopes=scopes or ["upload"])[1]
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def asks(self, method, path, body=None):
        return self.client.generic(method, f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json")


def test_it_works(alice):
    """model-create, version-create, then a file for it."""
    script = Script(alice)
    made = script.asks("POST", "models", {"name": "Linocut", "type": "LORA", "tags": ["Ink"], "description": "*x*"})
    assert made.status_code == 201, made.content
    model = made.json()
    assert (model["status"], model["tags"]) == ("draft", ["ink"])
    fields = {"model_id": model["id"], "name": "v1", "trigger_words": ["lnct"], "weight": 0.8}
    version = script.asks("POST", "model-versions", fields).json()
    assert (version["name"], version["weight"], version["base"]) == ("v1", 0.8, "Other")
    assert Client().get(f"/api/v1/models/{model['id']}").status_code == 404
    assert script.asks("POST", f"model-versions/{version['id']}/publish").status_code == 409
    file_add(owner=alice, report=report(), filename="l.safetensors", fields={"version_id": version["id"]})
    assert script.asks("POST", f"model-versions/{version['id']}/publish").status_code == 200
    shown = Client().get(f"/api/v1/models/{model['id']}").json()
    assert [v["baseModel"] for v in shown["modelVersions"]] == ["SD 1.5"], "its first file tells"
    assert shown["modelVersions"][0]["trainedWords"] == ["lnct"]
    assert script.asks("DELETE", f"models/{model['id']}").status_code == 204
    assert Client().get(f"/api/v1/models/{model['id']}").status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [("models", {}), ("models", {"name": " "}), ("models", {"name": "x", "type": "Poem"}), ("prompts", {}),
     ("collections", {}), ("models", {"name": "x" * 121})],
)  # fmt: skip
def test_what_cannot_be_made_is_said(alice, path, body):
    answer = Script(alice).asks("POST", path, body)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]


def test_others_things_are_not_there(alice, bob):
    file, script = added(alice), Script(bob)
    model_id = file.version.model_id
    assert script.asks("POST", "model-versions", {"model_id": model_id, "name": "mine"}).status_code == 404
    assert script.asks("DELETE", f"models/{model_id}").status_code == 404
    assert Model.objects.get(pk=model_id).status == "published"


@pytest.mark.parametrize("scopes", [["read"], ["generate"]])
def test_other_scopes_do_not_write(alice, scopes):
    script, here = Script(alice, *scopes), added(alice).version.model_id
    for method, path in (("POST", "models"), ("POST", "model-versions"), ("POST", "prompts"), ("POST", "collections"),
                         ("DELETE", f"models/{here}")):  # fmt: skip
        assert script.asks(method, path, {"name": "x", "prompt": "x"}).status_code == 403, path
    assert Client().post("/api/v1/models", {}, content_type="application/json").status_code == 401


def test_prompt_list_and_prompt_detail(alice, bob):
    script = Script(alice)
    made = script.asks("POST", "prompts", {"prompt": "a {oak|birch}", "tags": ["trees"], "private": True})
    assert made.status_code == 201
    here = f"prompts/{made.json()['id']}"
    assert Script(bob, "read").asks("GET", here).status_code == 404
    assert script.asks("PATCH", here, {"private": False, "prompt": "a birch"}).json()["prompt"] == "a birch"
    [row] = Client().get("/api/v1/prompts", {"query": "birch"}).json()["items"]
    assert (row["username"], row["tags"]) == ("alice", ["trees"])
    assert Script(bob).asks("DELETE", here).status_code == 404
    assert script.asks("DELETE", here).status_code == 204
    assert not Prompt.objects.exists()


def test_collection_add_and_collection_remove(alice, bob):
    script, model = Script(alice), added(bob).version.model
    here = f"collections/{script.asks('POST', 'collections', {'name': 'Prints'}).json()['id']}"
    added_ = script.asks("POST", f"{here}/items", {"model": model.pk})
    assert added_.status_code == 201
    [item] = added_.json()["items"]
    assert item["model"] == model.pk
    assert script.asks("POST", f"{here}/items", {}).status_code == 400
    assert script.asks("POST", f"{here}/items", {"model": 999_999}).status_code == 404
    assert script.asks("PATCH", here, {"description": "nice"}).json()["name"] == "Prints"
    assert Client().get(f"/api/v1/{here}").json()["description"] == "nice"
    for method in ("PATCH", "DELETE"):
        assert Script(bob).asks(method, here, {"name": "mine"}).status_code == 404
    assert script.asks("DELETE", f"{here}/items/{item['id']}").status_code == 204
    assert script.asks("DELETE", here).status_code == 204
    assert not Collection.objects.exists()
