import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers import blocks, prompts
from workers.prompts import Extra, parse
from workers.prompts.a1111 import attention


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("normal text", [("normal text", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1.0), ("house", 1.573), (" ", 1.1), ("on", 1.0), (" a ", 1.1), ("hill", 0.55),
                (", sun, ", 1.1), ("sky", 1.4641), (".", 1.1),
            ],
        ),
        ("", [("", 1.0)]),
        ("a:1.3) b", [("a:1.3) b", 1.0)]),
        ("(a: 1.2 )", [("a", 1.2)]),
    ],
)  # fmt: skip
def test_brackets_weigh(text, spans):
    found = attention(text)
    assert [span for span, _ in found] == [span for span, _ in spans]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in spans])


def said(text, steps=10):
    """What the prompt's one part says, as A1111 lists it."""
    (part,) = parse(text).parts
    return [list(pair) for pair in part.texts(steps)]


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("test", [[10, "test"]]),
        ("a [b:3]", [[3, "a "], [10, "a b"]]),
        ("a [b: 3]", [[3, "a "], [10, "a b"]]),
        ("a [[[b]]:2]", [[2, "a "], [10, "a [[b]]"]]),
        ("[(a:2):3]", [[3, ""], [10, "(a:2)"]]),
        ("a [b : c : 1] d", [[1, "a b  d"], [10, "a  c  d"]]),
        ("a[b:[c:d:2]:1]e", [[1, "abe"], [2, "ace"], [10, "ade"]]),
        ("a [unbalanced", [[10, "a [unbalanced"]]),
        ("a [b:.5] c", [[5, "a  c"], [10, "a b c"]]),
        ("((a][:b:c [d:3]", [[3, "((a][:b:c "], [10, "((a][:b:c d"]]),
        ("[a::0.3]b", [[3, "ab"], [10, "b"]]),
        ("[a:b:0]", [[10, "b"]]),
        ("[a:b:-1]", [[10, "b"]]),
        ("[a:b:99]", [[10, "a"]]),
        ("[a:b:1.5]", [[10, "a"]]),
        ("[a:b]", [[10, "[a:b]"]]),
        ("[a:b:c:3]", [[10, "[a:b:c:3]"]]),
        (r"[a\:b:3]", [[3, ""], [10, r"a\:b"]]),
        (r"\[a:b:3\]", [[10, r"\[a:b:3\]"]]),
    ],
)
def test_words_change_when_they_are_told_to(text, schedule):
    assert said(text) == schedule


def test_words_take_turns():
    assert said("[fe|]male", 4) == [[1, "female"], [2, "male"], [3, "female"], [4, "male"]]
    assert said("[fe|||]male", 5) == [[1, "female"], [4, "male"], [5, "female"]]
    assert said("[a|(b:1.1)]", 3) == [[1, "a"], [2, "(b:1.1)"], [3, "a"]]
    assert said("[[a|b]:c:2]", 4) == [[1, "a"], [2, "b"], [4, "c"]]


def test_a_stray_bar_keeps_everything_as_it_is_and_says_so():
    prompt = parse("a | b [c:d:3]")
    assert prompt.parts[0].texts(10) == ((10, "a | b [c:d:3]"),)
    assert "keeps the words from changing" in prompt.warnings[0]
    assert not parse("a | b").warnings


def test_several_prompts_are_mixed():
    prompt = parse("a cat :1.2 AND a dog:-0.5 AND sand")
    assert [(part.text, part.weight) for part in prompt.parts] == [("a cat", 1.2), ("a dog", -0.5), ("sand", 1.0)]
    assert parse("SAND AND_PERP sea").parts[0].text == "SAND AND_PERP sea"


def test_in_the_negative_prompt_it_is_a_word():
    prompt = parse("cat AND dog", negative=True)
    assert [part.text for part in prompt.parts] == ["cat AND dog"]
    assert "only a word" in prompt.warnings[0]


def test_a_number_at_the_end_weighs_all_of_it_and_is_told():
    prompt = parse("ratio 16:9")
    assert (prompt.parts[0].text, prompt.parts[0].weight) == ("ratio 16", 9)
    assert "counts 9 times" in prompt.warnings[0]
    assert not parse("a (cat:1.2)").warnings


def test_adapters_are_taken_out_of_the_text():
    prompt = parse("a cat <lora:flat:0.8>, red <hypernet:dusk:0.5> <lora:other> <lyco:deep:0.6:0.3>")
    assert prompt.extras == (
        Extra("lora", "flat", 0.8),
        Extra("hypernetwork", "dusk", 0.5),
        Extra("lora", "other", 1.0),
        Extra("lora", "deep", 0.3, text_weight=0.6),
    )
    assert prompt.text == "a cat , red"
    assert prompt.drawable
    assert prompts.extras_missing(prompt, ["FLAT", "dusk", "deep"]) == [Extra("lora", "other", 1.0)]


def test_weights_may_be_named():
    assert parse("<lora:x:te=0.5:unet=1>").extras == (Extra("lora", "x", 1.0, text_weight=0.5),)
    assert parse("<lora:x:0.5:unet=0.5>").extras == (Extra("lora", "x", 0.5),)


@pytest.mark.parametrize(
    "text",
    ["<lora:x:1:0:lbw=OUTALL>", "<lora:x:1:0:outall>", "<lora:x:te=1:unet=0:lbw=1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1>"],
)
def test_blocks_may_have_weights_of_their_own(text):
    (extra,) = parse(text).extras
    assert extra == Extra("lora", "x", 0.0, text_weight=1.0, blocks=blocks.PRESETS["OUTALL"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<unknown:x:1>", "kind of adapter that is not known"),
        ("<lora:x:many>", "is not a number"),
        ("<lora:x:nan>", "is not a number"),
        ("<lora::1>", "names no adapter"),
        ("<lora:x:1:0.5:8>", "3 numbers"),
        ("<lora:x:1:start=5>", "te=, unet= and lbw= are"),
        ("<lora:x:1:lbw=1,0,1>", "<lora:x>: 3 block weights are of no known list"),
        ("<lora:x:1:lbw=SUNNY>", "no block weights called “SUNNY”"),
        ("<lora:x:1:SUNNY>", "no block weights called “SUNNY”"),
        ("<hypernet:x:1:lbw=ALL>", "block by block"),
        (" AND ".join("abcdefghijklmnopqrstu"), "16 is most"),
    ],
)
def test_what_cannot_be_drawn_as_written_is_said(text, sentence):
    prompt = parse(text)
    assert not prompt.drawable
    assert sentence in prompt.problems[0]


@pytest.mark.parametrize("text", ["[cat] (dog:1.2)", "sand and sea", "ratio 16:9", "<3 hearts>", r"\[a|b\]"])
def test_what_only_looks_like_it_is_drawn(text):
    assert parse(text).drawable


def test_emphasis_may_be_left_out():
    assert prompts.segments("a (b:1.3)", emphasis="Ignore") == ((("a ", 1.0), ("b", 1.0)),)
    assert prompts.segments("a (b:1.3)", emphasis="None") == ((("a (b:1.3)", 1.0),),)


def test_nesting_without_end_ends():
    deep = "[a:" * 2000 + "b" + ":3]" * 2000
    assert parse(deep).parts[0].texts(10) == ((3, "a"), (10, "b"))


TEXTS = st.text(alphabet=st.sampled_from('ab ,()[]:|\\<>lora1.5BREAKAND\n\0é+-"'), max_size=60)


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.sampled_from(sorted(prompts.DIALECTS)), st.sampled_from(prompts.EMPHASES), st.integers(1, 30))
def test_any_text_is_taken_apart(text, dialect, emphasis, steps):
    prompt = parse(text, dialect)
    for part in prompt.parts:
        texts = part.texts(steps)
        assert texts[-1][0] == steps
        assert [end for end, _ in texts] == sorted({end for end, _ in texts})
        for _, one in texts:
            for chunk in prompts.chunks(prompts.segments(one, dialect, emphasis), {"ab": 2}, dialect=dialect):
                assert len(chunk.ids) == len(chunk.weights) == 77
