"""Cancel: at once in line, between two steps while drawing, never another's."""

import pytest

from hub import queue
from hub.errors import NotFound
from hub.tryit import actions
from hub.tryit.actions import TooLate
from workers.messages import cancel_key


@pytest.fixture
def generation(alice, recipe):
    return actions.generation_create(owner=alice, recipe=recipe)


def test_it_works(client, alice, generation):
    client.force_login(alice)
    assert client.post(f"/try/{generation.pk}/cancel").status_code == 302
    generation.refresh_from_db()
    assert generation.status == "cancelled"
    assert queue.cache().get(cancel_key(str(generation.pk)))
    assert "Cancelled between steps. Nothing was kept." in client.get(f"/try/{generation.pk}").content.decode()


def test_a_running_one_is_told(alice, generation, news):
    news(generation)
    actions.sweep()
    generation.refresh_from_db()
    assert generation.status == "running"
    assert actions.generation_cancel(generation=generation, by=alice).status == "cancelled"
    assert queue.cache().get(cancel_key(str(generation.pk)))


def test_twice_is_harmless(alice, generation):
    actions.generation_cancel(generation=generation, by=alice)
    assert actions.generation_cancel(generation=generation, by=alice).status == "cancelled"


def test_finished_is_too_late(alice, generation, finish):
    finish(generation)
    with pytest.raises(TooLate):
        actions.generation_cancel(generation=generation, by=alice)


def test_too_late_shows_what_it_became(client, alice, generation, finish):
    finish(generation)
    client.force_login(alice)
    page = client.post(f"/try/{generation.pk}/cancel", follow=True)
    assert page.status_code == 200
    assert "Drawn in" in page.content.decode()


def test_charlie_cannot(client, charlie, generation):
    client.force_login(charlie)
    assert client.post(f"/try/{generation.pk}/cancel").status_code == 404
    with pytest.raises(NotFound):
        actions.generation_cancel(generation=generation, by=charlie)
    generation.refresh_from_db()
    assert generation.status == "queued"


def test_a_cancelled_place_is_free_again(alice, generation, recipe, settings):
    settings.GENERATIONS_WAITING = settings.GENERATIONS_PER_DAY = 1
    actions.generation_cancel(generation=generation, by=alice)
    assert actions.generation_create(owner=alice, recipe=recipe)
