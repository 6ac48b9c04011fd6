"""A checkpoint's folder of diffusers: asked of a worker once it is accepted, then part of its repository."""

import hashlib

import httpx
import pytest
from django.test import Client, TestCase

from hub.catalog.models import Blob, File
from hub.moderation.actions import verdict_set
from hub.uploads import actions, layouts
from hub.uploads.models import Layout
from hub.uploads.tasks import layout_made
from tests.hub.uploads.conftest import in_store, random_file, report
from workers.messages import Failed, LayoutMade, LayoutPiece, MakeLayout, pack, unpack

TEXTS = {"model_index.json": "{}", "tokenizer/merges.txt": "#version: 0.2"}


@pytest.fixture
def asked(api, alice, monkeypatch):
    """An accepted checkpoint, and what the worker was asked for it."""
    sent = []
    monkeypatch.setattr(layouts.queue, "send", lambda message, **how: sent.append(message))
    data = random_file()
    upload = api.arrive(data, "ink_mix.safetensors", fields={"model_name": "Ink Mix", "publish": True})
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.upload_inspected(unpack(report(upload, data, kind="base")))
    [message] = [one for one in sent if isinstance(one, MakeLayout)]
    return message


def answer(asked: MakeLayout) -> LayoutMade:
    """A worker's: pieces of chance, sent to the addresses that it was given."""
    pieces = []
    for path, url in asked.urls.items():
        data = random_file()
        assert httpx.put(url, content=data).status_code == 200
        pieces.append(LayoutPiece(path, hashlib.sha256(data).hexdigest(), len(data)))
    return LayoutMade(file_id=asked.file_id, attempt=asked.attempt, pieces=tuple(pieces), texts=TEXTS)


def test_it_works(asked, charlie):
    main = File.objects.get()
    assert (asked.sha256, asked.family) == (main.blob_id, "sd1")
    made = answer(asked)
    layout_made(pack(made))
    layout_made(pack(made))  # a repeat
    reader = Client()
    reader.force_login(charlie)
    tree = reader.get("/api/models/alice/Ink-Mix/tree/main?recursive=true").json()
    files = {item["path"] for item in tree if item["type"] == "file"}
    assert files == {*TEXTS, *(piece.path for piece in made.pieces), "ink_mix.safetensors"}
    for piece in made.pieces:
        sent = reader.get(f"/alice/Ink-Mix/resolve/main/{piece.path}")
        assert hashlib.sha256(httpx.get(sent["Location"]).content).hexdigest() == piece.sha256
    assert Layout.objects.get().state == "made"
    assert not any(in_store(url.split("?")[0].split("/", 4)[4]) for url in asked.urls.values())
    taken = reader.get(f"/api/download/models/{main.version_id}", headers={"Accept": "*/*"})
    assert main.blob_id in taken["Location"], "the checkpoint itself is still what people download"


def test_a_folder_is_judged_as_its_checkpoint(asked, mona):
    Blob.objects.update(rules="todays")
    layout_made(pack(answer(asked)))
    rules = set(Blob.objects.filter(git_oid="").values_list("rules", flat=True))
    assert rules == {"todays"}, "nobody need inspect anew what was made of it a moment ago"
    main = File.objects.get(pk=asked.file_id)
    path = "/alice/Ink-Mix/resolve/main/unet/diffusion_pytorch_model.safetensors"
    verdict_set(by=mona, file_id=main.pk, verdict="refused", reason="Somebody else's.")
    assert Client().get(path).status_code == 404
    owner = Client()
    owner.force_login(main.version.model.owner)
    assert "did not pass inspection" in owner.get(path).json()["error"]
    verdict_set(by=mona, file_id=main.pk, verdict="accepted", reason="It was not.")
    assert Client().get(path).status_code == 302


def test_only_checkpoints_and_only_where_it_is_wanted(asked, settings):
    file = File.objects.get()
    Layout.objects.all().delete()
    file.adapter = "lora"
    layouts.layout_request(file=file)
    file.adapter, settings.DIFFUSERS_LAYOUTS = "base", False
    layouts.layout_request(file=file)
    settings.DIFFUSERS_LAYOUTS = True
    file.version.model.owner.quota_bytes = 1
    layouts.layout_request(file=file)
    assert not Layout.objects.exists()


def test_a_folder_that_could_not_be_written(asked):
    failed = Failed(id=asked.file_id, attempt=1, code="base-unknown", sentence="Not known.", retry=False)
    layout_made(pack(failed))
    assert Layout.objects.get().problem == "Not known."
    layout_made(pack(answer(asked)))
    assert File.objects.count() == 1, "an answer after the end changes nothing"


def test_silence_is_asked_again(asked, settings):
    settings.JOB_ATTEMPTS = 2
    for attempt, state in ((2, "asked"), (2, "failed")):
        Layout.objects.update(sent_at="2020-01-01T00:00Z")
        layouts.layouts_sweep()
        layout = Layout.objects.get()
        assert (layout.attempt, layout.state) == (attempt, state)
