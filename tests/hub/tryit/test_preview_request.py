"""The hub asks for strips by itself: an adapter's, a checkpoint's, those that waited for a base."""

import pytest

from hub import queue
from hub.gallery.models import BoardPrompt, Frame, Picture, Strip
from hub.gallery.queries import pictures_for, strip_view
from hub.tryit import actions
from hub.tryit.models import Generation
from tests.hub.tryit import world
from workers.messages import GENERATE

BOARD = 4  # prompts on nano's board


def draw_all(finish):
    for generation in Generation.objects.filter(status="queued"):
        finish(generation)


def test_it_works(linocut, finish, charlie):
    strip = actions.preview_request(version=linocut)
    assert strip.frames.count() == BOARD * 4
    assert Generation.objects.filter(purpose="preview", owner=None).count() == BOARD * 4
    frames = strip.frames.filter(position=0)
    recipes = [frame.generation.recipe for frame in frames]
    assert [frame.weight for frame in frames] == [0, 0.5, 0.8, 1.0]
    assert len({recipe["seed"] for recipe in recipes}) == 1
    assert {recipe["prompt"] for recipe in recipes} == {"sunflower, green background, lnct print"}
    assert [len(recipe["uses"]) for recipe in recipes] == [0, 1, 1, 1]
    assert (recipes[0]["width"], recipes[0]["sampler"], recipes[0]["schedule"]) == (128, "DPM++ 2M", "Karras")
    draw_all(finish)
    assert not strip.frames.filter(picture=None).exists()
    assert pictures_for(charlie).count() == BOARD * 4
    linocut.refresh_from_db()
    assert linocut.cover_sha256 == strip.frames.get(position=0, weight=0.8).picture.sha256


def test_asking_again_draws_nothing(linocut):
    first = actions.preview_request(version=linocut)
    assert actions.preview_request(version=linocut) == first
    assert Generation.objects.count() == BOARD * 4


def test_a_checkpoint_is_drawn_on_the_board_alone(nano, finish):
    strip = actions.preview_request(version=nano)
    assert [frame.weight for frame in strip.frames.all()] == [0.0] * BOARD
    draw_all(finish)
    nano.refresh_from_db()
    assert nano.cover_sha256 == strip.frames.get(position=0).picture.sha256
    view = strip_view(nano)
    assert (view.base_alone, view.drawn, view.open) == (True, BOARD, False)


def test_an_sd15_board_is_large(alice):
    base = world.version(alice, "Real", "base", base="SD 1.5")
    strip = actions.preview_request(version=base)
    assert strip.frames.first().generation.recipe["width"] == 512


def test_without_a_base_nothing_is_asked(alice):
    version = world.version(alice, "Early", "lora")
    assert actions.preview_request(version=version) is None
    assert not Generation.objects.exists()


def test_another_family_s_base_is_no_base(alice, nano):
    assert actions.preview_request(version=world.version(alice, "Real", "lora", base="SD 1.5")) is None
    assert actions.preview_request(version=world.version(alice, "XL", "lora", base="SDXL 1.0")) is None


@pytest.mark.parametrize("verdict", ["refused", "unknown"])
def test_a_file_that_was_not_accepted_is_not_drawn(alice, nano, verdict):
    assert actions.preview_request(version=world.version(alice, "Bad", "lora", verdict=verdict)) is None


def test_versions_that_waited_get_theirs_when_a_base_arrives(alice, bob):
    waiting = [
        world.version(alice, "One"),
        world.version(bob, "Two", "hypernetwork"),
        world.version(bob, "XL", base="SDXL 1.0"),
    ]
    base = world.version(alice, "Nano", "base")
    assert actions.previews_backfill(base_version=base) == 2
    assert set(Strip.objects.values_list("version", flat=True)) == {waiting[0].pk, waiting[1].pk}
    assert actions.previews_backfill(base_version=base) == 0


def test_the_hub_s_own_worker_is_asked_to_look_for_them(nano, committed):
    before = queue.cache().llen("hub")
    with committed():
        actions.preview_request(version=nano)
    assert queue.cache().llen("hub") == before + 1
    queue.cache().delete("hub")


def test_the_base_alone_is_drawn_once(alice, nano, finish):
    one, two = world.version(alice, "One"), world.version(alice, "Two")  # no trigger words: equal prompts
    first = actions.preview_request(version=one)
    second = actions.preview_request(version=two)  # joins the drawings in line
    assert Generation.objects.count() == BOARD * 4 + BOARD * 3
    draw_all(finish)
    three = actions.preview_request(version=world.version(alice, "Three"))  # takes the drawn ones
    assert Generation.objects.count() == BOARD * 4 + BOARD * 3 * 2
    for position in range(BOARD):
        pictures = {
            Frame.objects.get(strip=strip, position=position, weight=0).picture_id for strip in (first, second, three)
        }
        assert len(pictures) == 1
        assert None not in pictures


def test_people_come_first(alice, linocut, recipe, committed):
    with committed():
        actions.preview_request(version=linocut)
        actions.generation_create(owner=alice, recipe=recipe)
    lines = {step: queue.cache().llen(f"{GENERATE}\x06\x16{step}" if step else GENERATE) for step in (0, 3, 6)}
    assert lines == {0: 1, 3: 4, 6: (BOARD - 1) * 4}


def test_a_worker_takes_people_s_pictures_first(alice, linocut, recipe, committed):
    """Through Celery's own transport: what it gives a consumer first."""
    from kombu.simple import SimpleQueue

    from hub.celery import app

    with committed():
        actions.preview_request(version=linocut)
        made = actions.generation_create(owner=alice, recipe=recipe)
    with app.connection_for_read() as connection:
        line = SimpleQueue(connection, GENERATE)
        first = line.get(timeout=5)
        first.ack()
        line.close()
    assert first.payload[0][0]["generation_id"] == str(made.pk)


def test_a_draft_s_previews_are_its_owners(alice, charlie, nano, finish):
    draft = world.version(alice, "Secret", "lora", published=False)
    actions.preview_request(version=draft)
    draw_all(finish)
    seen = pictures_for(charlie)
    assert not seen.filter(frames__weight__gt=0).exists()
    assert pictures_for(alice).filter(frames__weight__gt=0).count() == BOARD * 3


def test_a_failed_frame_says_why_and_the_rest_goes_on(linocut, finish):
    from hub.tryit.tasks import generated
    from workers.messages import Failed, pack

    strip = actions.preview_request(version=linocut)
    bad = strip.frames.get(position=0, weight=1.0).generation
    generated(pack(Failed(id=str(bad.pk), attempt=1, code="out-of-memory", sentence="Out of memory at 128×128.")))
    draw_all(finish)
    view = strip_view(linocut)
    assert [frame.state for frame in view.frames] == ["drawn", "drawn", "drawn", "failed"]
    assert view.errors == ["Out of memory at 128×128."]


def test_boards_are_there(db):
    families = set(BoardPrompt.objects.values_list("family", flat=True))
    assert families == {"sd1", "sd2", "sdxl", "nano"}
    assert {row.prompt.split(", ")[1].split(" ")[-1] for row in BoardPrompt.objects.filter(family="nano")} == {
        "background"
    }


def test_pictures_of_a_strip_of_one_s_own_choice_stay_one_s_own(alice, bob, linocut, finish):
    actions.preview_create(version=linocut, by=bob, prompts=["my own words"], weights=[0.8])
    draw_all(finish)
    assert not Picture.objects.get().visible
    assert not pictures_for(alice).exists()
    assert pictures_for(bob).exists()
