"""A file that looks like a new version of a model of its owner's: asked, never taken for granted."""

import re

import pytest
from django.test import Client

from hub.catalog.models import Model
from hub.uploads import guesses
from hub.uploads.models import Upload
from tests.hub.catalog.files import added

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
