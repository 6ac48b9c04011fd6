"""`holding`: an address that was given out for a download is dead soon after quarantine, and comes alive on release."""

import httpx
import pytest
from django.test import Client

from hub import storage
from hub.catalog import holding
from hub.catalog.models import Blob, Settling
from hub.catalog.removal import model_restore, model_take_down
from tests.hub.moderation.conftest import Api, accepted, api, monas, random_file  # noqa: F401  fixtures

OUT = {"verdict": "refused", "reason": "It attacks a popular viewer."}
BACK = {"verdict": "accepted", "reason": "The viewer was mended."}


@pytest.fixture
def data():
    return random_file()


def address_of(file, client=None):
    return (client or Client()).get(f"/api/download/models/{file.version_id}").headers["Location"]


def test_it_works(api, monas, alice, data):  # noqa: F811
    file = accepted(api, data).file
    given_out = address_of(file)
    assert httpx.get(given_out).content == data
    monas("POST", f"/files/{file.pk}/verdict", OUT)
    assert holding.blobs_settle() == 1
    assert httpx.get(given_out).status_code == 404
    owner = Client()
    owner.force_login(alice)
    assert httpx.get(address_of(file, owner)).content == data  # it is hers
    monas("POST", f"/files/{file.pk}/verdict", BACK)
    assert httpx.get(address_of(file)).content == data  # at once, wherever it lies
    holding.blobs_settle()
    assert httpx.get(address_of(file)).content == data
    assert Blob.objects.get(pk=file.blob_id).held_at is None
    assert not Settling.objects.exists()


def test_after_a_take_down_and_back(api, data):  # noqa: F811
    file = accepted(api, data).file
    given_out = address_of(file)
    model_take_down(model_id=file.version.model_id, because="It was taken without asking.")
    holding.blobs_settle()
    assert httpx.get(given_out).status_code == 404
    model_restore(model_id=file.version.model_id)
    holding.blobs_settle()
    assert httpx.get(given_out).content == data


def test_bytes_that_another_model_serves_stay(api, charlie, data):  # noqa: F811
    mine = accepted(api, data).file
    accepted(Api(charlie), data)
    given_out = address_of(mine)
    model_take_down(model_id=mine.version.model_id, because="It was taken without asking.")
    holding.blobs_settle()
    assert httpx.get(given_out).content == data


def test_the_only_copy_is_never_deleted(api, data):  # noqa: F811
    file = accepted(api, data).file
    with pytest.raises(ValueError, match="only copy"):
        storage.place_empty(file.blob_id, aside=False)
    assert storage.blob_exists(file.blob_id)
