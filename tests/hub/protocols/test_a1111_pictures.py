"""Programs that send pictures to the webui's API: img2img, inpainting, ControlNet's units, another VAE."""

import base64
import json

import pytest

from tests.hub.protocols.conftest import png
from tests.hub.protocols.test_a1111 import API, SMALL, draws
from tests.hub.tryit import world
from workers.hints import Hint

START, MASK = (base64.b64encode(png(colour)).decode() for colour in ((200, 30, 30), (255, 255, 255)))


@pytest.fixture
def edges(alice, nano):
    return world.version(alice, "Edges", "controlnet")


@draws
def test_img2img_starts_from_the_picture(alice, nano, program, worker):
    ai = program(alice)
    body = SMALL | {"init_images": [f"data:image/png;base64,{START}"], "denoising_strength": 0.4, "resize_mode": 1}
    answer = ai.post(f"{API}img2img", body)
    assert answer.status_code == 200, answer.content
    source = worker.seen[-1].source
    assert (source.denoising, source.resize, source.mask) == (0.4, "Crop and Resize", "")
    info = json.loads(answer.json()["info"])
    assert info["denoising_strength"] == 0.4
    assert "Denoising strength: 0.4" in info["infotexts"][0]
    assert answer.json()["parameters"]["init_images"] is None
    masked = body | {"mask": MASK, "mask_blur": 7, "inpainting_fill": 2, "inpainting_mask_invert": 1}
    assert ai.post(f"{API}img2img", masked).status_code == 200
    again = worker.seen[-1].source
    assert again.picture == source.picture
    assert (again.blur, again.fill, again.invert, again.only_masked) == (7, "latent noise", True, True)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"init_images": []}, 422),
        ({"init_images": ["no base64!"]}, 422),
        ({"init_images": [START], "denoising_strength": 3}, 400),
        ({"init_images": [START], "resize_mode": 9}, 422),
        ({"init_images": [base64.b64encode(b"no picture").decode()]}, 400),
    ],
)
@draws
def test_what_cannot_be_started_from_is_said(alice, nano, program, worker, change, status):
    answer = program(alice).post(f"{API}img2img", SMALL | change)
    assert answer.status_code == status, answer.content
    assert answer.json()["detail"].endswith(".")


@draws
def test_controlnet_s_units_are_drawn_with(alice, nano, edges, program, worker):
    unit = {
        "image": START, "module": "canny", "model": f"edges [{world.sha(edges)[:8]}]", "weight": 0.7, "threshold_a": 90,
        "threshold_b": -1, "guidance_start": 0.1, "guidance_end": 0.8, "control_mode": 2,
        "resize_mode": "Resize and Fill", "pixel_perfect": True, "low_vram": False, "processor_res": 512,
    }  # fmt: skip
    off = {"enabled": False, "model": "none such"}
    answer = program(alice).post(f"{API}txt2img", SMALL | {"alwayson_scripts": {"controlnet": {"args": [unit, off]}}})
    assert answer.status_code == 200, answer.content
    [use] = worker.seen[-1].uses
    assert (use.sha256, use.kind, use.weight) == (world.sha(edges), "controlnet", 0.7)
    assert use.hint == Hint(
        picture=use.hint.picture,
        preprocessor="canny",
        low=90,
        high=200,
        resize="Resize and Fill",
        mode="ControlNet is more important",
        start=0.1,
        end=0.8,
    )
    text = json.loads(answer.json()["info"])["infotexts"][0]
    assert f'ControlNet 0: "Module: canny, Model: Edges [{world.sha(edges)[:8]}], Weight: 0.7' in text
    assert "<lora:" not in text
    for change, status in (({"module": "depth_midas"}, 501), ({"model": "nowhere"}, 404), ({"image": None}, 422)):
        body = SMALL | {"alwayson_scripts": {"controlnet": {"args": [unit | change]}}}
        assert program(alice).post(f"{API}txt2img", body).status_code == status


@draws
def test_another_vae_is_chosen_as_there(alice, nano, program, worker):
    vae = world.version(alice, "Clear colours", "vae")
    ai = program(alice)
    [listed] = ai.get(f"{API}sd-vae").json()
    assert ai.post(f"{API}txt2img", SMALL | {"override_settings": {"sd_vae": listed["filename"]}}).status_code == 200
    assert worker.seen[-1].vae == world.sha(vae)
    assert ai.post(f"{API}options", {"sd_vae": listed["model_name"]}).status_code == 200
    assert ai.get(f"{API}options").json()["sd_vae"] == listed["model_name"]
    info = json.loads(ai.post(f"{API}txt2img", SMALL).json()["info"])
    assert (info["sd_vae_name"], info["sd_vae_hash"]) == ("Clear colours", world.sha(vae)[:10])
    assert "VAE: Clear colours" in info["infotexts"][0]
    assert ai.post(f"{API}txt2img", SMALL | {"override_settings": {"sd_vae": "Automatic"}}).status_code == 200
    assert worker.seen[-1].vae == ""
