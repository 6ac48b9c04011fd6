"""What every upload story needs: a signed-in client, parts really sent to the store, the inspectors' mail box read."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator

import httpx
import pytest
from django.test import Client, TestCase

from hub import queue, storage
from hub.uploads.models import Upload
from workers.messages import INSPECT, Inspected, pack

MIB = 1024**2
PART = 5 * MIB  # the smallest that S3 promises to take


class Api:
    """Speaks JSON with the hub as one person; every answer's status is looked at."""

    def __init__(self, user, root: str = "/api/v1/uploads", **headers: str) -> None:
        self.client = Client(headers={"accept": "application/json", **headers})
        if user is not None:
            self.client.force_login(user)
        self.root = root

    def __call__(self, method: str, path: str = "", body=None, status: int = 200):
        sent = json.dumps(body) if body is not None else ""
        with TestCase.captureOnCommitCallbacks(execute=True):  # the test's own transaction never commits
            answer = self.client.generic(method, self.root + path, sent, content_type="application/json")
        assert answer.status_code == status, (answer.status_code, answer.content[:500])
        return answer.json() if answer.content else None

    def start(self, filename: str = "ink.safetensors", size: int = 1000, status: int = 201, **more):
        return self("POST", "", {"filename": filename, "size": size, **more}, status=status)

    def send(self, upload: dict, data: bytes, numbers=None) -> None:
        """Sign and PUT parts of ``data``, as a browser does: straight to the store."""
        size = upload["part_size"]
        for number in numbers or range(1, upload["parts"] + 1):
            urls = self("POST", f"/{upload['id']}/parts", {"numbers": [number]})["urls"]
            sent = httpx.put(urls[str(number)], content=data[(number - 1) * size : number * size], timeout=60)
            assert sent.status_code == 200, sent.text

    def arrive(self, data: bytes, filename: str = "ink.safetensors", **more) -> Upload:
        """A whole upload up to its completion."""
        upload = self.start(filename, len(data), **more)
        self.send(upload, data)
        self("POST", f"/{upload['id']}/complete", {})
        return Upload.objects.get(id=upload["id"])


@pytest.fixture
def api(alice) -> Api:
    return Api(alice)


@pytest.fixture
def charlies(charlie) -> Api:
    return Api(charlie)


@pytest.fixture
def mail() -> Iterator["Mail"]:
    box = Mail()
    box.empty()
    yield box
    box.empty()


class Mail:
    """What was sent to the workers of a queue, read from the real broker."""

    def __init__(self, name: str = INSPECT) -> None:
        self.name = name

    def empty(self) -> None:
        queue.cache().delete(self.name)

    def take(self) -> list[tuple[dict, str]]:
        """All (payload, then) that wait, oldest first."""
        found = []
        while raw := queue.cache().rpop(self.name):
            args, _, _ = json.loads(base64.b64decode(json.loads(raw)["body"]))
            found.append((args[0], args[1]))
        return found


def report(upload: Upload, data: bytes, verdict: str = "accepted", **more) -> dict:
    """The inspectors' answer for a LoRA, packed as it travels."""
    digest = hashlib.sha256(data).hexdigest()
    known = {
        "upload_id": str(upload.id),
        "attempt": upload.attempt,
        "verdict": verdict,
        "digests": {"sha256": digest, "autov2": digest[:10]},
        "size": len(data),
        "kind": "lora",
        "base_family": "sd1",
        "format": "SafeTensor",
        "summary": {"rank": 16},
    }
    return pack(Inspected(**(known | more)))


def random_file(size: int = 2000) -> bytes:
    return os.urandom(size)


def in_store(key: str) -> int | None:
    return storage.object_size(key)
