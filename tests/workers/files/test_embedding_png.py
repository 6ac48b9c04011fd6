"""Textual inversions in PNGs: both places equal to the bit, and everything else in a sentence."""

import base64
import io
import json
import random
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.workers.files import made_embeddings as made
from workers.files import embedding_png
from workers.files.embedding_png import BadEmbedding, noise

PLACES = {"chunk": made.in_chunk, "pixels": made.in_pixels}


@pytest.fixture
def read(tmp_path):
    def reading(raw: bytes):
        path = tmp_path / "sent.png"
        path.write_bytes(raw)
        return embedding_png.read(path)

    return reading


@pytest.mark.parametrize("place", PLACES)
def test_it_works(read, place):
    rows = made.vectors(3)
    found = read(PLACES[place](made.said(rows, name="ink-style", step=1500, sd_checkpoint="abc123")))
    assert found.place == place
    assert found.vectors.keys() == {"emb_params"}
    assert found.vectors["emb_params"].tobytes() == rows.tobytes()
    assert found.metadata == {"name": "ink-style", "step": "1500", "sd_checkpoint": "abc123", "token": "*"}


def test_the_noise_is_that_of_published_files():
    """The first numbers of the generator, as the format's own check has them."""
    assert noise(12).tolist() == [253, 242, 127, 44, 157, 27, 239, 133, 38, 79, 167, 4]
    number, slow = 0, []
    for _ in range(5000):
        number = (1664525 * number + 1013904223) % 2**32
        slow.append(number % 255)
    assert noise(5000).tolist() == slow


def test_every_number_of_single_precision_comes_back(read):
    bits = np.random.default_rng(1).integers(0, 2**32, 4 * 768, np.uint64).astype(np.uint32)
    rows = np.where(np.isfinite(bits.view(np.float32)), bits.view(np.float32), np.float32(-0.0)).reshape(4, 768)
    for write in PLACES.values():
        assert read(write(made.said(rows))).vectors["emb_params"].tobytes() == rows.tobytes()


@pytest.mark.parametrize("border", [0, 7])
def test_black_columns_of_the_picture_and_a_black_border_are_not_taken_for_marks(read, border):
    rows, picture = made.vectors(1), made.drawing()
    picture[:, 20:30] = 0
    assert read(made.in_pixels(made.said(rows), picture=picture, border=border)).vectors["emb_params"].tobytes() == (
        rows.tobytes()
    )


def test_other_layouts_keep_their_names(read):
    one, two = made.vectors(2, 768, 1), made.vectors(2, 1280, 2)
    found = read(made.in_chunk({"clip_l": {"TORCHTENSOR": one.tolist()}, "clip_g": {"TORCHTENSOR": two.tolist()}}))
    assert {name: rows.tobytes() for name, rows in found.vectors.items()} == {
        "clip_l": one.tobytes(),
        "clip_g": two.tobytes(),
    }
    alone = read(made.in_chunk({"<cat-toy>": {"TORCHTENSOR": one[0].tolist()}}))
    assert alone.vectors["<cat-toy>"].tobytes() == one[0].tobytes()
    several = read(made.in_chunk({"string_to_param": {w: {"TORCHTENSOR": one.tolist()} for w in ("ink", "oil")}}))
    assert several.vectors.keys() == {"string_to_param.ink", "string_to_param.oil"}


def test_a_word_that_is_no_placeholder_names_a_nameless_file(read):
    assert read(made.in_chunk(made.said(made.vectors(), word="inky"))).metadata == {"token": "inky", "name": "inky"}


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16"])
def test_a_picture_is_just_a_picture(read, mode):
    out = io.BytesIO()
    image = Image.fromarray(made.drawing())
    (image.convert("I;16") if mode == "I;16" else image.convert(mode)).save(out, "PNG")
    assert read(out.getvalue()) is None


@pytest.mark.parametrize("pixels", [np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), 16, np.uint8)])
def test_a_black_picture_and_an_even_one_are_just_pictures(read, pixels):
    assert read(made.png(pixels)) is None


def columns_at_the_edges():
    pixels = made.drawing()
    pixels[:, [5, 90]] = 0
    return pixels


def test_black_columns_alone_make_no_embedding(read):
    assert read(made.png(columns_at_the_edges())) is None


def widths(count, width):
    return [[0.5] * width] * count


HOSTILE = {
    "not base64": (made.png(made.drawing(), sd_ti_embedding="é!"), "bad-base64"),
    "not JSON": (made.in_chunk(b"hello"), "bad-json"),
    "not UTF-8": (made.in_chunk(b'"\xff'), "bad-json"),
    "no object": (made.in_chunk([1]), "bad-json"),
    "nested": (made.in_chunk(b"[" * 500_000), "bad-json"),
    "long integer": (made.in_chunk(b'{"a":' + b"9" * 5000 + b"}"), "bad-json"),
    "nothing": (made.in_chunk({}), "no-vectors"),
    "no dict": (made.in_chunk({"string_to_param": [1]}), "no-vectors"),
    "no tensors": (made.in_chunk({"string_to_param": {"*": [[1]]}}), "no-vectors"),
    "no rows": (made.in_chunk(made.said([])), "bad-shape"),
    "a number": (made.in_chunk(made.said(1.5)), "bad-shape"),
    "ragged": (made.in_chunk(made.said([[1, 2], [3]])), "bad-shape"),
    "empty rows": (made.in_chunk(made.said([[], []])), "bad-width"),
    "deep": (made.in_chunk(made.said([[[1.0]]])), "no-numbers"),
    "texts": (made.in_chunk(made.said([["1", "2"]])), "no-numbers"),
    "booleans": (made.in_chunk(made.said([[True, 1.0]])), "no-numbers"),
    "NaN": (made.in_chunk(made.said([[float("nan"), 1.0]])), "not-finite"),
    "infinity": (made.in_chunk(made.said([[1.0, float("-inf")]])), "not-finite"),
    "beyond single precision": (made.in_chunk(made.said([[1e39]])), "not-finite"),
    "beyond double precision": (made.in_chunk(made.said([[10**400]])), "not-finite"),
    "too many vectors": (made.in_chunk(made.said(widths(76, 8))), "too-many-vectors"),
    "too wide": (made.in_chunk(made.said(widths(1, 4097))), "bad-width"),
    "too many words": (
        made.in_chunk({"string_to_param": {str(n): {"TORCHTENSOR": [[1.0]]} for n in range(65)}}),
        "too-many-words",
    ),
    "unseen words": (
        made.in_chunk({"string_to_param": {w: {"TORCHTENSOR": [[1.0]]} for w in ("a", "a\u202e")}}),
        "bad-words",
    ),
    "half a letter": (made.in_chunk(b'{"string_to_param":{"\\ud800":{"TORCHTENSOR":[[1]]}}}'), "bad-words"),
    "metadata's name": (made.in_chunk({"__metadata__": {"TORCHTENSOR": [[1.0]]}}), "bad-words"),
    "too long": (made.in_chunk(b" " * (embedding_png.MAX_JSON_BYTES + 1)), "too-long"),
    "a bomb": (made.in_pixels(b"", packed=zlib.compress(bytes(200 * 1024**2), 9)), "too-long"),
    "cut off": (made.in_pixels(b"", packed=zlib.compress(made.as_json(made.said(made.vectors())))[:-900]), "damaged"),
    "no stream": (made.in_pixels(b"", packed=b"\x78\x9c" + b"\xff" * 400), "damaged"),
    "cut PNG": (made.png(made.drawing())[:2000], "broken-png"),
    "mere signature": (b"\x89PNG\r\n\x1a\n", "broken-png"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_embedding_is_refused_in_words(read, case):
    raw, code = HOSTILE[case]
    with pytest.raises(BadEmbedding) as refused:
        read(raw)
    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")


def test_each_refusal_has_a_sentence_of_its_own(read):
    codes: dict[str, set[str]] = {}
    for raw, code in HOSTILE.values():
        with pytest.raises(BadEmbedding) as refused:
            read(raw)
        codes.setdefault(refused.value.sentence, set()).add(code)
    assert all(len(found) == 1 for found in codes.values()), codes


def test_too_many_bytes_and_too_many_pixels(read, monkeypatch):
    out = io.BytesIO()
    Image.new("1", (5000, 5000)).save(out, "PNG")
    with pytest.raises(BadEmbedding, match="16 million pixels"):
        read(out.getvalue())
    monkeypatch.setattr(embedding_png, "MAX_BYTES", 100)
    with pytest.raises(BadEmbedding, match="larger than"):
        read(made.png(made.drawing()))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PLACES)), st.integers(0, 2**32), st.integers(1, 6), st.binary(max_size=64))
def test_no_png_crashes_it(tmp_path_factory, place, seed, changes, tail):
    """Random bytes in honest files, their checksums mended or not, and random bytes alone: read, or refused."""
    chance = random.Random(seed)
    raw = bytearray(PLACES[place](made.said(made.vectors(1, 8), name="x")))
    for _ in range(changes):
        raw[chance.randrange(8, len(raw))] = chance.randrange(256)
    if chance.random() < 0.5:
        raw = _mended(raw)
    if chance.random() < 0.1:
        raw = raw[:8]
    path = tmp_path_factory.getbasetemp() / "changed.png"
    path.write_bytes(bytes(raw[: chance.choice((len(raw), chance.randrange(8, len(raw) + 1)))]) + tail)
    try:
        found = embedding_png.read(path)
    except BadEmbedding:
        return
    assert found is None or all(np.isfinite(rows).all() for rows in found.vectors.values())


def _mended(raw: bytearray) -> bytearray:
    at = 8
    while at + 12 <= len(raw):
        end = at + 8 + int.from_bytes(raw[at : at + 4], "big")
        if end + 4 > len(raw):
            break
        raw[end : end + 4] = zlib.crc32(raw[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return raw


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["string_to_param", "TORCHTENSOR", "*", "name"]) | st.text(), inner)
        ),
        max_leaves=12,
    )
)
def test_no_json_crashes_it(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.png"
    encoded = base64.b64encode(json.dumps(value).encode()).decode()
    path.write_bytes(made.png(np.full((2, 2, 3), 9, np.uint8), sd_ti_embedding=encoded))
    try:
        embedding_png.read(path)
    except BadEmbedding as bad:
        assert bad.sentence  # noqa: PT017 — either way is right, a crash is not
