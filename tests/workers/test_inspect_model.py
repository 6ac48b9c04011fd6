import base64
import hashlib
import io
import json
import os
import threading
import time
import uuid
import weakref

import boto3
import pytest
import redis
import safetensors.torch
import torch
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.workers import models
from tests.workers.files import made, made_embeddings
from workers import incoming, inspection, messages, ranges, s3, settings, tasks
from workers.messages import HUB, Failed, Finding, Inspected, InspectModel


@pytest.fixture(scope="module")
def store():
    """The hub's own client: workers may not write here."""
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
    monkeypatch.setattr(incoming, "FETCH_PAUSE_SECONDS", 0.01)
    yield tmp_path / "inspect"
    assert not list((tmp_path / "inspect").glob("*")), "bytes were left on the disk"


@pytest.fixture
def uploaded(store):
    keys = []

    def put(raw: bytes, name: str = "model.safetensors", size: int | None = None) -> InspectModel:
        id = str(uuid.uuid4())
        keys.append(f"incoming/test-{id}")
        store.put_object(Bucket=settings.S3_BUCKET, Key=keys[-1], Body=raw)
        promised = len(raw) if size is None else size
        return InspectModel(upload_id=id, attempt=1, key=keys[-1], name=name, size=promised)

    yield put
    for key in keys:
        store.delete_object(Bucket=settings.S3_BUCKET, Key=key)


def answered(asked: InspectModel) -> Inspected | Failed:
    """What the task sent to the hub for ``asked``, taken out of the real queue."""
    then = f"test.inspected.{uuid.uuid4()}"
    tasks.inspect_model(messages.pack(asked), then)
    cache = redis.Redis.from_url(settings.BROKER_URL)
    found = [raw for raw in cache.lrange(HUB, 0, -1) if then in json.loads(raw)["headers"]["task"]]
    assert len(found) == 1
    cache.lrem(HUB, 1, found[0])
    args, _, _ = json.loads(base64.b64decode(json.loads(found[0])["body"]))
    return messages.unpack(args[0])


def test_it_works(uploaded):
    raw = models.lora(metadata={"sshs_model_hash": "cd" * 32})
    asked = uploaded(raw)
    said = answered(asked)
    assert isinstance(said, Inspected)
    assert (said.upload_id, said.attempt, said.verdict) == (asked.upload_id, 1, "accepted")
    assert (said.kind, said.base_family, said.format, said.precision) == ("lora", "sd1", "SafeTensor", "fp16")
    assert said.size == len(raw)
    assert said.digests["sha256"] == hashlib.sha256(raw).hexdigest()
    assert said.digests["sshs"] == "cd" * 32
    assert set(said.digests) == {"sha256", "autov3", "crc32", "blake3", "sshs"}


def test_ranges_come_in_order(uploaded, monkeypatch):
    monkeypatch.setattr(ranges, "RANGE_BYTES", 100_000)
    raw = made.tensors({"w": ("U8", [3_000_001], os.urandom(3_000_001))})
    said = answered(uploaded(raw))
    assert said.verdict == "unknown"
    assert said.digests["sha256"] == hashlib.sha256(raw).hexdigest()
    assert said.digests["autov1"] == hashlib.sha256(raw[0x100000:0x110000]).hexdigest()[:8]


def test_a_refused_file_keeps_its_digests_and_reasons(uploaded):
    said = answered(uploaded(models.lora() + b"x"))
    assert said.verdict == "refused"
    assert any("follow the last tensor" in finding.sentence for finding in said.findings)
    assert len(said.digests["sha256"]) == 64


def test_an_empty_object_is_refused(uploaded):
    assert answered(uploaded(b"")).verdict == "refused"


def test_another_size_than_promised_is_refused(uploaded):
    said = answered(uploaded(models.lora(), size=999))
    assert said.verdict == "refused"
    assert "999 were announced" in said.findings[0].sentence


def test_a_file_beyond_the_limit_is_refused_unread(uploaded, monkeypatch):
    monkeypatch.setattr(settings, "MAX_FILE_BYTES", 100)
    said = answered(uploaded(models.lora()))
    assert (said.verdict, said.digests) == ("refused", {})
    assert "up to 100" in said.findings[0].sentence


def test_a_missing_object_may_be_tried_again(uploaded):
    asked = InspectModel(upload_id=str(uuid.uuid4()), attempt=2, key="incoming/none", name="a.safetensors", size=1)
    said = answered(asked)
    assert isinstance(said, Failed)
    assert (said.id, said.attempt, said.code, said.retry) == (asked.upload_id, 2, "object-missing", True)


def test_a_silent_store_may_be_tried_again(uploaded, monkeypatch):
    asked = uploaded(models.lora())
    monkeypatch.setattr(settings, "S3_ENDPOINT", "http://127.0.0.1:9")
    s3.client.cache_clear()
    try:
        said = answered(asked)
    finally:
        s3.client.cache_clear()
    assert isinstance(said, Failed)
    assert (said.code, said.retry) == ("store-down", True)


def test_a_full_disk_may_be_tried_again(uploaded, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(incoming, "_fetch_once", full)
    said = answered(uploaded(models.lora()))
    assert (said.code, said.retry) == ("disk-full", True)


@pytest.mark.parametrize(
    "error", [RuntimeError("defect"), MemoryError(), RecursionError()], ids=lambda error: type(error).__name__
)
def test_whatever_breaks_is_unknown_never_accepted(error, uploaded, monkeypatch):
    def breaking(*_: object) -> None:
        raise error

    monkeypatch.setattr(inspection, "inspect", breaking)
    said = answered(uploaded(models.lora()))
    assert said.verdict == "unknown"
    assert said.findings[0].severity == "warning"


def test_a_file_that_takes_too_long_is_unknown(uploaded, monkeypatch):
    monkeypatch.setattr(settings, "INSPECT_SECONDS", 0.5)
    monkeypatch.setattr(inspection, "inspect", lambda *_: time.sleep(30))
    said = answered(uploaded(models.lora()))
    assert said.verdict == "unknown"
    assert "given up" in said.findings[0].sentence


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_time_limit_that_python_itself_loses_rings_again(uploaded, monkeypatch):
    def losing(*_: object) -> None:
        one = threading.Event()
        told = weakref.ref(one, lambda _: time.sleep(1))  # what is raised in here goes nowhere
        del one
        assert told() is None
        time.sleep(30)

    monkeypatch.setattr(settings, "INSPECT_SECONDS", 0.2)
    monkeypatch.setattr(incoming, "RING_AGAIN", 0.5)
    monkeypatch.setattr(inspection, "inspect", losing)
    said = answered(uploaded(models.lora()))
    assert said.verdict == "unknown"
    assert "given up" in said.findings[0].sentence
    time.sleep(0.6)  # and then it is quiet


def test_no_library_swallows_the_time_limit(uploaded, monkeypatch):
    def swallowing(*_: object) -> None:
        try:
            time.sleep(30)
        except Exception as error:
            raise EndpointConnectionError(endpoint_url="x") from error

    monkeypatch.setattr(settings, "INSPECT_SECONDS", 0.2)
    monkeypatch.setattr(s3, "client", swallowing)
    said = answered(uploaded(models.lora()))
    assert said.verdict == "unknown"
    assert "given up" in said.findings[0].sentence


def test_a_message_that_kills_its_workers_is_given_up(uploaded, scratch):
    asked = uploaded(models.lora())
    key = incoming.DELIVERIES_KEY.format(upload_id=asked.upload_id, attempt=1)
    scratch.mkdir()
    (scratch / f"{asked.upload_id}.1.left").write_bytes(b"by a killed worker")
    cache = redis.Redis.from_url(settings.BROKER_URL)
    cache.set(key, incoming.MAX_DELIVERIES)
    said = answered(asked)
    cache.delete(key)
    assert (said.verdict, said.findings) == (
        "unknown",
        (Finding("warning", "Inspection of this file broke off several times, so it was given up."),),
    )


def test_a_message_that_comes_twice_is_answered_alike(uploaded):
    asked = uploaded(models.lora())
    assert [answered(asked).verdict for _ in range(5)] == ["accepted"] * 5


def test_what_killed_workers_left_is_removed(uploaded, scratch):
    scratch.mkdir()
    left = scratch / "dead.1.x"
    left.write_bytes(b"x")
    os.utime(left, (1, 1))
    assert answered(uploaded(models.lora())).verdict == "accepted"
    assert not left.exists()


def test_a_hostile_upload_id_stays_in_its_folder(uploaded):
    asked = uploaded(models.lora())
    hostile = InspectModel(upload_id="../../x", attempt=1, key=asked.key, name=asked.name, size=asked.size)
    assert answered(hostile).verdict == "accepted"


def test_a_pickle_is_answered_with_its_safetensors_in_the_store(uploaded, store):
    buffer = io.BytesIO()
    torch.save({"<ink>": torch.ones(768)}, buffer)
    raw = buffer.getvalue()
    said = answered(uploaded(raw, "ink.pt"))
    assert (said.verdict, said.tier, said.format, said.kind) == ("accepted", "A", "PickleTensor", "textual_inversion")
    assert said.digests["sha256"] == hashlib.sha256(raw).hexdigest()
    assert "autov3" not in said.digests
    assert [scan.verdict for scan in said.scans] == ["clean", "clean"]
    kept = store.get_object(Bucket=settings.S3_BUCKET, Key=said.converted.key)["Body"].read()
    store.delete_object(Bucket=settings.S3_BUCKET, Key=said.converted.key)
    assert (said.converted.sha256, said.converted.size) == (hashlib.sha256(kept).hexdigest(), len(kept))
    assert set(said.converted.digests) == {"sha256", "autov3", "crc32", "blake3"}
    assert safetensors.torch.load(kept)["<ink>"].equal(torch.ones(768))


def test_an_embedding_png_is_answered_with_its_safetensors_in_the_store(uploaded, store):
    rows = made_embeddings.vectors(2)
    raw = made_embeddings.in_pixels(made_embeddings.said(rows, name="ink", step=7))
    said = answered(uploaded(raw, "ink.png"))
    assert (said.verdict, said.format, said.kind, said.tier) == ("accepted", "Other", "textual_inversion", "")
    assert said.digests["sha256"] == hashlib.sha256(raw).hexdigest()
    kept = store.get_object(Bucket=settings.S3_BUCKET, Key=said.converted.key)["Body"].read()
    store.delete_object(Bucket=settings.S3_BUCKET, Key=said.converted.key)
    assert (said.converted.sha256, said.converted.size) == (hashlib.sha256(kept).hexdigest(), len(kept))
    assert safetensors.torch.load(kept)["emb_params"].numpy().tobytes() == rows.tobytes()


def test_a_picture_is_refused_as_one(uploaded):
    said = answered(uploaded(made_embeddings.png(made_embeddings.drawing()), "cat.png"))
    assert (said.verdict, said.converted) == ("refused", None)
    assert [finding.sentence for finding in said.findings] == ["This is a PNG. Pictures are added on the model's page."]


def test_workers_write_nowhere_else_beside_uploads():
    for key in ("incoming/anything", "blobs/00/00", "incoming/converted"):
        with pytest.raises(ClientError):
            s3.client().put_object(Bucket=settings.S3_BUCKET, Key=key, Body=b"x")
