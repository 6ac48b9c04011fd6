import pytest

from workers import prompts, tokens
from workers.prompts import parse, said, segments


def chunks(text, words=None, **options):
    return prompts.chunks(segments(text, options.get("dialect", "a1111")), words, **options)


def test_a_short_prompt_is_one_chunk():
    (chunk,) = chunks("a (cat:1.5)")
    assert chunk.ids == tuple(tokens.padded(tokens.encode("a cat")))
    assert chunk.weights[:4] == (1.0, 1.0, 1.5, 1.0)
    assert len(chunk.weights) == 77
    assert chunk.used == 2


def test_an_empty_prompt_is_one_chunk():
    assert [chunk.ids for chunk in chunks("")] == [tuple(tokens.padded([]))]


def test_some_encoders_fill_up_with_another_token():
    (chunk,) = chunks("cat", pad=0)
    assert chunk.ids == (tokens.START, *tokens.encode("cat"), tokens.END, *[0] * 74)


def test_break_begins_a_chunk():
    first, second = chunks("cat BREAK dog")
    assert first.ids == tuple(tokens.padded(tokens.encode("cat")))
    assert second.ids == tuple(tokens.padded(tokens.encode("dog")))


def test_a_long_prompt_is_cut_at_a_near_comma():
    # 70 words, a comma, then a phrase that would straddle the end of the chunk.
    first, second = chunks("cat " * 70 + ", one two three four five six seven")
    cat, (comma,) = tokens.encode("cat"), tokens.encode(",")
    assert first.ids[1:72] == (*cat * 70, comma)
    assert first.ids[72] == tokens.END
    assert second.ids[1:8] == tuple(tokens.encode("one two three four five six seven"))


def test_a_comma_right_after_a_full_chunk_takes_nothing_with_it():
    first, second = chunks("cat " * 60 + ", " + "dog " * 14 + ", red")
    assert first.used == 75
    assert second.ids[1:3] == (*tokens.encode(","), *tokens.encode("red"))


def test_without_a_near_comma_it_is_cut_where_it_is_full():
    first, second = chunks("cat " * 80)
    assert first.ids[1:76] == tuple(tokens.encode("cat")) * 75
    assert second.ids[1:7] == (*tokens.encode("cat") * 5, tokens.END)


def test_comfyui_cuts_where_it_is_full_and_moves_short_phrases_whole():
    first, second = chunks("cat " * 60 + ", " + "dog " * 20, dialect="comfyui")
    assert first.used == 75
    first, second = chunks("cat " * 72 + "(one two three four:1.2)", dialect="comfyui")
    assert first.used == 72
    assert second.ids[1:5] == tuple(tokens.encode("one two three four"))


def test_an_inverted_word_is_spliced_in_whatever_its_case():
    (chunk,) = chunks("a (Peach1:1.2), blue", {"peach1": 3, "peach": 1})
    (splice,) = chunk.splices
    assert (splice.place, splice.word, splice.count) == (2, "peach1", 3)
    assert chunk.weights[2:5] == (1.2, 1.2, 1.2)
    assert said(parse("A PEACH1"), "peach1")
    assert said(parse("a [cat:peach1:0.9]"), "peach1")
    assert not said(parse("a peach"), "peach1")


def test_an_inversion_that_does_not_fit_the_rest_of_a_chunk_begins_another():
    first, second = chunks("cat " * 74 + "peach1", {"peach1": 4})
    assert not first.splices
    assert second.splices[0].place == 1


def test_a_prompt_beyond_all_measure_is_refused():
    with pytest.raises(ValueError, match="chunks"):
        chunks("cat " * 3000)


def test_its_length_is_what_a1111_shows_beside_the_box():
    assert prompts.length(parse("a (cat:1.5), red")) == (4, 75)
    assert prompts.length(parse("")) == (0, 75)
    assert prompts.length(parse("cat " * 80)) == (80, 150)
    assert prompts.length(parse("cat BREAK dog")) == (76, 150)
    assert prompts.length(parse("[a:a b c d:0.5] AND e")) == (4, 75)
