"""The write path by git-lfs: repositories made, files announced, sent to the store in parts, committed, inspected."""

import base64
import hashlib
import itertools
import json

import httpx
import pytest
from django.test import Client, TestCase

from hub.accounts import actions as accounts
from hub.catalog.models import File, Model, Revision, Version
from hub.uploads import actions
from hub.uploads.models import Upload
from tests.hub.catalog.files import added
from tests.hub.uploads.conftest import in_store, random_file, report
from workers.messages import Inspected, unpack


class Hf:
    """Speaks as `huggingface_hub` does, with a token."""

    def __init__(self, user, scopes=("read", "upload")):
        _, token = accounts.token_create(user=user, name="hf", scopes=scopes)
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def __call__(self, method, path, body=None, status=200, kind="application/json"):
        sent = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
        with TestCase.captureOnCommitCallbacks(execute=True):
            answer = self.client.generic(method, path, sent, content_type=kind)
        assert answer.status_code == status, (answer.status_code, answer.content[:500])
        self.said = answer.headers
        return answer.json() if answer.content else None

    def commit(self, repo, *lines, branch="main", status=200, **header):
        first = {"key": "header", "value": {"summary": "Push", "description": "", **header}}
        body = "\n".join(json.dumps(line) for line in [first, *lines])
        return self("POST", f"/api/models/{repo}/commit/{branch}", body, status=status, kind="application/x-ndjson")

    def send(self, repo, data):
        """Weights by LFS, up to the commit that names them; the batch's answer."""
        asked = {"operation": "upload", "transfers": ["basic", "multipart", "xet"], "hash_algo": "sha256"}
        asked["objects"] = [{"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}]
        shape = self("POST", f"/{repo}.git/info/lfs/objects/batch", asked)["objects"][0]
        if "actions" in shape:
            send_parts(shape, data)
            self("POST", "/api/lfs/verify", asked["objects"][0])
        return shape

    def push(self, repo, path, data, **header):
        self.send(repo, data)
        return self.commit(repo, weights(path, data), **header)


def send_parts(shape, data):
    """What a client does with a batch's answer: no token, no header, exactly the parts."""
    upload = shape["actions"]["upload"]
    urls = [url for number, url in sorted(upload["header"].items()) if number.isdigit()]
    size = int(upload["header"]["chunk_size"])
    parts = []
    for number, url in enumerate(urls, 1):
        sent = httpx.put(url, content=data[(number - 1) * size : number * size], timeout=60)
        assert sent.status_code == 200, sent.text
        parts.append({"partNumber": number, "etag": sent.headers["etag"]})
    path = upload["href"].removeprefix("http://testserver")
    done = Client().post(path, {"oid": shape["oid"], "parts": parts}, content_type="application/json")
    assert done.status_code == 200, done.content


def weights(path, data):
    return {
        "key": "lfsFile",
        "value": {"path": path, "algo": "sha256", "oid": hashlib.sha256(data).hexdigest(), "size": len(data)},
    }


def small(path, content: bytes):
    return {"key": "file", "value": {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}}


def inspected(data, verdict="accepted", **more) -> Upload:
    """The inspectors' answer for the newest upload of these bytes."""
    upload = Upload.objects.filter(sha256=hashlib.sha256(data).hexdigest()).order_by("-created_at")[0]
    message = unpack(report(upload, data, verdict, **more))
    assert isinstance(message, Inspected)
    actions.upload_inspected(message)
    upload.refresh_from_db()
    return upload


@pytest.fixture
def hf(alice) -> Hf:
    return Hf(alice)


@pytest.fixture
def repo(hf) -> str:
    hf("POST", "/api/repos/create", {"name": "ink", "organization": None, "type": "model"})
    return "alice/ink"


def test_it_works(hf, repo, charlie):
    data = random_file()
    assert Client().get(f"/api/models/{repo}").status_code == 404, "empty: there is nothing to see for others yet"
    made = hf.push(repo, "style/ink.safetensors", data)
    assert hf.said["X-HF-Warning"].startswith("inspection; style/ink.safetensors is being inspected")
    assert made["commitUrl"] == f"http://testserver/{repo}/commit/{made['commitOid']}"

    tree = hf("GET", f"/api/models/{repo}/tree/main?recursive=true&expand=true")
    assert [(item["path"], item.get("securityFileStatus", {}).get("status")) for item in tree] == [
        ("style", None), ("style/ink.safetensors", "queued"),
    ]  # fmt: skip
    waiting = hf("GET", f"/{repo}/resolve/main/style/ink.safetensors", status=403)
    assert waiting["error"] == "style/ink.safetensors is being inspected. Try again in a moment."

    upload = inspected(data)
    assert upload.status == "accepted"
    model = Model.objects.get()
    assert (model.status, model.type) == ("published", "LORA")
    assert [file.name for file in File.objects.all()] == ["style/ink.safetensors"]
    assert model.versions.get().revision.oid == made["commitOid"], "acceptance makes no commit of its own"
    reader = Client()
    reader.force_login(charlie)
    assert reader.get(f"/api/models/{repo}").json()["sha"] == made["commitOid"]
    assert reader.get(f"/{repo}/resolve/main/style/ink.safetensors").status_code == 302


def test_a_private_repository_stays_its_owners(hf, charlie):
    hf("POST", "/api/repos/create", {"name": "mine", "type": "model", "visibility": "private"})
    data = random_file()
    hf.push("alice/mine", "ink.safetensors", data)
    inspected(data)
    assert Client().get("/api/models/alice/mine").status_code == 404
    assert hf("GET", "/api/models/alice/mine")["private"] is True
    hf("PUT", "/api/models/alice/mine/settings", {"visibility": "public"})
    assert Client().get("/api/models/alice/mine").status_code == 200
    hf("PUT", "/api/models/alice/mine/settings", {"private": True})
    assert Client().get("/api/models/alice/mine").status_code == 404


def test_a_repository_twice(hf, repo):
    again = hf("POST", "/api/repos/create", {"name": "INK", "type": "model"}, status=409)
    assert again["url"] == "http://testserver/alice/INK"
    hf("POST", "/api/repos/create", {"name": "bad--name", "type": "model"}, status=422)
    hf("POST", "/api/repos/create", {"name": "data", "type": "dataset"}, status=422)
    hf("POST", "/api/repos/create", {"name": "x", "organization": "bob", "type": "model"}, status=403)


def test_announced_files(hf, repo):
    hf.commit(repo, small("README.md", b"# Ink"))
    asked = [("README.md", 5), ("a.safetensors", 9), ("vocab.json", 900_000), ("train.py", 10), ("sub/x.png", 70)]
    body = {"files": [{"path": path, "size": size, "sample": ""} for path, size in asked]}
    files = hf("POST", f"/api/models/{repo}/preupload/main", body)["files"]
    said = {file["path"]: (file["uploadMode"], file["shouldIgnore"]) for file in files}
    assert said == {
        "README.md": ("regular", False), "a.safetensors": ("lfs", False), "vocab.json": ("regular", False),
        "train.py": ("regular", True), "sub/x.png": ("regular", False),
    }  # fmt: skip
    assert "train.py" in hf.said["X-HF-Warning"]
    assert files[0]["oid"] == hashlib.sha1(b"blob 5\0# Ink").hexdigest()
    for bad in ("../x.json", "/x.json", "a//b.json", "a\x00.json"):
        hf("POST", f"/api/models/{repo}/preupload/main", {"files": [{"path": bad, "size": 1}]}, status=422)


def test_small_files_are_kept_as_they_are(hf, repo):
    made = hf.commit(repo, small("README.md", b"---\ntags: [prints]\n---\n# Ink\nA *style*."), small("a/b.json", b"{}"))
    model = Model.objects.get()
    assert model.description == "# Ink\nA *style*."
    assert [tag.name for tag in model.tags.all()] == ["prints"]
    answer = hf.client.get(f"/{repo}/resolve/main/a/b.json")
    assert answer["ETag"] == f'"{hashlib.sha1(b"blob 2" + bytes(1) + b"{}").hexdigest()}"'
    assert httpx.get(answer["Location"]).text == "{}"
    assert hf.commit(repo, small("a/b.json", b"{}"))["commitOid"] == made["commitOid"], "the same again is no commit"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("model.bin", b"text"),
        ("notes.txt", b"\x80\x04\x95 a pickle"),
        ("notes.txt", b"zero\x00"),
        ("picture.png", b"PK\x03\x04"),
        ("run.py", b"print()"),
        ("big.txt", b"x" * (5 * 1024**2 + 1)),
    ],
)
def test_what_is_not_kept_inside_a_commit(hf, repo, path, content):
    hf.commit(repo, small(path, content), status=422)
    assert Revision.objects.count() == 1


def test_bytes_that_are_not_those_promised_are_refused(hf, repo):
    data = random_file()
    hf.push(repo, "ink.safetensors", data)
    upload = Upload.objects.get()
    other = unpack(report(upload, b"other bytes"))
    actions.upload_inspected(other)
    upload.refresh_from_db()
    assert upload.status == "refused"
    assert "not those that were promised" in upload.findings[-1]["sentence"]
    assert not File.objects.exists()


def test_a_refused_file_is_shown_to_its_owner_and_served_to_nobody(hf, repo):
    data = random_file()
    hf.push(repo, "ink.ckpt", data)
    inspected(data, "refused", findings=())
    tree = hf("GET", f"/api/models/{repo}/tree/main?expand=true")
    assert tree[0]["securityFileStatus"]["status"] == "unsafe"
    hf("GET", f"/api/models/{repo}")
    assert "did not pass inspection" in hf.said["X-HF-Warning"]
    hf("GET", f"/{repo}/resolve/main/ink.ckpt", status=403)
    assert Model.objects.get().status == "draft"
    hf.send(repo, data)
    hf.commit(repo, {"key": "deletedFile", "value": {"path": "ink.ckpt"}})
    assert hf("GET", f"/api/models/{repo}/tree/main") == []


def test_changed_weights_begin_a_version_and_the_old_one_stays(hf, repo):
    one, two = random_file(), random_file()
    first = hf.push(repo, "ink.safetensors", one)
    inspected(one)
    second = hf.push(repo, "ink.safetensors", two)
    reader = Client()
    assert reader.get(f"/api/models/{repo}").json()["sha"] == first["commitOid"], "until the new one is accepted"
    assert hf("GET", f"/api/models/{repo}")["sha"] == second["commitOid"]
    inspected(two)
    assert reader.get(f"/api/models/{repo}").json()["sha"] == second["commitOid"]
    assert [version.name for version in Version.objects.order_by("index")] == ["v2", "v1"]
    old = reader.get(f"/{repo}/resolve/{first['commitOid']}/ink.safetensors")
    assert hashlib.sha256(one).hexdigest() in old["Location"]


def test_a_version_is_published_when_all_of_its_weights_are_accepted(hf, repo):
    unet, vae = random_file(), random_file()
    for data in (unet, vae):
        hf.send(repo, data)
    hf.commit(repo, weights("unet/w.safetensors", unet), weights("vae/w.safetensors", vae), small("m.json", b"{}"))
    inspected(unet)
    assert Model.objects.get().status == "draft"
    inspected(vae)
    assert Model.objects.get().status == "published"
    assert sorted(File.objects.values_list("name", flat=True)) == ["unet/w.safetensors", "vae/w.safetensors"]
    hf.commit(repo, small("README.md", b"# New words"))
    assert Version.objects.count() == 1, "words are no new version"
    assert Client().head(f"/{repo}/resolve/main/README.md").status_code == 200


def test_what_is_taken_away_is_gone(hf, repo):
    one, two = random_file(), random_file()
    for path, data in (("a.safetensors", one), ("b.safetensors", two)):
        hf.push(repo, path, data)
        inspected(data)
    hf.commit(repo, {"key": "deletedFile", "value": {"path": "a.safetensors"}})
    assert Client().get(f"/{repo}/resolve/main/a.safetensors").status_code == 404
    assert [f["name"] for f in Client().get("/api/v1/models").json()["items"][0]["modelVersions"][0]["files"]] == [
        "b.safetensors"
    ]
    hf.commit(repo, {"key": "deletedFile", "value": {"path": "b.safetensors"}})
    assert Client().get(f"/api/models/{repo}").status_code == 404, "nothing is left to publish"


def test_stored_is_only_said_to_who_may_read_it(hf, repo, bob, charlie):
    data = random_file()
    hf("PUT", f"/api/models/{repo}/settings", {"private": True})
    assert "actions" in hf.send(repo, data)
    assert "actions" not in hf.send(repo, data), "its sender need not send it again"
    bobs = Hf(bob)
    bobs("POST", "/api/repos/create", {"name": "copy", "type": "model"})
    bobs.commit("bob/copy", weights("stolen.safetensors", data), status=422)
    hf.commit(repo, weights("ink.safetensors", data))
    inspected(data)
    bobs.commit("bob/copy", weights("stolen.safetensors", data), status=422)
    oid = hashlib.sha256(data).hexdigest()
    copy = {"key": "lfsFile", "value": {"path": "stolen.safetensors", "algo": "sha256", "oid": oid}}
    bobs.commit("bob/copy", copy, status=422)
    asked = {"operation": "upload", "transfers": ["multipart"], "objects": [{"oid": oid, "size": len(data)}]}
    assert "actions" in bobs("POST", "/bob/copy.git/info/lfs/objects/batch", asked)["objects"][0]
    hf("PUT", f"/api/models/{repo}/settings", {"private": False})
    bobs.commit("bob/copy", weights("copied.safetensors", data))
    assert File.objects.get(name="copied.safetensors").verdict == "accepted"
    assert Model.objects.get(slug="copy").status == "published"


@pytest.mark.parametrize("what", ["commit", "preupload", "lfs", "branch", "delete", "settings"])
def test_others_write_nothing(alice, bob, what):
    added(alice, "Ink")
    others, anybody = Hf(bob), Client()
    calls = {
        "commit": ("POST", "/api/models/alice/ink/commit/main"),
        "preupload": ("POST", "/api/models/alice/ink/preupload/main"),
        "lfs": ("POST", "/alice/ink.git/info/lfs/objects/batch"),
        "branch": ("POST", "/api/models/alice/ink/branch/x"),
        "delete": ("DELETE", "/api/repos/delete"),
        "settings": ("PUT", "/api/models/alice/ink/settings"),
    }
    method, path = calls[what]
    body = {"name": "alice/ink", "type": "model", "files": []}
    others(method, path, body, status=403)
    assert others.said["X-Error-Message"]
    assert anybody.generic(method, path, json.dumps(body), content_type="application/json").status_code == 401
    reading = Hf(alice, scopes=["read"])
    reading(method, path, body, status=403)
    assert Model.objects.get().slug == "ink"


def test_branches_and_tags(hf, repo):
    data = random_file()
    oid = hf.push(repo, "ink.safetensors", data)["commitOid"]
    inspected(data)
    hf("POST", f"/api/models/{repo}/branch/dev%2Fone", {}, status=201)
    hf("POST", f"/api/models/{repo}/branch/dev%2Fone", {}, status=409)
    hf("POST", f"/api/models/{repo}/tag/main", {"tag": "v1.0"}, status=201)
    made = hf.commit(repo, small("notes.txt", b"dev"), branch="dev%2Fone")
    assert hf("GET", f"/api/models/{repo}")["sha"] == oid, "main stays"
    refs = Client().get(f"/api/models/{repo}/refs").json()
    assert {ref["name"]: ref["targetCommit"] for ref in refs["branches"]} == {"main": oid, "dev/one": made["commitOid"]}
    assert [ref["name"] for ref in refs["tags"]] == ["v1", "v1.0"]
    assert Client().get(f"/{repo}/resolve/dev/one/notes.txt").status_code == 302, "as a proxy decodes it"
    hf("DELETE", f"/api/models/{repo}/branch/dev%2Fone")
    hf("DELETE", f"/api/models/{repo}/tag/v1.0")
    hf("DELETE", f"/api/models/{repo}/tag/v1.0", status=404)
    hf("DELETE", f"/api/models/{repo}/branch/main", status=422)


def test_a_parent_that_moved(hf, repo):
    start = hf("GET", f"/api/models/{repo}")["sha"]
    hf.commit(repo, small("a.txt", b"1"), parentCommit=start)
    hf.commit(repo, small("a.txt", b"2"), parentCommit=start, status=412)


def test_moved_and_deleted(hf, repo):
    hf("POST", "/api/repos/move", {"fromRepo": repo, "toRepo": "alice/wood", "type": "model"})
    assert hf("GET", f"/api/models/{repo}", status=307) is None
    hf("GET", "/api/models/alice/wood")
    hf("DELETE", "/api/repos/delete", {"name": "wood", "organization": "alice", "type": "model"})
    hf("GET", "/api/models/alice/wood", status=404)


def test_a_card_is_checked_in_json_whatever_it_holds(hf):
    good = hf("POST", "/api/validate-yaml", {"content": "---\ntags: [a]\n---\n", "repoType": "model"})
    assert good == {"errors": [], "warnings": []}
    assert hf("POST", "/api/validate-yaml", {"content": "---\na: [\n---\n"}, status=400)["errors"]
    long = "---\n" + "a: b\n" * 20_000 + "---\n"
    assert "64 KiB" in hf("POST", "/api/validate-yaml", {"content": long}, status=400)["errors"][0]["message"]


def test_pushed_and_never_committed_goes(hf, repo):
    data = random_file()
    hf.send(repo, data)
    upload = Upload.objects.get()
    assert in_store(upload.key) == len(data)
    Upload.objects.update(touched_at="2020-01-01T00:00Z")
    actions.uploads_sweep()
    upload.refresh_from_db()
    assert (upload.status, in_store(upload.key)) == ("aborted", None)


@pytest.mark.parametrize("body", ["nonsense", "[]", '{"key": "file"}', '{"key": "what", "value": {}}', "[" * 100_000])
def test_a_body_that_is_no_commit(hf, repo, body):
    hf("POST", f"/api/models/{repo}/commit/main", body, status=400, kind="application/x-ndjson")


def test_a_model_card_that_would_fill_the_memory(hf, repo):
    """Each line names the one before ten times; written out it is a thousand million words."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in itertools.pairwise("abcdefghi")]
    hf.commit(repo, small("README.md", "\n".join(["---", *lines, "tags: [*i, ink]", "---", "# Ink"]).encode()))
    assert list(Model.objects.get().tags.values_list("name", flat=True)) == ["ink"]
