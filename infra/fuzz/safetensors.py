"""safetensors headers; what our reader takes, the reference's has to take as well."""

from __future__ import annotations

import json
import random
import struct
from copy import deepcopy

import safetensors

from infra.fuzz import INTERESTING, Fuzz, bytes_changed
from workers import inspection
from workers.files.safetensors import DTYPE_BITS, BadHeader, NeedMore, read_prefix

NAMES = (
    "w",
    "lora_unet_a.lora_down.weight",
    "lora_unet_a.alpha",
    "emb_params",
    "../x",
    "<b onclick=x>",
    "",
    "\ud800",
    "é",
)
# Copied where they are used: a case changes what it holds.
ODD = (None, True, -1, 0.5, "8", [], {}, [[[[[[0]]]]]], 2**64, "-0")
TYPES = (*DTYPE_BITS, "F33", "f32", "")
METADATA = (
    {"format": "pt"},
    {"sshs_model_hash": "<img src=x onerror=y>"},
    {"a": 1},
    [],
    None,
    {"ss_resolution": "(512, 512)"},
)


def make(chance: random.Random) -> bytes:
    """A sound file of some tensors, then as many changes as chance wants: of entries, of the frame, of bytes."""
    entries, end = [], 0
    for number in range(chance.randrange(4)):
        dtype, shape = (
            chance.choice(("F32", "F16", "U8", "BF16", "F4")),
            [chance.randrange(5) for _ in range(chance.randrange(3))],
        )
        count = DTYPE_BITS[dtype]
        for side in shape:
            count *= side
        start, end = end, end + count // 8
        name = chance.choice(NAMES[:4]) if number == 0 else f"{chance.choice(NAMES)}{number}"
        entries.append([name, {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}])
    if chance.random() < 0.3:
        entries.insert(0, ["__metadata__", deepcopy(chance.choice(METADATA))])
    for _ in range(chance.choice((0, 1, 1, 1, 2))):
        _change(entries, chance)
    raw = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(entry)}" for name, entry in entries) + "}"
    header = raw.encode("utf-8", "surrogatepass")
    if chance.random() < 0.4:
        header = bytes_changed(header, chance, chance.randrange(1, 4))
    header += b" " * chance.choice((0, 0, -len(header) % 8, 3))
    length = (
        len(header)
        if chance.random() < 0.9
        else chance.choice((*INTERESTING, len(header) + 1, len(header) - 1)) % 2**64
    )
    file = struct.pack("<Q", length) + header + bytes(max(0, end + chance.choice((0, 0, 0, 0, 1, -1, 22))))
    return file if chance.random() < 0.95 else bytes_changed(file, chance)


def _change(entries: list, chance: random.Random) -> None:
    if not entries:
        return
    at = chance.randrange(len(entries))
    name, entry = entries[at]
    kind = chance.randrange(8)
    if kind == 0:
        entries.append([name, dict(entry) if isinstance(entry, dict) else entry])
    elif kind == 1 or not isinstance(entry, dict):
        entries[at][1] = deepcopy(chance.choice(ODD))
    elif kind == 2 and entry:
        entry.pop(chance.choice(list(entry)))
    elif kind == 3:
        entry[chance.choice(("dtype", "shape", "data_offsets", "more"))] = deepcopy(chance.choice(ODD))
    elif kind == 4:
        entry["dtype"] = chance.choice(TYPES)
    elif kind == 5:
        entry["shape"] = [chance.choice(INTERESTING) for _ in range(chance.randrange(4))]
    elif kind == 6:
        entry["data_offsets"] = [chance.choice(INTERESTING) for _ in range(chance.choice((1, 2, 2, 3)))]
    else:
        entries[at][0] = chance.choice(NAMES)


def read(raw: bytes) -> bool:
    header = read_prefix(raw, len(raw))
    safetensors.deserialize(raw)
    assert inspection.inspect_head(raw, "model.safetensors", len(raw)) is not None
    assert all(info.end <= len(raw) - header.data_start for info in header.tensors.values())
    return True


fuzz = Fuzz("safetensors", make, read, (BadHeader, NeedMore))
