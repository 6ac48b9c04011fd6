"""On a real object store."""

import hashlib
import os
import threading

import pytest

from hub import storage as hub_storage
from workers import s3, settings, storage
from workers.errors import Refusal
from workers.messages import blob_key, picture_key


@pytest.fixture(autouse=True)
def cache_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CACHE_DIR", tmp_path)
    return tmp_path


def stored(data, sha256=None):
    sha256 = sha256 or hashlib.sha256(data).hexdigest()
    hub_storage.client().put_object(Bucket=settings.S3_BUCKET, Key=blob_key(sha256), Body=data)
    return sha256


def test_it_works(cache_dir):
    data = os.urandom(100_000)
    sha256 = stored(data)
    path = storage.fetch(sha256)
    assert path.read_bytes() == data
    hub_storage.client().delete_object(Bucket=settings.S3_BUCKET, Key=blob_key(sha256))
    assert storage.fetch(sha256) == path  # from the cache now


def test_many_that_want_one_file_fetch_it_once(monkeypatch):
    sha256, fetched, real = stored(os.urandom(50_000)), [], storage._fetch
    monkeypatch.setattr(storage, "_fetch", lambda *given: (fetched.append(1), real(*given)))
    threads = [threading.Thread(target=storage.fetch, args=(sha256,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == [1]


def test_the_file_used_longest_ago_goes_first(monkeypatch):
    monkeypatch.setattr(settings, "CACHE_BYTES", 250_000)
    first, second, third = (stored(os.urandom(100_000)) for _ in range(3))
    one, two = storage.fetch(first), storage.fetch(second)
    os.utime(one, (2, 2))
    os.utime(two, (1, 1))
    three = storage.fetch(third)
    assert [path.exists() for path in (one, two, three)] == [True, False, True]


def test_a_picture_is_stored_under_its_digest():
    png = b"\x89PNG" + os.urandom(100)
    sha256 = storage.put_picture(png)
    assert storage.put_picture(png) == sha256 == hashlib.sha256(png).hexdigest()
    answer = s3.client().get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(sha256))
    assert answer["Body"].read() == png
    assert answer["ContentType"] == "image/png"


def test_a_file_that_is_gone_is_refused():
    with pytest.raises(Refusal, match="not in the store any more") as refused:
        storage.fetch(hashlib.sha256(os.urandom(8)).hexdigest())
    assert not refused.value.retry


def test_a_file_that_is_not_what_its_digest_says_is_refused(cache_dir):
    sha256 = stored(b"something else", hashlib.sha256(os.urandom(8)).hexdigest())
    with pytest.raises(Refusal, match="not what its digest says"):
        storage.fetch(sha256)
    assert not [path for path in (cache_dir / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "", "ab" * 31])
def test_a_name_that_is_no_digest_is_refused(name):
    with pytest.raises(Refusal, match="SHA-256"):
        storage.fetch(name)


def test_a_silent_store_is_refused_and_may_answer_later(monkeypatch):
    from botocore.exceptions import EndpointConnectionError

    def silent(*_, **__):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")

    monkeypatch.setattr(s3.client(), "head_object", silent)
    with pytest.raises(Refusal, match="does not answer") as refused:
        storage.fetch(hashlib.sha256(os.urandom(8)).hexdigest())
    assert refused.value.retry
