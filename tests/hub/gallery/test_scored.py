"""`scored`: a classifier suggests a picture's content level; what a person says stands above it."""

import pytest

from hub import queue
from hub.gallery.actions import picture_rate
from hub.gallery.models import Picture
from hub.gallery.tasks import scored
from tests.hub.moderation.test_case_decide import signed_in
from workers.messages import HEADER, Failed, Scored, pack


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
    assert 'settings#content">Change my level' in page()
    draw(alice, visible=True, salt="harmless")
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


def test_what_could_not_be_scored_keeps_its_level(alice, draw):
    picture = draw(alice)
    scored(pack(Failed(id=picture.sha256, attempt=1, code="no-scorer", sentence="No onnxruntime here.")))
    picture.refresh_from_db()
    assert (picture.level, picture.score) == (1, None)
    with pytest.raises(TypeError):
        scored({"type": "Score", "sha256": picture.sha256})
