"""Programs of other people draw here: each real client on the running hub, with a token and the address changed."""

import io
from urllib.parse import urlsplit

import httpx
import openai
import pytest
import webuiapi
from PIL import Image

from tests.journeys.conftest import Person

pytestmark = pytest.mark.journey
SMALL = {"width": 128, "height": 128, "steps": 4, "seed": 7}


@pytest.fixture(scope="module")
def tess(hub, nano):
    return Person.signs_up(hub, "tess")


@pytest.fixture(scope="module")
def webui(hub, tess):
    where = urlsplit(hub.address)
    api = webuiapi.WebUIApi(host=where.hostname, port=where.port)
    api.set_auth("tess", tess.token)
    return api


@pytest.fixture(scope="module")
def ai(hub, tess):
    return openai.OpenAI(base_url=f"{hub.address}/v1", api_key=tess.token)


def test_webuiapi(webui, nano):
    names = webui.util_get_model_names()
    assert names == [f"nano-v{nano['version']} [{nano['sha256'][:10]}]"]
    webui.util_set_model("nano")
    assert webui.util_get_current_model() == names[0]
    webui.util_wait_for_ready(0.1)
    drawn = webui.txt2img(prompt="cat, blue background", batch_size=2, cfg_scale=5, **SMALL)
    assert [image.size for image in drawn.images] == [(128, 128)] * 2
    assert drawn.info["all_seeds"] == [7, 8]
    assert drawn.images[0].text["parameters"] == drawn.info["infotexts"][0], "the PNG carries what the answer says"
    assert drawn.parameters["steps"] == 4
    again = webui.txt2img(prompt="cat, blue background", cfg_scale=5, **SMALL)
    assert again.image.tobytes() == drawn.image.tobytes()
    with pytest.raises(RuntimeError, match="not possible on this hub"):
        webui.txt2img(prompt="cat", enable_hr=True, **SMALL)
    assert "Euler a" in webui.util_get_sampler_names()
    assert webui.get_progress()["progress"] == 0


def test_openai(ai, nano):
    assert [model.id for model in ai.models.list()] == [f"nano-v{nano['version']}"]
    extra = {"seed": 7, "steps": 4, "cfg_scale": 5}
    made = ai.images.generate(prompt="cat, blue background", size="128x128", response_format="url", extra_body=extra)
    picture = httpx.get(made.data[0].url)
    assert picture.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (128, 128)
    assert ai.images.generate(prompt="cat", n=1, size="128x128", extra_body=extra).data[0].b64_json
    with pytest.raises(openai.NotFoundError) as missing:
        ai.images.generate(prompt="cat", model="gpt-image-1")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        ai.with_options(api_key="wr_wrong").models.list()


def test_civitai_py(hub, tess, nano, monkeypatch):
    monkeypatch.setenv("CIVITAI_API_TOKEN", tess.token)
    from civitai import civitai  # it reads the token as it is imported

    monkeypatch.setattr(civitai, "base_path", hub.address)
    version = tess.asks("GET", f"/api/v1/model-versions/{nano['version']}", status=200)
    params = {"prompt": "cat, blue background", "scheduler": "EulerA", "steps": 4, "cfgScale": 5, "seed": 7}
    made = civitai.image.create({"model": version["air"], "params": params | {"width": 128, "height": 128}}, wait=True)
    [job] = made["jobs"]
    picture = httpx.get(job["result"]["blobUrl"])
    assert Image.open(io.BytesIO(picture.content)).size == (128, 128)
