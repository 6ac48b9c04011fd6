import json
import pickle
import random
import struct
import tracemalloc

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from tests.workers.files import made
from workers import settings as worker_settings
from workers.files.safetensors import DTYPE_BITS, BadHeader, NeedMore, parse, read, read_prefix

SOUND = made.tensors({"w": ("F32", [2], b"\x00\x00\x80\x3f" * 2)}, {"format": "pt"})
ENTRY = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
DATA = b"\x00\x00\x80\x3f" * 2


def test_it_works(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(SOUND)
    header = read(path)
    assert list(header) == ["w"]
    assert header.shape("w") == (2,)
    assert (header.tensors["w"].dtype, header.tensors["w"].start, header.tensors["w"].end) == ("F32", 0, 8)
    assert header.metadata == {"format": "pt"}
    assert header.data_start == len(SOUND) - 8
    assert header.remarks == ()


REJECTED = {
    # framing
    "empty": (b"", "empty"),
    "seven bytes": (b"\x10" + b"\x00" * 6, "length of eight"),
    "length only": (struct.pack("<Q", 100), "only 0 follow"),
    "zero": (bytes(16), "header is empty"),
    "2^64-1": (made.framed(b"{}", length=2**64 - 1), "only 2 follow"),
    "2^63": (made.framed(b"{}", length=2**63), "only 2 follow"),
    "past the end": (made.framed(b"{}", length=100), "only 2 follow"),
    "one short": (SOUND[:-1], "cut off"),
    "length eats data": (made.framed('{"w":' + ENTRY + "}", DATA, length=len(ENTRY) + 6 + 8), "header"),
    "big-endian": (struct.pack(">Q", 2) + b"{}", "big-endian"),
    "HTML 404 page": (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
    "git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n", "git-lfs pointer"),
    "S3 error": (b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code></Error>', "error message of an object store"),
    # JSON
    "not UTF-8": (made.framed(b'{"\xff":' + ENTRY.encode() + b"}", DATA), "not UTF-8"),
    "byte-order mark": (made.framed(b"\xef\xbb\xbf{}"), "byte-order mark"),
    "UTF-16": (made.framed("{}".encode("utf-16")), "byte-order mark"),
    "UTF-16 without mark": (made.framed('{"w":1}'.encode("utf-16-le")), "NUL"),
    "truncated": (made.framed('{"w":' + ENTRY, DATA), "not JSON"),
    "array": (made.framed("[]"), "brace"),
    "null": (made.framed("null"), "brace"),
    "trailing object": (made.framed("{}{}"), "not JSON"),
    "comment": (made.framed("{/*hi*/}"), "not JSON"),
    "NaN": (made.framed('{"w":NaN}'), "NaN is no JSON number"),
    "single quotes": (made.framed("{'w':1}"), "not JSON"),
    "NUL padding": (made.framed("{}\x00\x00"), "NUL"),
    "deep nesting": (made.framed('{"w":' + "[" * 200_000 + "]" * 200_000 + "}"), "nested deeper"),
    "deep nesting, long": (made.framed('{"w":' + "[" * 600_000 + "]" * 600_000 + "}"), "nested deeper"),
    "lone surrogate": (made.framed('{"\\ud800":' + ENTRY + "}", DATA), "surrogate"),
    "number of 5,000 digits": (made.framed('{"w":' + "1" * 5000 + "}"), "thousands of digits"),
    # duplicates
    "name twice": (made.framed('{"w":' + ENTRY + ',"w":' + ENTRY + "}", DATA), "same name twice"),
    "name twice, differing": (
        made.framed('{"w":' + ENTRY + ',"w":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}', DATA),
        "same name twice",
    ),
    "name twice by escape": (made.framed('{"w":' + ENTRY + ',"\\u0077":' + ENTRY + "}", DATA), "same name twice"),
    "metadata twice": (made.framed('{"__metadata__":{},"__metadata__":{},"w":' + ENTRY + "}", DATA), "same name twice"),
    "metadata key twice": (
        made.framed('{"__metadata__":{"a":"1","a":"2"},"w":' + ENTRY + "}", DATA),
        "same name twice",
    ),
    "field twice": (
        made.framed('{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', DATA),
        "same name twice",
    ),
    # metadata
    "metadata no object": (made.framed('{"__metadata__":[]}'), "not an object"),
    "metadata null": (made.framed('{"__metadata__":null}'), "not an object"),
    "metadata number": (made.framed('{"__metadata__":{"a":1}}'), "texts only"),
    "metadata nested": (made.framed('{"__metadata__":{"a":{"b":"c"}}}'), "texts only"),
    # tensor info
    "no object": (made.framed('{"w":7}'), "no object"),
    "a list": (made.framed('{"w":[0,1,2]}'), "no object"),
    "no dtype": (made.one(dtype=None), "has no dtype"),
    "no shape": (made.one(shape=None), "has no shape"),
    "no offsets": (made.one(data_offsets=None), "has no data_offsets"),
    "dtype a number": (made.one(dtype=32), "not a text"),
    "dtype a list": (made.one(dtype=["F32"]), "not a text"),
    "dtype unknown": (made.one(dtype="F33"), "do not know"),
    "dtype in lower case": (made.one(dtype="f32"), "do not know"),
    "shape a number": (made.one(shape=2), "shape is not a list"),
    "shape a text": (made.one(shape="2"), "shape is not a list"),
    "shape an object": (made.one(shape={"0": 2}), "shape is not a list"),
    "shape negative": (made.one(shape=[-1, -2]), "no size"),
    "shape a float": (made.one(shape=[2.0]), "no size"),
    "shape a truth": (made.one(shape=[True, 2]), "no size"),
    "shape holds text": (made.one(shape=["2"]), "no size"),
    "shape holds null": (made.framed('{"w":{"dtype":"F32","shape":[null],"data_offsets":[0,8]}}', DATA), "no size"),
    "shape wraps to the right size": (made.one(shape=[2**62, 4, 2]), "no size|are set aside"),
    "shape too large over zero": (made.one(shape=[2**64, 0], data_offsets=[0, 0]), "no size"),
    "rank 100,000": (made.one(shape=[1] * 100_000), "dimensions"),
    "offsets a number": (made.one(data_offsets=8), "two whole numbers"),
    "offsets one": (made.one(data_offsets=[8]), "two whole numbers"),
    "offsets three": (made.one(data_offsets=[0, 4, 8]), "two whole numbers"),
    "offsets text": (made.one(data_offsets=["0", "8"]), "two whole numbers"),
    "offsets float": (made.one(data_offsets=[0.0, 8.0]), "two whole numbers"),
    "offsets an object": (made.one(data_offsets={"0": 1, "8": 2}), "two whole numbers"),
    "offsets minus zero": (
        made.framed('{"w":{"dtype":"F32","shape":[2],"data_offsets":[-0,8]}}', DATA),
        "two whole numbers",
    ),
    "offsets backwards": (made.one(data_offsets=[8, 0]), "ends before it begins"),
    "offsets negative": (made.one(data_offsets=[-8, 0]), "ends before it begins"),
    "size too small": (made.one(shape=[3]), "12 bytes"),
    "size too large": (made.one(shape=[1]), "4 bytes"),
    "nested field of its own": (made.one(note={"a": 1}), "nested"),
    # layout
    "overlap": (made.two((0, 8), (4, 12), 12), "overlaps"),
    "hole": (made.two((0, 4), (8, 12), 12), "hole of 4 bytes"),
    "starts late": (made.two((4, 8), (8, 12), 12), "hole of 4 bytes"),
    "empty tensor in a hole": (made.two((0, 4), (6, 6), 8), "hole"),
    "empty tensor inside another": (made.two((0, 8), (4, 4), 8), "overlaps"),
    "trailing byte": (SOUND + b"\x00", "1 bytes follow"),
    "data one short": (SOUND[:-1], "cut off"),
    "trailing zip": (SOUND + b"PK\x05\x06" + bytes(18), "bytes follow"),
    "odd F4": (made.one(dtype="F4", shape=[3], data_offsets=[0, 1]), "whole bytes"),
    # disguises
    "zip": (b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(40), "a ZIP archive"),
    "torch zip": (
        b"PK\x03\x04\x00\x00\x08\x08\x00\x00" + bytes(20) + b"archive/data.pkl" + bytes(40),
        "PyTorch pickle",
    ),
    "pickle": (pickle.dumps({"a": [1, 2, 3], "b": "c"}), "a Python pickle"),
    "GGUF": (b"GGUF\x03\x00\x00\x00" + bytes(32), "a GGUF file"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(40), "a PNG picture"),
    "ELF": (b"\x7fELF\x02\x01\x01" + bytes(60), "a Linux program"),
}


@pytest.mark.parametrize(("raw", "says"), REJECTED.values(), ids=REJECTED.keys())
def test_refused(raw, says, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw)
    with pytest.raises(BadHeader, match=says):
        read(path)
    with pytest.raises(BadHeader, match=says):
        read_prefix(raw, len(raw))


ACCEPTED = {
    "plain": SOUND,
    "no metadata": made.framed('{"w":' + ENTRY + "}", DATA),
    "nothing inside": made.framed("{}"),
    "a scalar": made.one(shape=[], dtype="F64"),
    "empty tensors": made.two((0, 0), (0, 0), 0),
    "empty tensor at the end": made.two((0, 4), (4, 4), 4),
    "spaces behind": made.framed('{"w":' + ENTRY + "}   ", DATA),
    "white space before": made.framed('  {"w":' + ENTRY + "}", DATA),
    "a field of its own": made.one(note="hello"),
    "out of order": made.two((4, 8), (0, 4), 8),
    "even F4": made.one(dtype="F4", shape=[16]),
    "surrogate pair": made.framed('{"\\ud83d\\ude00":' + ENTRY + "}", DATA),
    "length that spells text": made.framed('{"w":' + ENTRY + "}" + " " * (0x3C21 - len(ENTRY) - 6), DATA),
}


@pytest.mark.parametrize("raw", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(raw):
    header = read_prefix(raw, len(raw))
    with_library = safetensors.deserialize(raw)  # the reference agrees
    assert {name: list(info.shape) for name, info in header.tensors.items()} == {
        name: info["shape"] for name, info in with_library
    }


def test_every_type_of_the_reference_is_known():
    for dtype, bits in DTYPE_BITS.items():
        raw = made.tensors({"w": (dtype, [8], bytes(bits))})
        assert read_prefix(raw, len(raw)).tensors["w"].dtype == dtype
        safetensors.deserialize(raw)


def test_what_is_odd_is_remarked():
    assert "white space" in read_prefix(ACCEPTED["white space before"], len(ACCEPTED["white space before"])).remarks[0]
    assert "note" in read_prefix(ACCEPTED["a field of its own"], len(ACCEPTED["a field of its own"])).remarks[0]


def test_a_prefix_says_how_much_more_it_needs():
    with pytest.raises(NeedMore) as more:
        read_prefix(SOUND[:3], len(SOUND))
    assert more.value.bytes == 8
    with pytest.raises(NeedMore) as more:
        read_prefix(SOUND[:9], len(SOUND))
    assert list(read_prefix(SOUND[: more.value.bytes], len(SOUND))) == ["w"]


def test_a_header_beyond_the_limit_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(worker_settings, "HEADER_BYTES", 50)
    raw = made.framed('{"w":' + ENTRY + "}", DATA)
    with pytest.raises(BadHeader, match="up to 50 bytes"):
        read_prefix(raw[:8], len(raw))


def test_too_many_tensors_are_refused():
    entries = ",".join(f'"{n}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for n in range(100_010))
    raw = made.framed("{" + entries + "}")
    with pytest.raises(BadHeader, match="no model has more"):
        read_prefix(raw, len(raw))


def test_a_long_header_may_not_unfold_to_gigabytes():
    raw = made.framed('{"w":[' + "1," * 2_000_001 + "1]}")
    with pytest.raises(BadHeader, match="more than 2,000,000 values"):
        read_prefix(raw, len(raw))


def test_a_text_of_escapes_takes_no_more_memory_than_its_length():
    raw = made.framed('{"__metadata__":{"a":"' + '\\"' * (4 * 1024**2) + '"}}')
    tracemalloc.start()
    header = read_prefix(raw, len(raw))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert header.metadata["a"] == '"' * (4 * 1024**2)
    assert peak < 12 * len(raw)


def test_metadata_is_parted_from_the_tensors_as_the_reference_does():
    for header in (
        '{"__metadata__":{},}',
        '{"__metadata__":{}}}',
        '{"__metadata__":{"a":"b"}"w":' + ENTRY + "}",
        '{"__metadata__":{},"__metadata__":' + ENTRY + "}",
        '{"__metadata__":{"a":"b","a":"b"},"w":' + ENTRY + "}",
        '{"__metadata__":' + ENTRY + "}",
        '{"w":' + ENTRY + ',"__metadata__":' + ENTRY + "}",
    ):
        with pytest.raises(BadHeader):
            read_prefix(made.framed(header, DATA), len(made.framed(header, DATA)))
    raw = made.framed('{"__metadata__":{"é":"\\n}"},"w":' + ENTRY + "}", DATA)
    assert read_prefix(raw, len(raw)).metadata == {"é": "\n}"}


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda name: name != "__metadata__")
arrays = st.dictionaries(
    names,
    st.tuples(
        st.sampled_from(["float16", "float32", "int8", "int64", "bool"]), st.lists(st.integers(0, 3), max_size=3)
    ),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(arrays, st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_what_the_library_writes_we_read_alike(wanted, metadata):
    import numpy as np

    try:
        raw = save({name: np.zeros(shape, dtype) for name, (dtype, shape) in wanted.items()}, metadata or None)
    except UnicodeEncodeError:  # the library cannot write half a surrogate either
        return
    header = read_prefix(raw, len(raw))
    assert {name: tuple(shape) for name, (_, shape) in wanted.items()} == {
        n: i.shape for n, i in header.tensors.items()
    }
    assert dict(header.metadata) == metadata
    for name, info in safetensors.deserialize(raw):
        ours = header.tensors[name]
        assert raw[header.data_start + ours.start : header.data_start + ours.end] == bytes(info["data"])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_mutation_raises_anything_else_or_passes_what_the_reference_refuses(data):
    raw = bytearray(data.draw(st.sampled_from([SOUND, *ACCEPTED.values()])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        piece = data.draw(
            st.sampled_from([b"", b"{", b"}", b"[", b'"', b",", b"0", b"-", b"\\u0077", b"\x00", b"\xff", b"e1"])
        )
        raw[at : at + data.draw(st.integers(0, 3))] = piece
    mutated = bytes(raw)
    # Most mutations break the length; mend it in half of them so that the JSON is reached.
    if len(mutated) >= 16 and data.draw(st.booleans()):
        mutated = struct.pack("<Q", len(mutated) - 16) + mutated[8:]
    try:
        read_prefix(mutated, len(mutated))
    except (BadHeader, NeedMore):
        return
    safetensors.deserialize(mutated)


fields = st.sampled_from(["dtype", "shape", "data_offsets", "x"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(values)
def test_any_json_is_read_or_refused(value):
    raw = json.dumps({"w": value}).encode()
    with pytest.raises(BadHeader):
        parse(raw, 8 + len(raw))


def test_metadata_reads_the_same_fast_and_slow():
    """What a hostile hand writes between the metadata's quotes; two spaces before the brace force the slow way."""
    chance = random.Random(3)
    pieces = ('\\"', '"', "\\\\", "\\", '},"', '"},"', '":"', '","', "a", "\\ud800", "\\u0061", "\x01", "é", " ", "{")
    tail = ',"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'

    def told(raw: bytes):
        try:
            header = parse(raw, 8 + len(raw) + 1)
        except BadHeader as bad:
            return bad.code
        return dict(header.metadata), [(info.dtype, info.shape) for info in header.tensors.values()]

    read_fast = 0
    for _ in range(2000):
        texts = ["".join(chance.choices(pieces, k=chance.randrange(3))) for _ in range(4)]
        raw = ('{{"__metadata__":{{"{}":"{}","{}":"{}"}}'.format(*texts) + tail).encode()
        assert told(raw) == told(b"  " + raw), raw
        read_fast += isinstance(told(raw), tuple)
    assert read_fast > 50
