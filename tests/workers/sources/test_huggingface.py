import pytest

from tests.workers.elsewhere import Elsewhere
from workers import settings, sources
from workers.errors import Refusal
from workers.fetch_messages import ListShelf, LookUp

SHA = "ab" * 32
COMMIT = "c" * 40


@pytest.fixture
def there(monkeypatch):
    with Elsewhere() as server:
        monkeypatch.setattr(settings, "IMPORT_HOSTS", [server.origin])
        yield server


def weights(name, sha=SHA, size=1000):
    return {
        "rfilename": name,
        "size": size,
        "blobId": "0" * 40,
        "lfs": {"sha256": sha, "size": size, "pointerSize": 130},
    }


def tells(there, *siblings, card=None, tags=(), repo="ada/ink-wash", revision="main", **more):
    told = {"id": repo, "sha": COMMIT, "author": "ada", "tags": list(tags), "cardData": card or {}, "private": False}
    told |= {"siblings": list(siblings), "lastModified": "2026-01-02T03:04:05.000Z"}
    there.says(f"/api/models/{repo}/revision/{revision}", told | more)


def looked_up(there, repo="ada/ink-wash", **more):
    return sources.look_up(LookUp(id="x", attempt=1, kind="huggingface", server=there.origin, repo=repo, **more), "")


def test_it_works(there):
    card = {
        "license": "openrail++",
        "base_model": "stabilityai/stable-diffusion-xl-base-1.0",
        "instance_prompt": "inkwash",
    }
    card["widget"] = [{"text": "a fox", "output": {"url": "./fox.png"}}]
    tells(there, weights("ink.safetensors"), {"rfilename": "README.md"}, {"rfilename": "fox.png"},
          {"rfilename": "x.png"},
          card=card, tags=["lora", "ink", "license:openrail++", "region:us", "diffusers"])  # fmt: skip
    readme = f"/ada/ink-wash/resolve/{COMMIT}/README.md"
    there.gives(readme, b"---\nlicense: openrail++\n---\n# Ink\nwashes", kind="text/plain")
    model = looked_up(there)
    assert (model.name, model.type, model.creator, model.licence) == ("ink wash", "LORA", "ada", "openrail++")
    assert (model.description, model.tags) == ("# Ink\nwashes", ("lora", "ink"))
    version = model.versions[0]
    assert (version.base, version.trigger_words, version.name) == ("SDXL 1.0", ("inkwash",), COMMIT[:8])
    file = version.files[0]
    assert (file.name, file.size, file.digests) == ("ink.safetensors", 1000, {"sha256": SHA})
    assert file.url == f"{there.origin}/ada/ink-wash/resolve/{COMMIT}/ink.safetensors"
    assert [(p.url.rsplit("/")[-1], p.recipe.prompt if p.recipe else "") for p in version.pictures] == [
        ("fox.png", "a fox"), ("x.png", ""),
    ]  # fmt: skip


def test_the_same_weights_are_the_same_version_whatever_else_was_committed(there):
    tells(there, weights("ink.safetensors"))
    first = looked_up(there).versions[0].remote
    tells(there, weights("ink.safetensors"), {"rfilename": "config.json"}, sha="d" * 40)
    assert looked_up(there).versions[0].remote == first
    tells(there, weights("ink.safetensors", "cd" * 32))
    assert looked_up(there).versions[0].remote != first


def test_loaders_names_and_trainers_leavings(there):
    tells(there, weights("pytorch_lora_weights.safetensors"), weights("ink.safetensors"),
          weights("optimizer.bin", "11" * 32),          weights("unet/x.safetensors", "22" * 32))  # fmt: skip
    model = looked_up(there)
    assert [file.name for file in model.versions[0].files] == ["ink.safetensors"]
    assert model.left_out[0].startswith("Weights in folders")


def test_one_file_of_a_folder_by_its_link(there):
    tells(there, weights("unet/diffusion_pytorch_model.safetensors"), revision="v1")
    with pytest.raises(Refusal, match="is a folder of diffusers"):
        looked_up(there, revision="v1")
    model = looked_up(there, revision="v1", path="unet/diffusion_pytorch_model.safetensors")
    assert model.versions[0].files[0].name == "diffusion_pytorch_model.safetensors"
    with pytest.raises(Refusal, match="has no weights called"):
        looked_up(there, revision="v1", path="nothing.safetensors")


@pytest.mark.parametrize(
    ("licence", "flags"),
    [
        ("mit", (("Image", "RentCivit", "Rent", "Sell"), True, False, True)),
        ("cc0-1.0", (("Image", "RentCivit", "Rent", "Sell"), True, True, True)),
        ("creativeml-openrail-m", (("Image", "RentCivit", "Rent", "Sell"), True, True, False)),
        ("cc-by-nc-4.0", ((), True, False, True)),
        ("cc-by-nd-4.0", (("Image", "RentCivit", "Rent", "Sell"), False, False, False)),
        ("other", ((), True, False, False)),
        ("", ((), True, False, False)),
    ],
)
def test_what_is_not_known_to_allow_a_thing_does_not(there, licence, flags):
    tells(there, weights("ink.safetensors"), card={"license": licence})
    model = looked_up(there)
    told = (model.allow_commercial_use, model.allow_derivatives, model.allow_no_credit, model.allow_different_licence)
    assert told == flags


def test_a_shelf_page_by_page(there):
    def page(here, request):
        last = "cursor=two" in request.path
        body = b'[{"id":"ada/two"}]' if last else b'[{"id":"ada/one"},{"id":"../x"},7]'
        link = {} if last else {"Link": f'<{there.origin}/api/models?author=ada&cursor=two>; rel="next"'}
        here.answer(200, body, link)

    there.routes["/api/models"] = page
    asked = {"id": "s", "attempt": 1, "kind": "huggingface", "server": there.origin, "what": "username", "value": "ada"}
    first = sources.list_shelf(ListShelf(**asked), "")
    assert (first.links, first.cursor) == ((f"{there.origin}/ada/one",), "two")
    second = sources.list_shelf(ListShelf(**asked, cursor="two"), "")
    assert (second.links, second.cursor) == ((f"{there.origin}/ada/two",), "")
