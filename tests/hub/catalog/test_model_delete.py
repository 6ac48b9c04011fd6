import pytest

from hub.catalog import queries
from hub.catalog.models import Digest, Listing, Model
from hub.errors import NotFound
from tests.hub.catalog.files import added


def test_it_works(client, alice):
    file = added(alice)
    client.force_login(alice)
    assert client.post(f"/models/{file.version.model_id}/delete", {"name": "wrong"}).status_code == 422
    assert client.post(f"/models/{file.version.model_id}/delete", {"name": "Linocut"}).status_code == 302
    assert client.get(f"/models/{file.version.model_id}/linocut").status_code == 404
    assert Model.objects.get(pk=file.version.model_id).status == "deleted"
    assert added(alice).version.model.slug == "linocut"
    with pytest.raises(NotFound):
        queries.version_visible(alice, file.version_id)
    assert not Digest.objects.filter(model=file.version.model_id).exists()
    assert not Listing.objects.filter(model=file.version.model_id).exists()


def test_only_its_owner_deletes_it(client, alice, charlie):
    file = added(alice)
    client.force_login(charlie)
    assert client.post(f"/models/{file.version.model_id}/delete", {"name": "Linocut"}).status_code == 404
    assert Model.objects.get(pk=file.version.model_id).status == "published"
