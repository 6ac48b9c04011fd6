"""Weights in eight bits are what they were, to the half of a step of their row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.nano.packing import SMALLEST, packed, unpacked


@given(st.integers(0, 2**32 - 1), st.sampled_from([(64, 64), (16, 32, 3, 3)]), st.floats(1e-30, 1e4))
def test_no_number_is_off_by_more_than_half_a_step_of_its_row(seed, shape, size):
    matrix = np.random.default_rng(seed).normal(0, size, shape).astype(np.float32)
    matrix[1] = 0
    held = packed({"a": matrix})
    assert held["a.int8"].dtype == np.int8
    back = unpacked(held)["a"]
    step = np.abs(matrix.reshape(len(matrix), -1)).max(1) / 127
    off = np.abs(back - matrix).reshape(len(matrix), -1).max(1)
    assert (off <= step * 0.501).all()
    assert not back[1].any()


@pytest.mark.parametrize("tensor", [np.ones(8192, np.float32), np.ones((8, SMALLEST // 16), np.float32)])
def test_a_vector_and_a_small_matrix_stay_whole(tensor):
    held = packed({"a": tensor})
    assert list(held) == ["a"]
    assert held["a"].dtype == np.float16


def test_what_was_never_packed_passes():
    tensors = {"a.scale": np.ones(3, np.float16), "b.weight": np.ones((4, 4), np.float16)}
    assert unpacked(tensors).keys() == tensors.keys()
