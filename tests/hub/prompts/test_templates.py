"""Template prompts: choices, wildcards, and text that only looks like them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.prompts.templates import (
    LONGEST,
    NotRead,
    TooMany,
    escaped,
    fields,
    filled,
    is_template,
    lines,
    unknown,
    written_out,
)

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


def test_every_text_is_written_out():
    assert written_out("a {red|blue} __animals__", ANIMALS, most=6) == [
        "a red fox",
        "a red heron",
        "a red hare",
        "a blue fox",
        "a blue heron",
        "a blue hare",
    ]
    assert written_out("{a {small|large} fox|a cat}", most=9) == ["a small fox", "a large fox", "a cat"]
    assert written_out(r"\{a|b\} [c|d] __nobodys__ {novel}", most=9) == ["{a|b} [c|d] __nobodys__ {novel}"]
    assert written_out("{0.5::a|b|a}", most=9) == ["a", "b"], "drawn once each, whatever chance it had"
    assert written_out(" ".join(["{a}{b|c}"] * 6), most=64)[-1] == " ".join(["{a}c"] * 6)
    assert len(written_out("{a|b}" * 1 + "{c|}" * 4, most=32)) == 10, "the same words are drawn once"


def test_a_bar_in_square_brackets_is_a1111s_own():
    assert written_out("{[cat|dog]|fox}", most=9) == ["[cat|dog]", "fox"]
    assert written_out("{a [b|c}", most=9) == ["a [b", "c"]


def test_choices_inside_braces_that_are_none():
    assert written_out("{{very {a|b}}", most=9) == ["{{very a}", "{{very b}"]


def test_more_than_wanted_is_counted():
    with pytest.raises(TooMany) as refused:
        written_out("{a|b|c}" * 5, most=100)
    assert refused.value.count == 243
    with pytest.raises(TooMany):
        written_out("{a|b}" * 2000, most=100)
    with pytest.raises(TooMany):
        written_out("{a|" * 1500 + "}" * 1500, most=10_000)


@pytest.mark.parametrize("text", ["{2$$a|b|c}", "{1-2$$ and $$a|b}", "${colour={red|blue}} fox", "{x|{$$a|b}}"])
def test_what_is_not_read_is_named(text):
    with pytest.raises(NotRead, match=r"\$"):
        written_out(text, most=100)


def test_a_list_that_names_itself_is_not_read_again():
    assert written_out("__a__", {"a": ["x", "__a__ __a__"]}, most=9) == ["x", "__a__ __a__"]
    lists = {f"l{n}": [f"__l{m}__ __l{m}__" for m in range(30)] for n in range(30)}
    with pytest.raises(TooMany):
        written_out("__l0__", lists, most=9)


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("a cat\r\n\r\n a house ", ["a cat", "a house"]),
        ("a {red\n| blue\n|green} cat\na house", ["a {red | blue |green} cat", "a house"]),
        ("{a|{b\n|c}}\n{d\n|e}", ["{a|{b |c}}", "{d |e}"]),
        ("a {red\nhouse} of cards", ["a {red", "house} of cards"]),  # no choice
        ("{a cat\nor | so", ["{a cat", "or | so"]),  # not closed
        (r"\{a|" "\n" r"b\}", [r"\{a|", r"b\}"]),
        ("", []),
    ],
)
def test_a_choice_may_go_over_several_lines(text, prompts):
    assert lines(text) == prompts


@given(st.text(alphabet="ab{}|_\\[]:$ ", max_size=60))
def test_any_text_is_written_out_or_refused(text):
    with contextlib.suppress(TooMany, NotRead):
        assert all(isinstance(one, str) for one in written_out(text, {"a": ["x", "{b|__a__}"]}, most=50))


@given(st.text(alphabet="ab{}| ", max_size=40))
def test_what_was_drawn_is_drawn_again(text):
    assert written_out(escaped(text), most=1) == [text]
