"""Programs written for Civitai, from PyPI, on the running hub: one reads strictly, one reads and downloads."""

import hashlib
from pathlib import Path

import httpx
import pytest
from civitai_api import v1 as strict
from civitai_api.v1.models.creators_endpoint import Creators_API_Opts
from civitai_api.v1.models.images import Images_API_Opts
from civitai_api.v1.models.models_endpoint import Models_API_Opts
from civitai_api.v1.models.tags_endpoint import Tags_API_Opts
from civitapy import CivitAIClient
from civitapy.errors import CivitAIAuthError, CivitAINotFoundError

from tests.journeys.conftest import Person

pytestmark = pytest.mark.journey


class LedHere(httpx.HTTPTransport):
    """A hosts file and a proxy: what is sent to civitai.com comes to the hub, under that name."""

    def __init__(self, hub) -> None:
        super().__init__()
        self.hub = httpx.URL(hub.address)

    def handle_request(self, request):
        request.url = request.url.copy_with(scheme="http", host=self.hub.host, port=self.hub.port)
        return super().handle_request(request)


def test_civitai_api(hub, nano):
    """It knows one address only, and fails on a key that is missing, null or of another type."""
    with httpx.Client(transport=LedHere(hub)) as client:
        found = strict.models(client, Models_API_Opts(query="nano", limit=5, token="none"))
        model = next(one for one in found.items if one.name == "nano")
        assert strict.get_model_by_id(client, model.id).name == "nano"
        [version] = model.modelVersions
        assert version.downloadUrl == f"http://civitai.com/api/download/models/{nano['version']}"
        assert nano["sha256"].upper() == version.files[0].hashes.SHA256
        assert strict.get_model_by_versionId(client, nano["version"]).modelId == model.id
        assert strict.get_model_by_hash(client, version.files[0].hashes.AutoV3).model.name == "nano"
        pictures = strict.images(client, Images_API_Opts(modelVersionId=nano["version"], limit=3))
        assert pictures.items[0].url.startswith("http://civitai.com/image/")
        assert client.get(pictures.items[0].url).headers["Content-Type"] == "image/png"
        assert "nina" in [one.username for one in strict.creators(client, Creators_API_Opts(limit=50)).items]
        assert strict.tags(client, Tags_API_Opts(limit=5, page=1, query="")).metadata.totalPages >= 1
        assert client.get(version.downloadUrl).status_code == 307


def test_civitapy(hub, nano, tmp_path):
    """It reads everything, and downloads with the file's own digest in hand."""
    client = CivitAIClient(base_url=f"{hub.address}/api/v1", download_dir=str(tmp_path), verify_hash=True)
    assert "LORA" in client.enums()["ModelType"]
    listed = client.models_list(types="Checkpoint", limit=10)
    model = next(one for one in listed["items"] if one["name"] == "nano")
    assert client.models_get(model["id"])["id"] == model["id"]
    assert client.model_versions_get(nano["version"])["modelId"] == model["id"]
    assert client.model_versions_by_hash(nano["sha256"])["id"] == nano["version"]
    assert [one["id"] for one in client.model_versions_by_hash_bulk([nano["sha256"]])] == [nano["version"]]
    [known] = client.model_versions_by_hash_ids([nano["sha256"], "0" * 64])
    assert known.model_version_id == nano["version"]
    assert client.model_versions_mini(nano["version"])["modelName"] == "nano"
    assert client.images_list(model_version_id=nano["version"], limit=2)["items"]
    assert client.creators_list(query="nina")["items"][0]["username"] == "nina"
    assert client.tags_list()["metadata"]["currentPage"] == 1
    assert client.permissions_check([nano["version"]]) == {str(nano["version"]): True}
    with pytest.raises(CivitAINotFoundError):
        client.models_get(999_999)
    with pytest.raises(CivitAIAuthError):
        client.users_me()
    [path] = client.download_model_version(nano["version"])
    assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == nano["sha256"]
    cara = Person.signs_up(hub, "cara")
    own = CivitAIClient(base_url=f"{hub.address}/api/v1", token=cara.token)
    assert own.users_me()["username"] == "cara"
    assert own.models_list(favorites=True)["items"] == []
