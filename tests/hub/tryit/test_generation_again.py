"""The same recipe once more: *Try again*, or the same seed with no stack."""

import pytest

from hub.tryit import actions
from hub.tryit.models import Generation


@pytest.fixture
def generation(alice, recipe):
    return actions.generation_create(owner=alice, recipe=recipe)


def again(client, generation, **data):
    answer = client.post(f"/try/{generation.pk}/again", data)
    return Generation.objects.get(pk=answer.url.rsplit("/", 1)[1])


def test_it_works(client, alice, generation):
    client.force_login(alice)
    made = again(client, generation)
    assert made != generation
    assert made.recipe == generation.recipe


def test_without_the_stack(client, alice, generation):
    client.force_login(alice)
    made = again(client, generation, stack="none")
    assert (made.recipe["uses"], made.recipe["seed"]) == ([], generation.recipe["seed"])


def test_charlie_cannot(client, charlie, generation):
    client.force_login(charlie)
    assert client.post(f"/try/{generation.pk}/again").status_code == 404


def test_limits_count(client, alice, generation, settings):
    settings.GENERATIONS_WAITING = 1
    client.force_login(alice)
    assert client.post(f"/try/{generation.pk}/again").status_code == 429
