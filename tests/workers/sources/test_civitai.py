import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from tests.workers.civitai import Civitai
from workers import settings, sources
from workers.errors import Refusal
from workers.fetch_messages import ListShelf, LookUp, ToldModel
from workers.sources import civitai


@pytest.fixture
def there(monkeypatch):
    with Civitai() as server:
        monkeypatch.setattr(settings, "IMPORT_HOSTS", [server.origin])
        yield server


def looked_up(there, **more):
    return sources.look_up(LookUp(id="x", attempt=1, kind="civitai", server=there.origin, **more), "")


def test_it_works(there):
    model = looked_up(there, model=12)
    assert (model.name, model.creator, model.level) == ("Ink Wash", "ada", 5)
    version = model.versions[0]
    assert version.link == f"{there.origin}/models/12?modelVersionId=34"
    assert version.files[0].digests == {"sha256": there.sha256, "autov2": there.sha256[:10]}
    assert version.files[0].size == len(there.data)
    assert [picture.url.rsplit("/", 2)[1] for picture in version.pictures] == ["original=true"] * 2


def test_a_hash_leads_to_its_version_alone(there):
    there.tells(modelVersions=[there.version(id=35, name="v2", files=[], images=[]), there.version()])
    assert [v.remote for v in looked_up(there, hash=there.sha256.upper()).versions] == ["34"]
    assert [v.remote for v in looked_up(there, model=12).versions] == ["35", "34"]


def test_what_is_taken_down_there_is_not_fetched(there):
    there.tells(mode="TakenDown")
    with pytest.raises(Refusal, match="out of service"):
        looked_up(there, model=12)


def test_a_token_in_an_address_is_not_kept(there):
    there.tells(modelVersions=[there.version(files=[there.file(downloadUrl="/api/download/models/34?token=x&a=1")])])
    assert looked_up(there, model=12).versions[0].files[0].url == f"{there.origin}/api/download/models/34?a=1"


def test_a_shelf(there):
    there.says("/api/v1/models", {"items": [{"id": 12}, {"id": "x"}, 5], "metadata": {"nextCursor": "7|1"}})
    asked = {"id": "s", "attempt": 1, "kind": "civitai", "server": there.origin, "what": "username", "value": "a&b"}
    page = sources.list_shelf(ListShelf(**asked), "")
    assert (page.links, page.cursor) == ((f"{there.origin}/models/12",), "7|1")
    assert "username=a%26b" in there.asked("/api/v1/models")[0].path


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KEYS = ["id", "name", "description", "type", "tags", "creator", "modelVersions", "files", "images", "hashes", "url",
        "meta", "downloadUrl", "nsfwLevel", "sizeKB", "allowCommercialUse", "trainedWords", "resources", "Size", "seed",
        "prompt", "publishedAt", "baseModel"]  # fmt: skip


@limits(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS), anything, max_size=12),
    st.dictionaries(st.sampled_from(KEYS), anything, max_size=12),
    st.dictionaries(st.sampled_from(KEYS), anything, max_size=12),
)
def test_whatever_a_server_says_becomes_a_model_or_a_refusal(model, version, inner):
    model |= {"id": 1, "modelVersions": [version | {"id": 2, "files": [inner], "images": [inner | {"url": "/x"}]}]}
    assert isinstance(civitai.model_told(model, "https://civitai.com"), ToldModel)
