"""Template prompts: choices, wildcards, and text that only looks like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.prompts.templates import LONGEST, fields, filled, is_template, unknown

ANIMALS = {"animals": ["fox", "heron", "hare"]}


def test_it_works():
    text = "a {red|blue} __animals__ by {the sea|}"
    assert [field.choices for field in fields(text, ANIMALS)] == [
        ("red", "blue"),
        ("fox", "heron", "hare"),
        ("the sea", ""),
    ]
    assert filled(text, [1, 2, 0], ANIMALS) == "a blue hare by the sea"
    assert filled(text, [], ANIMALS) == "a red fox by the sea"


@pytest.mark.parametrize(
    "text", ["", "plain", "{one}", "{open|", "a|b", "}{", r"\{a|b\}", "__", "____", "snake_case_word", "a __ b __"]
)
def test_plain_text_is_no_template(text):
    assert not is_template(text)


def test_choices_nest():
    assert filled("{a {small|large} fox|a __animals__}", [0]) == "a small fox"
    assert filled("{a {small|large} fox|a __animals__}", [1], ANIMALS) == "a fox"


def test_an_unknown_wildcard_stays_as_it_is():
    assert filled("a __dragons__", [], ANIMALS) == "a __dragons__"


def test_escaped_braces_are_braces():
    assert filled(r"\{a|b\} {c|d}", [1]) == "{a|b} d"


def test_a_choice_out_of_range_is_the_first():
    assert filled("{a|b}", [7]) == "a"


def test_a_wildcard_that_names_itself_ends():
    assert len(filled("__a__", [], {"a": ["__a__ __a__"]})) < 3 * LONGEST


@given(st.text(alphabet="ab{}|_\\ ", max_size=60), st.lists(st.integers(-2, 9), max_size=4))
def test_any_text_is_filled(text, chosen):
    assert isinstance(filled(text, chosen, {"a": ["x", "{b|__a__}"]}), str)


def test_lists_that_nobody_made():
    known = {"animals": ["fox", "__birds__"], "loop": ["__loop__"]}
    assert unknown("__animals__ {a|__Ships__} __loop__ __ships__", known) == ["ships", "birds"]
    assert unknown("a fox", known) == []
