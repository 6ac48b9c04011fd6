"""`scored`: a classifier suggests a picture's content level; what a person says stands above it."""

import datetime

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from hub import queue
from hub.catalog.models import Version
from hub.gallery.actions import picture_keep, picture_rate
from hub.gallery.covers import covers_follow
from hub.gallery.models import Picture, Strip
from hub.gallery.tasks import scored, unscored_sweep
from tests.hub.moderation.test_case_decide import signed_in
from workers.messages import HEADER, Failed, Scored, pack


@pytest.fixture(autouse=True)
def scores(settings):
    settings.PICTURE_SCORES = True
    cache.delete("gallery:no-scorer")
    yield
    cache.delete("gallery:no-scorer")


def told(picture, score):
    scored(pack(Scored(sha256=picture.sha256, score=score)))
    picture.refresh_from_db()
    return picture


def test_it_works(alice, draw, django_capture_on_commit_callbacks):
    queue.cache().delete(f"{HEADER}\x06\x169")
    with django_capture_on_commit_callbacks(execute=True):
        picture = draw(alice, visible=True)
    assert queue.waiting(HEADER) == 1
    queue.cache().delete(f"{HEADER}\x06\x169")
    assert (told(picture, 0.91).level, picture.rated_by) == (8, "")
    page = signed_in(alice).get(f"/pictures/{picture.pk}").content.decode()
    assert "The classifier gives it 0.91 of 1" in page
    assert picture.pk not in [p.pk for p in Picture.objects.filter(level=1)]


def test_what_leaves_the_gallery_is_not_said_never_to_have_been_there(client, alice, linocut, draw):
    """Alice kept a picture, and a moment later its score put it above what she is shown."""
    told(draw(alice, visible=True), 0.91)
    address = f"/models/{linocut.model_id}"

    def page():
        return client.get(address, follow=True).content.decode()

    assert "What was made with it is above your content level." in page()
    assert "Nobody has kept a picture" not in page()
    client.force_login(alice)
    assert "/settings/content?next=" in page()
    assert "Change my level</a>" in page()
    told(draw(alice, visible=True, salt="harmless"), 0.01)
    assert "Others are above your content level." in page()
    shown = client.get(f"/pictures/{Picture.objects.get(level=8).pk}").content.decode()
    assert "for those who want to see “Sexual”" in shown


@pytest.mark.parametrize(("score", "level"), [(0.0, 1), (0.29, 1), (0.3, 2), (0.6, 4), (0.84, 4), (0.85, 8), (1.0, 8)])
def test_what_a_score_suggests(alice, draw, score, level):
    assert told(draw(alice), score).level == level


def test_a_persons_word_stands_above_it(alice, mona, draw):
    for by, level in ((alice, 1), (mona, 16)):
        picture = draw(alice, visible=True, salt=str(level))
        picture_rate(picture_id=picture.pk, by=by, level=level)
        told(picture, 0.7)
        assert (picture.level, picture.score) == (level, 0.7)


def test_switched_off(alice, draw, settings, django_capture_on_commit_callbacks):
    settings.PICTURE_SCORES = False
    queue.cache().delete(f"{HEADER}\x06\x169")
    with django_capture_on_commit_callbacks(execute=True):
        draw(alice)
    assert queue.waiting(HEADER) == 0


def failed(picture, code):
    scored(pack(Failed(id=picture.sha256, attempt=1, code=code, sentence="It did not work.")))
    picture.refresh_from_db()
    return picture


def seen(user, picture, linocut):
    """Whether it is in the gallery, on its model's page, in Civitai's lists; the answers of its page and its bytes."""
    client = Client() if user is None else signed_in(user)
    link = f'href="/pictures/{picture.pk}"'
    pages = [client.get(path, follow=True).content.decode() for path in ("/pictures", f"/models/{linocut.model_id}")]
    images = client.get("/api/v1/images?nsfw=X&limit=200").json()["items"]
    images += client.get("/api/v1/images").json()["items"]
    model = client.get(f"/api/v1/models/{linocut.model_id}?nsfw=true").json()["modelVersions"][0]["images"]
    lists = [*(link in page for page in pages), any(one["id"] == picture.pk for one in images)]
    lists.append(any(one["id"] == picture.pk for one in model))
    bytes_at = f"/image/{picture.sha256}/original=true/x.png"
    return lists, client.get(f"/pictures/{picture.pk}").status_code, client.get(bytes_at).status_code


NOT_SEEN = ([False] * 4, 404, 404)


def test_until_it_is_scored_only_its_owner_sees_it(alice, bob, mona, linocut, draw):
    picture = draw(alice, visible=True, stored=True)
    assert picture.level == 0
    assert seen(None, picture, linocut) == seen(bob, picture, linocut) == NOT_SEEN
    own = signed_in(alice)
    assert "Being checked</p>" in own.get("/pictures").content.decode()
    assert "Being checked</p>" in own.get(f"/models/{linocut.model_id}", follow=True).content.decode()
    assert "Being checked: others see it" in own.get(f"/pictures/{picture.pk}").content.decode()
    assert seen(mona, picture, linocut)[1:] == (200, 200), "a moderator may look"
    told(picture, 0.05)
    for user in (None, bob, alice):
        assert seen(user, picture, linocut) == ([True] * 4, 200, 200)
    assert "Being checked" not in own.get("/pictures").content.decode()


def test_its_owners_word_is_not_waited_for(alice, linocut, draw):
    picture = draw(alice, visible=True, stored=True)
    picture_rate(picture_id=picture.pk, by=alice, level=1)
    assert seen(None, picture, linocut) == ([True] * 4, 200, 200)


def test_what_could_not_be_scored_is_shown_as_where_none_are(alice, linocut, draw):
    picture = draw(alice, visible=True, stored=True)
    assert (failed(picture, "unreadable").level, picture.score) == (1, None)
    assert seen(None, picture, linocut) == ([True] * 4, 200, 200)
    assert draw(alice, salt="next").level == 0
    with pytest.raises(TypeError):
        scored({"type": "Score", "sha256": picture.sha256})


def test_where_no_worker_scores_nothing_waits_for_it(alice, draw):
    failed(draw(alice), "no-scorer")
    late = draw(alice, salt="next")
    assert late.level == 1
    assert told(late, 0.9).level == 8, "one that comes after all is heeded"
    assert draw(alice, salt="third").level == 0


def test_a_score_that_never_comes_hides_nothing_for_good(alice, linocut, draw):
    picture, new = draw(alice, visible=True, stored=True), draw(alice, visible=True, salt="new")
    unscored_sweep()
    assert seen(None, picture, linocut) == NOT_SEEN
    Picture.objects.filter(pk=picture.pk).update(created_at=timezone.now() - datetime.timedelta(minutes=16))
    unscored_sweep()
    assert seen(None, picture, linocut) == ([True] * 4, 200, 200)
    new.refresh_from_db()
    assert new.level == 0


def test_a_failure_takes_nothing_from_a_level_that_is_known(alice, draw):
    picture = told(draw(alice), 0.9)
    assert failed(picture, "unreadable").level == 8


def test_others_are_told_once_they_can_see_it(alice, draw, monkeypatch):
    said = []
    monkeypatch.setattr("hub.gallery.scores.announce", lambda kind, subject: said.append(subject))
    monkeypatch.setattr("hub.gallery.actions.announce", lambda kind, subject: said.append(subject))
    picture, secret = draw(alice), draw(alice, salt="secret")
    picture_keep(picture_id=picture.pk, by=alice)
    assert said == []
    told(picture, 0.1)
    told(secret, 0.1)
    told(picture, 0.1)
    assert said == [picture.pk]
    picture_keep(picture_id=secret.pk, by=alice)
    assert said == [picture.pk, secret.pk]


def test_a_preview_stands_in_its_strip_at_once_and_in_lists_once_scored(linocut, draw):
    """The strip is on its model's page, which the model's own level guards; a card waits."""
    picture = draw(None, visible=True, stored=True)
    strip = Strip.objects.create(version=linocut, base_version=Version.objects.get(model__name="Nano"))
    strip.frames.create(prompt="a cat", position=0, weight=0.8, picture=picture)
    covers_follow([picture.pk])
    client = Client()
    page = client.get(f"/models/{linocut.model_id}", follow=True).content.decode()
    assert picture.sha256 in page
    assert client.get(f"/image/{picture.sha256}/original=true/x.png").status_code == 200
    assert "Being checked" in client.get(f"/pictures/{picture.pk}").content.decode()
    assert picture.sha256 not in client.get("/pictures").content.decode()
    linocut.refresh_from_db()
    assert linocut.cover_sha256 == ""
    assert not client.get(f"/api/v1/models/{linocut.model_id}?nsfw=true").json()["modelVersions"][0]["images"]
    told(picture, 0.02)
    assert picture.sha256 in client.get("/pictures").content.decode()
    linocut.refresh_from_db()
    assert linocut.cover_sha256 == picture.sha256
