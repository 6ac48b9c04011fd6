"""Answers of the workers: taken once, in any order, however late."""

import uuid

import pytest

from hub import queue
from hub.catalog.models import Version
from hub.gallery.models import Picture
from hub.tryit import actions
from hub.tryit.models import Generation
from hub.tryit.tasks import generated
from tests.hub.tryit import world
from workers.messages import Failed, Generated, cancel_key, pack


@pytest.fixture
def generation(alice, recipe):
    return actions.generation_create(owner=alice, recipe=recipe, count=2)


def failed(generation, *, retry=False, code="nan", attempt=None):
    message = Failed(
        id=str(generation.pk),
        attempt=attempt or generation.attempt,
        code=code,
        sentence="The numbers overflowed. Lower a weight and draw again.",
        retry=retry,
    )
    generated(pack(message))
    generation.refresh_from_db()


def test_it_works(alice, generation, finish, nano, linocut):
    finish(generation)
    assert generation.status == "done"
    first, second = generation.pictures.order_by("id")
    assert (first.owner, first.visible) == (alice, False)
    assert second.recipe["seed"] == first.recipe["seed"] + 1
    assert {(use.version_id, use.weight) for use in first.uses.all()} == {(nano.pk, None), (linocut.pk, 0.8)}


def test_a_repeated_answer_changes_nothing(generation, finish):
    finish(generation)
    finish(generation, salt="another")
    assert Picture.objects.count() == 2


def test_an_answer_of_an_earlier_attempt_changes_nothing(generation, finish):
    failed(generation, retry=True, code="out-of-memory")
    assert (generation.status, generation.attempt) == ("queued", 2)
    finish(generation, attempt=1)
    assert generation.status == "queued"
    assert not Picture.objects.exists()
    finish(generation)
    assert generation.status == "done"


def test_an_answer_after_cancelling_changes_nothing(alice, generation, finish):
    actions.generation_cancel(generation=generation, by=alice)
    finish(generation)
    failed(generation)
    assert generation.status == "cancelled"
    assert not Picture.objects.exists()


def test_a_second_attempt_tells_the_first_message_to_stop(generation, finish, committed):
    failed(generation, retry=True)
    with committed():
        finish(generation)
    assert queue.cache().get(cancel_key(str(generation.pk)))


def test_a_failure_keeps_its_sentence(generation):
    failed(generation)
    assert (generation.status, generation.error_code) == ("failed", "nan")
    assert generation.error == "The numbers overflowed. Lower a weight and draw again."


def test_attempts_end(generation, settings):
    settings.JOB_ATTEMPTS = 3
    for _ in range(3):
        failed(generation, retry=True)
    assert (generation.status, generation.attempt) == ("failed", 3)


def test_a_worker_that_was_told_to_stop(generation):
    failed(generation, code="cancelled")
    assert generation.status == "cancelled"


def test_answers_about_nothing_change_nothing(db):
    nobody = str(uuid.uuid4())
    generated(pack(Generated(generation_id=nobody, attempt=1, pictures=(), seconds=1)))
    generated(pack(Failed(id=nobody, attempt=1, code="x", sentence="x")))
    assert not Generation.objects.exists()


def test_a_failed_picture_costs_nothing_of_the_day(alice, recipe, generation, settings):
    settings.GENERATIONS_PER_DAY = 2
    failed(generation)
    assert actions.generation_create(owner=alice, recipe=recipe, count=2)


def test_a_copy_in_a_draft_does_not_hide_a_picture(alice, charlie, generation, finish, linocut):
    """Charlie uploads the same bytes as a draft; Alice's picture stays what it was."""
    from hub.catalog.models import File
    from hub.gallery.actions import picture_keep
    from hub.gallery.queries import pictures_for

    copy = world.version(charlie, "Copy", "lora", published=False)
    File.objects.filter(version=copy).update(blob_id=world.sha(linocut))
    picture = finish(generation).pictures.first()
    picture_keep(picture_id=picture.pk, by=alice)
    assert pictures_for(charlie).filter(pk=picture.pk).exists()
    assert not picture.uses.filter(version=copy).exists()


def test_a_picture_made_with_a_draft_is_its_owners_alone(alice, charlie, nano, finish):
    from hub.gallery.actions import picture_keep
    from hub.gallery.queries import pictures_for
    from workers.messages import Recipe, Use

    draft = world.version(alice, "Secret", "lora", published=False)
    recipe = Recipe(
        base=world.sha(nano),
        base_family="sd1",
        uses=(Use(kind="lora", sha256=world.sha(draft)),),
        width=128,
        height=128,
    )
    picture = finish(actions.generation_create(owner=alice, recipe=recipe)).pictures.get()
    picture_keep(picture_id=picture.pk, by=alice)
    assert pictures_for(alice).filter(pk=picture.pk).exists()
    assert not pictures_for(charlie).filter(pk=picture.pk).exists()
    Version.objects.filter(pk=draft.pk).update(status="published")
    draft.model.status = "published"
    draft.model.save()
    assert pictures_for(charlie).filter(pk=picture.pk).exists()
