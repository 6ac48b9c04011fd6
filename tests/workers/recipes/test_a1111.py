import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.workers.recipes import pictures
from workers import blocks
from workers.hints import Hint, Source
from workers.messages import Recipe, Resource, Use
from workers.recipes import a1111

RECIPE = Recipe(
    base="ab" * 32,
    base_family="sd1",
    base_name="nano, the base",
    uses=(
        Use(kind="lora", sha256="cd" * 32, weight=0.8, name="flat"),
        Use(kind="textual_inversion", sha256="ef" * 32, name="A peach", token="peach1"),
    ),
    prompt="a peach1, red background",
    negative="blurry,\ngrey",
    sampler="DPM++ 2M",
    schedule="Karras",
    seed=7,
    clip_skip=2,
)


def test_it_works():
    assert a1111.write(RECIPE) == (
        "a peach1, red background <lora:flat:0.8>\n"
        "Negative prompt: blurry,\ngrey\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 7, Size: 512x512, "
        'Model hash: ababababab, Model: "nano, the base", Clip skip: 2, RNG: CPU, '
        'Lora hashes: "flat: cdcdcdcdcdcd", TI hashes: "peach1: efefefefefef", Version: Weightroom'
    )


def test_weights_of_parts_go_there_and_back():
    use = Use(kind="lokr", sha256="cd" * 32, weight=0.8, text_weight=0.4, name="flat", blocks=(0.5, *[1] * 10, -0.25))
    text = a1111.write(replace(RECIPE, uses=(use,)))
    assert "<lora:flat:0.4:0.8:lbw=0.5,1,1,1,1,1,1,1,1,1,1,-0.25>" in text
    (read,) = (one for one in a1111.recipe(a1111.read(text)).resources if one.kind == "lora")
    assert (read.weight, read.text_weight, read.blocks) == (0.8, 0.4, use.blocks)
    preset = a1111.write(replace(RECIPE, uses=(replace(use, text_weight=None, blocks=blocks.PRESETS["MIDD"]),)))
    assert "<lora:flat:0.8:lbw=MIDD>" in preset
    odd = a1111.recipe(a1111.read(text.replace("lbw=0.5,", "lbw=")))
    assert odd.resources[1].blocks == ()  # eleven: nobody knows what they mean


@pytest.mark.parametrize(
    ("line", "noise"),
    [
        ("Version: v1.10.1", {"rng": "GPU"}),
        ("Version: f2.0.1v1.10.1-previous-659", {"rng": "GPU"}),
        ("RNG: CPU, Version: v1.10.1", {"rng": "CPU"}),
        ("RNG: NV, Version: v1.10.1", {"rng": "GPU"}),
        ("Version: ComfyUI", {"rng": "CPU"}),
        ("ENSD: 31337, Discard penultimate sigma: True", {"ensd": 31337, "discard_penultimate": True}),
        ("Variation seed: 12, Variation seed strength: 0.3", {"variation_seed": 12, "variation_strength": 0.3}),
        ("Variation seed: 12, Variation seed strength: 7", {"variation_seed": 0, "variation_strength": 0.0}),
        ("ENSD: 99999999999999, Variation seed strength: much", {"ensd": 0}),
    ],
)
def test_where_its_noise_came_from_is_told(line, noise):
    told = a1111.noise(a1111.recipe(a1111.read(f"cat\nSteps: 20, Sampler: Euler a, Seed: 1, {line}")).others)
    assert told.items() >= noise.items()
    assert Recipe(base="", base_family="sd1", **told)


def test_what_decides_our_own_noise_goes_there_and_back():
    wanted = replace(RECIPE, rng="GPU", ensd=31337, variation_seed=9, variation_strength=0.25, discard_penultimate=True)
    for recipe in (wanted, RECIPE):
        told = a1111.noise(a1111.recipe(a1111.read(a1111.write(recipe))).others)
        assert told == {name: getattr(recipe, name) for name in told}


def test_a_refiner_goes_there_and_back():
    wanted = replace(RECIPE, refiner="9f" * 32, refiner_name="Fine, end", refiner_switch_at=0.65)
    info = a1111.read(a1111.write(wanted))
    assert info.settings["Refiner"] == "Fine, end [9f9f9f9f9f]"
    read = a1111.recipe(info)
    assert Resource(kind="refiner", name="Fine, end", digest="9f9f9f9f9f") in read.resources
    assert a1111.switch_at(read.others) == 0.65


def test_what_is_written_is_read():
    text = a1111.read(a1111.write(RECIPE))
    assert text.prompt == "a peach1, red background <lora:flat:0.8>"
    assert text.negative == "blurry,\ngrey"
    assert text.settings["Model"] == "nano, the base"
    assert text.settings["Lora hashes"] == "flat: cdcdcdcdcdcd"
    assert text.settings["Seed"] == "7"


def test_an_adapter_that_the_prompt_names_is_not_named_twice():
    named = Recipe(base="", base_family="sd1", prompt="x <lora:Flat:0.8>", uses=RECIPE.uses)
    assert a1111.write(named).count("<lora") == 1


def test_controlnets_a_vae_and_what_it_started_from_are_written_and_read():
    hint = Hint(picture="d" * 64, preprocessor="scribble", low=32, end=0.5, mode="My prompt is more important")
    made = Recipe(
        base="a" * 64,
        base_family="sd1",
        prompt="cat",
        vae="c" * 64,
        vae_name="Clear, colours",
        uses=(Use(kind="controlnet", sha256="b" * 64, name="Edges", weight=0.7, hint=hint),),
        source=Source(picture="e" * 64, mask="f" * 64, denoising=0.4, fill="original"),
    )
    text = a1111.write(made)
    assert text.startswith("cat\n")  # no tag: it is no LoRA
    assert 'VAE hash: cccccccccc, VAE: "Clear, colours", Denoising strength: 0.4' in text
    told = a1111.recipe(a1111.read(text))
    assert Resource(kind="vae", name="Clear, colours", digest="c" * 10) in told.resources
    [(unit, read)] = a1111.units(told.others)
    assert unit == Resource(kind="controlnet", name="Edges", digest="b" * 8, weight=0.7)
    assert unit in told.resources
    assert (read.preprocessor, read.low, read.end, read.mode) == ("scribble", 32, 0.5, hint.mode)


def test_a_text_without_settings_is_all_prompt():
    assert a1111.read("just, a: prompt") == a1111.Infotext("just, a: prompt")
    assert a1111.read("") == a1111.Infotext("")


@pytest.mark.parametrize("name", sorted(pictures.A1111))
def test_every_vector_goes_there_and_back_to_the_letter(name):
    text = pictures.A1111[name]
    assert a1111.joined(a1111.read(text)) == text


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9 /-]{1,20}[a-z]", fullmatch=True), st.text(min_size=1), max_size=8
    )
)
def test_every_value_goes_there_and_back(settings_):
    # A bare value is stripped of blanks; a line of fewer than three is no settings.
    values = {name: value for name, value in settings_.items() if value == value.strip() and value.isprintable()}
    values = {name: value for name, value in values.items() if not value.startswith('"')}
    said = {"Steps": "20", "Seed": "1", "Size": "64x64"} | values
    assert a1111.read(a1111.joined(a1111.Infotext("a cat", "", said))).settings == said


def test_quoted_fields_are_whole():
    said = a1111.read(pictures.QUOTED).settings
    assert said["Lora hashes"] == "flat: cdcdcdcdcdcd, deep: efefefefefef"
    assert said["Wildcard prompt"] == 'a __animal__: "red"\nin snow'
    assert said["Version"] == "v1.10.1"


def test_its_resources():
    told = a1111.recipe(a1111.read(pictures.QUOTED))
    assert told.resources == (
        Resource(kind="base", name="nano, the base", digest="ababababab"),
        Resource(kind="lora", name="flat", digest="cdcdcdcdcdcd", weight=0.8),
        Resource(kind="lora", name="deep", digest="efefefefefef"),
        Resource(kind="textual_inversion", name="peach1", digest="010101010101"),
    )
    assert (told.seed, told.width, told.height, told.cfg) == (7, 512, 768, 7.0)
    assert told.others == {"Wildcard prompt": 'a __animal__: "red"\nin snow', "Version": "v1.10.1"}


def test_civitais_own_lists():
    hashes = a1111.recipe(a1111.read(pictures.A1111["hashes"]))
    assert hashes.resources == (
        Resource(kind="base", digest="4199bcdd14"),
        Resource(kind="lora", name="flat", digest="cdcdcdcdcd"),
        Resource(kind="textual_inversion", name="peach", digest="0101010101"),
    )
    listed = a1111.recipe(a1111.read(pictures.A1111["civitai"]))
    assert listed.resources == (
        Resource(kind="base", name="Pony, the second"),
        Resource(kind="lora", name="Flat: lines", weight=0.7),
    )
