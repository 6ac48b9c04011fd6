import struct
import tracemalloc

import numpy as np
import pytest

from tests.workers.checks.opened import findings, opened
from tests.workers.files import made
from workers.checks.weights_finite import check


def bits(numbers, kind) -> bytes:
    return np.array(numbers, kind).tobytes()


ONE = {
    "F16": b"\x00\x3c",
    "BF16": b"\x80\x3f",
    "F32": struct.pack("<f", 1),
    "F64": struct.pack("<d", 1),
    "F8_E4M3": b"\x38",
    "F8_E5M2": b"\x3c",
    "F8_E4M3FNUZ": b"\x40",
    "F8_E5M2FNUZ": b"\x40",
}
NAN = {
    "F16": [b"\x00\x7e", b"\x00\xfe", b"\x00\x7c", b"\x00\xfc"],
    "BF16": [b"\xc0\x7f", b"\xc0\xff", b"\x80\x7f", b"\x80\xff"],
    "F32": [struct.pack("<f", number) for number in (float("nan"), float("inf"), float("-inf"))],
    "F64": [struct.pack("<d", number) for number in (float("nan"), float("inf"), float("-inf"))],
    "F8_E4M3": [b"\x7f", b"\xff"],
    "F8_E5M2": [b"\x7c", b"\x7e", b"\xfd"],
    "F8_E4M3FNUZ": [b"\x80"],
    "F8_E5M2FNUZ": [b"\x80"],
}


@pytest.mark.parametrize("dtype", ONE)
def test_it_works(dtype, tmp_path):
    assert findings(check, tmp_path, made.tensors({"w": (dtype, [5], ONE[dtype] * 5)})) == []


@pytest.mark.parametrize("dtype", NAN)
def test_what_is_no_number_is_counted(dtype, tmp_path):
    raw = b"".join([ONE[dtype], *NAN[dtype], ONE[dtype]])
    count = len(NAN[dtype])
    (finding,) = findings(
        check, tmp_path, made.tensors({"w": (dtype, [count + 2], raw), "ok": (dtype, [1], ONE[dtype])})
    )
    assert finding.severity == "warning"
    assert "1 of 2 tensors hold NaN or infinity" in finding.sentence
    assert finding.evidence == f"w ({count})"


def test_one_nan_beyond_the_first_chunk_is_found(tmp_path):
    weights = np.ones(3_000_000, np.float16)
    weights[2_999_999] = np.nan
    (finding,) = findings(check, tmp_path, made.tensors({"w": ("F16", [3_000_000], weights.tobytes())}))
    assert finding.evidence == "w (1)"


def test_zeros_are_noted(tmp_path):
    (finding,) = findings(check, tmp_path, made.tensors({"a": ("F16", [2], bytes(4)), "b": ("F16", [1], ONE["F16"])}))
    assert (finding.severity, finding.sentence, finding.evidence) == ("note", "1 of 2 tensors are all zeros.", "a")


def test_minus_zero_is_zero(tmp_path):
    (finding,) = findings(check, tmp_path, made.tensors({"a": ("F16", [2], b"\x00\x80\x00\x00")}))
    assert (finding.severity, "changes nothing" in finding.sentence) == ("warning", True)


def test_whole_numbers_are_left_alone(tmp_path):
    assert findings(check, tmp_path, made.tensors({"a": ("I64", [1], bytes(8)), "b": ("U8", [1], b"\xff")})) == []


def test_memory_stays_small(tmp_path):
    file = opened(tmp_path, made.tensors({"w": ("F32", [16, 1024, 1024], bits(np.ones(16 * 1024 * 1024), np.float32))}))
    tracemalloc.start()
    list(check.findings(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024**2
