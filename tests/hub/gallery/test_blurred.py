"""`blurs-feed`: pictures from before blurs were kept get theirs, a few a minute, each asked for once."""

from django.core.cache import cache

from hub import queue
from hub.gallery.blurs import blurs_feed
from hub.gallery.models import Picture
from hub.gallery.tasks import scored
from workers.messages import HEADER, Failed, Scored, pack

LINE = f"{HEADER}\x06\x169"


def test_it_works(alice, draw, django_capture_on_commit_callbacks):
    cache.clear()
    old = draw(alice, visible=True, salt="old")
    new = draw(alice, visible=True, salt="new")
    Picture.objects.filter(pk=new.pk).update(blurhash="LEHV6nWB2yk8")
    queue.cache().delete(LINE)
    with django_capture_on_commit_callbacks(execute=True):
        assert blurs_feed() == 1
    with django_capture_on_commit_callbacks(execute=True):
        assert blurs_feed() == 0, "asked for already"
    assert queue.waiting(HEADER) == 1
    queue.cache().delete(LINE)
    for picture in (old, new):
        scored(pack(Scored(sha256=picture.sha256, score=None, blurhash="LKO2?U%2Tw=w")))
        picture.refresh_from_db()
    assert (old.blurhash, new.blurhash) == ("LKO2?U%2Tw=w", "LEHV6nWB2yk8")


def test_what_cannot_be_read_stays_without(alice, draw):
    picture = draw(alice, visible=True)
    scored(pack(Failed(id=picture.sha256, attempt=1, code="unreadable", sentence="The picture could not be read.")))
    picture.refresh_from_db()
    assert picture.blurhash == ""
