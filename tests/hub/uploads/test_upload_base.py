"""A file whose shapes fit several bases: its owner says which, on the row of its upload; `upload-base`."""

from django.urls import reverse

from hub.catalog.models import Version
from tests.hub.uploads.conftest import random_file, report
from tests.hub.uploads.test_upload_inspected import answer


def undecided(api, **more):
    data = random_file()
    upload = api.arrive(data, fields={"model_name": "Either"})
    answer(report(upload, data, base_family="", summary={"candidates": ["sd1", "sd2"]}, **more))
    upload.refresh_from_db()
    return upload


def say(api, upload, base, status=200):
    said = api.client.post(reverse("uploads:upload-base", args=[upload.pk]), {"base": base}, HTTP_HX_REQUEST="true")
    assert said.status_code == status
    return said.content.decode()


def test_it_works(api):
    upload = undecided(api)
    page = api.client.get("/uploads/start").content.decode()
    assert "Not known yet" in page
    assert "its shapes fit SD 1.5 and SD 2.1 alike" in page
    assert "A LoRA for SD 2.1" in say(api, upload, "SD 2.1")
    assert "A LoRA for SD 1.5" in say(api, upload, "SD 1.5")  # a slip is put right
    assert Version.objects.get(pk=upload.version_id).base.name == "SD 1.5"


def test_a_base_that_is_not_known(api):
    say(api, undecided(api), "SD 99", 422)


def test_what_the_tensors_decide_is_not_asked(api):
    data = random_file()
    upload = api.arrive(data)
    answer(report(upload, data))
    upload.refresh_from_db()
    say(api, upload, "SDXL 1.0", 422)


def test_somebody_else_s(api, charlies):
    say(charlies, undecided(api), "SD 1.5", 404)
