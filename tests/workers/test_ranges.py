"""Over real connections to a real object store."""

import base64
import os
import socket
import uuid

import pytest
from botocore.exceptions import ClientError

from hub import storage as hub_storage
from tests.workers.line import certificate, line
from workers import ranges, s3, settings

SIZE = 1_000_000
DATA = os.urandom(SIZE)


@pytest.fixture(scope="module")
def key():
    key = f"incoming/test-{uuid.uuid4()}"
    hub_storage.client().put_object(Bucket=settings.S3_BUCKET, Key=key, Body=DATA)
    yield key
    hub_storage.client().delete_object(Bucket=settings.S3_BUCKET, Key=key)


@pytest.fixture
def road(monkeypatch):
    """The line between this worker and the store."""
    with line(settings.S3_ENDPOINT) as road:
        at(monkeypatch, f"http://127.0.0.1:{road.port}")
        yield road
    s3.client.cache_clear()


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(ranges, "RANGE_BYTES", 50_000)
    monkeypatch.setattr(ranges, "PIECE_BYTES", 20_000)
    monkeypatch.setattr(ranges, "PAUSE_SECONDS", 0.01)


def at(monkeypatch, address):
    monkeypatch.setattr(settings, "S3_ENDPOINT", address)
    s3.client.cache_clear()


def pieces(key, size=SIZE):
    head = s3.client().head_object(Bucket=settings.S3_BUCKET, Key=key)
    return s3.stream(settings.S3_BUCKET, key, size, head["ETag"])


def read(key, size=SIZE):
    return b"".join(pieces(key, size))


def test_it_works(key):
    assert read(key) == DATA


def test_connections_are_used_again(key, road):
    assert read(key) == DATA
    assert sorted(int(asked.split("-")[0]) for asked in road.ranges()) == list(range(0, SIZE, 50_000))
    assert ranges.PARALLEL <= road.connections - 1 <= ranges.MOST_PARALLEL  # one is the API client's


def test_a_held_piece_keeps_its_bytes(key):
    held = list(pieces(key))
    assert b"".join(held) == DATA
    first, part = held[0], held[1][5:10]
    del held
    assert (first, part) == (DATA[:20_000], DATA[20_005:20_010])


def test_pieces_that_nobody_holds_are_memory_for_the_next(key):
    places = set()
    for piece in pieces(key):
        places.add(id(piece.obj))
    assert len(places) < 20  # of 50 pieces


def test_a_store_that_is_waited_for_is_asked_for_more_at_once(key, road):
    road.delay = 0.02
    assert read(key) == DATA
    assert ranges.PARALLEL < road.connections - 1 <= ranges.MOST_PARALLEL


@pytest.mark.parametrize("cut", [0, 10, 5_000, 30_000], ids=["before it", "in its head", "in a piece", "after one"])
def test_a_range_that_breaks_off_is_asked_for_its_rest(cut, key, road):
    road.cuts = {0: [cut]}
    assert read(key) == DATA
    again = [asked for asked in road.ranges() if asked.endswith("-49999")]
    assert len(again) == 2
    assert (again[1] == "0-49999") == (cut < 1_000)


def test_a_store_that_breaks_off_ever_again_is_given_up(key, road):
    road.cuts = {50_000: [10] * 100}
    with pytest.raises(OSError, match="cannot be read"):
        read(key)
    assert road.ranges().count("50000-99999") == ranges.TRIES


def test_a_store_that_falls_silent_is_given_up(key, monkeypatch):
    url = s3.client().generate_presigned_url("get_object", Params={"Bucket": settings.S3_BUCKET, "Key": key})
    monkeypatch.setattr(ranges, "READ_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        here = url.replace(settings.S3_ENDPOINT, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(TimeoutError, match="sent nothing"):
            b"".join(ranges.read(here, 100, "x"))


def test_a_store_that_is_not_there_is_told(key):
    with pytest.raises(ConnectionRefusedError):
        b"".join(ranges.read("http://127.0.0.1:9/none", 100, "x"))


def test_an_object_that_was_changed_meanwhile_is_not_mixed(key):
    other = hub_storage.client()
    reading = pieces(key)
    first = next(reading)
    other.put_object(Bucket=settings.S3_BUCKET, Key=key, Body=DATA[::-1])
    try:
        with pytest.raises(ClientError, match="412"):
            list(reading)
        assert first == DATA[:20_000]
    finally:
        other.put_object(Bucket=settings.S3_BUCKET, Key=key, Body=DATA)


def test_an_object_that_is_gone_is_told():
    url = s3.client().generate_presigned_url("get_object", Params={"Bucket": settings.S3_BUCKET, "Key": "incoming/no"})
    with pytest.raises(ClientError, match="404"):
        b"".join(ranges.read(url, 100, '"x"'))


def test_an_object_smaller_than_promised_is_told(key):
    with pytest.raises(ClientError, match="416"):
        read(key, SIZE + 60_000)


def test_over_a_proxy_that_asks_who_it_is(key, road, monkeypatch):
    real = hub_storage.client().meta.endpoint_url
    at(monkeypatch, real)
    monkeypatch.setenv("http_proxy", f"http://alice:pass%20word@127.0.0.1:{road.port}")
    monkeypatch.setenv("no_proxy", "")
    assert read(key) == DATA
    asked = [head for head in road.asked if "\r\nRange: " in head]
    assert len(asked) == 20
    known = base64.b64encode(b"alice:pass word").decode()
    assert all(head.startswith(f"GET {real}/") and f": Basic {known}\r\n" in head for head in asked)


def test_over_tls_that_is_trusted_by_its_file(key, monkeypatch, tmp_path):
    tls, trusted = certificate(tmp_path)
    with line(settings.S3_ENDPOINT, tls) as road:
        at(monkeypatch, f"https://127.0.0.1:{road.port}")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(trusted))
        assert read(key) == DATA
        monkeypatch.delenv("AWS_CA_BUNDLE")
        url = s3.client().generate_presigned_url("get_object", Params={"Bucket": settings.S3_BUCKET, "Key": key})
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            b"".join(ranges.read(url, 100, "x"))
    s3.client.cache_clear()
