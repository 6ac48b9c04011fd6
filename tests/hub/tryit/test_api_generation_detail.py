"""State, progress and cancel by the API."""

import pytest

from hub.tryit import actions

URL = "/api/v1/generations"


@pytest.fixture
def generation(alice, recipe):
    return actions.generation_create(owner=alice, recipe=recipe)


def test_it_works(client, alice, generation, news):
    client.force_login(alice)
    news(generation, step=7, steps=20, preview="aGVsbG8=")
    told = client.get(f"{URL}/{generation.pk}").json()
    assert told["state"] == "running"
    assert told["progress"] == {"stage": "drawing", "step": 7, "steps": 20, "picture": 0, "preview": "aGVsbG8="}
    assert told["sentence"] == "Step 7 of 20"


def test_delete_cancels_and_repeats_harmlessly(client, alice, generation):
    client.force_login(alice)
    for _ in range(2):
        answer = client.delete(f"{URL}/{generation.pk}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


def test_too_late_is_a_conflict(client, alice, generation, finish):
    finish(generation)
    client.force_login(alice)
    assert client.delete(f"{URL}/{generation.pk}").status_code == 409


def test_charlie_gets_404(client, charlie, generation):
    client.force_login(charlie)
    assert client.get(f"{URL}/{generation.pk}").status_code == 404
    assert client.delete(f"{URL}/{generation.pk}").status_code == 404
    generation.refresh_from_db()
    assert generation.status == "queued"


def test_signed_out_is_401(client, generation):
    assert client.get(f"{URL}/{generation.pk}").status_code == 401
