"""Downloads that need an account: a model's owner asks for it, or the whole hub does."""

import pytest
from django.test import Client

from hub.accounts.actions import token_create
from hub.catalog.actions import model_edit
from tests.hub.catalog.files import added


@pytest.fixture
def file(alice):
    return added(alice, "Linocut")


@pytest.mark.parametrize("hub_wide", [False, True])
def test_it_works(file, alice, charlie, settings, hub_wide):
    settings.DOWNLOADS_SIGN_IN = hub_wide
    if not hub_wide:
        model_edit(model=file.version.model, by=alice, fields={"sign_in_to_download": True})
    address = f"/api/download/models/{file.version_id}"
    program = Client().get(address)
    assert program.status_code == 401
    assert program.json() == {
        "error": "Unauthorized", "message": "The creator of this asset requires you to be logged in to download it",
    }  # fmt: skip
    assert Client().head(address).status_code == 401
    browser = Client().get(address, headers={"accept": "text/html"})
    assert browser.headers["Location"].startswith("/sign-in?next=%2Fapi%2Fdownload")
    assert "reason=download-auth" in browser.headers["Location"]
    page = Client().get(f"/models/{file.version.model_id}/linocut").content.decode()
    assert "sign in before downloading" in page
    assert "curl -LOJ -H &quot;Authorization: Bearer $TOKEN&quot;" in page
    for verb in ("get", "head"):
        hf = getattr(Client(), verb)(f"/alice/linocut/resolve/main/{file.name}")
        assert (hf.status_code, hf.headers["X-Error-Code"]) == (401, "GatedRepo")
    token = token_create(user=charlie, name="x", scopes=["read"])[1]
    bearer = {"Authorization": f"Bearer {token}"}
    assert Client().get(address, headers=bearer).status_code == 307
    assert Client().get(f"/alice/linocut/resolve/main/{file.name}", headers=bearer).status_code == 302


def test_nobody_asks(file):
    assert Client().get(f"/api/download/models/{file.version_id}").status_code == 307
