"""`POST /api/v1/uploads/{id}/complete`."""

import threading
import time

import pytest
from django.db import connection

from hub import storage
from hub.uploads import actions
from hub.uploads.models import Upload
from tests import cast
from tests.hub.uploads.conftest import PART, Api, in_store, random_file


def test_it_works(api, mail):
    data = random_file()
    upload = api.start(size=len(data))
    api.send(upload, data)
    assert api("POST", f"/{upload['id']}/complete", {})["status"] == "inspecting"
    row = Upload.objects.get(id=upload["id"])
    assert row.stored
    assert row.sent_at
    assert in_store(row.key) == len(data)
    [(payload, then)] = mail.take()
    assert then == "hub.uploads.inspected"
    assert payload == {
        "type": "InspectModel",
        "upload_id": str(row.id),
        "attempt": 1,
        "key": row.key,
        "name": "ink.safetensors",
        "size": len(data),
    }


def test_a_repeat_answers_the_same_and_asks_once(api, mail):
    upload = api.arrive(random_file())
    again = api("POST", f"/{upload.id}/complete", {})
    assert again["status"] == "inspecting"
    assert len(mail.take()) == 1


def test_the_answer_of_the_store_was_lost(api, mail):
    """The parts were joined, but the hub never heard: the object itself is the record."""
    data = random_file()
    upload = api.start(size=len(data))
    api.send(upload, data)
    row = Upload.objects.get(id=upload["id"])
    storage.multipart_complete(row.key, row.s3_upload_id, storage.parts(row.key, row.s3_upload_id))
    assert api("POST", f"/{upload['id']}/complete", {})["status"] == "inspecting"
    assert len(mail.take()) == 1


@pytest.mark.parametrize("quote", ['"', ""])
def test_the_clients_own_list_with_or_without_quotes(api, quote):
    data = random_file()
    upload = api.start(size=len(data))
    api.send(upload, data)
    etag = api("GET", f"/{upload['id']}/parts")[0]["ETag"].strip('"')
    parts = [{"PartNumber": 1, "ETag": f"{quote}{etag}{quote}"}]
    assert api("POST", f"/{upload['id']}/complete", {"parts": parts})["status"] == "inspecting"


def test_missing_parts_are_named_and_nothing_is_lost(api, settings, mail):
    settings.UPLOAD_PART_BYTES = PART
    data = random_file(2 * PART + 5)
    upload = api.start(size=len(data))
    api.send(upload, data, [1])
    refused = api("POST", f"/{upload['id']}/complete", {}, status=422)
    assert refused["error"] == "Parts 2, 3 are missing. Send it again; the others are kept."
    assert (refused["code"], refused["missing"]) == ("wrong-parts", [2, 3])
    assert not mail.take()
    api.send(upload, data, [2, 3])
    assert api("POST", f"/{upload['id']}/complete", {})["status"] == "inspecting"


def test_a_wrong_list(api, settings):
    settings.UPLOAD_PART_BYTES = PART
    data = random_file(PART + 5)
    upload = api.start(size=len(data))
    api.send(upload, data)
    one, two = ({"PartNumber": p["PartNumber"], "ETag": p["ETag"]} for p in api("GET", f"/{upload['id']}/parts"))
    for parts in ([two, one], [one], [one, one], [one, two, {"PartNumber": 3, "ETag": "x"}], []):
        refused = api("POST", f"/{upload['id']}/complete", {"parts": parts}, status=422)
        assert refused["error"] == "List every part once, in order, from 1 to 2."
    swapped = [{"PartNumber": 1, "ETag": two["ETag"]}, {"PartNumber": 2, "ETag": one["ETag"]}]
    assert (
        "not what the store holds" in api("POST", f"/{upload['id']}/complete", {"parts": swapped}, status=422)["error"]
    )
    api("POST", f"/{upload['id']}/complete", {"parts": [{"PartNumber": "x"}]}, status=400)
    assert api("POST", f"/{upload['id']}/complete", {"parts": [one, two]})["status"] == "inspecting"


def test_a_part_of_another_size(api):
    """Sent past the signed length, with keys of the hub: the promise is held against what the store has."""
    upload = api.start(size=1000)
    row = Upload.objects.get(id=upload["id"])
    storage.client().upload_part(
        Bucket="weightroom", Key=row.key, UploadId=row.s3_upload_id, PartNumber=1, Body=b"x" * 999
    )
    refused = api("POST", f"/{upload['id']}/complete", {}, status=422)
    assert refused["error"].startswith("Part 1 is of the wrong size.")
    api.send(upload, b"x" * 1000)
    assert api("POST", f"/{upload['id']}/complete", {})["status"] == "inspecting"


def test_a_part_sent_twice(api):
    """Some stores keep both; the one that the client names is joined, else the newest of the right size."""
    upload = api.start(size=1000)
    api.send(upload, b"a" * 1000)
    first = api("GET", f"/{upload['id']}/parts")[0]["ETag"]
    time.sleep(1.1)  # the store tells the second only
    api.send(upload, b"b" * 1000)
    listed = api("GET", f"/{upload['id']}/parts")
    assert len(listed) == 1
    assert listed[0]["ETag"] != first
    api("POST", f"/{upload['id']}/complete", {})
    assert (
        storage.client().get_object(Bucket="weightroom", Key=f"incoming/{upload['id']}")["Body"].read() == b"b" * 1000
    )


def test_nothing_was_sent(api):
    upload = api.start()
    assert api("POST", f"/{upload['id']}/complete", {}, status=422)["error"].startswith("Part 1 is missing.")


def test_the_store_lost_the_parts(api):
    upload = api.start()
    row = Upload.objects.get(id=upload["id"])
    storage.multipart_abort(row.key, row.s3_upload_id)
    assert api("POST", f"/{upload['id']}/complete", {}, status=409)["code"] == "parts-lost"


def test_after_an_abort(api):
    upload = api.start()
    api("DELETE", f"/{upload['id']}", status=204)
    assert api("POST", f"/{upload['id']}/complete", {}, status=409)["code"] == "upload-over"


def test_charlie_must_not(api, charlies):
    upload = api.start()
    charlies("POST", f"/{upload['id']}/complete", {}, status=404)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_completions_at_once_ask_the_inspectors_once(mail):
    alice = cast.alice()
    data = random_file()
    api = Api(alice)
    upload = api.start(size=len(data))
    api.send(upload, data)
    ready, problems = threading.Barrier(4), []

    def complete() -> None:
        ready.wait(10)
        try:
            actions.upload_complete(owner=alice, id=upload["id"])
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=complete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not problems
    assert len(mail.take()) == 1
