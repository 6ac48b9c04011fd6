"""A version's file and all that it is used with, as a list to download; nothing in it that its reader may not see."""

from django.test import Client

from tests.hub.catalog.files import added
from tests.hub.catalog.test_version_create import Script
from tests.hub.catalog.test_version_schedule import signed_in

BASE = {"kind": "base", "base_family": "sd1"}


def test_it_works(alice, bob):
    lora = added(alice, "Riso").version
    base = added(bob, "Ground", inspected=BASE, type="Checkpoint")
    vae = added(bob, "Clear", inspected={"kind": "vae"}, type="VAE")
    owner = signed_in(alice)
    form = {"name": "v1", "base": "SD 1.5", "weight": 1, "weight_min": -1, "weight_max": 2,
            "needs": f"http://hub/models/{vae.version.model_id}/clear"}  # fmt: skip
    assert owner.post(f"/model-versions/{lora.pk}/edit", form).status_code == 302
    page = Client().get(f"/models/{lora.model_id}", follow=True).content.decode()
    assert "Clear" in page
    assert f"/model-versions/{lora.pk}/manifest" in page
    listed = Client().get(f"/model-versions/{lora.pk}/manifest").content.decode()
    for file in (lora.files.get(), vae, base):
        assert f"checksum=sha-256={file.blob_id}" in listed
    assert "dir=models/Stable-diffusion" in listed
    files = Client().get(f"/model-versions/{lora.pk}/manifest?format=json").json()["files"]
    assert [part["type"] for part in files] == ["LORA", "VAE", "Checkpoint"]


def test_what_is_private_is_left_out(alice, bob):
    lora, secret = added(alice, "Riso").version, added(bob, "Secret", type="VAE", publish=False).version
    mine = added(alice, "Mine", type="VAE", publish=False).version
    script = Script(alice)
    assert script.asks("PATCH", f"model-versions/{lora.pk}", {"needs": [secret.pk]}).status_code == 422
    assert script.asks("PATCH", f"model-versions/{lora.pk}", {"needs": [mine.pk]}).json()["needs"] == [mine.pk]
    assert "Mine" not in Client().get(f"/model-versions/{lora.pk}/manifest").content.decode()
    assert "Mine" in signed_in(alice).get(f"/model-versions/{lora.pk}/manifest").content.decode()
    assert Client().get(f"/model-versions/{secret.pk}/manifest").status_code == 404
