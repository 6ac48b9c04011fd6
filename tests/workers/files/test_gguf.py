import struct

import pytest

from tests.workers.files import made_gguf as made
from workers import settings
from workers.files.gguf import read, read_prefix
from workers.files.safetensors import BadHeader, NeedMore

F32 = made.info("w", [4, 2], 0, 0)
DATA = b"\0\0\x80\x3f" * 8
NAME = made.word("general.architecture", "flux")
SOUND = made.file([NAME], [F32], DATA)


def test_it_works(tmp_path):
    path = tmp_path / "model.gguf"
    pairs = [NAME, made.number("general.file_type", 15), made.words("tokens", ["a", "b"])]
    pairs.append(made.pair("flag", 7, b"\x01"))
    infos = [made.info("double_blocks.0.w", [256, 3], 12, 0), made.info("bias", [3], 0, 448)]
    path.write_bytes(made.file(pairs, infos, bytes(448) + bytes(12)))
    header = read(path)
    assert header.shape("double_blocks.0.w") == (3, 256)
    info = header.tensors["double_blocks.0.w"]
    assert (info.dtype, info.start, info.end) == ("Q4_K", 0, 3 * 144)
    assert header.metadata == {"general.architecture": "flux", "general.file_type": "15", "flag": "true"}
    assert header.data_start + 460 == path.stat().st_size


def test_a_flattened_tensor_has_its_own_shape_again():
    shape = made.pair("comfy.gguf.orig_shape.w", 9, struct.pack("<IQ4i", 5, 4, 2, 4, 1, 1))
    raw = made.file([shape], [F32], DATA)
    assert read_prefix(raw, len(raw)).shape("w") == (2, 4, 1, 1)


def test_the_last_tensor_may_be_padded_or_not():
    infos = [made.info("w", [1], 0, 0)]
    for data in (bytes(4), bytes(32)):
        raw = made.file([], infos, data)
        assert "w" in read_prefix(raw, len(raw))


REJECTED = {
    "bad magic": (made.file(magic=b"GGML"), "four letters"),
    "version 0": (made.file(version=0), "version 0"),
    "version 1": (made.file(version=1), "version 1"),
    "version 99": (made.file(version=99), "version 99"),
    "big-endian": (made.file(version=0x03000000), "big-endian"),
    "2^60 keys": (made.file(keys=2**60), "keys"),
    "2^60 tensors": (made.file(tensors=2**60), "tensors"),
    "more keys than bytes": (made.file(keys=60_000), "cut off"),
    "string of 2^62": (made.file([struct.pack("<Q", 2**62) + b"k" * 20]), "bytes long"),
    "value of 2^62": (made.file([made.pair("k", 8, struct.pack("<Q", 2**62))]), "bytes long"),
    "value past the end": (made.file([made.pair("k", 8, struct.pack("<Q", 1000))]), "cut off"),
    "array of 2^61": (made.file([made.pair("k", 9, struct.pack("<IQ", 4, 2**61))]), "values"),
    "array past the end": (made.file([made.pair("k", 9, struct.pack("<IQ", 4, 1000))]), "cut off"),
    "text in an array past the end": (
        made.file([made.pair("k", 9, struct.pack("<IQQ", 8, 1, 2**62) + bytes(9))]),
        "past the file's end",
    ),
    "nested array": (made.file([made.pair("k", 9, struct.pack("<IQ", 9, 1) + bytes(12))]), "holds arrays"),
    "bad type": (made.file([made.pair("k", 13, bytes(8))]), "type that we do not know"),
    "bad type in an array": (made.file([made.pair("k", 9, struct.pack("<IQ", 77, 1) + bytes(8))]), "do not know"),
    "a truth of 2": (made.file([made.pair("k", 7, b"\x02")]), "neither 0 nor 1"),
    "duplicate key": (made.file([NAME, NAME]), "same key twice"),
    "key not UTF-8": (made.file([made.text(b"\xff") + struct.pack("<I", 0) + b"\0"]), "not UTF-8"),
    "alignment 0": (made.file([made.number("general.alignment", 0)], [F32], DATA), "alignment"),
    "alignment 12": (made.file([made.number("general.alignment", 12)], [F32], DATA), "alignment"),
    "alignment a text": (made.file([made.word("general.alignment", "32")], [F32], DATA), "alignment"),
    "9 dimensions": (made.file([], [made.info("w", [1] * 9, 0, 0)], bytes(4)), "9 dimensions"),
    "2^31 dimensions": (made.file([], [made.text("w") + struct.pack("<I", 2**31) + bytes(20)]), "dimensions"),
    "overflow": (made.file([], [made.info("w", [2**33, 2**33], 0, 0)], bytes(4)), "more than a tensor can"),
    "wraps to nothing": (made.file([], [made.info("w", [2**63, 0], 0, 0)], bytes(4)), "more than a tensor can"),
    "duplicate tensor": (made.file([], [F32, F32], DATA), "same name"),
    "unknown number type": (made.file([], [made.info("w", [4], 99, 0)], bytes(16)), "do not know: 99"),
    "half a block": (made.file([], [made.info("w", [100], 12, 0)], bytes(144)), "whole blocks"),
    "odd offset": (made.file([], [made.info("w", [4], 0, 4)], bytes(32)), "multiple of 32"),
    "offset past the end": (made.file([], [made.info("w", [4], 0, 2**60)], bytes(32)), "hole"),
    "overlap": (made.file([], [made.info("a", [16], 0, 0), made.info("b", [4], 0, 32)], bytes(64)), "overlaps"),
    "hole": (made.file([], [made.info("a", [4], 0, 0), made.info("b", [4], 0, 64)], bytes(80)), "hole of 32"),
    "truncated header": (SOUND[:60], "cut off"),
    "truncated data": (SOUND[:-1], "cut off"),
    "trailing bytes": (SOUND + bytes(64), "follow the last tensor"),
    "another shape of another size": (
        made.file([made.pair("comfy.gguf.orig_shape.w", 9, struct.pack("<IQ2i", 5, 2, 3, 3))], [F32], DATA),
        "another size",
    ),
}


@pytest.mark.parametrize(("raw", "says"), REJECTED.values(), ids=REJECTED.keys())
def test_refused(raw, says, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(raw)
    with pytest.raises(BadHeader, match=says):
        read(path)


def test_a_prefix_says_how_much_more_it_needs():
    asked, given = 0, 8
    while True:
        try:
            assert "w" in read_prefix(SOUND[:given], len(SOUND))
            break
        except NeedMore as more:
            asked, given = asked + 1, more.bytes
            assert given <= len(SOUND) - len(DATA)
    assert asked > 3


def test_a_header_beyond_the_limit_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "HEADER_BYTES", 100)
    monkeypatch.setattr("workers.files.gguf.FIRST_BYTES", 50)
    path = tmp_path / "model.gguf"
    path.write_bytes(made.file([made.word(f"key {n}", "x" * 20) for n in range(10)]))
    with pytest.raises(BadHeader, match="longer than the 100 bytes"):
        read(path)


def test_a_vocabulary_is_passed_over(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(
        made.file([made.words("tokenizer.ggml.tokens", [f"word{n}" for n in range(200_000)]), NAME], [F32], DATA)
    )
    assert read(path).metadata == {"general.architecture": "flux"}
