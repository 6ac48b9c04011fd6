"""`POST` and `GET /api/v1/uploads/{id}/parts`."""

import httpx

from hub import storage
from hub.uploads.models import Upload
from tests.hub.uploads.conftest import PART, random_file


def test_it_works(api, settings):
    settings.UPLOAD_PART_BYTES = PART
    data = random_file(PART + 100)
    upload = api.start(size=len(data))
    answer = api("POST", f"/{upload['id']}/parts", {"numbers": [1, 2]})
    assert answer["expires"] == 3600
    assert set(answer["urls"]) == {"1", "2"}
    api.send(upload, data, [2])
    listed = api("GET", f"/{upload['id']}/parts")
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(2, 100)]
    assert listed[0]["ETag"].startswith('"')


def test_the_store_takes_the_promised_length_only(api):
    upload = api.start(size=1000)
    url = api("POST", f"/{upload['id']}/parts", {"numbers": [1]})["urls"]["1"]
    assert httpx.put(url, content=b"x" * 1001).status_code == 403
    assert httpx.put(url, content=b"x" * 1000).status_code == 200


def test_a_dead_url_is_signed_again(api, settings):
    import time

    settings.PART_URL_SECONDS = 1
    upload = api.start(size=1000)
    url = api("POST", f"/{upload['id']}/parts", {"numbers": [1]})["urls"]["1"]
    time.sleep(2.1)
    assert httpx.put(url, content=b"x" * 1000).status_code == 403
    settings.PART_URL_SECONDS = 3600
    api.send(upload, b"x" * 1000)


def test_it_goes_on_from_another_browser_after_a_restart(api, alice, settings):
    """Nothing but the database and the store is asked what has arrived."""
    from tests.hub.uploads.conftest import Api

    settings.UPLOAD_PART_BYTES = PART
    data = random_file(2 * PART + 5)
    api.send(upload := api.start(size=len(data)), data, [1, 3])
    storage.client.cache_clear()  # a fresh process
    elsewhere = Api(alice)
    known = next(one for one in elsewhere("GET") if one["id"] == upload["id"])
    assert known["status"] == "waiting"
    have = {part["PartNumber"] for part in elsewhere("GET", f"/{upload['id']}/parts")}
    missing = [n for n in range(1, known["parts"] + 1) if n not in have]
    assert missing == [2]
    elsewhere.send(known, data, missing)
    assert elsewhere("POST", f"/{upload['id']}/complete", {})["status"] == "inspecting"
    stored = storage.client().get_object(Bucket=settings.S3_BUCKET, Key=f"incoming/{upload['id']}")["Body"].read()
    assert stored == data


def test_more_parts_than_one_page_of_the_store(api, settings, monkeypatch):
    """ListParts answers in pages; with small pages asked for, all of them are read."""
    settings.UPLOAD_PART_BYTES = PART
    data = random_file(2 * PART + 5)
    upload = api.start(size=len(data))
    api.send(upload, data)
    row = Upload.objects.get(id=upload["id"])
    pages = (
        storage.client()
        .get_paginator("list_parts")
        .paginate(Bucket=settings.S3_BUCKET, Key=row.key, UploadId=row.s3_upload_id, PaginationConfig={"PageSize": 1})
    )
    assert len(list(pages)) >= 3
    assert [part.number for part in storage.parts(row.key, row.s3_upload_id)] == [1, 2, 3]


def test_numbers_outside_the_file(api):
    upload = api.start(size=1000)
    for numbers in ([0], [2], [-1, 1]):
        refused = api("POST", f"/{upload['id']}/parts", {"numbers": numbers}, status=422)
        assert refused["error"] == "This file has parts 1 to 1."
    assert "1 to 100" in api("POST", f"/{upload['id']}/parts", {"numbers": []}, status=422)["error"]
    assert "1 to 100" in api("POST", f"/{upload['id']}/parts", {"numbers": list(range(200))}, status=422)["error"]
    assert api("POST", f"/{upload['id']}/parts", {"numbers": ["x"]}, status=400)["code"] == "invalid"


def test_after_an_abort(api):
    upload = api.start()
    api("DELETE", f"/{upload['id']}", status=204)
    assert "aborted" in api("POST", f"/{upload['id']}/parts", {"numbers": [1]}, status=409)["error"]
    assert api("GET", f"/{upload['id']}/parts", status=409)["code"] == "upload-over"


def test_a_url_of_before_cannot_change_a_complete_file(api):
    """A part's URL outlives the upload by an hour; the store must not take it for the finished object."""
    upload = api.start(size=1000)
    url = api("POST", f"/{upload['id']}/parts", {"numbers": [1]})["urls"]["1"]
    assert httpx.put(url, content=b"a" * 1000).status_code == 200
    api("POST", f"/{upload['id']}/complete", {})
    assert httpx.put(url, content=b"b" * 1000).status_code in {403, 404}
    body = storage.client().get_object(Bucket="weightroom", Key=f"incoming/{upload['id']}")["Body"].read()
    assert body == b"a" * 1000


def test_it_was_never_begun(api):
    upload = api.start()
    Upload.objects.filter(id=upload["id"]).update(s3_upload_id="")
    assert api("POST", f"/{upload['id']}/parts", {"numbers": [1]}, status=409)["code"] == "parts-lost"


def test_charlie_must_not(api, charlies):
    upload = api.start()
    charlies("GET", f"/{upload['id']}/parts", status=404)
    charlies("POST", f"/{upload['id']}/parts", {"numbers": [1]}, status=404)
