import pytest

from workers.prompts import Extra, parse, segments


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("a (cat:1.3), red", [("a ", 1.0), ("cat", 1.3), (", red", 1.0)]),
        ("(cat)", [("cat", 1.1)]),
        ("((cat))", [("cat", 1.21)]),
        ("((a:1.5) b:2)", [("a", 3.0), (" b", 2.0)]),
        (r"\(cat\)", [("(cat)", 1.0)]),
        ("[cat] AND dog BREAK x", [("[cat] AND dog BREAK x", 1.0)]),
        ("(cat", [("cat", 1.0)]),
        ("cat)", [("cat)", 1.0)]),
        ("an embedding:peach.pt of it", [("an peach of it", 1.0)]),
    ],
)
def test_it_works(text, spans):
    (run,) = segments(text, "comfyui")
    assert [span for span, _ in run] == [span for span, _ in spans]
    assert [weight for _, weight in run] == pytest.approx([weight for _, weight in spans])


def test_inversions_are_named():
    assert parse("(embedding:Peach.safetensors:1.2), red", "comfyui").extras == (
        Extra("textual_inversion", "Peach", 1.0),
    )


def test_what_means_something_elsewhere_is_told():
    assert "stack" in parse("<lora:x:1>", "comfyui").warnings[0]
