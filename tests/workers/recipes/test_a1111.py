from workers.messages import Recipe, Use
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


def test_a_text_without_settings_is_all_prompt():
    assert a1111.read("just, a: prompt") == a1111.Infotext("just, a: prompt")
    assert a1111.read("") == a1111.Infotext("")
