"""The operator brings a folder of A1111's in, from a terminal."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TestCase

from hub.catalog.models import Model, Version
from hub.gallery.models import Picture
from hub.imports import folders, local
from hub.imports.models import Import
from hub.imports.tasks import sweep
from hub.uploads.models import Upload
from tests import cast
from tests.hub.imports.conftest import step, work
from tests.workers import models
from tests.workers.civitai import INFOTEXT, picture


@pytest.fixture
def folder(tmp_path):
    """models/Lora with sidecars, an embedding without, and what is none of it."""
    root = tmp_path / "models"
    (root / "Lora" / "style").mkdir(parents=True)
    (root / "embeddings").mkdir()
    lora = root / "Lora" / "style" / "ink_wash.safetensors"
    lora.write_bytes(models.lora(metadata={"ss_output_name": "ink_wash"}))
    lora.with_suffix(".preview.png").write_bytes(picture(INFOTEXT))
    told = {"id": 34, "modelId": 12, "name": "v1.0", "baseModel": "SD 1.5", "trainedWords": ["inkwash style"]}
    lora.with_suffix(".civitai.info").write_text(json.dumps(told | {"model": {"name": "Ink Wash", "type": "LORA"}}))
    (root / "embeddings" / "mood.safetensors").write_bytes(models.textual_inversion())
    (root / "embeddings" / "mood.json").write_text('{"activation text": "mood, dark", "sd version": "SD1"}')
    (root / "Lora" / "notes.txt").write_text("none of it")
    (root / "Lora" / "broken.json").write_text("{" * 100_000)
    return root


@pytest.fixture
def working(db, monkeypatch):
    """While the command waits, workers and the sweep do theirs; what was to be sent on commit is sent before."""

    def turn(seconds):
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for _, send, *_ in waiting:
            send()
        step()
        with TestCase.captureOnCommitCallbacks(execute=True):
            sweep()

    monkeypatch.setattr(local, "sleep", turn)


def run(folder, **options) -> str:
    said = io.StringIO()
    call_command("import_folder", str(folder), owner="alice", stdout=said, **options)
    return said.getvalue()


def test_it_works(working, folder):
    alice = cast.alice()
    said = run(folder)
    assert "2 files of weights" in said
    assert "style/ink_wash.safetensors  Ink Wash, v1.0" in said
    ink = Version.objects.get(model__name="Ink Wash")
    assert (ink.model.owner, ink.model.type, ink.base.name, ink.trigger_words) == (
        alice, "LORA", "SD 1.5", ["inkwash style"],
    )  # fmt: skip
    mood = Version.objects.exclude(pk=ink.pk).get()
    assert (mood.model.type, mood.trigger_words) == ("TextualInversion", ["mood", "dark"])
    local.sleep(1)
    assert Picture.objects.get().recipe["prompt"] == "inkwash style cat"
    again = run(folder)
    assert again.count("here already") == 2
    assert (Model.objects.count(), Upload.objects.count(), Picture.objects.count()) == (2, 2, 1)


def test_a_server_says_whose_file_it_is(working, there, folder):
    alice = cast.alice()
    said = run(folder, server=there.origin, publish=True)
    assert f"as {there.origin} knows it" in said
    ink = Version.objects.get(model__name="Ink Wash")
    assert (ink.model.origin.link, ink.status) == (f"{there.origin}/models/12", "published")
    assert not there.asked("/api/download/models/34"), "its bytes are here"
    work()
    assert Picture.objects.filter(owner=alice).count() >= 2
    assert Import.objects.filter(status="failed").count() == 1, "the embedding is unknown there, and comes all the same"
    assert Model.objects.filter(type="TextualInversion").exists()


def test_one_that_was_interrupted_goes_on(db, folder):
    alice, file = cast.alice(), next(one for one in folders.found(folder) if "ink" in one.path.name)
    big = file.path.read_bytes()
    sha256 = folders.sha256_of(file.path, lambda done: None)

    class Killed(Exception):
        pass

    def dies(done):
        raise Killed

    with pytest.raises(Killed):
        local.send(alice, file, sha256, None, False, dies)
    first = Upload.objects.get()
    local.send(alice, file, sha256, None, False, lambda done: None)
    again = Upload.objects.get()
    assert (again.pk, again.status, again.size) == (first.pk, "inspecting", len(big))


def test_what_is_refused_is_told(db, tmp_path):
    with pytest.raises(CommandError, match="nobody called"):
        call_command("import_folder", str(tmp_path), owner="nobody")
    cast.alice()
    with pytest.raises(CommandError, match="is no folder"):
        call_command("import_folder", str(tmp_path / "none"), owner="alice")


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    (tmp_path / "secret.safetensors").write_bytes(b"x")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.safetensors").symlink_to(tmp_path / "secret.safetensors")
    assert list(folders.found(tmp_path / "models")) == []
