import hashlib
import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from hub.catalog import actions, queries
from hub.catalog.models import Version
from tests.hub.catalog.files import added, report

URL = "/api/v1/model-versions"


def by_hash(value):
    return Client().get(f"{URL}/by-hash/{value}")


def post(path, body):
    return Client().post(f"{URL}/{path}", json.dumps(body), content_type="application/json")


def test_it_works(alice):
    file = added(alice, trigger_words=["lnct print"])
    for kind, value in queries.file_hashes(file).items():
        for form in (value, value.lower()):
            answer = by_hash(form)
            assert answer.status_code == 200, kind
            assert answer.json()["id"] == file.version_id
    version = by_hash(file.blob_id).json()
    assert version["modelId"] == file.version.model_id
    assert version["model"] == {"name": "Linocut", "type": "LORA", "nsfw": False, "poi": False}
    assert version["trainedWords"] == ["lnct print"]
    assert version["files"][0]["primary"] is True
    assert version["downloadUrl"] == f"{settings.PUBLIC_URL}/api/download/models/{file.version_id}"
    assert version["air"].startswith("urn:air:sd1:lora:")
    assert version["air"].endswith(f":{file.version.model_id}@{file.version_id}")
    for key in ("earlyAccessEndsAt", "trainingStatus", "description", "images", "updatedAt", "usageControl"):
        assert key in version
    assert Client().get(f"{URL}/{file.version_id}").json() == version


def test_crc32_is_found_in_both_byte_orders(alice):
    file = added(alice)
    ieee = bytes(file.digests.get(kind=4).digest)
    assert by_hash(ieee.hex()).json()["id"] == by_hash(ieee[::-1].hex()).json()["id"] == file.version_id


@pytest.mark.parametrize("value", ["0" * 64, "abc", "zz" * 32, "0" * 10, "9" * 63, "0" * 12])
def test_what_is_not_here_is_a_model_not_found(db, value):
    answer = by_hash(value)
    assert (answer.status_code, answer.json()) == (404, {"error": "Model not found"})


def test_a_part_of_a_hash_is_no_hash(alice):
    file = added(alice)
    assert by_hash(file.blob_id[:20]).status_code == 404


def test_the_hash_that_a_trainer_embedded_is_found_in_full_and_by_its_first_twelve(alice):
    sshs = hashlib.sha256(b"as kohya computes it").hexdigest()
    file = added(alice, inspected={"digests": report("x").digests | {"sshs": sshs}})
    other = added(alice, "Short", inspected={"digests": report("y").digests | {"sshs": "00112233445566"}})
    for value in (sshs, sshs[:12], f"0x{sshs}", sshs.upper()):
        assert by_hash(value).json()["id"] == file.version_id
    assert by_hash("001122334455").json()["id"] == other.version_id


def test_an_inversion_is_found_as_a1111_names_it(alice):
    """Infotexts say “TI hashes: word: 0a1b2c3d4e5f”, the first twelve of SHA-256."""
    file = added(alice)
    assert by_hash(file.blob_id[:12]).json()["id"] == file.version_id


def test_autov3_in_full_as_swarmui_prints_it(alice):
    file = added(alice)
    short = bytes(file.digests.get(kind=3).digest).hex()
    assert by_hash(f"0x{short}{'ab' * 26}").json()["id"] == file.version_id


def test_the_hash_of_nothing_names_nothing(alice):
    empty = hashlib.sha256(b"").hexdigest()
    nothing = {"autov1": empty[:8], "autov3": empty[:12], "sshs": empty, "sha256": empty}
    file = added(alice, inspected={"digests": report("x").digests | nothing})
    assert set(file.digests.values_list("kind", flat=True)) == {4, 5}  # such a value is never kept
    for value in (empty, empty[:8], empty[:10], empty[:12], f"0x{empty[:12]}", empty[:12] + "0" * 52):
        assert by_hash(value).status_code == 404
    assert post("by-hash", [empty]).json() == []


def test_of_several_the_earliest_published_then_the_lowest_id(alice, bob):
    first, second, third = (added(who, seed="same", model_name=str(n)) for n, who in enumerate([alice, bob, alice]))
    now = timezone.now()
    Version.objects.filter(pk__in=[first.version_id, second.version_id]).update(published_at=now)
    Version.objects.filter(pk=third.version_id).update(published_at=now + timedelta(days=1))
    assert by_hash(first.blob_id).json()["id"] == first.version_id
    Version.objects.filter(pk=third.version_id).update(published_at=now - timedelta(days=1))
    assert by_hash(first.blob_id).json()["id"] == third.version_id


def test_only_published_versions_are_found(alice):
    file = added(alice)
    actions.version_unpublish(version=file.version, by=alice)
    mine = Client()
    mine.force_login(alice)
    assert mine.get(f"{URL}/by-hash/{file.blob_id}").status_code == 404
    assert Client().get(f"{URL}/{file.version_id}").json() == {"error": "Model not found"}
    assert mine.get(f"{URL}/{file.version_id}").status_code == 200


def test_many_at_once(alice, bob):
    files = [added(alice, "A"), added(bob, "B")]
    answer = post("by-hash", [files[1].blob_id.upper(), files[0].blob_id, "0" * 64])
    assert [version["id"] for version in answer.json()] == [file.version_id for file in files]
    ids = post("by-hash/ids", [file.blob_id for file in files])
    assert ids.json() == [
        {"modelVersionId": f.version_id, "modelId": f.version.model_id, "hash": f.blob_id.upper()} for f in files
    ]


@pytest.mark.parametrize("body", [{}, "x", [1], ["short"], ["0" * 64] * 101, None])
def test_a_wrong_list_is_refused(db, body):
    answer = post("by-hash", body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Request must include an array of SHA256 Hashes.")


def test_ten_thousand_may_be_asked_for_their_ids(alice):
    file = added(alice)
    assert len(post("by-hash/ids", [file.blob_id] + [f"{n:064x}" for n in range(9_999)]).json()) == 1
    assert post("by-hash/ids", ["0" * 64] * 10_001).status_code == 400


def test_broken_json_is_refused(db):
    answer = Client().post(f"{URL}/by-hash", "{", content_type="application/json")
    assert answer.status_code == 400


def test_wrong_ids(db):
    assert Client().get(f"{URL}/abc").status_code == 400
    assert Client().get(f"{URL}/999999").json() == {"error": "Model not found"}


def test_a_kept_answer_is_never_an_old_one(alice, bob):
    file = added(alice)
    first = by_hash(file.blob_id)
    assert by_hash(file.blob_id).content == first.content
    assert first["Content-Type"] == "application/json"
    owner = Client()
    owner.force_login(alice)
    path = f"{URL}/{file.version_id}"
    owner.patch(path, json.dumps({"trigger_words": ["new word"]}), content_type="application/json")
    assert by_hash(file.blob_id).json()["trainedWords"] == ["new word"]
    file.verdict = "refused"
    file.save()
    assert by_hash(file.blob_id).status_code == 404


@pytest.mark.parametrize("what", ["model", "version"])
def test_after_a_take_down_who_has_the_file_still_learns_what_it_is(alice, bob, settings, what):
    file = added(alice, trigger_words=["lnct print"], description="secret words")
    thing = file.version.model if what == "model" else file.version
    thing.status = "taken-down"
    thing.save()
    told = by_hash(file.blob_id).json()
    assert told["model"]["name"] == "Linocut"
    assert told["model"]["mode"] == "TakenDown"
    assert told["trainedWords"] == ["lnct print"]
    assert told["model"]["allowDerivatives"] is True
    assert (told["files"], told["images"], told["description"]) == ([], [], None)
    assert "downloadUrl" not in told
    assert post("by-hash", [file.blob_id]).json() == []
    assert Client().get(f"/api/download/models/{file.version_id}").status_code in {404, 410}
    settings.TOMBSTONES = False
    assert by_hash(file.blob_id).status_code == 404


def test_what_never_was_public_leaves_no_trace(alice):
    file = added(alice, publish=False)
    file.version.status = "taken-down"
    file.version.save()
    assert by_hash(file.blob_id).status_code == 404
