import pytest

from workers.prompts import Extra, parse, segments


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("a cat++, red", [("a ", 1.0), ("cat", 1.21), (", red", 1.0)]),
        ("a cat-- here", [("a ", 1.0), ("cat", 0.81), (" here", 1.0)]),
        ("(a red cat)1.3 here", [("a red cat", 1.3), (" here", 1.0)]),
        ("(a (red)+ cat)-", [("a ", 0.9), ("red", 0.99), (" cat", 0.9)]),
        ("(a cat)", [("a cat", 1.0)]),
        (r"a \(cat\)", [("a (cat)", 1.0)]),
        ("half-done well-made++", [("half-done ", 1.0), ("well-made", 1.21)]),
        ("C++", [("C", 1.21)]),
        ("1 + 1", [("1 + 1", 1.0)]),
    ],
)
def test_it_works(text, spans):
    (run,) = segments(text, "invokeai")
    assert [span for span, _ in run] == [span for span, _ in spans]
    assert [weight for _, weight in run] == pytest.approx([weight for _, weight in spans])


def test_adapters_are_named():
    prompt = parse("a cat withLora(flat, 0.7) <peach>", "invokeai")
    assert prompt.extras == (Extra("lora", "flat", 0.7), Extra("textual_inversion", "peach", 1.0))
    assert prompt.text == "a cat  <peach>"


@pytest.mark.parametrize("text", ['("a cat", "a dog").blend(0.5, 0.5)', "a (cat).swap(dog)", '("a", "b").and()'])
def test_what_cannot_be_drawn_as_written_is_said(text):
    assert not parse(text, "invokeai").drawable
