"""What a model's page says of its company and of its use elsewhere; private things stay out of both."""

from django.test import Client

from hub.catalog.needs import needs_set
from hub.gallery.models import Picture, PictureUse
from tests.hub.catalog.files import added


def drawn(*versions):
    recipe = {"prompt": "a cat", "negative": "", "base": "", "base_family": "sd1", "uses": []}
    sha256 = f"{Picture.objects.count():064x}"
    picture = Picture.objects.create(sha256=sha256, width=8, height=8, recipe=recipe, visible=True)
    for version in versions:
        PictureUse.objects.create(picture=picture, version=version, weight=0.8)


def test_it_works(alice, bob):
    linocut, wash, pencil = (added(alice, name).version for name in ("Linocut", "Wash", "Pencil"))
    for _ in range(2):
        drawn(linocut, wash)
    drawn(linocut, pencil)
    needs_set(version=pencil, by=alice, references=[linocut.pk])
    page = Client().get(f"/models/{linocut.model_id}").content.decode()
    beside = page[page.index('id="beside"') : page.index('id="needed"')]
    assert beside.index("Wash") < beside.index("Pencil")
    assert "in 2 pictures" in beside
    assert f"/try?use={linocut.pk}&amp;use={wash.pk}" in beside
    assert "Pencil" in page[page.index('id="needed"') :]


def test_private_company_is_not_told(alice, bob):
    linocut, secret = added(alice, "Linocut").version, added(bob, "Secret", publish=False).version
    drawn(linocut, secret)
    assert "Secret" not in Client().get(f"/models/{linocut.model_id}").content.decode()


def test_lines_to_copy(alice):
    version = added(alice, "Linocut", filename="it's $(evil).safetensors").version
    page = Client().get(f"/models/{version.model_id}")
    lines = dict(page.context["snippets"])
    assert lines["curl"].startswith("curl -LOJ http://127.0.0.1:8000/")
    if "hf" in lines:  # a file whose name no repository can hold has no line
        assert "'\"'\"'" in lines["hf"] or "evil" not in lines["hf"]
    plain = added(alice, "Plain").version
    lines = dict(Client().get(f"/models/{plain.model_id}").context["snippets"])
    assert lines["hf"].splitlines()[-1] == "hf download alice/plain plain.safetensors"
    assert (
        lines["diffusers"].splitlines()[-1] == "pipe.load_lora_weights('alice/plain', weight_name='plain.safetensors')"
    )
