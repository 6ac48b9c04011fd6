import hashlib
import os
import uuid

import boto3
import pytest

from tests.workers import xorbs
from workers import assembly, settings
from workers.messages import Assembled, AssembleFile, Failed, Term

PART = 5 * 1024**2


@pytest.fixture(scope="module")
def store():
    """The hub's own client: workers write nothing but what its addresses take."""
    client = boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT,
        region_name=settings.S3_REGION,
        aws_access_key_id=os.environ["S3_ACCESS_KEY"],
        aws_secret_access_key=os.environ["S3_SECRET_KEY"],
    )
    if settings.S3_BUCKET not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=settings.S3_BUCKET)
    return client


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CACHE_DIR", tmp_path)
    yield
    assert not list((tmp_path / "assembly").glob("*")), "bytes were left on the disk"


@pytest.fixture
def block(store):
    def put(raw: bytes) -> str:
        key = f"xorbs/0/test-{uuid.uuid4()}"
        store.put_object(Bucket=settings.S3_BUCKET, Key=key, Body=raw)
        return key

    return put


class Target:
    """An upload in parts that a message names, as the hub makes it."""

    def __init__(self, store, data: bytes, terms, size=None):
        self.store, self.key = store, f"incoming/test-{uuid.uuid4()}"
        self.id = store.create_multipart_upload(Bucket=settings.S3_BUCKET, Key=self.key)["UploadId"]
        self.lengths = [min(PART, len(data) - start) for start in range(0, len(data), PART)]
        urls = [self._url(number, length) for number, length in enumerate(self.lengths, 1)]
        self.asked = AssembleFile(
            upload_id="u", attempt=1, size=len(data) if size is None else size,
            sha256=hashlib.sha256(data).hexdigest(), terms=tuple(terms), part_size=PART, urls=tuple(urls),
        )  # fmt: skip

    def _url(self, number: int, length: int) -> str:
        asked = {"Bucket": settings.S3_BUCKET, "Key": self.key, "UploadId": self.id}
        return self.store.generate_presigned_url(
            "upload_part", Params=asked | {"PartNumber": number, "ContentLength": length}
        )

    def joined(self) -> bytes:
        found = self.store.list_parts(Bucket=settings.S3_BUCKET, Key=self.key, UploadId=self.id)["Parts"]
        parts = {"Parts": [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in found]}
        self.store.complete_multipart_upload(
            Bucket=settings.S3_BUCKET, Key=self.key, UploadId=self.id, MultipartUpload=parts
        )
        return self.store.get_object(Bucket=settings.S3_BUCKET, Key=self.key)["Body"].read()


def test_it_works(store, block):
    """Chunks of two blocks, each packed in its own way, out of order and one run twice: one file of two parts."""
    one, two = os.urandom(60 * xorbs.CHUNK), os.urandom(40 * xorbs.CHUNK + 123)
    first, second = block(xorbs.xorb(one)), block(xorbs.xorb(two))
    size = xorbs.CHUNK
    data = one[10 * size :] + two + one[: 10 * size] + two[3 * size : 4 * size]
    terms = [
        Term(first, 10, 60, 50 * size),
        Term(second, 0, 41, len(two)),
        Term(first, 0, 10, 10 * size),
        Term(second, 3, 4, size),
    ]
    target = Target(store, data, terms)
    assert len(target.asked.urls) == 2
    assert assembly.assemble_file(target.asked) == Assembled(upload_id="u", attempt=1)
    assert target.joined() == data


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "fewer chunks"),
        (xorbs.packed(bytes(1000), 0)[:500], "another length"),
        (b"\x01" + xorbs.packed(bytes(1000), 0)[1:], "fewer chunks"),
        (xorbs.packed(bytes(900_000), 1, size=1000), "another length"),  # it unpacks to more than it says
        (xorbs.packed(bytes(1000), 1, size=2000), "another length"),
        (bytes([0]) + (9).to_bytes(3, "little") + b"\x01" + (1000).to_bytes(3, "little") + b"not lz4!!", "unpacked"),
        (xorbs.packed(bytes(1000), 7), "does not know"),
        (xorbs.packed(bytes(10), 0, size=16_000_000), "larger than chunks are"),
        (xorbs.packed(bytes(999), 0), "not as long"),
        (xorbs.packed(bytes(1001), 0), "not as long"),
        (xorbs.packed(b"x" * 1000, 0), "another file"),
    ],
)
def test_a_hostile_block_is_refused(store, block, raw, sentence):
    target = Target(store, bytes(1000), [Term(block(raw), 0, 1, 1000)])
    answer = assembly.assemble_file(target.asked)
    assert isinstance(answer, Failed)
    assert (answer.code, answer.retry) == ("wrong-chunks", False)
    assert sentence in answer.sentence


def test_runs_that_do_not_add_up(store, block):
    target = Target(store, bytes(1000), [Term(block(xorbs.xorb(bytes(1000))), 0, 1, 1000)], size=1001)
    answer = assembly.assemble_file(target.asked)
    assert isinstance(answer, Failed)
    assert "do not add up" in answer.sentence


def test_a_silent_store_is_asked_again(store):
    target = Target(store, bytes(1000), [Term("xorbs/0/none", 0, 1, 1000)])
    answer = assembly.assemble_file(target.asked)
    assert isinstance(answer, Failed)
    assert (answer.code, answer.retry) == ("store-down", True)


def test_grouped_bytes_of_every_length():
    for length in range(20):
        data = os.urandom(length)
        assert assembly.ungrouped(xorbs.grouped(data)) == data
