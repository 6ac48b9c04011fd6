import hashlib
import urllib.error
import urllib.request

import pytest
from django.conf import settings
from django.test import Client

from hub import queue, storage
from hub.catalog import actions
from hub.catalog.models import ModelStat, Tally, VersionStat
from tests.hub.catalog.files import added, report
from workers.messages import blob_key

BODY = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def nobody_has_downloaded():
    """Row numbers begin anew with each run of these tests; the cache remembers who downloaded what for an hour."""
    if keys := list(queue.cache().scan_iter("weightroom:downloaded:*")):
        queue.cache().delete(*keys)


@pytest.fixture
def stored(alice):
    """A file whose bytes are in the object store."""
    sha256 = hashlib.sha256(BODY).hexdigest()
    storage.client().put_object(Bucket=settings.S3_BUCKET, Key=blob_key(sha256), Body=BODY)
    return added(
        alice, filename="líno cut.safetensors", inspected={"digests": report("x").digests | {"sha256": sha256}}
    )


def fetch(url, **headers):
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20)


def get(file_or_id, accept="*/*", **params):
    version_id = getattr(file_or_id, "version_id", file_or_id)
    return Client().get(f"/api/download/models/{version_id}", params, headers={"Accept": accept})


def test_it_works(stored):
    answer = get(stored)
    assert answer.status_code == 307
    assert answer["Cache-Control"] == "no-store, max-age=0"
    with fetch(answer["Location"]) as whole:
        assert whole.status == 200
        assert whole.headers["Content-Length"] == str(len(BODY))
        assert whole.headers["Content-Disposition"] == 'attachment; filename="lino cut.safetensors"'
        assert whole.read() == BODY
    with fetch(answer["Location"], Range="bytes=1000-1999") as part:
        assert part.status == 206
        assert part.read() == BODY[1000:2000]
        assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(BODY)}"


def test_the_address_cannot_be_used_for_another_file(stored):
    url = get(stored)["Location"]
    with pytest.raises(urllib.error.HTTPError) as error:
        fetch(url.replace(stored.blob_id, "0" * 64))
    assert error.value.code == 403


def test_downloads_are_counted_once_for_each_who_downloads(stored, bob):
    for start in range(0, 1100, 100):  # as programs do that fetch by ranges
        answer = Client().get(
            f"/api/download/models/{stored.version_id}", headers={"Range": f"bytes={start}-{start + 99}"}
        )
        assert answer.status_code == 307
    other = Client()
    other.force_login(bob)
    other.get(f"/api/download/models/{stored.version_id}")
    Client().head(f"/api/download/models/{stored.version_id}")
    assert Tally.objects.count() == 2
    assert actions.tallies_roll_up() == 2
    assert actions.tallies_roll_up() == 0
    assert ModelStat.objects.get(model=stored.version.model_id).downloads == 2
    assert VersionStat.objects.get(version=stored.version_id).downloads == 2
    assert Client().get("/api/v1/models").json()["items"][0]["stats"]["downloadCount"] == 2
    assert stored.version.model.listings.get().downloads == 2


@pytest.fixture
def variants(alice):
    """One version with a full fp32, a pruned fp16 and a VAE."""
    base = {"kind": "base"}
    full = added(alice, "WAI Mix", seed="1", inspected=base | {"precision": "fp32", "summary": {"size_kind": "full"}})
    common = {"version_id": full.version_id}
    small = added(
        alice, seed="2", filename="p.safetensors", **common,
        inspected=base | {"precision": "fp16", "summary": {"size_kind": "pruned"}},
    )  # fmt: skip
    vae = added(alice, seed="3", filename="v.vae.safetensors", **common, inspected={"kind": "vae", "precision": "fp32"})
    return full, small, vae


def test_a_wish_picks_the_file(variants):
    full, small, vae = variants

    def picked(**wish):
        answer = get(full, **wish)
        return answer["Location"].split("?")[0].rsplit("/", 1)[1] if answer.status_code == 307 else answer.status_code

    assert picked() == small.blob_id
    assert picked(size="full") == full.blob_id
    assert picked(fp="fp32", size="full") == full.blob_id
    assert picked(type="VAE") == vae.blob_id
    assert picked(type="Model", format="SafeTensor", size="pruned", fp="fp16") == small.blob_id
    assert picked(fileId=vae.pk) == vae.blob_id
    assert picked(format="GGUF") == 404
    assert picked(fp="bf16") == 404
    assert picked(fileId=999_999) == 404
    assert picked(fileId="x") == 400


def test_a_quantised_file_is_picked_by_its_type(alice):
    common = {"format": "GGUF", "kind": "base"}
    first = added(alice, "Flux", seed="8", filename="q8.gguf", inspected=common | {"precision": "Q8_0"})
    usual = added(
        alice, seed="4", filename="q4.gguf", version_id=first.version_id, inspected=common | {"precision": "Q4_K_M"}
    )

    def picked(**wish):
        answer = get(first, **wish)
        return answer["Location"].split("?")[0].rsplit("/", 1)[1] if answer.status_code == 307 else answer.status_code

    assert picked() == usual.blob_id
    assert picked(quantType="Q8_0") == first.blob_id
    assert picked(quantType="Q4_K_M", format="GGUF") == usual.blob_id
    assert picked(quantType="Q2_K") == picked(fp="fp16") == 404
    told = Client().get(f"/api/v1/model-versions/{first.version_id}").json()["files"]
    assert {file["metadata"]["quantType"] for file in told} == {"Q8_0", "Q4_K_M"}


def test_names_follow_the_rules(variants, alice):
    full, _, vae = variants
    assert "waiMix_v1.safetensors" in get(full)["Location"]
    assert "v.vae.safetensors" in get(full, type="VAE")["Location"]
    word = added(alice, "Word", trigger_words=["my/../word"], inspected={"kind": "textual_inversion"})
    assert "my_.._word.safetensors" in get(word)["Location"]
    assert vae.name == "v.vae.safetensors"


def test_programs_get_json_and_people_a_page(db):
    answer = get(999_999)
    assert (answer.status_code, answer.json()) == (404, {"error": "File not found"})
    page = get(999_999, accept="text/html,application/xhtml+xml")
    assert page.status_code == 404
    assert page["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("who", ["", "bob", "charlie"])
def test_a_draft_is_not_there_for_others(request, alice, who):
    file = added(alice, publish=False)
    client = Client()
    if who:
        client.force_login(request.getfixturevalue(who))
    answer = client.get(f"/api/download/models/{file.version_id}", headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json()) == (404, {"error": "File not found"})
    assert not Tally.objects.exists()


def test_a_refused_file_is_served_to_nobody_else(alice, mona):
    file = added(alice)
    bad = added(
        alice, seed="bad", version_id=file.version_id, filename="bad.safetensors", inspected={"verdict": "refused"}
    )
    assert get(file, fileId=bad.pk).status_code == 404
    moderator = Client()
    moderator.force_login(mona)
    assert moderator.get(f"/api/download/models/{file.version_id}?fileId={bad.pk}").status_code == 404


def test_only_reading(stored):
    assert Client().post(f"/api/download/models/{stored.version_id}").status_code in {401, 405}


def test_its_headers_are_answered_here(stored):
    """An address signed for GET is refused to HEAD by S3."""
    answer = Client().head(f"/api/download/models/{stored.version_id}")
    assert answer.status_code == 200
    assert answer["Content-Length"] == str(stored.blob.size)
    assert answer["Content-Disposition"] == 'attachment; filename="lino cut.safetensors"'
    assert answer["Accept-Ranges"] == "bytes"
