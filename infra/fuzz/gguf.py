"""GGUF headers; every tensor of a file that is taken lies within it, apart from the others."""

from __future__ import annotations

import random
import struct

from infra.fuzz import INTERESTING, Fuzz, bytes_changed
from workers import inspection
from workers.files.gguf import TYPES, read_prefix
from workers.files.safetensors import BadHeader, NeedMore

KEYS = (
    "general.architecture",
    "general.alignment",
    "tokenizer.chat_template",
    "comfy.gguf.orig_shape.a",
    "k",
    "\xff",
    "",
)
NAMES = ("a", "b", "double_blocks.0.img_attn.norm.key_norm.scale", "token_embd.weight", "blk.0.attn_norm.weight")
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def make(chance: random.Random) -> bytes:
    """A sound file of some keys and tensors, with one number in it in twenty another than it should be."""
    strange = chance.choice((0.0, 0.01, 0.05, 0.2))

    def number(value: int, size: int) -> bytes:
        told = chance.choice(INTERESTING) if chance.random() < strange else value
        return (told % 256**size).to_bytes(size, "little")

    def text(value: str) -> bytes:
        raw = value.encode("latin-1")
        return number(len(raw), 8) + raw

    keys = [_pair(chance, number, text) for _ in range(chance.randrange(4))]
    infos, end = [], 0
    for _ in range(chance.randrange(4)):
        kind = chance.choice(list(TYPES))
        _, block, block_bytes = TYPES[kind]
        dimensions = [block, *(chance.randrange(1, 3) for _ in range(chance.randrange(3)))]
        size = block_bytes
        for side in dimensions[1:]:
            size *= side
        infos.append(
            text(chance.choice(NAMES))
            + number(len(dimensions), 4)
            + b"".join(number(side, 8) for side in dimensions)
            + number(kind, 4)
            + number(end, 8)
        )
        end += size + -size % 32
    head = b"GGUF" + number(3, 4) + number(len(infos), 8) + number(len(keys), 8) + b"".join(keys) + b"".join(infos)
    raw = head + bytes(-len(head) % 32 + end + chance.choice((0, 0, 0, -1, 1, 64)) if infos else 0)
    return raw if chance.random() < 0.8 else bytes_changed(raw, chance, chance.randrange(1, 4))


def _pair(chance: random.Random, number, text) -> bytes:
    kind = chance.choice((0, 4, 4, 5, 6, 7, 8, 8, 8, 9, 9, 10, 12))
    key = text(chance.choice(KEYS)) + number(kind, 4)
    if kind == 8:
        return key + text(chance.choice(("flux", "{{ x.__class__ }}", "\xfe", "")))
    if kind != 9:
        return key + number(chance.choice((0, 1, 32)), SIZES[kind])
    inner, count = chance.choice((4, 5, 8, 9, 7)), chance.randrange(4)
    values = [text("w") if inner == 8 else number(1, SIZES.get(inner, 4)) for _ in range(count)]
    return key + number(inner, 4) + number(count, 8) + b"".join(values)


def read(raw: bytes) -> bool:
    header = read_prefix(raw, len(raw))
    end = 0
    for start, stop in sorted((info.start, info.end) for info in header.tensors.values()):
        assert end <= start <= stop <= len(raw) - header.data_start
        end = stop
    struct.pack("<Q", header.data_start)
    assert inspection.inspect_head(raw, "model.gguf", len(raw)) is not None
    return True


fuzz = Fuzz("gguf", make, read, (BadHeader, NeedMore))
