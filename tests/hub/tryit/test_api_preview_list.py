"""Strips on prompts and weights of the caller's choice."""

import pytest

from hub.tryit import actions
from hub.tryit.models import Generation
from tests.hub.tryit import world


def url(version):
    return f"/api/v1/model-versions/{version.pk}/previews"


def post(client, version, data):
    return client.post(url(version), data, content_type="application/json")


def test_it_works(client, bob, linocut, finish):
    client.force_login(bob)
    answer = post(client, linocut, {"prompts": ["a cat", "a dog"], "weights": [0, 0.65, -1], "seed": -1, "steps": 8})
    assert answer.status_code == 202
    strip = answer.json()
    assert [(frame["prompt"], frame["weight"]) for frame in strip["frames"]][:3] == [
        ("a cat", -1),
        ("a cat", 0),
        ("a cat", 0.65),
    ]
    assert len({generation.recipe["seed"] for generation in Generation.objects.all()}) == 1
    assert {generation.recipe["steps"] for generation in Generation.objects.all()} == {8}
    for generation in Generation.objects.all():
        finish(generation)
    [mine] = client.get(url(linocut)).json()
    assert {frame["state"] for frame in mine["frames"]} == {"drawn"}
    assert mine["frames"][0]["picture"]["url"]


def test_the_board_strip_is_everybody_s_and_mine_is_mine(client, bob, charlie, linocut):
    actions.preview_request(version=linocut)
    actions.preview_create(version=linocut, by=bob, prompts=["x"], weights=[1])
    assert [strip["board"] for strip in client.get(url(linocut)).json()] == [True]
    client.force_login(charlie)
    assert len(client.get(url(linocut)).json()) == 1
    client.force_login(bob)
    assert [strip["board"] for strip in client.get(url(linocut)).json()] == [True, False]


def test_a_base_of_one_s_choice(client, alice, bob, nano, linocut):
    other = world.version(alice, "Nano two", "base")
    client.force_login(bob)
    answer = post(client, linocut, {"prompts": ["x"], "weights": [1], "base": str(other.pk)})
    assert answer.json()["base_version"] == other.pk


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"prompts": []},
        {"prompts": ["x"], "weights": []},
        {"prompts": ["x"], "weights": [11]},
        {"prompts": ["x"], "weights": ["heavy"]},
        {"prompts": ["x" * 701]},
        {"prompts": ["x"], "steps": 1000},
        {"prompts": ["x"], "sampler": "Teleport"},
        {"prompts": ["x"], "base": "999999"},
        {"prompts": ["x"] * 17},
        {"prompts": ["x"] * 16, "weights": [n / 10 for n in range(16)]},
    ],
)
def test_bad_input_is_refused(client, bob, linocut, data):
    client.force_login(bob)
    answer = post(client, linocut, data)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert not Generation.objects.exists()


def test_a_base_that_does_not_fit(client, alice, bob, linocut):
    real = world.version(alice, "Real", "base", base="SD 1.5")
    client.force_login(bob)
    answer = post(client, linocut, {"prompts": ["x"], "base": str(real.pk)})
    assert answer.json()["code"] == "does-not-fit"


def test_no_base_here(client, alice, bob):
    early = world.version(alice, "Early", base="SD 2.1")
    client.force_login(bob)
    answer = post(client, early, {"prompts": ["x"]})
    assert answer.json() == {
        "error": "No base for SD 2.1 is installed here, so nothing can be drawn.",
        "code": "not-drawable",
    }


def test_limits_count(client, bob, linocut, settings):
    settings.GENERATIONS_WAITING = 3
    client.force_login(bob)
    assert post(client, linocut, {"prompts": ["x"]}).status_code == 429


def test_charlie_gets_404_for_a_draft(client, alice, charlie, nano):
    draft = world.version(alice, "Secret", published=False)
    client.force_login(charlie)
    assert client.get(url(draft)).status_code == 404
    assert post(client, draft, {"prompts": ["x"]}).status_code == 404


def test_signed_out_may_look_but_not_draw(client, linocut):
    assert client.get(url(linocut)).status_code == 200
    assert post(client, linocut, {"prompts": ["x"]}).status_code == 401
