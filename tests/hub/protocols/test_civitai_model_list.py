import json

import pytest
from django.conf import settings
from django.test import Client

from hub.accounts.models import User
from hub.catalog import actions, queries
from hub.catalog.models import Model, Version
from hub.community.actions import models_recount
from hub.community.models import Collection, CollectionItem, Comment, Follow, Like
from hub.gallery.models import Picture, PictureUse
from tests import cast
from tests.hub.catalog.files import added

# §1.12 of the contract: the keys of a minimal valid answer and what kind of value each holds; ● may be null.
GOLDEN = {
    "model": {
        "id": int, "name": str, "description": (str, None), "type": str, "poi": bool, "minor": bool, "sfwOnly": bool,
        "nsfw": bool, "nsfwLevel": int, "allowNoCredit": bool, "allowCommercialUse": list, "allowDerivatives": bool,
        "allowDifferentLicense": bool, "availability": str, "supportsGeneration": bool, "cosmetic": (dict, None),
        "baseModels": list, "userId": int, "stats": dict, "creator": dict, "tags": list, "modelVersions": list,
    },
    "stats": {
        "downloadCount": int, "favoriteCount": int, "thumbsUpCount": int, "thumbsDownCount": int, "commentCount": int,
        "ratingCount": int, "rating": (int, float), "tippedAmountCount": int,
    },
    "version": {
        "id": int, "index": int, "name": str, "description": (str, None), "baseModel": str, "baseModelType": str,
        "createdAt": str, "publishedAt": str, "status": str, "availability": str, "nsfwLevel": int,
        "trainedWords": list, "vaeId": (int, None), "supportsGeneration": bool, "covered": bool,
        "paidAccess": (dict, None), "earlyAccessDeadline": (str, None), "earlyAccessEndsAt": (str, None),
        "stats": dict, "files": list, "images": list, "downloadUrl": str,
    },
    "file": {
        "id": int, "sizeKB": float, "name": str, "type": str, "pickleScanResult": str, "pickleScanMessage": str,
        "virusScanResult": str, "virusScanMessage": (str, None), "scannedAt": str, "metadata": dict, "hashes": dict,
        "downloadUrl": str, "primary": bool,
    },
    "image": {
        "id": int, "url": str, "nsfwLevel": int, "width": int, "height": int, "hash": str, "type": str, "minor": bool,
        "poi": bool, "hasMeta": bool, "hasPositivePrompt": bool, "onSite": bool, "remixOfId": (int, None),
    },
}  # fmt: skip


def has_shape(value, shape):
    for key, kinds in shape.items():
        assert key in value, f"{key} is missing"
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        allowed = tuple(kind for kind in kinds if kind is not None)
        if value[key] is None:
            assert None in kinds, f"{key} is null"
        else:
            assert type(value[key]) in allowed, f"{key} is {value[key]!r}"


def drawn(file, **fields):
    """A picture of the gallery that a file's version had a part in."""
    recipe = {
        "base": "b" * 64, "base_family": "sd1", "base_name": "nano", "prompt": "a lighthouse", "steps": 20, "cfg": 7.0,
        "seed": 1, "sampler": "Euler a",
        "uses": [{"kind": "lora", "sha256": file.blob_id, "weight": 0.8, "name": file.name}],
    }  # fmt: skip
    values = {"sha256": "c" * 64, "width": 128, "height": 128, "recipe": recipe, "visible": True} | fields
    picture = Picture.objects.create(**values)
    PictureUse.objects.create(picture=picture, version=file.version, weight=0.8)
    return picture


@pytest.fixture
def linocut(alice):
    return added(alice, trigger_words=["lnct print"], tags=["style", "ink"], description="*ink*")


def get(path="", **params):
    return Client().get(f"/api/v1/models{path}", params)


def test_it_works(linocut):
    picture = drawn(linocut)
    answer = get(limit=1)
    assert answer.status_code == 200
    (model,) = answer.json()["items"]
    has_shape(model, GOLDEN["model"])
    has_shape(model["stats"], GOLDEN["stats"])
    (version,) = model["modelVersions"]
    has_shape(version, GOLDEN["version"])
    (file,) = version["files"]
    has_shape(file, GOLDEN["file"])
    (image,) = version["images"]
    has_shape(image, GOLDEN["image"])
    assert model["description"] == "<p><em>ink</em></p>\n"
    assert (model["type"], model["baseModels"], sorted(model["tags"])) == ("LORA", ["SD 1.5"], ["ink", "style"])
    assert model["creator"] == {"username": "alice", "image": None}
    assert version["trainedWords"] == ["lnct print"]
    assert version["publishedAt"].endswith("Z")
    assert len(version["publishedAt"]) == 24
    assert file["sizeKB"] == 19_531_776 / 1024
    assert file["metadata"] == {"format": "SafeTensor", "size": None, "fp": "fp16"}
    assert file["downloadUrl"] == f"{settings.PUBLIC_URL}/api/download/models/{version['id']}"
    assert image["url"] == f"{settings.PUBLIC_URL}/image/{'c' * 64}/original=true/{picture.pk}.png"
    assert "url" not in file


def test_hashes_are_upper_case_and_crc32_in_civitais_order(linocut):
    hashes = get().json()["items"][0]["modelVersions"][0]["files"][0]["hashes"]
    assert set(hashes) == {"AutoV1", "AutoV2", "AutoV3", "SHA256", "CRC32", "BLAKE3"}
    assert all(value == value.upper() for value in hashes.values())
    stored = bytes(linocut.digests.get(kind=4).digest)
    assert hashes["CRC32"] == stored[::-1].hex().upper()


def test_anybody_may_read_from_anywhere(linocut):
    answer = get()
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cache-Control"] == "public, s-maxage=300, stale-while-revalidate=150"
    assert "Authorization" in answer["Vary"]
    asked = Client().options("/api/v1/models")
    assert (asked.status_code, asked.content) == (200, b"")
    assert get(token="nonsense")["Cache-Control"] == "private, no-store"
    assert get(token="nonsense").status_code == 200


def test_pages_go_on_by_cursor_and_repeat_all_parameters(alice):
    for n in range(3):
        added(alice, f"Ink {n}", seed=str(n))
    first = get(limit=2, sort="Newest", types=["LORA", "Checkpoint"]).json()
    assert [m["name"] for m in first["items"]] == ["Ink 2", "Ink 1"]
    url = first["metadata"]["nextPage"]
    assert url.startswith(f"{settings.PUBLIC_URL}/api/v1/models?")
    assert "types=LORA&types=Checkpoint" in url
    second = Client().get(url.removeprefix(settings.PUBLIC_URL)).json()
    assert [m["name"] for m in second["items"]] == ["Ink 0"]
    assert "nextCursor" not in second["metadata"]


def test_models_by_comments_and_collections(alice, bob):
    models = [added(alice, f"Ink {n}", seed=str(n)).version.model for n in range(3)]
    said = [Comment.objects.create(author=bob, model=models[n], text="fine") for n in (0, 0, 1)]
    for name, private, model in (("Shelf", False, models[1]), ("Drawer", True, models[0])):
        kept = Collection.objects.create(owner=bob, name=name, private=private)
        CollectionItem.objects.create(collection=kept, model=model, position=1)
    models_recount()

    def walk(sort):
        found, cursor = [], ""
        while True:
            page = get(sort=sort, limit=1, **({"cursor": cursor} if cursor else {})).json()
            found += [model["name"] for model in page["items"]]
            cursor = page["metadata"].get("nextCursor", "")
            if not cursor:
                return found

    assert walk("Most Discussed") == ["Ink 0", "Ink 1", "Ink 2"]
    assert walk("Most Collected") == ["Ink 1", "Ink 2", "Ink 0"], "a private collection tells nothing"
    for comment in said[:2]:
        comment.delete()
    models_recount()
    assert walk("Most Discussed") == ["Ink 1", "Ink 2", "Ink 0"]
    actions.listing_refresh(models[1])
    assert walk("Most Discussed")[0] == "Ink 1", "rewriting the list forgets nothing"


def test_pages_by_number(alice):
    for n in range(3):
        added(alice, f"Ink {n}", seed=str(n))
    first = get(limit=2, sort="Newest", page=1).json()["metadata"]
    assert (first["currentPage"], first["pageSize"], first["totalItems"], first["totalPages"]) == (1, 2, 3, 2)
    second = Client().get(first["nextPage"].removeprefix(settings.PUBLIC_URL)).json()
    assert [m["name"] for m in second["items"]] == ["Ink 0"]
    assert "page=1" in second["metadata"]["prevPage"]
    assert get(limit=100, page=11).status_code == 429
    assert get(limit=100, page=11).json() == {"error": "You've requested too many pages, please use cursors instead"}
    assert [m["name"] for m in get(query="ink", page=1, limit=2).json()["items"]] == ["Ink 2", "Ink 1"]
    assert [m["name"] for m in get(query="ink", page=2, limit=2).json()["items"]] == ["Ink 0"]


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 101}, {"limit": "x"}, {"types": "Poem"}, {"sort": "Best"}, {"period": "Century"}, {"nsfw": "perhaps"},
     {"ids": "a"}, {"ids": "99999999999"}, {"page": 0}, {"checkpointType": "Standard"}],
)  # fmt: skip
def test_a_wrong_parameter_is_an_object_of_issues(db, wrong):
    answer = get(**wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]["issues"][0]["path"] == list(wrong)


def test_a_wrong_cursor_is_refused(linocut):
    assert get(cursor="garbage").status_code == 400
    assert isinstance(get(cursor="garbage").json()["error"], str)


def test_the_magic_base_names_the_choices(db):
    for word in ("GetModels", "gimmethelist"):
        answer = get(baseModels=word)
        assert answer.status_code == 400
        assert "SD 1.5" in answer.json()["error"]["issues"][0]["unionErrors"][0]["issues"][0]["options"]
    assert get(baseModels="Nosuch").json()["items"] == []


def test_lists_may_be_repeated_parted_or_bracketed(alice):
    added(alice)
    added(alice, "Harbour", inspected={"kind": "base"})
    added(alice, "Word", inspected={"kind": "textual_inversion"})
    for query in ("types=LORA&types=Checkpoint", "types=LORA,Checkpoint", "types[]=LORA&types[]=Checkpoint"):
        items = Client().get(f"/api/v1/models?{query}").json()["items"]
        assert {m["type"] for m in items} == {"LORA", "Checkpoint"}


def test_booleans_are_read_as_words(linocut):
    for no in ("false", "0", "no"):
        assert len(get(supportsGeneration=no).json()["items"]) == 1
    assert len(get(supportsGeneration="true").json()["items"]) == 1
    assert get(archived="true").json() == get().json(), "none is archived, and all are shown beside them"


def test_by_ids_name_tag_and_words(linocut, bob):
    other = added(bob, "Blue Hour", inspected={"base_family": "sdxl"})
    ids = [linocut.version.model_id, other.version.model_id]
    assert len(get(ids=f"{ids[0]},{ids[1]}").json()["items"]) == 2
    assert [m["name"] for m in get(modelVersionIds=other.version_id).json()["items"]] == ["Blue Hour"]
    assert [m["name"] for m in get(username="BOB").json()["items"]] == ["Blue Hour"]
    assert [m["name"] for m in get(tag="STYLE").json()["items"]] == ["Linocut"]
    assert get(tag="nosuch").json()["items"] == []
    assert [m["name"] for m in get(query="lnct").json()["items"]] == ["Linocut"]
    assert [m["name"] for m in get(baseModels="SDXL 1.0").json()["items"]] == ["Blue Hour"]
    assert get(username="nobody").status_code == 404


def test_a_base_narrows_the_versions_of_each_model(linocut, alice):
    added(alice, seed="xl", model_id=linocut.version.model_id, inspected={"base_family": "sdxl"})
    (model,) = get(baseModels="SD 1.5").json()["items"]
    assert [v["baseModel"] for v in model["modelVersions"]] == ["SD 1.5"]


def test_favourites_need_a_token_whatever_their_value(db):
    answer = get(favorites="false")
    assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})


def test_levels_above_the_first_are_asked_for(linocut):
    Model.objects.update(level=8)
    actions.listing_refresh(linocut.version.model)
    assert get().json()["items"] == []
    assert len(get(nsfw="true").json()["items"]) == 1


def test_the_number_of_statements_does_not_grow_with_the_list(alice, django_assert_max_num_queries):
    for n in range(6):
        drawn(added(alice, f"Ink {n}", seed=str(n)), sha256=str(n) * 64)
    with django_assert_max_num_queries(11):
        assert len(get().json()["items"]) == 6


def test_drafts_and_files_that_are_not_accepted_are_left_out(linocut, alice):
    added(
        alice, seed="bad", version_id=linocut.version_id, filename="bad.safetensors", inspected={"verdict": "refused"}
    )
    added(alice, "Draft", publish=False)
    token_less = Client()
    token_less.force_login(alice)
    (model,) = token_less.get("/api/v1/models").json()["items"]
    assert [f["name"] for f in model["modelVersions"][0]["files"]] == ["linocut.safetensors"]


def test_one_model_by_id(linocut, alice, charlie):
    model_id = linocut.version.model_id
    assert get(f"/{model_id}").json()["name"] == "Linocut"
    assert (get("/999999").status_code, get("/999999").json()) == (404, {"error": "No model with id 999999"})
    for wrong in ("abc", "0", "99999999999"):
        assert get(f"/{wrong}").status_code == 400
    actions.version_unpublish(version=linocut.version, by=alice)
    mine, others = Client(), Client()
    mine.force_login(alice)
    others.force_login(charlie)
    assert get(f"/{model_id}").status_code == others.get(f"/api/v1/models/{model_id}").status_code == 404
    assert mine.get(f"/api/v1/models/{model_id}").json()["modelVersions"][0]["status"] == "Draft"


def test_pictures_of_others_drafts_do_not_leak(linocut, alice):
    drawn(linocut, visible=False)
    assert get().json()["items"][0]["modelVersions"][0]["images"] == []


def test_who_am_i(alice):
    assert Client().get("/api/v1/me").json() == {"error": "Unauthorized"}
    assert Client().get("/api/v1/me").status_code == 401
    mine = Client()
    mine.force_login(alice)
    answer = mine.get("/api/v1/me")
    assert (answer.json()["id"], answer.json()["username"], answer.json()["tier"]) == (alice.pk, "alice", "free")
    assert answer["Cache-Control"] == "private, no-store"


def test_enums_creators_and_tags(linocut, bob):
    added(bob, "Blue", tags=["ink"])
    enums = Client().get("/api/v1/enums").json()
    assert {"LORA", "Checkpoint"} <= set(enums["ModelType"])
    assert "SDXL 1.0" in enums["ActiveBaseModel"]
    people = Client().get("/api/v1/creators?limit=1").json()
    assert people["items"][0]["username"] == "alice"
    assert (people["metadata"]["totalItems"], people["metadata"]["totalPages"]) == (2, 2)
    assert "page=2" in people["metadata"]["nextPage"]
    assert [c["username"] for c in Client().get("/api/v1/creators?query=BO").json()["items"]] == ["bob"]
    tags = Client().get("/api/v1/tags").json()
    assert [(t["name"], t["modelCount"]) for t in tags["items"]] == [("ink", 2), ("style", 1)]
    assert Client().get("/api/v1/tags?limit=0").status_code == 400


def test_images(linocut, alice):
    first = drawn(linocut, owner=alice)
    drawn(linocut, sha256="d" * 64, likes=3)
    drawn(linocut, sha256="e" * 64, visible=False)
    items = Client().get("/api/v1/images").json()["items"]
    assert [i["stats"]["likeCount"] for i in items] == [3, 0]
    has_shape(
        items[1],
        {"id": int, "url": str, "hash": str, "width": int, "height": int, "nsfwLevel": str, "nsfw": bool,
         "browsingLevel": int, "type": str, "createdAt": str, "postId": int, "stats": dict,
         "meta": (dict, None),
         "username": (str, None), "baseModel": (str, None), "modelVersionIds": list},
    )  # fmt: skip
    assert (items[1]["nsfwLevel"], items[1]["username"], items[1]["meta"]) == ("None", "alice", None)
    assert items[1]["modelVersionIds"] == [linocut.version_id]
    (one,) = Client().get(f"/api/v1/images?imageId={first.pk}&withMeta=true").json()["items"]
    assert one["meta"]["meta"]["prompt"] == "a lighthouse"
    assert one["meta"]["meta"]["civitaiResources"] == [
        {"type": "lora", "modelVersionId": linocut.version_id, "weight": 0.8}
    ]
    flat = Client().get("/api/v1/images?withMeta=true&limit=1").json()
    assert flat["items"][0]["meta"]["seed"] == 1
    following = Client().get(flat["metadata"]["nextPage"].removeprefix(settings.PUBLIC_URL)).json()["items"]
    assert [i["id"] for i in following] == [first.pk]
    assert Client().get("/api/v1/images?postId=999999").json()["items"] == []
    assert Client().get("/api/v1/images?cursor=x").status_code == 400


def test_a_script_edits_what_is_its_owners(linocut, alice, charlie):
    mine, others = Client(), Client()
    mine.force_login(alice)
    others.force_login(charlie)
    path = f"/api/v1/models/{linocut.version.model_id}"

    def patch(client, path, body):
        return client.patch(path, json.dumps(body), content_type="application/json")

    answer = patch(mine, path, {"name": "Lino Print", "tags": ["Ink"], "allow_commercial_use": ["Sell", "Image"]})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["name"], answer.json()["tags"]) == ("Lino Print", ["ink"])
    assert get(query="lino print").json()["items"][0]["allowCommercialUse"] == ["Image", "Sell"]
    assert patch(others, path, {"name": "Mine"}).status_code == 404
    assert patch(Client(), path, {"name": "Mine"}).status_code == 401
    assert patch(mine, path, {"type": "Poem"}).status_code == 400
    version = f"/api/v1/model-versions/{linocut.version_id}"
    assert patch(mine, version, {"trigger_words": ["ink"], "weight": 0.8}).json()["weight"] == 0.8
    assert patch(mine, version, {"base": "SDXL 1.0"}).status_code == 422
    assert patch(others, version, {"name": "x"}).status_code == 404
    assert mine.post(f"{version}/unpublish").json()["status"] == "draft"
    assert others.post(f"{version}/publish").status_code == 404
    assert mine.post(f"{version}/publish").json()["status"] == "published"
    assert Version.objects.get(pk=linocut.version_id).trigger_words == ["ink"]


def test_a_version_without_an_accepted_file_cannot_be_published(alice):
    file = added(alice, publish=False, inspected={"verdict": "unknown"})
    mine = Client()
    mine.force_login(alice)
    answer = mine.post(f"/api/v1/model-versions/{file.version_id}/publish")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing-to-publish")
    assert queries.version_visible(alice, file.version_id).status == "draft"
    assert User.objects.count() == 1


def test_marks_follows_and_collections_narrow_it(alice, bob):
    liked, _, kept, _ = (added(owner, name) for owner, name in
                                ((alice, "Liked"), (bob, "Followed"), (alice, "Kept"), (alice, "Other")))  # fmt: skip
    charlie = cast.charlie()
    Like.objects.create(user=charlie, model=liked.version.model)
    Follow.objects.create(follower=charlie, followed=bob)
    shelf = Collection.objects.create(owner=alice, name="Mine", private=True)
    CollectionItem.objects.create(collection=shelf, model=kept.version.model, position=0)
    client = Client()
    assert client.get("/api/v1/models", {"favorites": "true"}).status_code == 401
    client.force_login(charlie)

    def names(who, **params):
        return {item["name"] for item in who.get("/api/v1/models", params).json()["items"]}

    assert names(client, favorites="true") == {"Liked"}
    assert names(client, followed="true") == {"Followed"}
    assert names(client, favorites="true", followed="true") == names(client, hidden="true") == set()
    assert names(client, favorites="true", ids=str(kept.version.model_id)) == set()
    assert len(names(client, favorites="false", archived="true")) == 4
    assert names(client, collectionId=shelf.pk) == set(), "another's private collection"
    client.force_login(alice)
    assert names(client, collectionId=shelf.pk) == {"Kept"}


def test_who_may_find_it_is_said(alice):
    file = added(alice)
    client = Client()
    client.force_login(alice)

    def said():
        told = client.get(f"/api/v1/models/{file.version.model_id}").json()
        return told["availability"], told["modelVersions"][0]["availability"]

    assert said() == ("Public", "Public")
    actions.model_edit(model=file.version.model, by=alice, fields={"unlisted": True})
    assert said() == ("Unsearchable", "Public")
    Model.objects.update(status="draft")
    Version.objects.update(status="draft")
    assert said() == ("Private", "Private")


def test_another_name_that_the_operator_gave_the_hub(alice, settings):
    """Programs that have civitai.com built in are led here, and download from nowhere else."""
    file = added(alice)
    settings.ALLOWED_HOSTS = ["civitai.com", "testserver"]
    model = f"/api/v1/models/{file.version.model_id}"
    for host, origin in (("civitai.com", "http://civitai.com"), ("testserver", settings.PUBLIC_URL)):
        told = Client().get(model, headers={"Host": host}).json()["modelVersions"][0]
        assert told["downloadUrl"] == told["files"][0]["downloadUrl"] == f"{origin}/api/download/models/{told['id']}"
    assert Client().get(model, headers={"Host": "evil.example"}).status_code == 400
    other = Client().delete(model, headers={"Host": "testserver"})
    assert other.status_code == 401
    wrong = Client().delete("/api/v1/tags")
    assert (wrong.status_code, wrong.json()) == (405, {"error": "Method not allowed"})
