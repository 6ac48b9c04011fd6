"""A program written for OpenAI's picture API finds this hub at its address, and draws."""

import base64

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from hub.tryit.models import Generation
from tests.hub.protocols.conftest import Program, png
from tests.hub.tryit import world

draws = pytest.mark.django_db(transaction=True, serialized_rollback=True)
SMALL = {"prompt": "cat, blue background", "size": "128x128", "steps": 4, "seed": 7}
GENERATIONS = "/v1/images/generations"


@draws
def test_it_works(alice, nano, program, worker):
    taken_and_without_effect = {"quality": "high", "output_format": "webp", "background": "transparent", "user": "x"}
    asked = SMALL | {"n": 2, "model": f"Nano-v{nano.pk}"} | taken_and_without_effect
    answer = program(alice).post(GENERATIONS, asked)
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["output_format"], said["background"]) == ("png", "opaque"), "what it is, not what was asked for"
    assert type(said["created"]) is int
    assert [list(datum) for datum in said["data"]] == [["b64_json"], ["b64_json"]]
    assert base64.b64decode(said["data"][0]["b64_json"]).startswith(b"\x89PNG")
    [recipe] = worker.seen
    assert (recipe.width, recipe.height, recipe.steps, recipe.seed) == (128, 128, 4, 7)


@draws
def test_an_address_of_the_picture_works_for_whoever_was_given_it(alice, nano, program, worker):
    answer = program(alice).post(GENERATIONS, SMALL | {"response_format": "url"})
    url = answer.json()["data"][0]["url"]
    path = url.split("testserver")[-1] if "testserver" in url else "/" + url.split("/", 3)[3]
    picture = Client().get(path)
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
    assert "private" in picture["Cache-Control"]
    assert Client().get(path.partition("?")[0]).status_code == 404
    assert Client().get(path[:-2] + "xx").status_code == 404


@draws
def test_an_adapter_in_the_prompt_counts(alice, nano, linocut, program, worker):
    answer = program(alice).post(GENERATIONS, SMALL | {"prompt": "cat <lora:linocut:0.6>", "negative_prompt": "dark"})
    assert answer.status_code == 200
    assert [use.weight for use in worker.seen[0].uses] == [0.6]
    assert worker.seen[0].negative == "dark"


@draws
def test_what_a_worker_says_is_told_and_not_asked_again(alice, nano, program, worker):
    worker.fails = "This picture needs more memory than this worker has."
    answer = program(alice).post(GENERATIONS, SMALL)
    assert answer.status_code == 500
    assert answer["x-should-retry"] == "false"
    assert answer.json()["error"]["message"] == worker.fails
    assert answer.json()["error"]["type"] == "server_error"


@pytest.mark.parametrize(
    ("field", "value", "status", "code"),
    [
        ("prompt", "", 400, "invalid_value"),
        ("n", 11, 400, "invalid_value"),
        ("size", "huge", 400, "invalid_value"),
        ("size", "100x100", 400, "bad-recipe"),
        ("stream", True, 400, "invalid_value"),
        ("output_format", "gif", 400, "invalid_value"),
        ("model", "gpt-image-1", 404, "model_not_found"),
        ("prompt", "<lora:nowhere:1>", 400, "file-not-here"),
    ],
)
def test_what_cannot_be_drawn_is_said(alice, nano, program, field, value, status, code):
    answer = program(alice).post(GENERATIONS, SMALL | {field: value})
    assert answer.status_code == status, answer.content
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert error["message"].endswith(".")
    assert not Generation.objects.exists()


@draws
def test_edits_start_from_a_picture_and_a_mask_s_clear_part(alice, nano, program, worker):
    ask = program(alice).client.post
    image, mask = SimpleUploadedFile("i.png", png((90, 20, 20))), SimpleUploadedFile("m.png", png((0, 0, 0, 0)))
    answer = ask("/v1/images/edits", {"prompt": "a hat", "image": image, "mask": mask, "size": "128x128", "n": "1"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["data"][0]["b64_json"]
    source = worker.seen[-1].source
    assert (source.denoising, source.invert, bool(source.mask)) == (1.0, True, True)
    image.seek(0)
    answer = ask("/v1/images/variations", {"image": image, "size": "128x128"})
    assert answer.status_code == 200, answer.content
    assert worker.seen[-1].source.picture == source.picture
    for form in ({"prompt": "x"}, {"prompt": "x", "image": SimpleUploadedFile("i.png", b"no picture")}):
        answer = ask("/v1/images/edits", form)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].endswith(".")


def test_models_are_the_checkpoints(alice, bob, nano, linocut, program):
    world.version(alice, "Secret", "base", published=False)
    listed = program(bob).get("/v1/models").json()
    assert listed["object"] == "list"
    [model] = listed["data"]
    assert (model["id"], model["object"], model["owned_by"]) == (f"Nano-v{nano.pk}", "model", "alice")
    assert program(bob).get(f"/v1/models/Nano-v{nano.pk}").json() == model
    assert program(bob).get("/v1/models/secret").json()["error"]["code"] == "model_not_found"
    assert program(bob).get("/v1/chat/completions").status_code == 404


def test_a_token_is_needed(alice, nano, program):
    for token in ("", "wr_" + "0" * 46):
        answer = Program(token).post(GENERATIONS, SMALL)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"
    assert program(alice, "read").post(GENERATIONS, SMALL).status_code == 403
    visitor = Client()
    visitor.force_login(alice)
    assert visitor.get("/v1/models").status_code == 401
