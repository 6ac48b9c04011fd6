"""The inspectors' answer: `hub.uploads.inspected`, once, twice, late or never."""

import hashlib

import pytest
from django.conf import settings
from django.test import TestCase
from msgspec import ValidationError

from hub import storage
from hub.catalog import verdicts
from hub.catalog.models import Blob, File, Model, Version
from hub.catalog.queries import file_for
from hub.gallery.resources import files_hashed
from hub.uploads import tasks
from hub.uploads.models import Upload
from tests.hub.uploads.conftest import Api, in_store, random_file, report
from workers.messages import Converted, Failed, Finding, Scan, blob_key, converted_key, pack, unpack


def answer(message: dict) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        tasks.inspected(message)


def test_it_works(api, alice):
    data = random_file()
    upload = api.arrive(data, fields={"model_name": "Ink wash", "trigger_words": ["inkwash"]})
    answer(report(upload, data, findings=(Finding("note", "All 264 keys are known."),)))
    upload.refresh_from_db()
    assert upload.status == "accepted"
    assert upload.finished_at
    digest = hashlib.sha256(data).hexdigest()
    assert upload.file.blob_id == digest
    assert upload.version.model.name == "Ink wash"
    assert upload.version.model.owner == alice
    assert upload.version.trigger_words == ["inkwash"]
    assert upload.version.status == Version.Status.DRAFT  # nobody said publish
    assert upload.findings[0]["sentence"] == "All 264 keys are known."
    assert in_store(blob_key(digest)) == len(data)
    assert in_store(upload.key) is None
    assert not upload.stored
    detail = api("GET", f"/{upload.id}")
    assert detail["model"]["name"] == "Ink wash"
    assert detail["report"]["digests"]["sha256"] == digest


def test_publish_when_ready(api):
    data = random_file()
    upload = api.arrive(data, fields={"publish": True})
    answer(report(upload, data))
    upload.refresh_from_db()
    assert upload.version.status == Version.Status.PUBLISHED


def test_a_repeated_answer_changes_nothing(api):
    data = random_file()
    upload = api.arrive(data)
    for _ in range(3):
        answer(report(upload, data))
    answer(report(upload, data, verdict="refused"))
    upload.refresh_from_db()
    assert upload.status == "accepted"
    assert Model.objects.count() == Version.objects.count() == File.objects.count() == 1


def test_an_answer_of_an_earlier_attempt_changes_nothing(api):
    data = random_file()
    upload = api.arrive(data)
    early = report(upload, data)
    Upload.objects.filter(id=upload.id).update(attempt=2)
    answer(early)
    upload.refresh_from_db()
    assert upload.status == "inspecting"
    answer(report(upload, data))
    upload.refresh_from_db()
    assert upload.status == "accepted"


def test_cut_off_between_copy_and_commit(api):
    """The blob stands already; the repeated answer finds it, and the incoming object was still there to ask about."""
    data = random_file()
    upload = api.arrive(data)
    storage.promote(upload.key, hashlib.sha256(data).hexdigest())
    assert in_store(upload.key) == len(data)
    answer(report(upload, data))
    upload.refresh_from_db()
    assert upload.status == "accepted"


def test_refused_stays_private_and_out_of_the_catalogue(api):
    data = random_file()
    upload = api.arrive(data)
    sentence = "This file can run code when opened (`os.system`, byte 1,204). It is not served."
    answer(report(upload, data, verdict="refused", findings=(Finding("danger", sentence),)))
    detail = api("GET", f"/{upload.id}")
    assert (detail["status"], detail["findings"][0]["sentence"]) == ("refused", sentence)
    assert in_store(blob_key(hashlib.sha256(data).hexdigest())) is None
    assert in_store(upload.key) == len(data)
    assert not Model.objects.exists()


def test_unknown(api):
    data = random_file()
    upload = api.arrive(data)
    answer(report(upload, data, verdict="unknown", findings=(Finding("warning", "Looks like an adapter."),)))
    assert api("GET", f"/{upload.id}")["status"] == "unknown"


def test_a_file_that_the_hub_has_is_stored_once_and_says_so(api, charlies, charlie):
    data = random_file()
    theirs = charlies.arrive(data, fields={"model_name": "Linocut", "publish": True})
    answer(report(theirs, data))
    mine = api.arrive(data, fields={"model_name": "My cut"})
    answer(report(mine, data))
    mine.refresh_from_db()
    assert "The hub has this file already (Linocut, v1, by charlie)." in mine.findings[-1]["sentence"]
    assert Blob.objects.count() == 1
    assert File.objects.count() == 2
    assert in_store(mine.key) is None


def with_autov3(upload, data: bytes, autov3: str) -> dict:
    digest = hashlib.sha256(data).hexdigest()
    return report(upload, data, digests={"sha256": digest, "autov2": digest[:10], "autov3": autov3})


def test_the_same_tensors_with_other_metadata_are_told_with_a_link(api, charlies):
    first, second = random_file(), random_file()
    theirs = charlies.arrive(first, fields={"model_name": "Linocut", "publish": True})
    answer(with_autov3(theirs, first, "22d8cb95b807"))
    theirs.refresh_from_db()
    mine = api.arrive(second)
    answer(with_autov3(mine, second, "22d8cb95b807"))
    found = api("GET", f"/{mine.id}")["findings"][-1]
    assert "same tensors with other metadata (Linocut, v1, by charlie)" in found["sentence"]
    assert found["url"] == f"/models/{theirs.version.model_id}/linocut?version={theirs.version_id}"
    assert Blob.objects.count() == 2


@pytest.mark.parametrize(("autov3", "publish"), [("22d8cb95b807", False), ("e3b0c44298fc", True)])
def test_neither_private_tensors_nor_the_hash_of_nothing_are_told(api, charlies, autov3, publish):
    first, second = random_file(), random_file()
    theirs = charlies.arrive(first, fields={"model_name": "Secret project", "publish": publish})
    answer(with_autov3(theirs, first, autov3))
    mine = api.arrive(second)
    answer(with_autov3(mine, second, autov3))
    assert api("GET", f"/{mine.id}")["findings"] == []


def test_a_private_file_of_others_is_not_betrayed(api, charlies):
    data = random_file()
    theirs = charlies.arrive(data, fields={"model_name": "Secret project"})
    answer(report(theirs, data))
    mine = api.arrive(data)
    answer(report(mine, data))
    mine.refresh_from_db()
    assert mine.status == "accepted"
    assert mine.findings == []
    assert "Secret" not in str(api("GET", f"/{mine.id}"))


def test_my_own_file_again(api):
    data = random_file()
    for _ in range(2):
        upload = api.arrive(data)
        answer(report(upload, data))
    upload.refresh_from_db()
    assert "yours" in upload.findings[-1]["sentence"]


def test_the_chosen_model_went_away_meanwhile(api, alice):
    from hub.catalog.models import Model

    model = Model.objects.create(owner=alice, name="Old", slug="old", type="LORA")
    data = random_file()
    upload = api.arrive(data, fields={"model_id": model.id})
    Model.objects.filter(pk=model.pk).update(status=Model.Status.DELETED)
    answer(report(upload, data))
    upload.refresh_from_db()
    assert upload.status == "accepted"
    assert upload.version.model_id != model.id
    assert "kept as a new private model" in upload.findings[-1]["sentence"]


def failed(upload: Upload, retry: bool) -> dict:
    return pack(
        Failed(id=str(upload.id), attempt=upload.attempt, code="store", sentence="The store was silent.", retry=retry)
    )


def test_a_failure_that_may_pass_is_asked_again_and_then_given_up(api, mail, settings):
    settings.JOB_ATTEMPTS = 3
    upload = api.arrive(random_file())
    mail.take()
    for attempt in (2, 3):
        answer(failed(upload, retry=True))
        answer(failed(upload, retry=True))  # delivered twice: counted once
        with TestCase.captureOnCommitCallbacks(execute=True):
            tasks.sweep()
            tasks.sweep()
        upload.refresh_from_db()
        assert upload.attempt == attempt
        [(payload, _)] = mail.take()
        assert payload["attempt"] == attempt
    answer(failed(upload, retry=True))
    upload.refresh_from_db()
    assert upload.status == "unknown"
    assert upload.findings[0]["sentence"] == "The check could not be finished: The store was silent."


def test_a_failure_for_good(api):
    upload = api.arrive(random_file())
    answer(failed(upload, retry=False))
    upload.refresh_from_db()
    assert upload.status == "unknown"


def test_an_answer_for_nobody(db):
    import uuid

    tasks.inspected(pack(Failed(id=str(uuid.uuid4()), attempt=1, code="x", sentence="x")))


def test_something_else_is_a_defect(db):
    with pytest.raises(ValidationError):
        tasks.inspected({"type": "Nonsense"})
    with pytest.raises(TypeError):
        tasks.inspected({"type": "Progress", "generation_id": "1", "attempt": 1, "stage": "drawing"})


def test_removed_while_it_was_checked(api):
    data = random_file()
    upload = api.arrive(data)
    api("DELETE", f"/{upload.id}", status=204)
    assert in_store(upload.key) is None
    answer(report(upload, data))
    upload.refresh_from_db()
    assert upload.status == "aborted"
    assert not Model.objects.exists()


def test_others_see_nothing_of_it(api, charlies: Api):
    data = random_file()
    upload = api.arrive(data)
    answer(report(upload, data))
    charlies("GET", f"/{upload.id}", status=404)
    assert charlies("GET") == []


def pickled(upload: Upload, data: bytes, safe: bytes) -> dict:
    """The inspectors' answer for a pickle, its safetensors put where workers put it."""
    key = converted_key(str(upload.id), upload.attempt)
    storage.client().put_object(Bucket=settings.S3_BUCKET, Key=key, Body=safe)
    digest = hashlib.sha256(safe).hexdigest()
    made = Converted(key=key, sha256=digest, size=len(safe), digests={"sha256": digest, "autov3": "ab" * 32})
    scans = (Scan(tool="picklescan", version="1.0.5", verdict="clean"),)
    return report(upload, data, format="PickleTensor", tier="A", scans=scans, converted=made)


def test_a_pickle_and_its_safetensors_are_kept_side_by_side(api):
    data, safe = random_file(), random_file(1500)
    upload = api.arrive(data, "ink.ckpt", fields={"publish": True})
    told = pickled(upload, data, safe)
    answer(told)
    answer(told)
    upload.refresh_from_db()
    assert upload.status == "accepted"
    drawn, original = upload.version.files.all()
    assert (drawn.name, drawn.format, drawn.adapter, drawn.primary) == ("ink.safetensors", "SafeTensor", "lora", True)
    assert (original.name, original.format, original.adapter, original.primary) == (
        "ink.ckpt",
        "PickleTensor",
        "",
        False,
    )
    assert (drawn.source, original.tier, original.scans[0]["tool"]) == (original, "A", "picklescan")
    assert (drawn.blob_id, original.blob_id) == (hashlib.sha256(safe).hexdigest(), hashlib.sha256(data).hexdigest())
    assert in_store(blob_key(drawn.blob_id)) == len(safe)
    assert in_store(blob_key(original.blob_id)) == len(data)  # as it came
    assert in_store(told["converted"]["key"]) is None
    assert file_for(upload.owner, upload.version_id) == drawn
    assert file_for(upload.owner, upload.version_id, format="PickleTensor") == original
    # A recipe that names the pickle is drawn with what was made of it.
    pickles = original.blob_id[:10]
    assert files_hashed(upload.owner, [pickles, drawn.blob_id[:10]]) == {pickles: drawn, drawn.blob_id[:10]: drawn}


def test_an_embedding_png_is_kept_and_only_its_safetensors_drawn_with(api):
    data, safe = random_file(), random_file(1500)
    upload = api.arrive(data, "ink.png", fields={"publish": True})
    told = pickled(upload, data, safe) | {"kind": "textual_inversion", "format": "Other", "tier": "", "scans": []}
    answer(told)
    upload.refresh_from_db()
    drawn, original = upload.version.files.all()
    assert (drawn.name, drawn.adapter, drawn.primary) == ("ink.safetensors", "textual_inversion", True)
    assert (original.name, original.format, original.adapter, original.primary) == ("ink.png", "Other", "", False)
    assert (drawn.source, file_for(upload.owner, upload.version_id)) == (original, drawn)
    verdicts.file_reinspected(file=original, report=unpack(told), because={"decision": "inspectors"})
    original.refresh_from_db()
    assert (original.verdict, original.adapter) == ("accepted", "")  # a later inspection makes it no adapter either
