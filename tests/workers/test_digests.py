import hashlib
import os
import shutil
import struct
import subprocess
import tracemalloc
import zlib

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.files import made
from workers.digests import Digests, digests_of, digests_of_path

MIB = 1024**2
NOTHING = hashlib.sha256().hexdigest()


def test_it_works(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(made.tensors({"w": ("U8", [3 * MIB], os.urandom(3 * MIB))}))
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    assert digests_of_path(path) == {
        "sha256": hashlib.sha256(raw).hexdigest(),
        "autov1": hashlib.sha256(raw[0x100000:0x110000]).hexdigest()[:8],
        "autov3": hashlib.sha256(raw[8 + length :]).hexdigest(),
        "crc32": f"{zlib.crc32(raw):08x}",
        "blake3": blake3(raw).hexdigest(),
    }


def test_known_values():
    found = digests_of([b"hello world"], 11)
    assert found == {
        "sha256": "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
        "crc32": "0d4a1185",  # IEEE; Civitai prints 85114A0D
        "blake3": "d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24",
    }
    empty = digests_of([], 0)
    assert (empty["sha256"], empty["crc32"]) == (NOTHING, "00000000")
    assert "autov3" not in empty


def test_a_leading_zero_of_crc32_stays():
    raw = next(bytes([n, m]) for n in range(256) for m in range(256) if zlib.crc32(bytes([n, m])) < 1 << 24)
    assert digests_of([raw], 2)["crc32"] == f"{zlib.crc32(raw):08x}"
    assert len(digests_of([raw], 2)["crc32"]) == 8


@pytest.mark.parametrize(("size", "given"), [(2 * MIB - 1, False), (2 * MIB, True), (2 * MIB + 1, True)])
def test_autov1_begins_at_two_mebibytes(size, given):
    raw = os.urandom(size)
    assert ("autov1" in digests_of([raw], size)) is given


def test_autov3_is_for_safetensors_only():
    for raw in (b"PK\x03\x04" + bytes(100), struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 9999) + b"{}"):
        assert "autov3" not in digests_of([raw], len(raw))


def test_autov3_of_a_file_without_data_is_that_of_nothing():
    raw = made.framed("{}")
    assert digests_of([raw], len(raw))["autov3"] == NOTHING


def test_autov3_skips_the_whole_of_a_long_header():
    raw = made.framed("{}" + " " * (17 * MIB), b"tail")
    assert digests_of([raw], len(raw))["autov3"] == hashlib.sha256(b"tail").hexdigest()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_chunking_gives_the_same(data):
    size = data.draw(st.sampled_from([0, 1, 8, 9, 60, 5000, 1_050_000, 1_114_112, 2_097_152, 2_100_000]))
    safe = data.draw(st.booleans())
    raw = made.tensors({"w": ("U8", [size], os.urandom(size))}) if safe else os.urandom(size)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    chunks = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    found = digests_of(chunks, len(raw))
    assert found == digests_of([raw], len(raw))
    assert found["sha256"] == hashlib.sha256(raw).hexdigest()
    if safe:
        assert found["autov3"] == hashlib.sha256(raw[len(raw) - size :]).hexdigest()
    if len(raw) >= 2 * MIB:
        assert found["autov1"] == hashlib.sha256(raw[0x100000:0x110000]).hexdigest()[:8]


@pytest.mark.parametrize("sent", [b"hello", b"hello world!"])
def test_another_length_than_promised_is_refused(sent):
    with pytest.raises(ValueError, match="were promised"):
        digests_of([sent], 11)


def test_leaving_early_ends_the_threads():
    with Digests(10 * MIB) as digests:
        digests.feed(bytes(3 * MIB))
    assert not any(stream._thread.is_alive() for stream in digests._streams)


def test_memory_does_not_grow_with_the_file():
    def chunks():
        for _ in range(24):
            yield bytes(8 * MIB)

    tracemalloc.start()
    digests_of(chunks(), 24 * 8 * MIB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * MIB


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_openssl_agrees(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(os.urandom(MIB + 7))
    said = subprocess.run(["openssl", "dgst", "-sha256", "-r", path], capture_output=True, text=True, check=True).stdout
    assert digests_of_path(path)["sha256"] == said.split()[0]
