"""Two wordings, word by word: nothing of either is lost, and only what changed is marked."""

import time

from hypothesis import given
from hypothesis import strategies as st

from hub.prompts.differences import GONE, NEW, Piece, differences


@given(st.text(max_size=200), st.text(max_size=200))
def test_both_wordings_can_be_read_from_it(before, after):
    pieces = differences(before, after)
    assert "".join("".join(piece.text for piece in pieces if piece.kind != NEW).split()) == "".join(before.split())
    assert "".join(piece.text for piece in pieces if piece.kind != GONE) == after


def test_only_the_changed_word_is_marked():
    pieces = differences("a lighthouse at dawn, ink", "a lighthouse at dusk, ink")
    assert [piece for piece in pieces if piece.kind != "same"] == [Piece(GONE, "dawn"), Piece(NEW, "dusk")]


def test_a_very_long_text_is_told_apart_at_once():
    before, after = "start " + "a b " * 4000 + "end", "start " + "b a c " * 3000 + "end"
    began = time.monotonic()
    pieces = differences(before, after)
    assert time.monotonic() - began < 2
    assert pieces[0].text.startswith("start")
    assert pieces[-1].text.endswith("end")
