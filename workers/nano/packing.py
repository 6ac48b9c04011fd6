"""Matrices in eight bits: whole numbers of −127…127, each row times a scale of its own, so a file takes half of fp16.

What it costs: a weight is off by at most a 254th of its row's largest. numpy alone, as `workers.nano.assemble`.
"""

from collections.abc import Mapping

import numpy as np

Tensors = dict[str, np.ndarray]
NUMBERS, SCALES = ".int8", ".scale"
SMALLEST = 4096  # numbers; below it nothing is gained


def packed(tensors: Mapping[str, np.ndarray]) -> Tensors:
    """``tensors`` with every large matrix [rows, …] as ``KEY.int8`` [rows, …] and ``KEY.scale`` fp32 [rows]; the rest
    in fp16."""
    held: Tensors = {}
    for key, tensor in tensors.items():
        if tensor.ndim < 2 or tensor.size < SMALLEST:
            held[key] = np.ascontiguousarray(tensor.astype(np.float16))
            continue
        rows = tensor.astype(np.float32).reshape(len(tensor), -1)
        scale = np.maximum(np.abs(rows).max(1), np.finfo(np.float32).tiny * 127) / 127
        held[key + NUMBERS] = np.rint(rows / scale[:, None]).astype(np.int8).reshape(tensor.shape)
        held[key + SCALES] = scale.astype(np.float32)
    return held


def unpacked(held: Mapping[str, np.ndarray]) -> Tensors:
    """What `packed` was given, as nearly as it holds it, in fp32; what was never packed as it is."""
    tensors: Tensors = {}
    for key, tensor in held.items():
        if key.endswith(NUMBERS):
            name = key.removesuffix(NUMBERS)
            scale = held[name + SCALES].reshape(-1, *[1] * (tensor.ndim - 1))
            tensors[name] = tensor.astype(np.float32) * scale
        elif not key.endswith(SCALES) or key.removesuffix(SCALES) + NUMBERS not in held:
            tensors[key] = tensor
    return tensors
