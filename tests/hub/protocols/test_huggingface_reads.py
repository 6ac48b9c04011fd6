"""The read path as `huggingface_hub` asks: what its clients read in bodies and headers."""

import pytest
from django.test import Client

from hub.accounts import actions as accounts
from hub.catalog import actions
from hub.catalog.models import Model, Tally
from tests.hub.catalog.files import added


def get(path, user=None, token="", method="get", **params):
    client = Client(headers={"Authorization": f"Bearer {token}"} if token else {})
    if user is not None:
        client.force_login(user)
    return getattr(client, method)(path, params)


@pytest.fixture
def ink(alice):
    return added(alice, "Ink", filename="my_checkpoint_lora.safetensors", trigger_words=["ink"], tags=["prints"])


def test_it_works(ink):
    info = get("/api/models/alice/ink").json()
    assert info["id"] == "alice/ink"
    assert info["sha"] == ink.version.revision.oid
    assert info["private"] is False
    assert {"lora", "prints", "diffusers", "base_model:SD 1.5"} <= set(info["tags"])
    assert {"rfilename": "my_checkpoint_lora.safetensors"} in info["siblings"]
    assert info["lastModified"].endswith("Z")

    tree = get("/api/models/alice/ink/tree/main?recursive=True&expand=True").json()
    assert [item["path"] for item in tree] == ["my_checkpoint_lora.safetensors"]
    assert tree[0]["lfs"] == {"oid": ink.blob_id, "size": ink.blob.size, "pointerSize": 133}
    assert tree[0]["securityFileStatus"]["status"] == "safe"
    assert len(tree[0]["oid"]) == 40


def test_metadata_without_a_redirect_and_bytes_with_one(ink):
    path = "/alice/ink/resolve/main/my_checkpoint_lora.safetensors"
    head = get(path, method="head")
    assert head.status_code == 200
    assert head["X-Repo-Commit"] == ink.version.revision.oid
    assert head["ETag"] == head["X-Linked-Etag"] == f'"{ink.blob_id}"'
    assert head["Content-Length"] == head["X-Linked-Size"] == str(ink.blob.size)
    answer = get(path)
    assert answer.status_code == 302
    assert ink.blob_id in answer["Location"]
    assert Tally.objects.count() == 1, "asking for the headers is no download"


def test_a_lora_is_found_under_the_name_that_diffusers_looks_for(ink):
    siblings = [item["rfilename"] for item in get("/api/models/alice/ink").json()["siblings"]]
    assert siblings[0] == "pytorch_lora_weights.safetensors", "its own name holds a word that diffusers drops"
    head = get("/alice/ink/resolve/main/pytorch_lora_weights.safetensors", method="head")
    assert head["ETag"] == f'"{ink.blob_id}"'
    listed = get("/api/models/alice/ink/tree/main").json()
    assert len(listed) == 1, "a snapshot does not hold the same bytes twice"


def test_an_inversion_is_found_too(alice):
    added(alice, "Peach", inspected={"kind": "textual_inversion"})
    assert get("/alice/peach/resolve/main/learned_embeds.safetensors", method="head").status_code == 200
    assert get("/alice/peach/resolve/main/learned_embeds.bin", method="head").status_code == 404


def test_revisions_by_branch_tag_version_and_commit(ink):
    oid = ink.version.revision.oid
    for name in ("main", "v1", oid, oid[:8], "refs%2Fheads%2Fmain"):
        assert get(f"/api/models/alice/ink/revision/{name}").json()["sha"] == oid, name
    refs = get("/api/models/alice/ink/refs").json()
    assert [(ref["name"], ref["targetCommit"]) for ref in refs["branches"]] == [("main", oid)]
    assert [ref["name"] for ref in refs["tags"]] == ["v1"]
    assert refs["converts"] == []


def test_a_new_version_moves_main_and_the_old_one_stays_a_tag(ink, alice):
    newer = added(alice, seed="two", model_id=ink.version.model_id, filename="ink2.safetensors")
    assert get("/api/models/alice/ink").json()["sha"] == newer.version.revision.oid
    assert get("/api/models/alice/ink/revision/v1").json()["sha"] == ink.version.revision.oid
    commits = get("/api/models/alice/ink/commits/main").json()
    assert [commit["title"] for commit in commits] == ["Add ink2.safetensors", "Add my_checkpoint_lora.safetensors"]


def test_paths_info_leaves_out_what_is_not_there(ink):
    answer = Client().post(
        "/api/models/alice/ink/paths-info/main",
        "paths=my_checkpoint_lora.safetensors&paths=nothing.txt&expand=False",
        content_type="application/x-www-form-urlencoded",
    )
    assert [item["path"] for item in answer.json()] == ["my_checkpoint_lora.safetensors"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/models/alice/nothing", "RepoNotFound"),
        ("/api/models/gpt2", "RepoNotFound"),
        ("/gpt2/resolve/main/config.json", "RepoNotFound"),
        ("/api/datasets/a/b", "RepoNotFound"),
        ("/api/models/alice/ink/revision/nothing", "RevisionNotFound"),
        ("/alice/ink/resolve/nothing/a.txt", "RevisionNotFound"),
        ("/alice/ink/resolve/main/a.txt", "EntryNotFound"),
        ("/api/models/alice/ink/tree/main/nothing", "EntryNotFound"),
    ],
)
def test_what_is_missing_is_named_in_a_header(ink, path, code):
    answer = get(path)
    assert (answer.status_code, answer["X-Error-Code"]) == (404, code)
    if code == "EntryNotFound":
        assert answer["X-Repo-Commit"] == ink.version.revision.oid


@pytest.mark.parametrize("path", ["/api/models/alice/secret", "/alice/secret/resolve/main/secret.safetensors"])
def test_private_is_absent(alice, charlie, path):
    added(alice, "Secret", publish=False)
    absent = get(path.replace("secret", "absent"), charlie)
    private = get(path, charlie)
    assert private.status_code == absent.status_code == 404
    assert private.content == absent.content
    assert private.headers.items() == absent.headers.items()
    assert get(path, alice).status_code in {200, 302}


def test_a_draft_of_a_published_model_is_nobody_elses(ink, alice, charlie):
    draft = added(alice, seed="draft", model_id=ink.version.model_id, publish=False, filename="new.safetensors")
    oid = draft.version.revision.oid
    assert get("/api/models/alice/ink", charlie).json()["sha"] == ink.version.revision.oid
    assert get("/api/models/alice/ink", alice).json()["sha"] == oid, "the owner's main is where they left it"
    assert get(f"/api/models/alice/ink/revision/{oid}", charlie)["X-Error-Code"] == "RevisionNotFound"
    assert get(f"/alice/ink/resolve/{oid}/new.safetensors", charlie).status_code == 404


def test_a_commit_once_published_stays_pinned(ink, alice):
    pinned = ink.version.revision.oid
    added(alice, seed="more", version_id=ink.version_id, filename="more.safetensors")
    assert get("/api/models/alice/ink").json()["sha"] != pinned
    assert get(f"/alice/ink/resolve/{pinned}/my_checkpoint_lora.safetensors", method="head").status_code == 200


def test_a_refused_file_is_not_served(alice):
    file = added(alice, "Bad", inspected={"verdict": "refused"}, publish=False)
    assert get(f"/alice/bad/resolve/main/{file.name}", alice)["X-Error-Code"] == "EntryNotFound"


def test_taken_down(ink, alice, charlie):
    Model.objects.update(status="taken-down")
    for who in (alice, charlie, None):
        answer = get("/api/models/alice/ink", who)
        assert answer.status_code == 403
        assert answer["X-Error-Message"] == "Access to this resource is disabled."


def test_a_bad_token_is_not_taken_for_absence(ink, alice):
    answer = get("/api/models/alice/ink", token="hf_nonsense")
    assert (answer.status_code, answer["X-Error-Message"]) == (401, "Invalid credentials in Authorization header")
    row, token = accounts.token_create(user=alice, name="laptop", scopes=["read"])
    me = get("/api/whoami-v2", token=token).json()
    assert (me["name"], me["type"], me["auth"]["accessToken"]["role"]) == ("alice", "user", "read")
    accounts.token_revoke(user=alice, id=row.pk)
    assert get("/api/whoami-v2", token=token).status_code == 401
    assert get("/api/whoami-v2").status_code == 401


def test_a_warning_reaches_everybody_who_downloads(alice):
    finding = {
        "severity": "warning",
        "sentence": "Its metadata attacks A1111 – beware.",
        "evidence": "",
        "public": True,
    }
    file = added(alice, "Trap")
    file.findings = [finding]
    file.save()
    said = get("/api/models/alice/trap")["X-HF-Warning"]
    assert said == "inspection; trap.safetensors: Its metadata attacks A1111 - beware."
    assert get(f"/alice/trap/resolve/main/{file.name}", method="head")["X-HF-Warning"] == said


def test_lists_filter_and_page(alice, bob):
    added(alice, "Ink", tags=["prints"])
    added(alice, "Wood", inspected={"kind": "base"})
    added(bob, "Brush")
    added(bob, "Draft", publish=False)

    def ids(user=None, **params):
        return [item["id"] for item in get("/api/models", user, **params).json()]

    assert set(ids()) == {"alice/ink", "alice/wood", "bob/brush"}
    assert ids(author="bob") == ["bob/brush"]
    assert set(ids(bob, author="bob")) == {"bob/brush", "bob/draft"}, "one's own private ones are listed"
    assert ids(search="wood") == ["alice/wood"]
    assert ids(filter="prints") == ["alice/ink"]
    assert set(ids(filter=["lora", "text-to-image"])) == {"alice/ink", "bob/brush"}
    assert ids(filter="base_model:Nothing") == []
    first = get("/api/models", limit=2)
    assert len(first.json()) == 2
    rest = get(first["Link"].partition(">")[0].removeprefix("<http://testserver")).json()
    assert len(rest) == 1


def test_small_questions(db):
    assert get("/api/agent-harnesses").json() == {"standardEnvVars": [], "harnesses": {}}
    assert get("/api/telemetry/x", method="head").status_code == 200
    assert Client().post("/v1/telemetry", "{}", content_type="application/json").status_code == 204
    assert get("/api/models-tags-by-type").json() == {}


def test_take_back_and_it_is_gone(ink, alice):
    actions.version_unpublish(version=ink.version, by=alice)
    assert get("/api/models/alice/ink")["X-Error-Code"] == "RepoNotFound"
