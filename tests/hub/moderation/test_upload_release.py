"""`upload-release`: a moderator lets an upload that was not accepted into the catalogue, with a reason that stays."""

import uuid

import httpx
import pytest
from django.test import Client

from hub.moderation.models import Entry
from hub.uploads.models import Upload
from tests.hub.moderation.conftest import Api, downloads, random_file, refused, report
from tests.hub.uploads.conftest import in_store
from tests.hub.uploads.test_upload_inspected import answer
from workers.messages import Failed, pack

REASON = {"reason": "The file is sound; its trainer wrote an odd header."}


def test_it_works(api, monas, mona, alice):
    data = random_file()
    upload = refused(api, data, fields={"model_name": "Ink", "publish": True})
    told = monas("POST", f"/uploads/{upload.id}/release", REASON)
    assert (told["verdict"], told["lifted"], told["owner"]) == ("accepted", True, "alice")
    upload.refresh_from_db()
    assert upload.status == "accepted"
    assert upload.version.status == "published"  # as its owner wished
    assert downloads()(upload.file) == 307
    where = Client().get(f"/api/download/models/{upload.version_id}").headers["Location"]
    assert httpx.get(where).content == data
    assert in_store(upload.key) is None

    [entry] = Entry.objects.all()
    assert (entry.actor, entry.action, entry.owner) == (mona, "released", "alice")
    assert (entry.before, entry.after, entry.reason) == ("refused", "accepted", REASON["reason"])
    assert (entry.upload_id, entry.sha256, entry.file_id) == (upload.id, upload.file.blob_id, upload.file.id)

    sentences = [finding["sentence"] for finding in api("GET", f"/{upload.id}")["findings"]]
    assert sentences == [
        f"A moderator looked at this file and released it: {REASON['reason']}",
        "The header promises more data than the file holds.",
    ]


@pytest.mark.parametrize("reason", ["", "  ", "ok"])
def test_without_a_reason_nothing_happens(api, monas, reason):
    upload = refused(api, random_file())
    monas("POST", f"/uploads/{upload.id}/release", {"reason": reason}, status=400 if not reason.strip() else 422)
    upload.refresh_from_db()
    assert upload.status == "refused"
    assert not Entry.objects.exists()


def test_only_moderators_may(api, alice, charlie):
    upload = refused(api, random_file())
    for person in (alice, charlie):
        Api(person, "/api/v1/moderation")("POST", f"/uploads/{upload.id}/release", REASON, status=403)
        page = Client()
        page.force_login(person)
        assert page.post(f"/moderation/uploads/{upload.id}/release", REASON).status_code == 403
    assert Client().post(f"/moderation/uploads/{upload.id}/release", REASON).status_code == 302  # to sign in
    assert Upload.objects.get(id=upload.id).status == "refused"


def test_on_the_page(api, monas_page):
    upload = refused(api, random_file())
    shown = monas_page.get("/moderation/held").content.decode()
    assert "The header promises more data than the file holds." in shown
    assert f"/moderation/uploads/{upload.id}/release" in shown
    answer = monas_page.post(f"/moderation/uploads/{upload.id}/release", REASON, follow=True)
    assert "is released" in answer.content.decode()
    assert "Nothing is held back." in answer.content.decode()


def test_twice_is_once(api, monas):
    upload = refused(api, random_file())
    monas("POST", f"/uploads/{upload.id}/release", REASON)
    monas("POST", f"/uploads/{upload.id}/release", REASON, status=404)
    assert Entry.objects.count() == 1


def test_what_was_never_read_to_its_end_has_no_digest(api, monas, monas_page):
    upload = api.arrive(random_file())
    answer(pack(Failed(id=str(upload.id), attempt=1, code="x", sentence="It broke.")))
    assert monas("POST", f"/uploads/{upload.id}/release", REASON, status=409)["code"] == "not-liftable"
    assert "nobody knows its digest" in monas_page.get("/moderation/held").content.decode()


def test_what_was_deleted_cannot_come_back(api, monas):
    upload = refused(api, random_file())
    Upload.objects.filter(id=upload.id).update(stored=False)
    monas("POST", f"/uploads/{upload.id}/release", REASON, status=409)


def test_nothing_of_that_number(monas):
    monas("POST", f"/uploads/{uuid.uuid4()}/release", REASON, status=404)


def test_an_answer_that_comes_again_changes_nothing(api, monas):
    data = random_file()
    upload = refused(api, data)
    monas("POST", f"/uploads/{upload.id}/release", REASON)
    answer(report(upload, data, verdict="refused"))
    assert Upload.objects.get(id=upload.id).status == "accepted"
