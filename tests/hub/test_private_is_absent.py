"""Alice's private things are, for everybody else, like things that are not there: by every address that names one.

The addresses come from the URLconf: a new one with a parameter that is not known here fails the first test.
"""

import json
import re
import uuid

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from hub.accounts.actions import token_create, token_revoke
from hub.catalog.actions import model_edit
from hub.catalog.models import Model
from hub.community.groups import group_create, model_transfer
from hub.community.models import Collection, CollectionItem, Comment
from hub.gallery.actions import picture_add
from hub.gallery.models import SentPicture
from hub.hooks.models import Delivery, Hook
from hub.imports.models import Import
from hub.leaving.models import Export
from hub.moderation.models import Case
from hub.prompts.actions import prompt_create
from hub.prompts.models import Example, Prompt
from hub.tryit.models import Generation
from hub.uploads.models import Upload
from tests import cast
from tests.hub.catalog.files import added
from workers.messages import Drawn, Recipe

# Addresses that name people, who are public; hold a secret of their own; or name nothing of anybody's.
OTHERS = re.compile(
    r"^(admin/|operator/people/|mail/stop/|groups/|confirm-email/|\^confirm|reset/|\^reset|u/|api/v1/users/|cas/|api/lfs/complete/|api/telemetry/|"
    r"api/v1/vault/|sdapi/v1/<|v1/<path:rest>|api/models/<str:name>$|\^)"
)
NAMED = re.compile(r"<(?:\w+:)?(\w+)>")


def routes(resolver=None, before=""):
    for pattern in (resolver or get_resolver()).url_patterns:
        whole = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, whole)
        elif isinstance(pattern, URLPattern) and NAMED.search(whole) and not OTHERS.search(whole):
            yield whole


ROUTES = sorted(set(routes()))
ABSENT = {
    **dict.fromkeys(
        ("model_id", "version_id", "file_id", "picture_id", "collection_id", "item_id", "prompt_id", "comment_id",
         "review_id", "case_id", "block_id", "hook_id"),
        999_999,
    ),
    **dict.fromkeys(
        ("generation_id", "job_id", "workflow_id", "upload_id", "sent_id", "delivery_id"), uuid.UUID(int=7)
    ),
    "sha256": "0" * 64, "hash": "0" * 64, "name": "not-there",
}  # fmt: skip
SAME = {"slug": "x", "params": "original=true", "number": 1, "owner": "alice", "rest": "main", "right": "write"}


def values(private, route):
    """Fills a route's parameters: (with Alice's private things, with what is not there)."""
    theirs, nobodys = {**SAME, **private}, {**SAME, **ABSENT}
    if "<str:params>" in route:
        theirs["name"] = nobodys["name"] = "x.png"
    if route.startswith("v1/models/"):
        theirs["name"] = f"Secret-v{private['version_id']}"
    if "<int:id>" in route or "<uuid:id>" in route:
        kind = next((f"{kind}_id" for kind in ("token", "import", "export") if kind in route), "upload_id")
        theirs["id"], nobodys["id"] = private[kind], 999_999 if kind == "token_id" else uuid.UUID(int=7)
    if route.startswith("<str:owner>/<str:name>/resolve"):
        theirs["rest"] = nobodys["rest"] = f"main/{private['filename']}"
    return [_filled(route, given) for given in (theirs, nobodys)]


def _filled(route, given):
    return "/" + NAMED.sub(lambda found: str(given[found[1]]), route)


def test_every_address_is_known_here():
    known = {*ABSENT, *SAME, "id"}
    strange = {route: names for route in ROUTES if (names := set(NAMED.findall(route)) - known)}
    assert not strange, "say in ABSENT what these name, or in OTHERS why they name nothing private"
    assert len(ROUTES) > 60


@pytest.fixture
def private(alice, request):
    """One of each thing of Alice's that nobody else may know of; a base, so that it could be drawn on. Her model is a
    draft, or as the test says."""
    how = getattr(request, "param", "draft")
    file = added(alice, "Secret", publish=how == "unlisted", inspected={"kind": "base"})
    if how == "unlisted":
        model_edit(model=file.version.model, by=alice, fields={"unlisted": True})
    elif how == "a group's":
        group_create(by=alice, name="printers")
        model_transfer(by=alice, model_id=file.version.model_id, to="printers")
    recipe = Recipe(base=file.blob_id, base_family="sd1", base_name="Secret", prompt="hers", seed=7)
    drawn = Drawn(sha256="ab" * 32, width=64, height=64, seed=7, bytes=1)
    picture = picture_add(owner=alice, drawn=drawn, recipe=recipe, seconds=1.0, visible=False)
    generation = Generation.objects.create(owner=alice, purpose="tryit", recipe=picture.recipe)
    collection = Collection.objects.create(owner=alice, name="Mine", private=True)
    item = CollectionItem.objects.create(collection=collection, picture=picture, position=0)
    prompt = Prompt.objects.create(owner=alice, title="Mine", recipe=picture.recipe, private=True, digest="0")
    Example.objects.create(prompt=prompt, picture=picture)
    comment = Comment.objects.create(author=alice, picture=picture, text="mine")
    upload = Upload.objects.create(owner=alice, filename="secret.safetensors", size=1000, part_size=5 * 1024**2)
    case = Case.objects.create(
        kind="picture", thing=picture.pk, title="Mine", owner=alice, decision="hidden", decided_at=timezone.now()
    )
    coming = Import.objects.create(owner=alice, link="x", kind="civitai", server="https://civitai.com", target={})
    export = Export.objects.create(owner=alice, status="ready")
    sent = SentPicture.objects.create(owner=alice, name="secret.png", size=10, multipart="x")
    hook = Hook.objects.create(owner=alice, url="https://example.org/hook", secret="x", events=["version.published"])
    now = timezone.now()
    delivery = Delivery.objects.create(hook=hook, kind="version.published", subject=1, happened_at=now, due_at=now)
    return {
        "owner": "printers" if how == "a group's" else "alice",
        "model_id": file.version.model_id, "version_id": file.version_id, "file_id": file.pk, "hash": file.blob_id,
        "filename": file.name, "name": file.version.model.slug, "picture_id": picture.pk, "sha256": picture.sha256,
        "generation_id": generation.pk, "job_id": generation.pk, "workflow_id": generation.pk,
        "collection_id": collection.pk, "item_id": item.pk, "prompt_id": prompt.pk, "comment_id": comment.pk,
        "review_id": 999_999, "case_id": case.pk, "block_id": 999_999, "upload_id": upload.pk, "import_id": coming.pk,
        "export_id": export.pk,
        "sent_id": sent.pk, "hook_id": hook.pk, "delivery_id": delivery.pk,
        "token_id": token_create(user=alice, name="hers", scopes=["read"])[0].pk,
    }  # fmt: skip


def bearer(user, *scopes):
    return Client(headers={"Authorization": f"Bearer {token_create(user=user, name='x', scopes=scopes)[1]}"})


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def revoked(user):
    row, token = token_create(user=user, name="x", scopes=["read", "upload", "generate"])
    token_revoke(user=user, id=row.pk)
    return Client(headers={"Authorization": f"Bearer {token}"})


def banned(user):
    client = bearer(user, "read", "upload", "generate")
    user.is_active = False
    user.save()
    return client


WHO = {
    "anonymous": lambda: Client(),
    "signed in": lambda: signed_in(cast.charlie()),
    "with a token": lambda: bearer(cast.charlie(), "read", "upload", "generate"),
    "with a reading token": lambda: bearer(cast.charlie(), "read"),
    "with a revoked token": lambda: revoked(cast.charlie()),
    "banned": lambda: banned(cast.charlie()),
}


def said(client, method, path):
    """What an answer tells: its status, where it leads, and its JSON; without the words of the address itself."""
    answer = client.generic(method, path, "{}", content_type="application/json", headers={"Accept": "*/*"})
    told = [answer.headers.get("Location", "")]
    if "json" in answer.headers.get("Content-Type", ""):
        told.append(json.dumps(json.loads(answer.content), sort_keys=True, ensure_ascii=False))
    values = "|".join(re.escape(value) for value in sorted({path, *path.split("/")} - {""}, key=len, reverse=True))
    return f"{answer.status_code} " + re.sub(rf"(?<!\w)(?:{values})(?!\w)", "…", " ".join(told))


HOW = [*((who, "draft") for who in WHO), *((who, how) for how in ("unlisted", "a group's") for who in list(WHO)[:2])]


@pytest.mark.parametrize(("who", "private"), HOW, indirect=["private"])
def test_it_works(private, who):
    client, different = WHO[who](), []
    for route in ROUTES:
        hers, nobodys = values(private, route)
        methods = ("GET", "POST", "DELETE", "PATCH") if who == "with a token" else ("GET", "POST")
        for method in methods:
            one, other = said(client, method, hers), said(client, method, nobodys)
            if one != other or one[:3] in {"500", "502", "503"}:
                different.append((method, route, one[:150], other[:150]))
    assert not different
    assert Generation.objects.get().is_open
    assert Collection.objects.get().items.exists()
    assert Prompt.objects.exists()
    assert Upload.objects.exists()
    assert Comment.objects.get().removed_at is None
    assert Case.objects.get().appealed_at is None


def test_moderators_are_told_and_nothing_breaks(private):
    client = signed_in(cast.mona())
    broken = [
        (route, status)
        for route in ROUTES
        for status in [client.get(values(private, route)[0], headers={"Accept": "*/*"}).status_code]
        if status >= 500
    ]
    assert not broken
    assert client.get(f"/api/v1/models/{private['model_id']}").status_code == 200


@pytest.mark.parametrize("private", ["draft", "unlisted", "a group's"], indirect=True)
def test_alice_finds_her_own(private, alice):
    client = signed_in(alice)
    for path in (
        f"/api/v1/models/{private['model_id']}", f"/api/v1/model-versions/{private['version_id']}",
        f"/models/{private['model_id']}/secret", f"/pictures/{private['picture_id']}",
        f"/collections/{private['collection_id']}", f"/prompts/{private['prompt_id']}",
        f"/api/v1/generations/{private['generation_id']}", f"/api/v1/uploads/{private['upload_id']}",
        f"/api/models/{private['owner']}/{private['name']}",
    ):  # fmt: skip
        assert client.get(path, follow=True).status_code == 200, path


@pytest.mark.parametrize("private", ["draft", "unlisted", "a group's"], indirect=True)
def test_nothing_of_it_is_offered_while_somebody_types(private, alice):
    """Not its name, trigger words, creator or hash, nor the prompt; the answer is as where there is nothing at all."""
    model = Model.objects.get(pk=private["model_id"])
    model.versions.update(trigger_words=["secret word"])
    prompt = prompt_create(owner=alice, fields={"title": "Mine", "prompt": "hers", "private": True})
    typed = ["secret", "secret wo", "mine", "hers", "alice", "printers", private["hash"], private["hash"][:10]]
    strangers = [Client(), signed_in(cast.charlie()), signed_in(cast.bob())]
    if model.link_key:  # who holds its link finds it by that alone
        strangers[0].get(f"/models/{model.pk}/secret?key={model.link_key}")
    told = {q: {client.get("/search", {"query": q}).content for client in strangers} for q in typed}
    assert [q for q, answers in told.items() if len(answers) > 1 or b"href" in answers.pop()] == []
    hers = signed_in(alice).get("/search", {"query": "mine"}).content.decode()
    assert f"/prompts/{prompt.pk}" in hers, "her own private prompt is offered to herself"
