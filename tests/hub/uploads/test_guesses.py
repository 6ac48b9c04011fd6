"""A file that looks like a new version of a model of its owner's: asked, never taken for granted."""

import re

import pytest
from django.test import Client

from hub.catalog.models import Model, Version
from hub.uploads import guesses
from hub.uploads.models import Upload
from tests.hub.catalog.files import added
from tests.hub.uploads.conftest import random_file, report
from tests.hub.uploads.test_upload_inspected import answer

READ = {"read": True, "kind": "lora", "base_family": "sd1", "title": "", "trigger_words": [], "summary": {}}


@pytest.fixture
def linocut(alice) -> Model:
    return added(alice, "Linocut print", filename="linocut_print_v1.safetensors").version.model


def guessed(api, alice, filename, header=None):
    upload = Upload.objects.get(pk=api.start(filename)["id"])
    upload.header = header and READ | {"findings": []} | header
    return guesses.models_guessed(alice, [upload]).get(str(upload.pk))


def test_it_works(api, alice, linocut):
    upload = api.start("linocut_print_v2-000010.safetensors")
    page = Client(headers={"hx-request": "true"})
    page.force_login(alice)
    row = page.get(f"/uploads/{upload['id']}/row").content.decode()
    assert "New version of Linocut print?" in row
    assert Upload.objects.get().fields == {}, "nobody was asked yet"
    first = re.search(r"<form class=.upload-fields.*?<button([^>]*)>", row, re.DOTALL)[1]
    assert "into" not in first, "Enter in a field must not accept it"
    button = re.search(r'<button[^>]*name="into" value="(\d+)"', row)[1]
    answer = page.post(f"/uploads/{upload['id']}/fields", {"model_id": "", "into": button}).content.decode()
    assert Upload.objects.get().fields["model_id"] == linocut.pk
    assert f'<option value="{linocut.pk}" selected>' in answer, "the form shows what was chosen"
    assert "New version of" not in answer
    assert "New version of" not in page.get(f"/uploads/{upload['id']}/row").content.decode()


@pytest.mark.parametrize(
    "filename",
    [
        "Linocut-Print.safetensors",
        "linocutprint_v3.safetensors",
        "linocut print FINAL fp16.safetensors",
        "linocut_prints_epoch8.safetensors",
        "linocut_print_softer.safetensors",
        "linocut_printV2.safetensors",
    ],
)
def test_names_of_versions(api, alice, linocut, filename):
    assert guessed(api, alice, filename) == linocut


@pytest.mark.parametrize(
    "filename", ["print.safetensors", "lino.safetensors", "woodcut print.safetensors", "v2.safetensors"]
)
def test_names_of_others(api, alice, linocut, filename):
    assert guessed(api, alice, filename) is None


def test_the_files_own_words_count_before_its_name(api, alice, linocut):
    ink = added(alice, "Ink wash").version.model
    assert guessed(api, alice, "last.safetensors", {"title": "linocut_print"}) == linocut
    assert guessed(api, alice, "linocut_print.safetensors", {"title": "Ink wash v2"}) == ink


def test_another_kind_or_base_is_another_thing(api, alice, linocut):
    name = "linocut_print_v2.safetensors"
    assert guessed(api, alice, name, {}) == linocut
    assert guessed(api, alice, name, {"base_family": "sdxl"}) is None
    assert guessed(api, alice, name, {"kind": "base"}) is None
    assert guessed(api, alice, name, {"read": False, "base_family": "sdxl"}) == linocut


def test_only_what_is_ones_own_and_there(api, alice, bob, linocut):
    added(bob, "Paper cut")
    assert guessed(api, alice, "paper_cut_v2.safetensors") is None
    Model.objects.filter(pk=linocut.pk).update(status="deleted")
    assert guessed(api, alice, "linocut_print_v2.safetensors") is None


def test_whoever_wrote_a_name_is_not_asked(api, alice, linocut):
    upload = api.start("linocut_print_v2.safetensors", fields={"model_name": "Another"})
    assert guesses.models_guessed(alice, [Upload.objects.get(pk=upload["id"])]) == {}


def drafted(api, filename: str = "linocut_print_v2.safetensors", **more) -> Upload:
    """Sent, inspected and accepted before anybody could answer."""
    data = random_file()
    upload = api.arrive(data, filename, **more)
    answer(report(upload, data))
    upload.refresh_from_db()
    return upload


class TestAskedOnceMore:
    """A small file is a draft of its own before the question beside it can be read: it is asked there. `upload-move`"""

    def test_it_works(self, api, alice, linocut):
        upload = drafted(api)
        draft = upload.version.model
        page = Client()
        page.force_login(alice)
        for address in ("/uploads/start", f"/models/{draft.pk}/{draft.slug}"):
            said = page.get(address).content.decode()
            assert "New version of Linocut print?" in said, address
            assert f'action="/uploads/{upload.pk}/move"' in said
        moved = page.post(f"/uploads/{upload.pk}/move", {"into": linocut.pk}, follow=True)
        version = Version.objects.get(pk=upload.version_id)
        assert moved.redirect_chain[0][0] == f"/models/{linocut.pk}/{linocut.slug}?version={version.pk}"
        assert "This is v2 of Linocut print now." in moved.content.decode()
        assert (version.model, version.index, version.name, version.status) == (linocut, 0, "v2", "draft")
        assert version.files.get().name == "linocut_print_v2.safetensors"
        assert set(version.digests.values_list("model", flat=True)) == {linocut.pk}, "its hashes lead there"
        linocut.refresh_from_db()
        assert linocut.head == version.revision
        assert version.revision.model == linocut
        assert Model.objects.get(pk=draft.pk).status == "deleted"
        assert "New version of" not in page.get("/uploads/start").content.decode()
        page.post(f"/uploads/{upload.pk}/move", {"into": linocut.pk})
        assert linocut.versions.count() == 2, "a second click changes nothing"

    def test_in_its_row(self, api, alice, linocut):
        upload = drafted(api)
        page = Client(headers={"hx-request": "true"})
        page.force_login(alice)
        ended = page.get(f"/uploads/{upload.pk}/status").content.decode()
        assert f'id="into-{upload.pk}" hx-swap-oob="true"' in ended
        assert "New version of Linocut print?" in ended
        polled = page.get(f"/uploads/{upload.pk}/status?ended=1").content.decode()
        assert f"into-{upload.pk}" not in polled, "what is polled must not change under a finger"
        moved = page.post(f"/uploads/{upload.pk}/move", {"into": linocut.pk})
        assert moved["HX-Retarget"] == f"#upload-{upload.pk}"
        assert "Linocut print, v2" in moved.content.decode()
        assert "New version of" not in moved.content.decode()

    def test_the_button_in_the_form_came_too_late(self, api, alice, linocut):
        upload = drafted(api)
        page = Client(headers={"hx-request": "true"})
        page.force_login(alice)
        assert page.post(f"/uploads/{upload.pk}/fields", {"into": linocut.pk}).status_code == 200
        assert Version.objects.get(pk=upload.version_id).model == linocut

    def test_what_was_written_about_it_stays(self, api, alice, linocut):
        upload = drafted(api, fields={"description": "Cut deeper.", "version_name": "Deep"})
        api.client.post(f"/uploads/{upload.pk}/move", {"into": linocut.pk})
        version = Version.objects.get(pk=upload.version_id)
        assert (version.name, version.description) == ("Deep", "Cut deeper.")

    def test_published_is_published(self, api, alice, linocut):
        upload = drafted(api, fields={"publish": True})
        assert guesses.models_guessed(alice, [upload]) == {}
        answer = api.client.post(f"/uploads/{upload.pk}/move", {"into": linocut.pk}, HTTP_HX_REQUEST="true")
        assert answer.status_code == 409
        assert "Only a draft" in answer.content.decode()
        said = api.client.post(f"/uploads/{drafted(api).pk}/publish", HTTP_HX_REQUEST="true").content.decode()
        assert "New version of" not in said
        assert "hx-swap-oob" in said, "the question goes when it is published"

    def test_somebody_else_s(self, api, charlies, bob, linocut):
        upload = drafted(api)
        assert charlies.client.post(f"/uploads/{upload.pk}/move", {"into": linocut.pk}).status_code == 404
        theirs = added(bob, "Linocut too").version.model
        answer = api.client.post(f"/uploads/{upload.pk}/move", {"into": theirs.pk}, HTTP_HX_REQUEST="true")
        assert answer.status_code == 422
        assert api.client.post(f"/uploads/{upload.pk}/move", {"into": "x"}).status_code == 404
        assert Version.objects.get(pk=upload.version_id).model != theirs
