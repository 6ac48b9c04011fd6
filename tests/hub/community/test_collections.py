"""Pieces that somebody keeps together: collection-create, collection-add, collection-list, collection-detail, …"""

import pytest

from hub.catalog.removal import model_take_down
from hub.community.models import Collection
from hub.prompts.actions import prompt_edit
from tests.hub.catalog.files import added


@pytest.fixture
def model(alice):
    return added(alice, "Woodcut").version.model


@pytest.fixture
def prints(client, bob):
    client.force_login(bob)
    client.post("/collections/new", {"name": "Prints", "description": "Ink on paper"})
    return Collection.objects.get(name="Prints")


def names(client, collection):
    page = client.get(f"/collections/{collection.pk}").content.decode()
    return [part.split("</a>")[0].rsplit(">", 1)[1] for part in page.split("<h2>")[1:]]


def test_it_works(client, bob, model, prints, draw, lighthouse):
    picture = draw(bob, visible=True)
    client.post("/collections/add", {"model": model.pk, "collection": prints.pk})
    client.post("/collections/add", {"picture": picture.pk, "collection": prints.pk})
    client.post("/collections/add", {"prompt": lighthouse.pk, "collection": prints.pk})
    assert names(client, prints) == ["Woodcut", "a cat ", "Lighthouse"]
    assert "Prints" in client.get("/collections").content.decode()
    assert "Prints" in client.get("/u/bob").content.decode()


def test_collection_add_makes_a_new_one_on_the_way(client, bob, model):
    client.force_login(bob)
    assert client.post("/collections/add", {"model": model.pk, "name": "Later"}).status_code == 302
    assert Collection.objects.get(name="Later").items.count() == 1


def test_twice_is_once(client, model, prints):
    for _ in range(2):
        client.post("/collections/add", {"model": model.pk, "collection": prints.pk})
    assert prints.items.count() == 1


def test_collection_move_and_collection_remove(client, alice, model, prints):
    other = added(alice, "Etching").version.model
    for one in (model, other):
        client.post("/collections/add", {"model": one.pk, "collection": prints.pk})
    last = prints.items.get(model=other)
    client.post(f"/collections/{prints.pk}/items/{last.pk}/move", {"to": "earlier"})
    assert names(client, prints) == ["Etching", "Woodcut"]
    client.post(f"/collections/{prints.pk}/items/{last.pk}/remove")
    assert names(client, prints) == ["Woodcut"]


def test_collection_edit_and_collection_delete(client, prints, model):
    client.post("/collections/add", {"model": model.pk, "collection": prints.pk})
    client.post(f"/collections/{prints.pk}/edit", {"name": "Ink", "description": "", "private": "on"})
    prints.refresh_from_db()
    assert (prints.name, prints.private) == ("Ink", True)
    client.post(f"/collections/{prints.pk}/delete")
    assert not Collection.objects.exists()
    assert client.get(f"/models/{model.pk}/woodcut").status_code == 200


def test_names_are_taken_once_and_not_empty(client, prints):
    assert client.post("/collections/new", {"name": "Prints"}).status_code == 409
    assert client.post("/collections/new", {"name": " "}).status_code == 422


def test_charlie_changes_nothing_and_sees_no_private_one(client, charlie, model, prints):
    client.post("/collections/add", {"model": model.pk, "collection": prints.pk})
    item = prints.items.get()
    client.force_login(charlie)
    assert client.post("/collections/add", {"model": model.pk, "collection": prints.pk}).status_code == 404
    for what in ("edit", "delete", f"items/{item.pk}/remove", f"items/{item.pk}/move"):
        assert client.post(f"/collections/{prints.pk}/{what}", {"name": "Mine"}).status_code == 404
    Collection.objects.update(private=True)
    assert client.get(f"/collections/{prints.pk}").status_code == 404
    assert b"Prints" not in client.get("/collections").content
    assert b"Prints" not in client.get("/u/bob").content


def test_a_draft_in_a_public_collection_is_its_owners_to_see(client, alice, charlie):
    draft = added(alice, "Hidden", publish=False).version.model
    client.force_login(alice)
    client.post("/collections/add", {"model": draft.pk, "name": "Mixed"})
    mixed = Collection.objects.get()
    assert b"Hidden" in client.get(f"/collections/{mixed.pk}").content
    client.force_login(charlie)
    shown = client.get(f"/collections/{mixed.pk}").content
    assert b"Hidden" not in shown
    assert b"Nothing is in it yet." in shown


def test_a_prompt_that_became_private_leaves_no_trace(client, alice, bob, prints, lighthouse):
    client.post("/collections/add", {"prompt": lighthouse.pk, "collection": prints.pk})
    assert names(client, prints) == ["Lighthouse"]
    prompt_edit(prompt_id=lighthouse.pk, by=alice, fields={"private": True})
    shown = client.get(f"/collections/{prints.pk}").content
    assert b"Lighthouse" not in shown
    assert b"Nothing is in it yet." in shown
    assert client.post("/collections/add", {"prompt": lighthouse.pk, "collection": prints.pk}).status_code == 404


def test_of_what_was_taken_down_the_name_stays(client, model, prints):
    client.post("/collections/add", {"model": model.pk, "collection": prints.pk})
    model_take_down(model_id=model.pk, because="A claim")
    shown = client.get(f"/collections/{prints.pk}").content.decode()
    assert "Removed by a moderator" in shown
    assert "/image/" not in shown
