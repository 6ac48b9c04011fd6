"""The real classifier on real pictures; its answer is a number, and what cannot be scored says why."""

import io

import pytest
from PIL import Image

from workers import scores, storage
from workers.messages import Failed, Score, Scored


def png(colour, size=(96, 96)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_it_works():
    answer = scores.score_picture(Score(sha256=storage.put_picture(png("steelblue"))))
    assert isinstance(answer, Scored)
    assert 0 <= answer.score < 0.3
    assert answer.score == scores.score(png("steelblue"))


@pytest.mark.parametrize("size", [(1, 1), (3000, 20), (64, 2000)])
def test_any_size(size):
    assert 0 <= scores.score(png("grey", size)) <= 1


def test_what_is_not_there():
    answer = scores.score_picture(Score(sha256="0" * 64))
    assert isinstance(answer, Failed)
    assert answer.code == "picture-gone"
    assert isinstance(scores.score_picture(Score(sha256="../x")), Failed)


def test_what_is_no_picture():
    answer = scores.score_picture(Score(sha256=storage.put_picture(b"\x89PNG\r\n\x1a\nnothing")))
    assert isinstance(answer, Failed)
    assert answer.code == "unreadable"


def test_the_blur_alone():
    answer = scores.score_picture(Score(sha256=storage.put_picture(png("steelblue")), blur_only=True))
    assert answer.score is None
    assert 20 < len(answer.blurhash) <= 40
