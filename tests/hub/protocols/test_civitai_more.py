"""The smaller endpoints of Civitai's API."""

import pytest
from django.test import Client

from hub.catalog.models import Model
from hub.community.models import Collection, CollectionItem, Comment
from hub.gallery.actions import picture_add
from tests.hub.catalog.files import added
from workers.messages import Drawn, Recipe


def get(path, user=None, **params):
    client = Client()
    if user:
        client.force_login(user)
    return client.get(f"/api/v1/{path}", params)


@pytest.fixture
def linocut(alice):
    return added(alice)


def test_a_version_as_workers_ask_for_it(linocut, alice, bob):
    told = get(f"model-versions/mini/{linocut.version_id}").json()
    assert (told["modelName"], told["versionName"]) == ("Linocut", linocut.version.name)
    assert told["size"] * 1024 == linocut.blob.size
    assert told["downloadUrls"][0].endswith(f"/api/download/models/{linocut.version_id}")
    assert told["hashes"]["SHA256"] == linocut.blob_id.upper()
    assert (told["canGenerate"], told["requireAuth"]) == (True, False)
    assert get(f"model-versions/mini/{linocut.version_id}", modelFileId=linocut.pk).json() == told
    assert get(f"model-versions/mini/{linocut.version_id}", modelFileId=linocut.pk + 1).status_code == 404
    Model.objects.update(sign_in_to_download=True)
    assert get(f"model-versions/mini/{linocut.version_id}").json()["requireAuth"] is True
    draft = added(alice, "Secret", publish=False)
    where = f"model-versions/mini/{draft.version_id}"
    assert get(where, alice).json()["requireAuth"] is True
    assert [get(where, user).status_code for user in (None, bob)] == [404, 404]
    assert get("model-versions/mini/x").status_code == 400


def test_how_many_numbers_a_file_holds(alice, bob):
    counted = {"tensors": 264, "parameters": 1_000, "dtypes": {"F16": 990, "F32": 10}}
    file = added(alice, inspected={"summary": counted})
    told = get(f"model-files/{file.pk}/tensor-metadata").json()
    assert (told["tensorCount"], told["parameterCount"], told["dtypes"]) == (264, 1_000, {"F16": 990, "F32": 10})
    assert told["estimatedVramBytes"] == file.blob.size
    draft = added(alice, "Secret", publish=False)
    where = f"model-files/{draft.pk}/tensor-metadata"
    assert [get(where, user).status_code for user in (None, bob, alice)] == [404, 404, 200]
    assert get("model-files/x/tensor-metadata").status_code == 400


def test_people_by_id_and_name(alice, bob):
    assert get("users", query="AL").json() == {
        "items": [{"id": alice.pk, "username": "alice", "avatarNsfw": "None"}]
    }  # fmt: skip
    assert [row["username"] for row in get("users", ids=f"{bob.pk},{alice.pk}").json()["items"]] == ["alice", "bob"]
    assert get("users").json() == {"items": []}
    assert get("users", ids="x").status_code == 400
    assert get("users/BOB").json()["id"] == bob.pk
    assert get("users/nobody").status_code == 404


def test_who_may_draw_with_what(linocut, alice, bob):
    draft = added(alice, "Secret", publish=False)
    ids = f"{linocut.version_id},{draft.version_id},999999"
    expected = {str(linocut.version_id): True, str(draft.version_id): False, "999999": False}
    assert get("permissions/check", bob, entityIds=ids, entityType="ModelVersion", permission="Generate").json() == (
        expected
    )
    assert get("permissions/check", alice, entityIds=ids).json() == expected | {str(draft.version_id): True}
    assert get("permissions/check", entityIds="").json() == []
    assert get("permissions/check").status_code == 400
    assert get("permissions/check", entityIds="1", permission="Sell").status_code == 400


def test_collections(linocut, alice, bob):
    public = Collection.objects.create(owner=alice, name="Prints")
    private = Collection.objects.create(owner=alice, name="Mine", private=True)
    CollectionItem.objects.create(collection=public, model=linocut.version.model, position=0)
    draft = added(alice, "Secret", publish=False)
    CollectionItem.objects.create(collection=public, model=draft.version.model, position=1)
    [row] = get("collections", bob).json()["items"]
    assert (row["id"], row["name"], row["type"], row["itemCount"]) == (public.pk, "Prints", "Model", 1)
    assert row["user"] == {"id": alice.pk, "username": "alice"}
    page = get("collections", alice, limit=1).json()
    assert page["items"][0]["id"] == private.pk
    assert page["metadata"]["nextCursor"] == private.pk
    assert get("collections", alice, limit=1, cursor=private.pk).json()["items"][0]["id"] == public.pk
    assert get("collections", query="prin").json()["items"]
    assert get(f"collections/{public.pk}").json()["tags"] == []
    answer = get(f"collections/{private.pk}", bob)
    assert (answer.status_code, answer.json()) == (404, {"error": f"No collection with id {private.pk}"})


@pytest.mark.parametrize("path", ["articles", "vault/get", "vault/all", "bugs", "content/x"])
def test_what_is_not_here_is_json(db, path):
    answer = get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_addresses_as_clients_write_them(linocut):
    """mmget asks for two slashes, others for one at the end; none of them follows a redirect."""
    model = linocut.version.model_id
    for path in (f"//api/v1/models/{model}", f"/api/v1/models/{model}/", "/api/v1/models/", "//api/v1/tags/",
                 f"/api/v1/model-versions/by-hash/{linocut.blob_id}/",
                 f"//api/download/models/{linocut.version_id}"):  # fmt: skip
        # The test client cuts "//api" as a host's name where it stands in the path.
        answer = Client().get("/api/docs", PATH_INFO=path)
        assert answer.status_code in {200, 307}, path
    assert Client().get("/", PATH_INFO="//evil.example/x").status_code == 404


def test_images_by_comments_and_collections(linocut, alice, bob):
    """Each sort sorts, and goes on by cursor."""
    recipe = Recipe(base=linocut.blob_id, base_family="sd1", seed=7)
    pictures = [
        picture_add(
            owner=alice, drawn=Drawn(sha256=f"{n:064x}", width=64, height=64, seed=7, bytes=1), recipe=recipe,
            seconds=1.0, visible=True,
        )
        for n in range(3)
    ]  # fmt: skip
    for _ in range(2):
        Comment.objects.create(author=bob, picture=pictures[0], text="fine")
    Comment.objects.create(author=bob, picture=pictures[1], text="fine")
    shelf = Collection.objects.create(owner=bob, name="Shelf")
    CollectionItem.objects.create(collection=shelf, picture=pictures[1], position=0)

    def walk(sort):
        found, cursor = [], ""
        while True:
            page = get("images", sort=sort, limit=1, **({"cursor": cursor} if cursor else {})).json()
            found += [row["id"] for row in page["items"]]
            cursor = page["metadata"].get("nextCursor", "")
            if not cursor:
                return found

    first, second, third = (picture.pk for picture in pictures)
    assert walk("Most Comments") == [first, second, third]
    assert walk("Most Collected") == [second, third, first]
    assert walk("Most Reactions") == [third, second, first]
    assert [row["stats"]["commentCount"] for row in get("images", sort="Oldest").json()["items"]] == [2, 1, 0]
