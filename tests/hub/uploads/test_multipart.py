"""The same uploads in Uppy's tongue, `/s3/multipart…`, called as Uppy calls: bare fetch, cookies, no CSRF token.

Routes: multipart-start, multipart-detail, multipart-part, multipart-batch, multipart-complete.
"""

import httpx
import pytest
from django.test import Client

from hub import storage
from hub.uploads.models import Upload
from tests.hub.uploads.conftest import PART, Api, in_store, random_file

SAME = {"sec-fetch-site": "same-origin", "origin": "http://testserver"}


class Uppy(Api):
    def __init__(self, user, **headers: str) -> None:
        super().__init__(user, root="/s3/multipart")
        self.client = Client(enforce_csrf_checks=True, headers={"accept": "application/json", **(headers or SAME)})
        self.client.force_login(user)

    def create(self, size, status: int = 200, **metadata):
        body = {"filename": "ink.safetensors", "type": "", "metadata": {"size": size, **metadata}}
        return self("POST", "", body, status=status)


@pytest.fixture
def uppy(alice) -> Uppy:
    return Uppy(alice)


def test_it_works(uppy, mail):
    data = random_file(PART + 7)
    made = uppy.create(str(len(data)))  # Uppy's metadata are text
    assert made["bucket"]
    path, key = f"/{made['uploadId']}", f"key={made['key']}"
    etags = {}
    for number in (1, 2):
        url = uppy("GET", f"{path}/{number}?{key}")["url"]
        sent = httpx.put(url, content=data[(number - 1) * PART : number * PART], headers={"Origin": "http://x.example"})
        etags[number] = sent.headers["etag"]
        assert "ETag" in sent.headers["access-control-expose-headers"]
    assert [p["PartNumber"] for p in uppy("GET", f"{path}?{key}")] == [1, 2]
    parts = [{"PartNumber": n, "ETag": etag.strip('"')} for n, etag in etags.items()]
    done = uppy("POST", f"{path}/complete?{key}", {"parts": parts})
    assert done["key"] == made["key"]
    assert done["location"].endswith(f"/api/v1/uploads/{made['uploadId']}")
    assert uppy("POST", f"{path}/complete?{key}", {"parts": parts}) == done
    assert len(mail.take()) == 1
    assert in_store(made["key"]) == len(data)


def test_batch(uppy):
    made = uppy.create(2 * PART)
    urls = uppy("GET", f"/{made['uploadId']}/batch?key={made['key']}&partNumbers=1,2")["presignedUrls"]
    assert set(urls) == {"1", "2"}
    assert "as a whole number" in uppy("GET", f"/{made['uploadId']}/batch?partNumbers=1,x", status=422)["error"]
    uppy("GET", f"/{made['uploadId']}/batch", status=422)


def test_uppys_own_part_size(uppy):
    size = 100 * 10**9
    from django.conf import settings

    settings_limit = settings.MAX_UPLOAD_BYTES
    settings.MAX_UPLOAD_BYTES = settings.MEMBER_QUOTA_BYTES = size
    try:
        made = uppy.create(size)
    finally:
        settings.MAX_UPLOAD_BYTES = settings_limit
    assert Upload.objects.get(id=made["uploadId"]).part_size == 10_000_000


def test_abort(uppy):
    made = uppy.create(1000)
    row = Upload.objects.get(id=made["uploadId"])
    assert uppy("DELETE", f"/{made['uploadId']}?key={made['key']}") == {}
    assert list(storage.multiparts(row.key)) == []


def test_without_a_size(uppy):
    refused = uppy("POST", "", {"filename": "a.safetensors", "type": "", "metadata": {}}, status=422)
    assert refused["error"] == "Give metadata.size, the file's bytes, as a whole number."


def test_a_key_of_another_upload(uppy):
    one, two = uppy.create(1000), uppy.create(1000)
    uppy("GET", f"/{one['uploadId']}/1?key={two['key']}", status=404)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-site", "origin": "http://other.testserver"},
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"accept": "*/*"},  # no word of where it comes from
    ],
)
def test_another_origin(alice, headers):
    refused = Uppy(alice, **headers).create(1000, status=403)
    assert refused["code"] == "other-origin"
    assert not Upload.objects.exists()


def test_a_token_needs_no_origin(alice):
    from hub.accounts import actions as accounts

    _, secret = accounts.token_create(user=alice, name="cli", scopes=["upload"])
    api = Api(None, root="/s3/multipart", authorization=f"Bearer {secret}")
    api("POST", "", {"filename": "a.safetensors", "metadata": {"size": 10}})


def test_charlie_must_not(uppy, charlie):
    made = uppy.create(2 * PART)
    other = Uppy(charlie)
    path, key = f"/{made['uploadId']}", f"?key={made['key']}"
    other("GET", f"{path}{key}", status=404)
    other("GET", f"{path}/1{key}", status=404)
    other("GET", f"{path}/batch{key}&partNumbers=1", status=404)
    other("POST", f"{path}/complete{key}", {"parts": []}, status=404)
    other("DELETE", f"{path}{key}", status=404)
