"""A picture's bytes: kept for ever by whoever may see them."""

import pytest
from django.conf import settings

from hub import queue
from hub import storage as hub_storage
from hub.gallery import sizes
from hub.gallery.models import Picture
from tests.hub.gallery.conftest import PNG
from workers.messages import HEADER, small_picture_key


def address(picture, name="castle.png", params="original=true"):
    return f"/image/{picture.sha256}/{params}/{name}"


def test_it_works(client, alice, draw):
    answer = client.get(address(draw(alice, visible=True, salt="public", stored=True)))
    assert answer.content == PNG + b"public"
    assert answer["Content-Type"] == "image/png"
    assert answer["Cache-Control"] == "public, max-age=31536000, s-maxage=60, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_not_sent_twice(client, alice, draw):
    picture = draw(alice, visible=True, salt="public", stored=True)
    etag = client.get(address(picture))["ETag"]
    again = client.get(address(picture), headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_saved_under_its_name(client, alice, draw):
    picture = draw(alice, visible=True, salt="public", stored=True)
    answer = client.get(address(picture, "été.png") + "?download")
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert "%C3%A9t%C3%A9.png" in answer["Content-Disposition"]


def test_a_private_one_is_its_owners_and_no_proxy_keeps_it(client, alice, charlie, draw):
    picture = draw(alice, salt="private", stored=True)
    assert client.get(address(picture)).status_code == 404
    client.force_login(charlie)
    assert client.get(address(picture)).status_code == 404
    client.force_login(alice)
    assert client.get(address(picture))["Cache-Control"].startswith("private")


def test_gone_from_the_store(client, alice, draw):
    assert client.get(address(draw(alice, visible=True, salt="never stored"))).status_code == 404


@pytest.mark.parametrize("sha256", ["0" * 64, "x", "..", "A" * 64, "0" * 63 + "\n"])
def test_other_addresses(client, db, sha256):
    assert client.get(f"/image/{sha256}/original/x.png").status_code == 404


@pytest.mark.parametrize(
    ("params", "step"),
    [("width=450", 450), ("width=451,optimized=true", 512), ("anim=false,width=96", 96), ("original=true", None),
     ("original=true,width=450", None), ("original", None), ("width=9999", None), ("width=x", None), ("width=-1", None),
     ("quality=90", None), ("", None)],
)  # fmt: skip
def test_a_width_is_a_step_of_the_ladder(params, step):
    assert sizes.step_of(params) == step


@pytest.fixture
def wide(alice, draw):
    """A picture 1,024 wide, whose small copies were never asked for."""
    picture = draw(alice, visible=True, salt="wide", stored=True)
    Picture.objects.filter(pk=picture.pk).update(width=1024, height=1024)
    for key in queue.cache().scan_iter("weightroom:shrink:*"):
        queue.cache().delete(key)
    hub_storage.client().delete_object(Bucket=settings.S3_PICTURES_BUCKET, Key=small_picture_key(picture.sha256, 450))
    return picture


def test_a_smaller_copy_is_asked_of_a_worker_once_and_served_when_it_is_there(
    client, wide, django_capture_on_commit_callbacks
):
    queue.cache().delete(HEADER)
    with django_capture_on_commit_callbacks(execute=True):
        first = client.get(address(wide, params="width=450"))
        client.get(address(wide, params="width=450"))
    assert first.content.startswith(PNG)
    assert first["Cache-Control"] == "public, max-age=5"
    assert "ETag" not in first
    assert queue.waiting(HEADER) == 1
    queue.cache().delete(HEADER)
    key = small_picture_key(wide.sha256, 450)
    hub_storage.client().put_object(Bucket=settings.S3_PICTURES_BUCKET, Key=key, Body=b"\xff\xd8 a jpeg")
    small = client.get(address(wide, params="width=450"))
    assert (small.content, small["Content-Type"]) == (b"\xff\xd8 a jpeg", "image/jpeg")
    assert small["Cache-Control"] == "public, max-age=31536000, s-maxage=60, immutable"
    assert small["ETag"] == f'"{wide.sha256}-450"'


def test_a_picture_is_never_made_larger(client, alice, draw):
    picture = draw(alice, visible=True, salt="narrow", stored=True)
    answer = client.get(address(picture, params="width=2200"))
    assert answer.content == PNG + b"narrow"
    assert "immutable" in answer["Cache-Control"]
