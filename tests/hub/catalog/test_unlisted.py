"""An unlisted model: in no list, search, feed or look-up; whoever has its link sees it and downloads it."""

import pytest
from django.test import Client

from hub.catalog.actions import version_publish, version_unpublish
from hub.catalog.models import Model
from hub.community.models import Collection, CollectionItem
from tests.hub.catalog.files import added
from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401  fixtures


@pytest.fixture
def file(alice):
    file = added(alice, "Riso", trigger_words=["riso print"])
    owner = signed_in(alice)
    form = {"name": "Riso", "type": "LORA", "unlisted": "on", "level": ["1"], "allow_commercial_use": []}
    assert owner.post(f"/models/{file.version.model_id}/edit", form).status_code == 302
    file.version.model.refresh_from_db()
    return file


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def test_it_works(file, alice, charlie):
    model = file.version.model
    assert model.status == "unlisted"
    assert len(model.link_key) == 22
    page = f"/models/{model.pk}/{model.slug}"
    download = f"/api/download/models/{file.version_id}"
    link = f"{page}?key={model.link_key}"
    assert link in signed_in(alice).get(page).content.decode()
    for client in (Client(), signed_in(charlie)):
        assert client.get(page).status_code == 404
        assert client.get(f"{page}?key={'x' * 22}").status_code == 404
        assert client.get(download).status_code == 404
        shown = client.get(link)
        assert "riso print" in shown.content.decode()
        assert shown["X-Robots-Tag"] == "noindex"
        assert client.get(page).status_code == 200  # this browser holds the link now
        assert client.get(download).status_code == 307
    assert Client().get(f"{download}?key={model.link_key}").status_code == 307  # a program's one call
    assert (
        f"curl -LOJ &#x27;http://127.0.0.1:8000{download}?key={model.link_key}&#x27;"
        in Client().get(link).content.decode()
    )
    assert Client().get(f"/api/v1/models/{model.pk}?key={model.link_key}").status_code == 200


def test_it_is_in_no_list(file, alice, charlie):
    collection = Collection.objects.create(owner=alice, name="Prints")
    CollectionItem.objects.create(collection=collection, model=file.version.model, position=0)
    holder = signed_in(charlie)
    holder.get(f"/models/{file.version.model_id}/riso?key={file.version.model.link_key}")
    for client in (Client(), signed_in(charlie), holder):
        for path in (
            "/", "/models", "/models?query=riso", "/search?query=riso", "/models/feed", "/u/alice", "/u/alice/feed",
            "/api/v1/models", "/api/v1/models?query=riso", "/api/v1/models?username=alice", "/api/models?search=riso",
            f"/search?query={file.blob_id}", f"/api/v1/model-versions/by-hash/{file.blob_id}", "/pictures",
            "/api/v1/creators",
        ):  # fmt: skip
            told = client.get(path).content.decode().lower().replace("query=riso", "").replace('value="riso"', "")
            assert f"/models/{file.version.model_id}" not in told, path
            assert "riso print" not in told, path


def test_its_pictures_are_in_no_list_either(alice, draw, linocut):  # noqa: F811
    picture = draw(alice, visible=True, stored=True)
    model = linocut.model
    Model.objects.filter(pk=model.pk).update(unlisted=True, status="unlisted", link_key="k" * 22)
    stranger, holder = Client(), Client()
    holder.get(f"/models/{model.pk}/linocut?key={'k' * 22}")
    address = f"/image/{picture.sha256}/original=true/x.png"
    assert [client.get(address).status_code for client in (stranger, holder)] == [404, 200]
    assert holder.get(address).headers["Cache-Control"].startswith("private")
    assert [client.get(f"/pictures/{picture.pk}").status_code for client in (stranger, holder)] == [404, 200]
    for client in (stranger, holder):
        assert f"/pictures/{picture.pk}" not in client.get("/pictures").content.decode()
        assert client.get("/api/v1/images").json()["items"] == []


def test_published_again_it_is_as_its_owner_chose(file, alice):
    version = version_unpublish(version=file.version, by=alice)
    assert Model.objects.get().status == "draft"
    version_publish(version=version, by=alice)
    assert Model.objects.get().status == "unlisted"
    key = Model.objects.get().link_key
    form = {"name": "Riso", "type": "LORA", "level": ["1"]}
    signed_in(alice).post(f"/models/{file.version.model_id}/edit", form)
    assert (Model.objects.get().status, Model.objects.get().link_key) == ("published", key)
    assert Client().get(f"/models/{file.version.model_id}/riso").status_code == 200
