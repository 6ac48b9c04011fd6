import os
import uuid

import pytest
import redis

from tests.workers.elsewhere import Elsewhere
from tests.workers.test_assembly import PART, store  # noqa: F401
from workers import fetching, sealing, settings
from workers.fetch_messages import Fetched, FetchFile, Measure, Measured, Part, attempt_key
from workers.messages import Failed

DATA = os.urandom(2 * PART + 12_345)


@pytest.fixture
def there(monkeypatch):
    with Elsewhere() as server:
        monkeypatch.setattr(settings, "IMPORT_HOSTS", [server.origin])
        monkeypatch.setattr(settings, "IMPORT_KEY", "a key")
        yield server


class Target:
    """An upload in parts, as the hub makes it for a file of ``size`` bytes."""

    def __init__(self, store, size: int) -> None:  # noqa: F811
        self.store, self.size, self.key = store, size, f"incoming/test-{uuid.uuid4()}"
        self.bucket = {"Bucket": settings.S3_BUCKET, "Key": self.key}
        self.bucket["UploadId"] = store.create_multipart_upload(**self.bucket)["UploadId"]

    def part(self, number: int) -> Part:
        start = (number - 1) * PART
        size = min(PART, self.size - start)
        params = self.bucket | {"PartNumber": number, "ContentLength": size}
        return Part(start, size, self.store.generate_presigned_url("upload_part", Params=params))

    def arrived(self) -> list[int]:
        return [part["PartNumber"] for part in self.store.list_parts(**self.bucket).get("Parts", [])]

    def joined(self) -> bytes:
        parts = [{k: part[k] for k in ("PartNumber", "ETag")} for part in self.store.list_parts(**self.bucket)["Parts"]]
        self.store.complete_multipart_upload(**self.bucket, MultipartUpload={"Parts": parts})
        return self.store.get_object(Bucket=settings.S3_BUCKET, Key=self.key)["Body"].read()


@pytest.fixture
def target(store):  # noqa: F811
    return Target(store, len(DATA))


def fetch(there, target, numbers=(1, 2, 3), **more):
    asked = {"id": str(uuid.uuid4()), "attempt": 1, "server": there.origin, "url": f"{there.origin}/file"}
    asked |= {"size": target.size, "parts": tuple(map(target.part, numbers)), "validator": '"one"'}
    return fetching.fetch_file(FetchFile(**(asked | more)))


def measure(there, **more):
    asked = {"id": "m", "attempt": 1, "server": there.origin, "url": f"{there.origin}/file", "most": 50 * 1024**2}
    return fetching.measure(Measure(**(asked | more)))


def test_it_works(there, target):
    there.gives("/file", DATA)
    assert measure(there) == Measured(id="m", attempt=1, size=len(DATA), validator='"one"')
    assert isinstance(fetch(there, target), Fetched)
    assert target.joined() == DATA


def test_a_fetch_that_broke_off_goes_on_with_the_bytes_that_are_here(there, target):
    there.gives("/file", DATA, breaks=[PART + 1000])
    broken = fetch(there, target)
    assert (broken.code, broken.retry, target.arrived()) == ("broke-off", True, [1])
    assert isinstance(fetch(there, target, [2, 3]), Fetched)
    assert there.asked("/file")[-1].start == PART
    assert target.joined() == DATA


def test_a_server_that_cannot_begin_in_the_middle(there, target):
    there.gives("/file", DATA, ranges=False)
    assert isinstance(fetch(there, target, [1]), Fetched)
    assert isinstance(fetch(there, target, [3, 2]), Fetched)
    assert target.joined() == DATA


def test_a_part_that_is_missing_in_the_middle(there, target):
    there.gives("/file", DATA)
    assert isinstance(fetch(there, target, [1, 3]), Fetched)
    assert isinstance(fetch(there, target, [2]), Fetched)
    assert target.joined() == DATA


@pytest.mark.parametrize(
    ("manner", "code"),
    [
        ({"said": len(DATA) + 5}, "changed"),
        ({"etag": '"two"'}, "changed"),
        ({"length": False, "extra": b"more", "ranges": False}, "too-long"),
        ({"kind": "text/html; charset=utf-8"}, "a-page"),
    ],
)
def test_a_file_that_is_another_than_was_measured(there, target, manner, code):
    there.gives("/file", DATA, **manner)
    answer = fetch(there, target)
    assert isinstance(answer, Failed)
    assert (answer.code, answer.retry) == (code, False)


def test_a_length_that_is_a_lie(there, target):
    """More is promised than comes, in the range's own words."""
    there.gives("/file", DATA[:-5], said=len(DATA), etag="")
    assert measure(there).size == len(DATA), "it is believed until the bytes are counted"
    answer = fetch(there, target, validator="")
    assert (answer.code, answer.retry, target.arrived()) == ("broke-off", True, [1, 2])


def test_measuring_what_tells_no_length(there):
    there.gives("/file", DATA, ranges=False, length=False)
    assert measure(there).size == len(DATA)
    assert measure(there, most=1000).code == "too-big"
    there.gives("/file", b"", ranges=False)
    assert measure(there).code == "empty"


def test_a_token_is_opened_for_its_own_server_only(there, target):
    there.gives("/file", DATA, token="private")
    assert measure(there).code == "not-allowed"
    secret = sealing.sealed("a key", there.origin, "private")
    assert "private" not in secret
    assert measure(there, secret=secret).size == len(DATA)
    assert measure(there, secret=sealing.sealed("a key", "https://civitai.com", "private")).code == "token-elsewhere"
    assert measure(there, secret=sealing.sealed("another key", there.origin, "private")).code == "token-lost"


def test_an_errand_that_was_given_out_again_is_dropped(there, target):
    there.gives("/file", DATA)
    cache, asked = redis.Redis.from_url(settings.BROKER_URL), str(uuid.uuid4())
    cache.set(attempt_key(asked), 2, ex=60)
    assert fetch(there, target, id=asked) is None
    assert isinstance(fetch(there, target, id=asked, attempt=2), Fetched)
    cache.set(attempt_key(asked), -1, ex=60)
    assert fetch(there, target, id=asked, attempt=2) is None


def test_a_fetch_is_stopped_in_the_middle(there, target, monkeypatch):
    monkeypatch.setattr(fetching, "ASK_EVERY", 0.0)
    cache, asked = redis.Redis.from_url(settings.BROKER_URL), str(uuid.uuid4())

    def cancelled(here, request):
        cache.set(attempt_key(asked), -1, ex=60)
        there.gives("/file", DATA)
        there.routes["/file"](here, request)

    there.routes["/file"] = cancelled
    assert fetch(there, target, id=asked) is None
    assert target.arrived() == []
