"""The picture on a card: the hub's strip, else the first that the model's owner showed."""

import pytest

from hub.catalog.models import Block, Version
from hub.catalog.serializers import card
from hub.community.groups import group_create
from hub.gallery import actions
from hub.moderation import blocks
from hub.tryit.previews import preview_request
from tests.hub.community.test_groups import joined
from tests.hub.tryit import world
from tests.hub.tryit.test_preview_request import draw_all
from workers.messages import Use


@pytest.fixture
def canny(alice):
    return world.version(alice, "Canny", "controlnet")


@pytest.fixture
def made(draw, canny):
    """A picture that somebody drew with the ControlNet and keeps to themselves."""
    return lambda owner, salt="", **changes: draw(owner, salt=salt, uses=(use(canny),), **changes)


def use(version):
    return Use(kind="controlnet", sha256=world.sha(version), weight=1.0, name=version.model.name)


def keep(picture, by):
    return actions.picture_keep(picture_id=picture.pk, by=by)


def cover(version):
    return Version.objects.values_list("cover_sha256", flat=True).get(pk=version.pk)


def test_it_works(alice, canny, made):
    first, second = made(alice), made(alice, "and a dog")
    assert cover(canny) == ""
    keep(second, alice)
    keep(first, alice)
    assert cover(canny) == second.sha256, "the one that was shown first stays"
    canny.refresh_from_db()
    assert f"/image/{second.sha256}/" in card(canny)["picture_url"]


def test_another_s_picture_is_not_the_card_s(charlie, canny, made):
    keep(made(charlie), charlie)
    assert cover(canny) == ""


def test_a_member_s_picture_is_the_group_s(alice, bob, charlie, canny, made):
    studio = group_create(by=alice, name="studio")
    joined(studio, bob, "editor")
    canny.model.owner = studio
    canny.model.save()
    keep(made(charlie), charlie)
    assert cover(canny) == ""
    mine = made(bob, "and a dog")
    keep(mine, bob)
    assert cover(canny) == mine.sha256


def test_what_is_hidden_gives_its_place_to_the_next(alice, canny, made):
    first, second = keep(made(alice), alice), keep(made(alice, "and a dog"), alice)
    actions.picture_hide(picture_id=first.pk, by=alice)
    assert cover(canny) == second.sha256
    actions.picture_hide(picture_id=second.pk, by=alice)
    assert cover(canny) == ""
    keep(first, alice)
    assert cover(canny) == first.sha256


def test_blocked_bytes_are_on_no_card(alice, mona, canny, made):
    shown = keep(made(alice), alice)
    blocks.block_add(by=mona, kind=Block.Kind.PICTURE, value=shown.sha256, sentence="Not here.")
    assert cover(canny) == ""


def test_a_card_shows_no_more_than_its_model_says(alice, mona, canny, made):
    first = keep(made(alice), alice)
    actions.picture_rate(picture_id=first.pk, by=mona, level=8)
    assert cover(canny) == ""
    canny.model.level = 1 | 8
    canny.model.save()
    keep(made(alice, "and a dog"), alice)
    assert cover(canny) == first.sha256


def test_a_picture_made_with_a_draft_stays_off_public_cards(alice, canny, draw):
    secret = world.version(alice, "Secret", "lora", published=False)
    keep(draw(alice, uses=(use(canny), use(secret))), alice)
    assert cover(canny) == ""


def test_the_hub_s_own_strip_comes_first(alice, nano, linocut, draw, finish):
    mine = keep(draw(alice), alice)
    assert cover(linocut) == cover(nano) == mine.sha256
    strip = preview_request(version=linocut)
    draw_all(finish)
    drawn = strip.frames.get(position=0, weight=0.8).picture
    assert cover(linocut) == drawn.sha256


def test_a_frame_that_a_moderator_hides_gives_its_place_to_the_nearest(mona, linocut, finish):
    strip = preview_request(version=linocut)
    draw_all(finish)
    best, next_best = (strip.frames.get(position=0, weight=weight).picture for weight in (0.8, 1.0))
    actions.picture_hide(picture_id=best.pk, by=mona)
    assert cover(linocut) == next_best.sha256
