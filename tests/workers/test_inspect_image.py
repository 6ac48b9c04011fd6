"""A picture on its way through a worker: fetched, read apart, kept, answered."""

import hashlib
import io
import os
import uuid

import boto3
import msgspec
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.workers.recipes import pictures as vectors
from workers import messages, sent_pictures, settings
from workers.messages import Failed, InspectImage, Sandbox, picture_key


@pytest.fixture(scope="module")
def store():
    client = boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT,
        region_name=settings.S3_REGION,
        aws_access_key_id=os.environ["S3_ACCESS_KEY"],
        aws_secret_access_key=os.environ["S3_SECRET_KEY"],
    )
    there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in {settings.S3_BUCKET, settings.S3_PICTURES_BUCKET} - there:
        client.create_bucket(Bucket=bucket)
    return client


@pytest.fixture
def asked(store):
    def put(raw: bytes, name="fox.png", **fields) -> InspectImage:
        id = str(uuid.uuid4())
        store.put_object(Bucket=settings.S3_BUCKET, Key=f"incoming/{id}", Body=raw)
        return InspectImage(upload_id=id, attempt=1, key=f"incoming/{id}", name=name, size=len(raw), **fields)

    return put


def png(text=vectors.QUOTED):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("parameters", text)
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    Image.fromarray(noise).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def test_it_works(store, asked):
    answer = sent_pictures.inspect_image(asked(png()))
    assert (answer.verdict, answer.width, answer.height, answer.format) == ("accepted", 60, 40, "PNG")
    assert (answer.recipe.program, answer.recipe.seed) == ("A1111", 7)
    assert len(answer.blurhash) == 28
    kept = store.get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(answer.sha256))["Body"].read()
    assert hashlib.sha256(kept).hexdigest() == answer.sha256
    assert len(kept) == answer.bytes
    assert b"parameters" not in kept
    assert messages.unpack(msgspec.json.decode(msgspec.json.encode(messages.pack(answer)))) == answer


def test_one_that_is_only_read_is_not_kept(asked):
    answer = sent_pictures.inspect_image(asked(png(), keep=False))
    assert (answer.sha256, answer.bytes, answer.recipe.seed) == ("", 0, 7)


def test_what_it_says_is_cleaned(asked):
    text = "a \u202eeci\u200b\0fox\nSteps: 20, Sampler: \u202eEuler, CFG scale: 7, Seed: 1, Size: 64x64, Odd: \x1b[31m"
    recipe = sent_pictures.inspect_image(asked(png(text.replace("\0", "")))).recipe
    assert (recipe.prompt, recipe.sampler, recipe.others) == ("a ecifox", "Euler", {"Odd": "[31m"})


def test_a_refused_one_says_why(asked):
    answer = sent_pictures.inspect_image(asked(b"<svg onload=alert(1)>", "fox.svg"))
    assert answer.verdict == "refused"
    assert "none of them" in answer.findings[0].sentence


@pytest.mark.parametrize("walls", ["here", "nowhere"])
def test_one_that_ends_its_process_is_unknown(asked, monkeypatch, walls):
    if walls == "nowhere":
        monkeypatch.setattr(sent_pictures.sandbox, "state", lambda: Sandbox(walls="", problem="none"))
    monkeypatch.setattr(sent_pictures, "MEMORY_BYTES", 60_000_000)
    answer = sent_pictures.inspect_image(asked(png()))
    assert answer.verdict == "unknown"
    assert "too long, or too much memory" in answer.findings[0].sentence


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_every_format_is_read_behind_the_walls(asked, format):
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 30)).save(buffer, format)
    answer = sent_pictures.inspect_image(asked(buffer.getvalue(), f"x.{format.lower()}", keep=False))
    assert (answer.verdict, answer.format) == ("accepted", format)


def test_one_that_is_gone_may_be_asked_for_again():
    answer = sent_pictures.inspect_image(InspectImage(upload_id="x", attempt=2, key="incoming/none", name="x", size=1))
    assert isinstance(answer, Failed)
    assert answer.retry


def test_the_process_sees_no_environment(asked, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKER_S3_SECRET_KEY", "SECRET")
    seen = {}
    real = sent_pictures.subprocess.Popen

    def watched(*arguments, **options):
        seen.update(options["env"])
        return real(*arguments, **options)

    monkeypatch.setattr(sent_pictures.subprocess, "Popen", watched)
    monkeypatch.setattr(sent_pictures.sandbox, "state", lambda: Sandbox(walls="", problem="none"))
    assert sent_pictures.inspect_image(asked(png(), keep=False)).verdict == "accepted"
    assert seen == {"OPENBLAS_NUM_THREADS": "1"}
