"""Pushing by Xet: blocks of chunks go to the store, a shard says how a file is made of them, a worker joins it."""

import hashlib
import json

import httpx
import pytest
from django.test import Client, TestCase
from django.utils import timezone

from hub import storage
from hub.accounts.actions import token_revoke
from hub.accounts.models import Token, User
from hub.catalog.models import Model
from hub.uploads import chunks
from hub.uploads.models import ChunkedFile, Upload, Xorb
from hub.uploads.tasks import inspected as answered
from tests.hub.protocols.test_huggingface_writes import Hf, inspected, weights
from tests.hub.uploads.conftest import Mail, random_file
from tests.workers import xorbs
from workers import assembly, messages
from workers.messages import AssembleFile, xorb_key


class Cas:
    """A Xet client's session: it asks for a token, and speaks with the store of chunks by that alone."""

    def __init__(self, hf, repo):
        said = hf("GET", f"/api/models/{repo}/xet-write-token/main")
        assert hf.said["X-Xet-Cas-Url"] == said["casUrl"]
        self.path = said["casUrl"].removeprefix("http://testserver")
        self.client = Client(headers={"Authorization": f"Bearer {said['accessToken']}"})

    def __call__(self, path, body=b"", status=200):
        answer = self.client.post(f"{self.path}{path}", body, content_type="application/octet-stream")
        assert answer.status_code == status, (answer.status_code, answer.content[:300])
        return answer.json()

    def grant(self, block, size, status=201):
        body = json.dumps({"length": size, "checksum": {"algo": "crc64nvme", "value": "x"}})
        answer = self.client.post(f"{self.path}/v1/xorb-grants/default/{block}", body, content_type="application/json")
        assert answer.status_code == status, answer.content
        return answer.json()


@pytest.fixture
def hf(alice) -> Hf:
    return Hf(alice)


@pytest.fixture
def repo(hf) -> str:
    hf("POST", "/api/repos/create", {"name": "ink", "type": "model"})
    return "alice/ink"


def name_of(block: bytes) -> str:
    return hashlib.sha256(block).hexdigest()  # a client's own hash is another one; the hub takes what it is told


def test_it_works(hf, repo, alice):
    data = random_file(300_000)
    block = xorbs.xorb(data)
    cas, name, sha = Cas(hf, repo), name_of(block), hashlib.sha256(data).hexdigest()
    assert cas.client.get(f"{cas.path}/v1/chunks/default/{name}").status_code == 404
    assert cas(f"/v1/xorbs/default/{name}", block) == {"was_inserted": True}
    assert cas(f"/v1/xorbs/default/{name}", block) == {"was_inserted": False}
    assert cas("/v1/shards", xorbs.shard(sha, [(name, 0, 5, len(data))])) == {"result": 1}

    mail = Mail()
    mail.empty()
    made = hf.commit(repo, weights("ink.safetensors", data))
    upload = Upload.objects.get()
    assert (upload.status, upload.stored) == ("inspecting", False)
    [(asked, then)] = mail.take()
    message = messages.unpack(asked)
    assert isinstance(message, AssembleFile)
    with TestCase.captureOnCommitCallbacks(execute=True):
        answered(messages.pack(assembly.assemble_file(message)))
    [(again, _)] = mail.take()
    assert (again["type"], then) == ("InspectModel", "hub.uploads.inspected")
    assert storage.object_size(upload.key) == len(data)
    inspected(data)
    sent = Client().get(f"/{repo}/resolve/{made['commitOid']}/ink.safetensors")
    assert httpx.get(sent["Location"]).content == data
    answered(messages.pack(assembly.Assembled(upload_id=str(upload.pk), attempt=1)))  # a repeat
    upload.refresh_from_db()
    assert upload.status == "accepted"


def test_a_block_goes_straight_to_the_store(hf, repo):
    block = xorbs.xorb(random_file())
    cas, name = Cas(hf, repo), name_of(block)
    grant = cas.grant(name, len(block))
    assert grant["method"] == "PUT"
    cas(f"/v1/xorb-commits/default/{name}/grant/{grant['id']}", status=404)
    assert httpx.put(grant["url"], content=block + b"more").status_code != 200, "its length is signed"
    assert httpx.put(grant["url"], content=block).status_code == 200
    cas(f"/v1/xorb-commits/default/{name}/grant/{grant['id']}")
    cas.grant(name, len(block), status=200)
    again = Xorb.objects.get()
    assert (again.stored, again.size) == (True, len(block))


def test_a_broken_push_goes_on(hf, repo):
    """The block arrived, and the client died before it could say so."""
    block = xorbs.xorb(random_file())
    cas, name = Cas(hf, repo), name_of(block)
    httpx.put(cas.grant(name, len(block))["url"], content=block)
    cas.grant(name, len(block), status=200)


def test_another_persons_blocks_are_not_there(hf, repo, bob):
    data = random_file()
    block = xorbs.xorb(data)
    name, sha = name_of(block), hashlib.sha256(data).hexdigest()
    Cas(hf, repo)(f"/v1/xorbs/default/{name}", block)
    bobs = Hf(bob)
    bobs("POST", "/api/repos/create", {"name": "copy", "type": "model"})
    theirs = Cas(bobs, "bob/copy")
    theirs.grant(name, len(block))
    theirs("/v1/shards", xorbs.shard(sha, [(name, 0, 1, len(data))]), status=400)
    bobs.commit("bob/copy", weights("w.safetensors", data), status=422)
    assert not ChunkedFile.objects.exists()


def test_a_token_is_one_persons_and_one_places(hf, repo, bob):
    bobs = Hf(bob)
    bobs("POST", "/api/repos/create", {"name": "copy", "type": "model"})
    cas, theirs = Cas(hf, repo), Cas(bobs, "bob/copy")
    cas.path = theirs.path
    cas("/v1/shards", status=401)
    theirs.path = theirs.path.replace("/cas/", "/cas/0")
    theirs("/v1/shards", status=401)
    theirs.client = Client()
    theirs("/v1/shards", status=401)
    bobs("GET", f"/api/models/{repo}/xet-write-token/main", status=403 if public(repo) else 404)
    reading = Hf(User.objects.get(username="alice"), scopes=["read"])
    reading("GET", f"/api/models/{repo}/xet-write-token/main", status=403)


@pytest.mark.parametrize(
    "what", ["token revoked", "token ran out", "account closed", "repository deleted", "given away"]
)
def test_a_token_ends_with_what_it_was_made_for(hf, repo, alice, bob, what):
    cas = Cas(hf, repo)
    cas.grant("0" * 64, 1000)
    match what:
        case "token revoked":
            token_revoke(user=alice, id=Token.objects.get(user=alice).pk)
        case "token ran out":
            Token.objects.update(expires_at=timezone.now())
        case "account closed":
            User.objects.filter(pk=alice.pk).update(is_active=False)
        case "repository deleted":
            hf("DELETE", "/api/repos/delete", {"name": repo, "type": "model"})
        case "given away":
            Model.objects.update(owner=bob)
    cas.grant("0" * 64, 1000, status=401)
    cas("/v1/shards", status=401)


def public(repo) -> bool:
    return Client().get(f"/api/models/{repo}").status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"x" * 47, b"x" * 200, xorbs.shard("0" * 64, [("0" * 64, 0, 1, 5)], named=False),
     xorbs.shard("0" * 64, [("0" * 64, 1, 1, 5)]), xorbs.shard("0" * 64, [("0" * 64, 0, 1, 0)]),
     xorbs.shard("0" * 64, [("0" * 64, 0, 1, 5)])],
)  # fmt: skip
def test_a_shard_that_is_none(hf, repo, body):
    Cas(hf, repo)("/v1/shards", body, status=400)


@pytest.mark.parametrize("name", ["x", "0" * 63, "g" * 64])
def test_a_block_without_a_name(hf, repo, name):
    Cas(hf, repo)(f"/v1/xorbs/default/{name}", b"x", status=400)


def test_the_quota_holds_for_blocks_too(hf, repo, alice, settings):
    User.objects.update(quota_bytes=1000)
    Cas(hf, repo)(f"/v1/xorbs/default/{'0' * 64}", bytes(1001), status=413)


def test_blocks_go_when_clients_have_forgotten_them(hf, repo, alice):
    block = xorbs.xorb(random_file())
    cas, name = Cas(hf, repo), name_of(block)
    cas(f"/v1/xorbs/default/{name}", block)
    chunks.chunks_sweep()
    assert Xorb.objects.exists()
    Xorb.objects.update(used_at="2020-01-01T00:00Z")
    chunks.chunks_sweep()
    assert not Xorb.objects.exists()
    assert storage.object_size(xorb_key(alice.pk, name)) is None
