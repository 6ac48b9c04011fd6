"""A program written for AUTOMATIC1111's API finds this hub at its address, and draws."""

import base64
import json
import threading
import time

import pytest

from hub.prompts.models import Prompt
from hub.protocols import drawing
from hub.tryit.models import Generation
from tests.hub.protocols.conftest import Program
from tests.hub.tryit import world

API = "/sdapi/v1/"
draws = pytest.mark.django_db(transaction=True, serialized_rollback=True)
SMALL = {"prompt": "cat, blue background", "width": 128, "height": 128, "steps": 4, "seed": 7}


@draws
def test_it_works(alice, nano, program, worker):
    ai = program(alice, basic=True)
    answer = ai.post(f"{API}txt2img", SMALL | {"batch_size": 2, "cfg_scale": 5, "sampler_name": "Euler a"})
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert len(said["images"]) == 2
    assert base64.b64decode(said["images"][0]).startswith(b"\x89PNG")
    info = json.loads(said["info"])
    assert info["all_seeds"] == [7, 8]
    assert (info["steps"], info["cfg_scale"], info["sampler_name"]) == (4, 5.0, "Euler a")
    assert info["sd_model_name"] == f"Nano-v{nano.pk}"
    assert info["infotexts"][1].splitlines()[0] == "cat, blue background"
    assert "Seed: 8" in info["infotexts"][1]
    assert said["parameters"]["seed"] == 7
    assert said["parameters"]["prompt"] == SMALL["prompt"]


@draws
def test_an_adapter_in_the_prompt_is_put_on_the_stack(alice, nano, linocut, program, worker):
    answer = program(alice).post(f"{API}txt2img", SMALL | {"prompt": "cat <lora:linocut:0.6>"})
    assert answer.status_code == 200, answer.content
    [recipe] = worker.seen
    assert recipe.prompt == "cat"
    assert [(use.sha256, use.weight) for use in recipe.uses] == [(world.sha(linocut), 0.6)]
    text = json.loads(answer.json()["info"])["infotexts"][0]
    assert "<lora:Linocut:0.6>" in text
    missing = program(alice).post(f"{API}txt2img", SMALL | {"prompt": "cat <lora:nowhere:1>"})
    assert missing.status_code == 400
    assert "nowhere" in missing.json()["detail"]


@draws
def test_words_are_drawn_as_they_stand(alice, nano, program, worker):
    """A1111 knows no choices: as many pictures are answered as were asked for, of the words that were sent."""
    words = "a {red|blue} __animals__"
    answer = program(alice).post(f"{API}txt2img", SMALL | {"prompt": words})
    assert len(answer.json()["images"]) == 1
    assert worker.seen[0].prompt == words


@draws
def test_more_pictures_than_one_job_holds_come_in_order(alice, nano, program, worker):
    answer = program(alice).post(f"{API}txt2img", SMALL | {"batch_size": 5, "n_iter": 2})
    assert json.loads(answer.json()["info"])["all_seeds"] == list(range(7, 17))
    assert Generation.objects.count() == 2


@draws
def test_why_a_worker_could_not_draw_it_is_said(alice, nano, program, worker):
    worker.fails = "This picture needs more memory than this worker has."
    answer = program(alice).post(f"{API}txt2img", SMALL)
    assert answer.status_code == 500
    assert answer.json()["detail"] == worker.fails


@draws
def test_it_can_be_watched_and_interrupted_by_its_own_token_only(alice, nano, program):
    """No worker takes it here: it waits until it is interrupted."""
    token = program(alice)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(token.post(f"{API}txt2img", SMALL)))
    idle = token.get(f"{API}progress").json()
    assert (idle["progress"], idle["state"]["job_count"]) == (0, 0)
    asking.start()
    until = time.monotonic() + 10
    watching = Program(token.headers["Authorization"].removeprefix("Bearer "))
    while watching.get(f"{API}progress").json()["state"]["job_count"] == 0:
        assert time.monotonic() < until
        time.sleep(0.05)
    other = program(alice)
    assert other.get(f"{API}progress").json()["state"]["job_count"] == 0
    other.post(f"{API}interrupt")
    assert Generation.objects.get().is_open
    assert watching.post(f"{API}interrupt").json() == {}
    asking.join(10)
    assert answers[0].status_code == 409
    assert Generation.objects.get().status == "cancelled"


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("enable_hr", True, 501),
        ("restore_faces", True, 501),
        ("tiling", True, 501),
        ("subseed_strength", 1.4, 400),
        ("subseed_strength", "some", 422),
        ("mask_round", False, 501),
        ("initial_noise_multiplier", 0.9, 501),
        ("script_name", "X/Y/Z plot", 501),
        ("alwayson_scripts", {"ControlNet": {"args": [{"enabled": True}]}}, 404),
        ("alwayson_scripts", {"ControlNet": {"args": "all of it"}}, 422),
        ("alwayson_scripts", {"Dynamic Thresholding": {"args": [True]}}, 501),
        ("refiner_checkpoint", "sdxl", 404),
        ("refiner_checkpoint", "Nano", 422),
        ("eta", 0.3, 501),
        ("override_settings", {"token_merging_ratio": 0.5}, 501),
        ("override_settings", {"eta_noise_seed_delta": "much"}, 422),
        ("override_settings", {"randn_source": "TPU"}, 422),
        ("override_settings", {"sd_vae": "mine.vae.pt"}, 404),
        ("override_settings", {"sd_model_checkpoint": "not here"}, 404),
        ("override_settings", [1], 422),
        ("sampler_name", "Imaginary", 422),
        ("steps", "many", 422),
        ("steps", 1.5, 422),
        ("steps", 100_000, 400),
        ("styles", ["none of mine"], 422),
        ("batch_size", 99, 422),
        ("width", 100_000, 400),
    ],
)
def test_what_cannot_be_drawn_is_said(alice, nano, program, field, value, status):
    answer = program(alice).post(f"{API}txt2img", SMALL | {field: value})
    assert answer.status_code == status, answer.content
    assert answer.json()["detail"].endswith(".")
    assert not Generation.objects.exists()


@draws
def test_a_client_that_sends_every_field_is_served(alice, nano, program, worker):
    """As webuiapi 0.9 does, whatever its user asked for; and fields that nobody knows."""
    body = SMALL | {
        "enable_hr": False, "hr_scale": 2, "hr_upscaler": "Latent", "hr_second_pass_steps": 0,
        "denoising_strength": 0.7, "firstphase_width": 0, "firstphase_height": 0, "hr_prompt": "", "styles": [],
        "subseed": -1, "subseed_strength": 0.0, "seed_resize_from_h": 0, "seed_resize_from_w": 0,
        "n_iter": 1, "restore_faces": False,
        "tiling": False, "eta": 1.0, "s_churn": 0, "s_tmax": 0, "s_tmin": 0, "s_noise": 1, "override_settings": {},
        "override_settings_restore_afterwards": True, "sampler_name": "Euler a", "scheduler": "automatic",
        "sampler_index": "Euler a", "script_name": None, "script_args": [], "send_images": True, "save_images": False,
        "alwayson_scripts": {}, "something_new": {"of": "theirs"},
    }  # fmt: skip
    assert program(alice).post(f"{API}txt2img", body).status_code == 200


@draws
def test_variations_noise_and_a_refiner_are_drawn_as_asked(alice, nano, linocut, program, worker):
    other = world.version(alice, "Ink Mix", "base")
    body = SMALL | {
        "prompt": "cat <lora:linocut:1>", "disable_extra_networks": True, "subseed": 30, "subseed_strength": 0.25,
        "batch_size": 9, "refiner_checkpoint": "ink mix", "refiner_switch_at": 0.7,
        "override_settings": {
            "randn_source": "GPU", "eta_noise_seed_delta": 31337, "always_discard_next_to_last_sigma": True
        },
    }  # fmt: skip
    answer = program(alice).post(f"{API}txt2img", body)
    assert answer.status_code == 200, answer.content
    first, second = sorted(worker.seen, key=lambda recipe: recipe.variation_seed)
    assert (first.prompt, first.uses) == ("cat", ())
    assert (first.seed, first.variation_seed, second.seed, second.variation_seed) == (7, 30, 7, 38)
    assert (first.variation_strength, first.rng, first.ensd, first.discard_penultimate) == (0.25, "GPU", 31337, True)
    assert (first.refiner, first.refiner_name, first.refiner_switch_at) == (world.sha(other), "Ink Mix", 0.7)
    info = json.loads(answer.json()["info"])
    assert info["all_seeds"] == [7] * 9
    assert (info["all_subseeds"], info["subseed_strength"]) == (list(range(30, 39)), 0.25)
    assert "Refiner: Ink Mix [" in info["infotexts"][0]
    assert "Refiner switch at: 0.7" in info["infotexts"][0]
    assert info["extra_generation_params"]["Refiner switch at"] == 0.7


@pytest.mark.parametrize("path", ["extra-single-image", "interrogate"])
def test_what_is_not_there_yet_is_said(alice, nano, program, path):
    answer = program(alice).post(f"{API}{path}", {"image": ""})
    assert answer.status_code == 501
    assert answer.json()["detail"]


def test_lists_are_as_clients_read_them(alice, nano, linocut, program):
    ai = program(alice)
    sha = world.sha(nano)
    [model] = ai.get(f"{API}sd-models").json()
    assert model == {
        "title": f"Nano-v{nano.pk} [{sha[:10]}]", "model_name": f"Nano-v{nano.pk}", "hash": sha[:10], "sha256": sha,
        "filename": f"Nano-v{nano.pk}.safetensors", "config": None,
    }  # fmt: skip
    [lora] = ai.get(f"{API}loras").json()
    assert (lora["name"], lora["alias"]) == ("linocut", "Linocut")
    word = world.version(alice, "Blue Hour", "textual_inversion", trigger_words=["bluehour"])
    assert list(ai.get(f"{API}embeddings").json()["loaded"]) == ["bluehour"]
    assert word.pk
    names = [row["name"] for row in ai.get(f"{API}samplers").json()]
    assert {"Euler a", "DPM++ 2M", "UniPC"} <= set(names)
    assert {"karras", "automatic"} <= {row["name"] for row in ai.get(f"{API}schedulers").json()}
    for empty in ("sd-vae", "face-restorers", "latent-upscale-modes", "script-info", "realesrgan-models"):
        assert ai.get(f"{API}{empty}").json() == []
    assert ai.get(f"{API}cmd-flags").json() == {}
    assert set(ai.get(f"{API}memory").json()) == {"ram", "cuda"}
    assert ai.get(f"{API}embeddings").json()["skipped"] == {}
    assert ai.post(f"{API}refresh-checkpoints").json() == {}
    assert ai.get(f"{API}controlnet-model-list").status_code == 404
    for probed in ("/controlnet/model_list", "/system_stats"):  # an answer there would make a client think of ComfyUI
        assert ai.get(probed).status_code == 404


def test_options_are_each_tokens_own(alice, nano, program):
    other = world.version(alice, "Ink Mix", "base")
    ai, bi = program(alice), program(alice)
    told = ai.get(f"{API}options").json()
    assert told["sd_model_checkpoint"].startswith(f"Nano-v{nano.pk} ")
    told["sd_model_checkpoint"] = f"Ink-Mix-v{other.pk}"  # Open WebUI sends back all of it
    assert ai.post(f"{API}options", told).status_code == 200
    assert ai.get(f"{API}options").json()["sd_model_checkpoint"].startswith(f"Ink-Mix-v{other.pk} ")
    assert bi.get(f"{API}options").json()["sd_model_checkpoint"].startswith("Nano")
    assert ai.post(f"{API}options", {"sd_model_checkpoint": "nowhere"}).status_code == 404
    assert ai.post(f"{API}options", {"token_merging_ratio": 0.5}).status_code == 501
    assert ai.post(f"{API}options", {"randn_source": "NV"}).status_code == 200
    assert ai.get(f"{API}options").json()["randn_source"] == "NV"


@draws
def test_the_checkpoint_that_was_set_is_drawn_on_and_an_override_counts_more(alice, nano, program, worker):
    other = world.version(alice, "Ink Mix", "base")
    ai = program(alice)
    ai.post(f"{API}options", {"sd_model_checkpoint": "ink mix", "CLIP_stop_at_last_layers": 2})
    ai.post(f"{API}txt2img", SMALL)
    override = {"sd_model_checkpoint": f"whatever [{world.sha(nano)[:10]}]"}
    assert ai.post(f"{API}txt2img", SMALL | {"override_settings": override}).status_code == 404
    override = {"sd_model_checkpoint": world.sha(nano)[:10], "CLIP_stop_at_last_layers": 1}
    assert ai.post(f"{API}txt2img", SMALL | {"override_settings": override}).status_code == 200
    assert [(recipe.base, recipe.clip_skip) for recipe in worker.seen] == [(world.sha(other), 2), (world.sha(nano), 1)]


def test_a_checkpoint_is_found_by_every_name_it_has(alice, bob, nano):
    sha = world.sha(nano)
    for name in ("Nano", "nano", f"Nano-v{nano.pk}", f"nano-v{nano.pk} [{sha[:10]}]", "nano.safetensors",
                 "models\\nano.safetensors", sha, sha[:10], sha[:10].upper(), "alice/nano"):  # fmt: skip
        assert drawing.checkpoint_named(bob, name).version_id == nano.pk, name
    world.version(bob, "Nano", "base")
    with pytest.raises(drawing.CheckpointUnknown, match="Several"):
        drawing.checkpoint_named(bob, "nano")


def test_a_draft_is_only_its_owners(alice, bob, nano, program):
    draft = world.version(alice, "Secret", "base", published=False)
    assert len(program(alice).get(f"{API}sd-models").json()) == 2
    assert len(program(bob).get(f"{API}sd-models").json()) == 1
    for name in ("secret", f"Secret-v{draft.pk}", world.sha(draft)[:10], world.sha(draft)):
        body = SMALL | {"override_settings": {"sd_model_checkpoint": name}}
        assert program(bob).post(f"{API}txt2img", body).status_code == 404


@draws
def test_styles_are_ones_own_prompts(alice, nano, program, worker):
    recipe = {"prompt": "linocut of {prompt}, two inks", "negative": "photo"}
    Prompt.objects.create(owner=alice, title="Lino", recipe=recipe, digest="0")
    ai = program(alice)
    assert ai.get(f"{API}prompt-styles").json() == [
        {"name": "Lino", "prompt": recipe["prompt"], "negative_prompt": "photo"}
    ]
    assert ai.post(f"{API}txt2img", SMALL | {"styles": ["Lino"], "negative_prompt": "dark"}).status_code == 200
    assert worker.seen[0].prompt == "linocut of cat, blue background, two inks"
    assert worker.seen[0].negative == "dark, photo"


@draws
def test_a_picture_drawn_here_tells_how_it_was_made(alice, bob, nano, program, worker):
    image = program(alice).post(f"{API}txt2img", SMALL).json()["images"][0]
    told = program(alice).post(f"{API}png-info", {"image": f"data:image/png;base64,{image}"}).json()
    assert told["info"].startswith("cat, blue background")
    assert told["parameters"]["Seed"] == "7"
    assert program(bob).post(f"{API}png-info", {"image": image}).status_code == 501  # hers, and private
    assert program(alice).post(f"{API}png-info", {"image": "%%"}).status_code == 422


@pytest.mark.parametrize("basic", [True, False])
def test_a_token_is_needed(alice, nano, program, basic):
    assert program(alice, basic=basic).get(f"{API}options").status_code == 200
    for header in ({}, {"Authorization": "Basic "}, {"Authorization": "Basic Og=="}, {"Authorization": "Bearer wr_no"}):
        nobody = Program()
        nobody.client.defaults.update({f"HTTP_{name.upper()}": value for name, value in header.items()})
        answer = nobody.post(f"{API}txt2img", SMALL)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Basic")
        assert answer.json()["detail"]
    reader = program(alice, "read", basic=basic)
    assert reader.get(f"{API}sd-models").status_code == 200
    assert reader.post(f"{API}txt2img", SMALL).status_code == 403


def test_a_session_alone_does_not_draw(alice, nano):
    """No page elsewhere can make a visitor's browser draw."""
    visitor = Program()
    visitor.client.force_login(alice)
    assert visitor.post(f"{API}txt2img", SMALL).status_code == 401


def test_a_body_that_is_none_is_said(alice, nano, program):
    client = program(alice).client
    for body in ("[]", "{", "7", '"x"'):
        assert client.post(f"{API}txt2img", body, content_type="application/json").status_code in {400, 422}, body
