"""A recipe that was drawn before is answered with its pictures, without drawing; and nobody learns what others drew."""

import pytest
from msgspec.structs import replace

from hub import queue
from hub.gallery.models import Picture
from hub.tryit import actions, sending
from hub.tryit.models import Generation
from workers.messages import GENERATE


@pytest.fixture
def drawn(alice, recipe, finish):
    return finish(actions.generation_create(owner=alice, recipe=replace(recipe, seed=5), count=2))


def test_it_works(client, alice, recipe, drawn, committed):
    with committed():
        again = actions.generation_create(owner=alice, recipe=replace(recipe, seed=5), count=2)
    assert (again.status, again.seconds, queue.waiting(GENERATE)) == (Generation.Status.DONE, 0, 0)
    assert set(again.pictures.all()) == set(drawn.pictures.all())
    client.force_login(alice)
    assert "Drawn before, and kept" in client.get(f"/try/{again.pk}").content.decode()


def test_another_seed_is_drawn_and_so_are_more_than_were_kept(alice, recipe, drawn):
    assert actions.generation_create(owner=alice, recipe=replace(recipe, seed=9)).is_open
    assert actions.generation_create(owner=alice, recipe=replace(recipe, seed=5), count=3).is_open


def test_one_of_two_may_be_asked_for_alone(alice, recipe, drawn):
    alone = actions.generation_create(owner=alice, recipe=replace(recipe, seed=6))
    assert alone.pictures.get().recipe["seed"] == 6


def test_what_others_kept_for_themselves_is_drawn_anew(bob, recipe, drawn):
    assert actions.generation_create(owner=bob, recipe=replace(recipe, seed=5)).is_open


def test_what_everyone_may_see_becomes_one_s_own(bob, recipe, drawn):
    Picture.objects.update(visible=True)
    mine = actions.generation_create(owner=bob, recipe=replace(recipe, seed=5)).pictures.get()
    theirs = drawn.pictures.get(recipe__seed=5)
    assert (mine.owner, mine.sha256, mine.visible) == (bob, theirs.sha256, False)
    assert mine.uses.count() == theirs.uses.count()


def test_it_counts_for_no_limit(alice, recipe, drawn, settings):
    settings.GENERATIONS_PER_DAY = 2
    assert actions.generation_create(owner=alice, recipe=replace(recipe, seed=5)).status == Generation.Status.DONE
    with pytest.raises(sending.LimitReached):
        actions.generation_create(owner=alice, recipe=replace(recipe, seed=7))
