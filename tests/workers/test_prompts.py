import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers import tokens
from workers.prompts import Extra, attention, chunks, extras_missing, parse, said


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
def test_it_works(text, spans):
    found = attention(text)
    assert [span for span, _ in found] == [span for span, _ in spans]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in spans])


def test_adapters_are_taken_out_of_the_text():
    prompt = parse("a cat <lora:flat:0.8>, red <hypernet:dusk:0.5> <lora:other>")
    assert prompt.extras == (
        Extra("lora", "flat", 0.8),
        Extra("hypernetwork", "dusk", 0.5),
        Extra("lora", "other", 1.0),
    )
    assert "lora" not in prompt.text
    assert prompt.drawable
    assert extras_missing(prompt, ["FLAT", "dusk"]) == [Extra("lora", "other", 1.0)]


@pytest.mark.parametrize(
    "text",
    [
        "[cat:dog:0.5]",
        "[cat:10]",
        "[cat::0.5]",
        "[cat|dog]",
        "cat AND dog",
        "<unknown:x:1>",
        "<lora:x:many>",
        "<lora:x:1:0.5>",
    ],
)
def test_what_is_not_drawn_yet_is_said(text):
    prompt = parse(text)
    assert not prompt.drawable
    assert prompt.warnings


@pytest.mark.parametrize("text", ["[cat] (dog:1.2)", "sand and sea", "ratio 16:9", "<3 hearts>", r"\[a|b\]"])
def test_what_only_looks_like_it_is_drawn(text):
    assert parse(text).drawable


def test_a_short_prompt_is_one_chunk():
    (chunk,) = chunks(parse("a (cat:1.5)"))
    assert chunk.ids == tuple(tokens.padded(tokens.encode("a cat")))
    assert chunk.weights[:4] == (1.0, 1.0, 1.5, 1.0)
    assert len(chunk.weights) == 77


def test_an_empty_prompt_is_one_chunk():
    assert [chunk.ids for chunk in chunks(parse(""))] == [tuple(tokens.padded([]))]


def test_break_begins_a_chunk():
    first, second = chunks(parse("cat BREAK dog"))
    assert first.ids == tuple(tokens.padded(tokens.encode("cat")))
    assert second.ids == tuple(tokens.padded(tokens.encode("dog")))


def test_a_long_prompt_is_cut_at_a_near_comma():
    # 70 words, a comma, then a phrase that would straddle the end of the chunk.
    first, second = chunks(parse("cat " * 70 + ", one two three four five six seven"))
    cat, (comma,) = tokens.encode("cat"), tokens.encode(",")
    assert first.ids[1:72] == (*cat * 70, comma)
    assert first.ids[72] == tokens.END
    assert second.ids[1:8] == tuple(tokens.encode("one two three four five six seven"))


def test_without_a_near_comma_it_is_cut_where_it_is_full():
    first, second = chunks(parse("cat " * 80))
    assert first.ids[1:76] == tuple(tokens.encode("cat")) * 75
    assert second.ids[1:7] == (*tokens.encode("cat") * 5, tokens.END)


def test_an_inverted_word_is_spliced_in_whatever_its_case():
    (chunk,) = chunks(parse("a (Peach1:1.2), blue"), {"peach1": 3, "peach": 1})
    (splice,) = chunk.splices
    assert (splice.place, splice.word, splice.count) == (2, "peach1", 3)
    assert chunk.weights[2:5] == (1.2, 1.2, 1.2)
    assert said(parse("A PEACH1"), "peach1")
    assert not said(parse("a peach"), "peach1")


def test_an_inversion_that_does_not_fit_the_rest_of_a_chunk_begins_another():
    first, second = chunks(parse("cat " * 74 + "peach1"), {"peach1": 4})
    assert not first.splices
    assert second.splices[0].place == 1


def test_a_prompt_beyond_all_measure_is_refused():
    with pytest.raises(ValueError, match="chunks"):
        chunks(parse("cat " * 3000))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab ,()[]:|\\<>lora1.5BREAKAND\n\0é"), max_size=60))
def test_any_text_is_taken_apart(text):
    for chunk in chunks(parse(text), {"ab": 2}):
        assert len(chunk.ids) == len(chunk.weights) == 77
