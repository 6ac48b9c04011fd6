"""Every program's picture is read by what it is, and nothing that a stranger writes breaks the reading."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.workers.recipes import pictures
from workers import messages, recipes
from workers.messages import Recipe, Resource, Use
from workers.recipes import a1111, comfyui, invokeai, novelai, swarmui


@pytest.mark.parametrize("program", sorted(pictures.CARRIED))
def test_it_works(program):
    told = recipes.told(pictures.CARRIED[program])
    assert told.program == program
    assert "fox" in told.prompt
    assert "blurry" in told.negative
    assert told.steps
    assert told.seed
    assert told.width
    assert told.resources[0].kind == "base"
    assert messages.msgspec.json.decode(messages.msgspec.json.encode(told), type=messages.PictureRecipe) == told


def test_nothing_known_is_nothing():
    assert recipes.told({}) is None
    assert recipes.told({"parameters": "a cat", "Comment": "made with care", "prompt": "a fox"}) is None


def test_comfyui_is_read_from_the_sampler_backwards():
    told = comfyui.told({"prompt": json.dumps(pictures.COMFYUI)})
    assert (told.prompt, told.negative, told.dialect) == ("(fox:1.2) embedding:peach", "blurry", "comfyui")
    assert told.resources == (
        Resource(kind="base", name="nano-sd1"),
        Resource(kind="lora", name="flat", weight=0.8, text_weight=0.6),
        Resource(kind="lora", name="deep", weight=0.5),
        Resource(kind="textual_inversion", name="peach"),
    )
    assert (told.sampler, told.schedule, told.clip_skip) == ("Euler a", "Karras", 2)
    assert (told.seed, told.steps, told.cfg, told.width, told.height) == (156680208700286, 20, 8.0, 512, 640)


def test_comfyui_with_its_parts_apart():
    told = comfyui.told({"prompt": json.dumps(pictures.FLUX)})
    assert (told.prompt, told.negative, told.seed, told.steps, told.cfg) == ("a fox", "", 11, 12, 3.5)
    assert (told.sampler, told.schedule, told.width, told.height) == ("DPM++ 2M", "SGM Uniform", 1024, 768)
    assert told.resources[0].name == "flux1-dev"


def test_a_webp_of_comfyui_carries_it_in_another_field():
    assert comfyui.told({"Make": "prompt:" + json.dumps(pictures.COMFYUI)}).seed == 156680208700286


def test_a_graph_that_leads_in_a_circle_ends():
    loop = {
        "1": {"class_type": "K", "inputs": {"positive": ["2", 0], "negative": ["2", 0], "steps": 1, "model": ["2", 0]}},
        "2": {"class_type": "L", "inputs": {"model": ["2", 0], "conditioning": ["2", 0], "latent": ["2", 0]}},
    }
    assert comfyui.told({"prompt": json.dumps(loop)}).prompt == ""


def test_swarmui():
    told = swarmui.told({"parameters": json.dumps(pictures.SWARMUI)})
    assert told.resources == (
        Resource(kind="base", name="nano", digest="0x" + "ab" * 32),
        Resource(kind="lora", name="flat", digest="0x" + "cd" * 32, weight=0.8, text_weight=0.6),
        Resource(kind="lora", name="deep", weight=0.5),
    )
    assert (told.sampler, told.schedule, told.clip_skip, told.cfg) == ("DPM++ 2M", "Karras", 2, 6.5)


def test_invokeai_of_three_ages():
    told = invokeai.told({"invokeai_metadata": json.dumps(pictures.INVOKEAI)})
    assert told.resources == (
        Resource(kind="base", name="nano", digest="ab" * 32),
        Resource(kind="lora", name="flat", digest="cd" * 32, weight=0.75),
    )
    assert (told.sampler, told.schedule, told.clip_skip, told.dialect) == ("DPM++ 2M", "Karras", 2, "invokeai")
    second = invokeai.told({"sd-metadata": json.dumps(pictures.INVOKEAI_2)})
    assert (second.prompt, second.negative, second.sampler, second.steps) == ("a fox", "blurry", "Euler a", 50)
    first = invokeai.told({"Dream": pictures.DREAM})
    assert (first.prompt, first.negative) == ("a fox, sitting", "grey, blurry")
    assert (first.seed, first.width, first.height, first.cfg) == (1234, 512, 640, 7.5)


def test_novelai_in_a1111s_words():
    told = novelai.told(pictures.NOVELAI)
    assert told.prompt == r"((fox:1.05):1.05), (snow:0.9524), \(sitting\)"
    assert told.negative == "(blurry:1.05)"
    assert told.resources == (Resource(kind="base", name="Stable Diffusion XL", digest="7bccaa2c"),)
    assert (told.sampler, told.schedule, told.cfg, told.seed) == ("Euler a", "Karras", 5.0, 1234567)


def test_what_is_hidden_in_the_pixels_is_read_as_if_it_stood_in_the_open():
    assert recipes.told({"stealth": json.dumps(pictures.NOVELAI)}) == novelai.told(pictures.NOVELAI)
    assert recipes.told({"stealth": pictures.QUOTED}).program == "A1111"


def test_fooocus_easy_diffusion_and_draw_things():
    fooocus = recipes.told(pictures.CARRIED["Fooocus"])
    assert (fooocus.prompt, fooocus.sampler, fooocus.width) == ("a fox, cinematic, fine", "DPM++ 2M SDE", 1152)
    assert fooocus.resources[1] == Resource(kind="lora", name="offset", digest="4852686128", weight=0.1)
    easy = recipes.told(pictures.EASY)
    assert [(one.name, one.weight) for one in easy.resources] == [("nano", 1.0), ("flat", 0.8), ("deep", 0.5)]
    assert (easy.sampler, easy.clip_skip, easy.cfg) == ("Euler a", 2, 7.5)
    things = recipes.told({"xmp": pictures.DRAW_THINGS})
    assert (things.prompt, things.sampler, things.schedule) == ("a fox & snow", "DPM++ 2M", "Karras")
    assert things.resources[1] == Resource(kind="lora", name="flat_lora_f16", weight=0.6)


RECIPE = Recipe(
    base="ab" * 32, base_family="sd1", base_name="nano", prompt="a fox, red", negative='blur, "grey"\nx', seed=7,
    sampler="DPM++ 2M", schedule="Karras", steps=25, cfg=6.5, width=512, height=640, clip_skip=2,
    uses=(Use(kind="lora", sha256="cd" * 32, weight=0.8, name="flat"), Use(kind="loha", sha256="ef" * 32, name="deep")),
)  # fmt: skip
WRITERS = {
    "A1111": lambda recipe: {"parameters": a1111.write(recipe)},
    "ComfyUI": lambda recipe: {"prompt": comfyui.write(recipe)},
    "SwarmUI": lambda recipe: {"parameters": swarmui.write(recipe)},
    "InvokeAI": lambda recipe: {"invokeai_metadata": invokeai.write(recipe)},
}


@pytest.mark.parametrize("program", sorted(WRITERS))
def test_what_is_written_is_read(program):
    told = recipes.told(WRITERS[program](RECIPE))
    assert told.program == program
    assert told.prompt.removesuffix(" <lora:flat:0.8> <lora:deep:1>") == RECIPE.prompt
    for name in ("negative", "seed", "sampler", "schedule", "steps", "cfg", "width", "height", "clip_skip"):
        assert getattr(told, name) == getattr(RECIPE, name), name
    assert [(one.kind, one.name, one.weight) for one in told.resources] == [
        ("base", "nano", 1.0),
        ("lora", "flat", 0.8),
        ("lora", "deep", 1.0),
    ]


@pytest.mark.parametrize("program", ["A1111", "ComfyUI", "SwarmUI"])
def test_weights_of_the_text_are_written(program):
    use = replace(RECIPE.uses[0], text_weight=0.25)
    told = recipes.told(WRITERS[program](replace(RECIPE, uses=(use,))))
    assert (told.resources[1].weight, told.resources[1].text_weight) == (0.8, 0.25)


def test_an_inversion_is_named_as_comfyui_wants_it():
    use = Use(kind="textual_inversion", sha256="01" * 32, name="A peach", token="peach1")
    told = comfyui.told({"prompt": comfyui.write(replace(RECIPE, prompt="a (peach1:1.2), red", uses=(use,)))})
    assert told.prompt == "a (embedding:peach1:1.2), red"
    assert told.resources[1] == Resource(kind="textual_inversion", name="peach1")


NAMES = (
    *("1", "2", "3", "class_type", "inputs", "positive", "negative", "steps", "model", "image", "prompt", "uc", "c"),
    *("lora", "loras", "hash", "name", "seed", "size", "sui_image_params", "sui_models", "loraweights", "weight"),
    *("text", "guider", "sigmas", "width", "height", "scheduler", "v2"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)
KEYS = [
    "parameters",
    "UserComment",
    "comment",
    "prompt",
    "Make",
    "Model",
    "invokeai_metadata",
    "sd-metadata",
    "Dream",
    "Comment",
    "Software",
    "Description",
    "xmp",
    "stealth",
    "use_lora_model",
    "num_inference_steps",
    "Source",
]
SHARDS = st.lists(
    st.sampled_from(
        ["Steps: ", "20", ", ", '"', "\\", "Seed: ", "Hashes: {", "}", "[", "]", "Negative prompt:", "\n",
         "<lora:", ":1>", "a", "Civitai resources: [{", "Lora hashes: ", "(", ")", "-s 5", "{", "\0", "é",
         "Size: 1x1", "Model: "]
    ),
    max_size=40,
).map("".join)  # fmt: skip


def mutated(value):
    """A vector with other JSON in one place."""
    return st.builds(lambda key, new: json.dumps(value | {key: new}), st.sampled_from(sorted(value)), JSON)


HOSTILE = (
    JSON.map(lambda value: json.dumps(value)) | SHARDS | st.text(max_size=40)
    | mutated(pictures.COMFYUI) | mutated(pictures.SWARMUI) | mutated(pictures.INVOKEAI) | mutated(pictures.FOOOCUS)
    | mutated(pictures.INVOKEAI_2) | mutated(json.loads(pictures.NOVELAI["Comment"]))
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), HOSTILE, max_size=4))
def test_nothing_that_is_carried_breaks_the_reading(carried):
    told = recipes.told(carried)
    if told is not None:
        messages.unpack(messages.pack(told) if isinstance(told, messages.Message) else _as_message(told))


def _as_message(told):
    """What travels is plain JSON: a value that is not what its type says would stop here."""
    packed = messages.msgspec.json.encode(told)
    messages.msgspec.json.decode(packed, type=messages.PictureRecipe)
    return messages.pack(messages.HeaderRead(upload_id="", read=True))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "[1" + "0" * 5000 + "]"])
def test_deep_and_long_json_is_nothing(text):
    for key in KEYS:
        recipes.told({key: text})
