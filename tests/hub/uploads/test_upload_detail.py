"""`GET`, `PATCH`, `DELETE /api/v1/uploads/{id}`."""

import uuid

from hub import storage
from hub.catalog.models import Model
from hub.uploads.models import Upload
from tests.hub.uploads.conftest import PART, in_store, random_file


def test_it_works(api, settings):
    settings.UPLOAD_PART_BYTES = PART
    data = random_file(PART + 10)
    upload = api.start(size=len(data), fields={"base": ""})
    api.send(upload, data, [2])
    detail = api("GET", f"/{upload['id']}")
    assert (detail["status"], detail["uploaded"], detail["findings"]) == ("waiting", [2], [])
    assert (detail["version"], detail["report"], detail["fields"]) == (None, None, {})
    api.send(upload, data, [1])
    api("POST", f"/{upload['id']}/complete", {})
    assert api("GET", f"/{upload['id']}")["uploaded"] == [1, 2]


def test_patch_merges_and_empty_takes_back(api, alice):
    model = Model.objects.create(owner=alice, name="Ink", slug="ink", type="LORA")
    upload = api.start(fields={"model_name": "Ink", "type": "LORA"})
    path = f"/{upload['id']}"
    assert api("PATCH", path, {"fields": {"trigger_words": ["ink"]}})["fields"]["type"] == "LORA"
    assert "type" not in api("PATCH", path, {"fields": {"type": ""}})["fields"]
    fields = api("PATCH", path, {"fields": {"model_id": model.id}})["fields"]
    assert fields == {"model_id": model.id, "trigger_words": ["ink"]}
    assert "model_id" not in api("PATCH", path, {"fields": {"model_id": None}})["fields"]


def test_patch_of_what_is_not_yours(api, charlie):
    theirs = Model.objects.create(owner=charlie, name="Ink", slug="ink", type="LORA")
    upload = api.start()
    refused = api("PATCH", f"/{upload['id']}", {"fields": {"model_id": theirs.id}}, status=422)
    assert (refused["code"], refused["field"]) == ("wrong-fields", "model_id")


def test_patch_after_the_end(api):
    upload = api.start()
    api("DELETE", f"/{upload['id']}", status=204)
    assert api("PATCH", f"/{upload['id']}", {"fields": {"type": "LORA"}}, status=409)["code"] == "upload-over"


def test_delete_takes_parts_and_space_back(api, alice, settings):
    settings.UPLOAD_PART_BYTES = PART
    alice.quota_bytes = PART + 10
    alice.save()
    data = random_file(PART + 10)
    upload = api.start(size=len(data))
    api.send(upload, data, [1])
    row = Upload.objects.get(id=upload["id"])
    api("DELETE", f"/{upload['id']}", status=204)
    api("DELETE", f"/{upload['id']}", status=204)  # a repeat is fine
    assert list(storage.multiparts(row.key)) == []
    api.start(size=len(data))


def test_delete_of_what_waits_for_its_check(api):
    upload = api.arrive(random_file())
    api("DELETE", f"/{upload.id}", status=204)
    assert in_store(upload.key) is None


def test_delete_of_an_accepted_file(api):
    upload = api.start()
    Upload.objects.filter(id=upload["id"]).update(status="accepted")
    assert "model's page" in api("DELETE", f"/{upload['id']}", status=409)["error"]


def test_nobody_has_it(api):
    assert api("GET", f"/{uuid.uuid4()}", status=404)["code"] == "not-found"


def test_charlie_must_not(api, charlies):
    upload = api.start()
    path = f"/{upload['id']}"
    missing = charlies("GET", f"/{uuid.uuid4()}", status=404)
    assert charlies("GET", path, status=404) == missing  # another's cannot be told from none
    charlies("PATCH", path, {"fields": {"type": "LORA"}}, status=404)
    charlies("DELETE", path, status=404)
    assert Upload.objects.get(id=upload["id"]).status == "waiting"
