"""`GET /api/v1/uploads`, and the line in every page's bar."""

from datetime import timedelta

from django.template import Context, Template
from django.utils import timezone

from hub.uploads.models import Upload


def test_it_works(api):
    first, second, third = (api.start(f"{n}.safetensors")["id"] for n in "abc")
    Upload.objects.filter(id=third).update(status="refused", finished_at=timezone.now())
    assert [upload["id"] for upload in api("GET")] == [second, first, third]


def test_what_ended_long_ago_is_left_out(api):
    upload = api.start()
    Upload.objects.filter(id=upload["id"]).update(status="accepted", finished_at=timezone.now() - timedelta(days=3))
    assert api("GET") == []


def test_charlie_sees_his_own(api, charlies):
    api.start()
    assert charlies("GET") == []


def test_the_line_in_the_bar(api, alice, charlie):
    def line(user) -> str:
        return Template("{% load uploads %}{% uploads_open %}").render(Context({"user": user})).strip()

    api.start()
    assert "1 file on its way in" in line(alice)
    api.start()
    assert "2 files on their way in" in line(alice)
    assert line(charlie) == ""
