"""`verdict-set`: quarantine for every file of the same bytes, and release, each with a reason and a line in the log."""

import pytest
from django.test import Client

from hub.catalog import queries
from hub.catalog.models import File, Listing
from hub.moderation.models import Entry
from tests.hub.moderation.conftest import Api, accepted, downloads, random_file, report
from tests.hub.uploads.test_upload_inspected import answer, pickled

OUT = {"verdict": "refused", "reason": "It attacks a popular viewer."}
BACK = {"verdict": "accepted", "reason": "The viewer was mended."}


def test_it_works(api, monas, alice, charlie, mona):
    upload = accepted(api, random_file())
    file = upload.file
    assert downloads()(file) == 307
    monas("POST", f"/files/{file.id}/verdict", OUT)
    assert [downloads(person)(file) for person in (None, charlie, mona)] == [404, 404, 404]
    assert downloads(alice)(file) == 307  # it is hers
    assert not Listing.objects.exists()
    assert queries.hash_matches(file.blob_id) == []
    assert Client().get(f"/api/v1/model-versions/by-hash/{file.blob_id}").status_code == 404
    assert queries.adapters_for_tryit(alice, "sd1") == []
    page = Client()
    page.force_login(alice)
    text = page.get(f"/models/{upload.version.model_id}").content.decode()
    assert "A moderator took this file into quarantine: It attacks a popular viewer." in text

    monas("POST", f"/files/{file.id}/verdict", BACK)
    assert downloads()(file) == 307
    assert Listing.objects.exists()
    assert [(e.action, e.before, e.after) for e in Entry.objects.order_by("id")] == [
        ("quarantined", "accepted", "refused"),
        ("released", "refused", "accepted"),
    ]
    file.refresh_from_db()
    assert [found["sentence"] for found in file.findings] == [
        "A moderator looked at this file and released it: The viewer was mended."
    ]


def test_what_was_made_of_a_pickle_goes_with_it_and_comes_back_with_it(api, monas):
    data = random_file()
    upload = api.arrive(data, "ink.ckpt", fields={"publish": True})
    answer(pickled(upload, data, random_file(1500)))
    drawn, original = File.objects.order_by("-primary")
    monas("POST", f"/files/{original.id}/verdict", OUT)
    assert set(File.objects.values_list("verdict", flat=True)) == {"refused"}
    assert downloads()(drawn) == 404
    monas("POST", f"/files/{original.id}/verdict", BACK)
    assert set(File.objects.values_list("verdict", flat=True)) == {"accepted"}
    # One that a moderator holds for a reason of its own stays where it is.
    monas("POST", f"/files/{drawn.id}/verdict", OUT | {"reason": "Its weights are somebody else's."})
    monas("POST", f"/files/{original.id}/verdict", OUT)
    monas("POST", f"/files/{original.id}/verdict", BACK)
    assert dict(File.objects.values_list("name", "verdict")) == {"ink.ckpt": "accepted", "ink.safetensors": "refused"}


def test_every_file_of_the_same_bytes_follows_and_none_comes_in_again(api, monas, charlie):
    data = random_file()
    mine = accepted(api, data)
    charlies = Api(charlie)
    theirs = accepted(charlies, data)
    monas("POST", f"/files/{mine.file_id}/verdict", OUT)
    assert set(File.objects.values_list("verdict", flat=True)) == {"refused"}
    assert {entry.owner for entry in Entry.objects.all()} == {"alice", "charlie"}
    again = charlies.arrive(data)
    answer(report(again, data))
    again.refresh_from_db()
    assert again.status == "refused"
    assert "A moderator took this file into quarantine" in again.findings[-1]["sentence"]
    assert theirs.file.blob_id == mine.file.blob_id


def test_from_the_models_page(api, monas_page, alice):
    upload = accepted(api, random_file())
    address = f"/models/{upload.version.model_id}"
    assert f"/moderation/files/{upload.file_id}/verdict" in monas_page.get(address, follow=True).content.decode()
    monas_page.post(f"/moderation/files/{upload.file_id}/verdict", OUT)
    assert File.objects.get().verdict == "refused"
    owner = Client()
    owner.force_login(alice)
    assert "/moderation/files/" not in owner.get(address, follow=True).content.decode()


@pytest.mark.parametrize("body", [{"verdict": "refused"}, {"verdict": "unknown", "reason": "Because."}, {}])
def test_wrong_words(api, monas, body):
    upload = accepted(api, random_file())
    monas("POST", f"/files/{upload.file_id}/verdict", body, status=400)
    assert File.objects.get().verdict == "accepted"


def test_nothing_changes_twice(api, monas):
    upload = accepted(api, random_file())
    monas("POST", f"/files/{upload.file_id}/verdict", BACK, status=409)
    monas("POST", f"/files/{upload.file_id + 1}/verdict", OUT, status=404)
    assert not Entry.objects.exists()


def test_only_moderators_may(api, alice, charlie):
    upload = accepted(api, random_file())
    for person in (alice, charlie):
        Api(person, "/api/v1/moderation")("POST", f"/files/{upload.file_id}/verdict", OUT, status=403)
    Api(None, "/api/v1/moderation")("POST", f"/files/{upload.file_id}/verdict", OUT, status=401)
    assert File.objects.get().verdict == "accepted"
