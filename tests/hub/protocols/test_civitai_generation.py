"""Civitai's own generation SDKs find this hub at their address: jobs by picture, workflows by step."""

import pytest
from django.test import Client

from hub.catalog.serializers import air
from hub.protocols.civitai import airs
from hub.tryit.models import Generation
from tests.hub.tryit import world

draws = pytest.mark.django_db(transaction=True, serialized_rollback=True)
JOBS, WORKFLOWS = "/v1/consumer/jobs", "/v2/consumer/workflows"
PARAMS = {"prompt": "cat", "negativePrompt": "dark", "steps": 4, "cfgScale": 5, "width": 128, "height": 128, "seed": 7}


def job(base, **more):
    params = PARAMS | {"scheduler": "EulerA", "clipSkip": 2}
    return {"$type": "textToImage", "baseModel": "SD_1_5", "model": air(base), "params": params} | more


def workflow(base, **more):
    given = PARAMS | {"model": air(base), "scheduler": "dpM2MKarras", "quantity": 2} | more
    return {"steps": [{"$type": "textToImage", "input": given}], "tags": ["mine"], "metadata": {"a": 1}}


@draws
def test_jobs_work(alice, nano, linocut, program, worker):
    ai = program(alice)
    asked = ai.post(JOBS, job(nano, quantity=2, additionalNetworks={air(linocut): {"strength": 0.6, "type": "Lora"}}))
    assert asked.status_code == 200, asked.content
    said = asked.json()
    assert [one["cost"] for one in said["jobs"]] == [0, 0]
    done = ai.get(JOBS, token=said["token"], wait="true").json()
    assert done["token"] == said["token"]
    assert [one["scheduled"] for one in done["jobs"]] == [False, False]
    url = done["jobs"][1]["result"]["blobUrl"]
    assert done["jobs"][1]["result"]["available"] is True
    assert Client().get("/" + url.split("/", 3)[3])["Content-Type"] == "image/png"
    assert {(recipe.seed, recipe.sampler, recipe.clip_skip, recipe.uses[0].weight) for recipe in worker.seen} == {
        (7, "Euler a", 2, 0.6), (8, "Euler a", 2, 0.6),
    }  # fmt: skip
    one = done["jobs"][0]["jobId"]
    assert ai.get(f"{JOBS}/{one}").json()["jobId"] == one
    assert len(ai.post(f"{JOBS}/query", {}).json()["jobs"]) == 2


@draws
def test_workflows_work(alice, nano, program, worker):
    ai = program(alice)
    said = ai.post(f"{WORKFLOWS}?wait=20", workflow(nano)).json()
    assert said["status"] == "succeeded", said
    assert (said["tags"], said["metadata"], said["cost"]) == (["mine"], {"a": 1}, {"total": 0})
    [step] = said["steps"]
    assert [image["available"] for image in step["output"]["images"]] == [True, True]
    assert ai.get(f"{WORKFLOWS}/{said['id']}").json()["steps"][0]["status"] == "succeeded"
    assert (worker.seen[0].sampler, worker.seen[0].schedule) == ("DPM++ 2M", "Karras")
    page = ai.get(WORKFLOWS, take=1).json()
    assert [row["id"] for row in page["items"]] == [said["id"]]


def test_they_can_be_cancelled_by_their_owner_only(alice, bob, nano, program):
    ai = program(alice)
    made = ai.post(WORKFLOWS, workflow(nano)).json()
    assert made["status"] == "scheduled"
    where = f"{WORKFLOWS}/{made['id']}"
    jobs = ai.post(JOBS, job(nano)).json()
    other = program(bob)
    for answer in (
        other.get(where), other.client.delete(where), other.get(JOBS, token=jobs["token"]),
        other.get(f"{JOBS}/{jobs['jobs'][0]['jobId']}"),
    ):  # fmt: skip
        assert answer.status_code == 404
    other.client.delete(f"{JOBS}?token={jobs['token']}")
    assert Generation.objects.filter(status="queued").count() == 2
    put = ai.client.put(where, {"status": "canceled"}, content_type="application/json")
    assert put.json()["status"] == "canceled"
    assert ai.client.delete(where).status_code == 204
    assert ai.client.delete(f"{JOBS}?token={jobs['token']}").status_code == 200
    assert not Generation.objects.filter(status="queued").exists()


@pytest.mark.parametrize(
    "what", ["callbacks", "steps", "type", "air", "civitai", "scheduler", "quantity", "controlNets"]
)
def test_what_cannot_be_drawn_is_said(alice, nano, program, what):
    body = workflow(nano)
    given = body["steps"][0]["input"]
    if what == "callbacks":
        body["callbacks"] = [{"url": "https://example.org"}]
    elif what == "steps":
        body["steps"] *= 2
    elif what == "type":
        body["steps"][0]["$type"] = "comfy"
    else:
        wrong = {
            "air": ("model", "nano"), "civitai": ("model", f"urn:air:sd1:checkpoint:civitai:{nano.model_id}@{nano.pk}"),
            "scheduler": ("scheduler", "x"), "quantity": ("quantity", 99), "controlNets": ("controlNets", [{}]),
        }[what]  # fmt: skip
        given[wrong[0]] = wrong[1]
    answer = program(alice).post(WORKFLOWS, body)
    assert answer.status_code in {400, 422, 501}
    assert answer.json()["detail"].endswith(".")
    assert not Generation.objects.exists()


def test_whatif_draws_nothing(alice, nano, program):
    assert program(alice).post(f"{WORKFLOWS}?whatif=true", workflow(nano)).json()["cost"] == {"total": 0}
    assert program(alice).post(f"{JOBS}?whatif=true", job(nano)).json()["jobs"][0]["scheduled"] is False
    assert not Generation.objects.exists()


def test_airs_are_read_as_people_write_them(alice, bob, nano):
    whole = air(nano)
    for text in (whole, whole.removeprefix("urn:"), whole.removeprefix("urn:air:"), f"{whole}.safetensor"):
        assert airs.file_of(bob, text).version_id == nano.pk, text
    draft = world.version(alice, "Secret", "base", published=False)
    for text in (air(draft), whole.replace(f"@{nano.pk}", "@999999"), whole.partition("@")[0], "", "urn:air:x"):
        with pytest.raises(airs.AirUnknown):
            airs.file_of(bob, text)
    assert airs.file_of(alice, air(draft)).version_id == draft.pk


def test_a_token_is_needed(alice, nano, program):
    assert Client().post(JOBS, job(nano), content_type="application/json").status_code == 401
    assert program(alice, "read").post(JOBS, job(nano)).status_code == 403
    assert program(alice).get(JOBS, token="x").status_code == 404
