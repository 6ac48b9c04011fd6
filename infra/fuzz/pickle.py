"""Pickles and torch containers: honest ones with opcodes cut, doubled, swapped, put in; then converted, as uploads are.

What is accepted is looked at once more by another reader of opcodes, Python's own `pickletools`: no name outside of our
list, no opcode that torch.save never writes; and the safetensors made of it must be sound.
"""

from __future__ import annotations

import io
import itertools
import pickle
import pickletools
import random
import struct
import tempfile
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from infra.fuzz import INTERESTING, Fuzz, bytes_changed
from workers.files import pickle_names, safetensors
from workers.files.pickle import MAX_BYTES
from workers.files.pickle_values import BadPickle
from workers.files.torch_file import MAGIC_NUMBER
from workers.sandboxed.convert import convert

MOST_BYTES = 1024**2
NAMES = (
    "os.system", "builtins.eval", "builtins.getattr", "torch._utils._rebuild_tensor_v2",
    "torch.storage._load_from_bytes",
    "collections.OrderedDict", "argparse.Namespace", "numpy.core.multiarray.scalar", "torch.FloatStorage",
    "collections.defaultdict", "_codecs.encode", "torch._tensor._rebuild_from_type_v2", "builtins.object",
    "copyreg._reconstructor", "torch.nn.parameter.Parameter",
)  # fmt: skip
KNOWN = (
    pickle_names.KNOWN_CALLS | pickle_names.PLAIN_TYPES | pickle_names.INERT | pickle_names.STORAGES.keys()
    | pickle_names.NUMBER_TYPES.keys() | pickle_names.UNKEEPABLE.keys() | {("builtins", "object")}
)  # fmt: skip
STRANGE = frozenset(
    ["INST", "OBJ", "EXT1", "EXT2", "EXT4", "NEWOBJ_EX", "PERSID", "NEXT_BUFFER", "READONLY_BUFFER", "POP", "DUP"]
)
STRANGE_BEFORE_4 = STRANGE | {"STACK_GLOBAL", "FRAME", "MEMOIZE", "SHORT_BINUNICODE"}
STRANGE_SINCE_4 = STRANGE | {"GLOBAL", "BINPUT", "LONG_BINPUT"}
STORAGES = {"0": 16, "1": 64}


def _global(dotted: str) -> bytes:
    module, _, name = dotted.rpartition(".")
    return f"c{module}\n{name}\n".encode()


@cache
def seeds() -> tuple[bytes, ...]:
    """Honest pickles: a state dict, a trainer's checkpoint, a hypernetwork, a textual inversion."""

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def tensor(key: str, rows: int) -> bytes:
        storage = b"(" + text("storage") + _global("torch.FloatStorage") + text(key) + text("cpu")
        storage += b"K" + bytes([STORAGES[key] // 4]) + b"tQ"
        shape = b"K" + bytes([rows]) + b"K" + bytes([STORAGES[key] // 4 // rows]) + b"\x86"
        stride = b"K" + bytes([STORAGES[key] // 4 // rows]) + b"K\x01\x86"
        hooks = _global("collections.OrderedDict") + b")R"
        return (
            _global("torch._utils._rebuild_tensor_v2")
            + b"("
            + storage
            + b"K\x00"
            + shape
            + stride
            + b"\x89"
            + hooks
            + b"tR"
        )

    def put(*pairs: tuple[bytes, bytes]) -> bytes:
        return b"}q\x00(" + b"".join(key + value for key, value in pairs) + b"u"

    two = put((text("a.weight"), tensor("0", 2)), (text("b.weight"), tensor("1", 4)))
    settings = pickle.dumps({"epoch": 3, "rates": [1e-4, 2.5], "on": True, "none": None, "t": (1, 2, 3, 4)}, 2)[2:-1]
    namespace = _global("argparse.Namespace") + b")\x81" + settings + b"b"
    net = put((text("linear.0.weight"), tensor("0", 2)), (text("linear.0.bias"), tensor("1", 1)))
    values = (
        two,
        put((text("state_dict"), two), (text("hyper_parameters"), namespace), (text("epoch"), b"K\x03")),
        put((b"M\x00\x03", net + net + b"\x86"), (text("layer_structure"), b"]q\x01(K\x01K\x02K\x01e")),
        put(
            (text("string_to_param"), put((text("*"), tensor("1", 2)))),
            (text("name"), text("x")),
            (text("y"), tensor("0", 1)),
        ),
    )
    return tuple(b"\x80\x02" + value + b"." for value in values)


@cache
def later_seeds() -> tuple[bytes, ...]:
    """The same, as Python's pickler writes them in protocol 4, but for the frames."""
    return tuple(_later(seed) for seed in seeds())


def _later(pickled: bytes) -> bytes:
    def text(value: str) -> bytes:
        return b"\x8c" + bytes([len(value)]) + value.encode() + b"\x94"

    made = b""
    parts = _parts(pickled)
    for (opcode, argument, _), raw in zip(pickletools.genops(pickled), parts, strict=True):
        if opcode.name == "PROTO":
            made += b"\x80\x04"
        elif opcode.name == "GLOBAL":
            made += b"".join(map(text, str(argument).split(" "))) + b"\x93\x94"
        elif opcode.name == "BINUNICODE":
            made += text(str(argument))
        elif opcode.name != "BINPUT":
            made += raw
    return made


def _framed(pickled: bytes, chance: random.Random) -> bytes:
    """The whole in one frame, or cut into two; seldom of another length than it should be."""
    parts = _parts(pickled[2:])
    at = len(b"".join(parts[: chance.randrange(len(parts))])) if chance.random() < 0.3 else 0
    made = pickled[:2]
    for piece in (pickled[2 : 2 + at], pickled[2 + at :]):
        length = len(piece) if chance.random() < 0.95 else chance.choice((*INTERESTING, len(piece) + 1, len(piece) - 1))
        made += b"\x95" + struct.pack("<Q", length % 2**64) + piece if piece else b""
    return made


def make(chance: random.Random) -> bytes:
    """A case: opcodes changed, in one of the three layouts, and seldom the container's own bytes too."""
    later = chance.random() < 0.4
    parts = list(_parts(chance.choice(later_seeds() if later else seeds())))
    for _ in range(chance.randrange(4)):
        _change(parts, chance)
    pickled = b"".join(parts)
    if later:
        if chance.random() < 0.1:
            pickled = b"\x80" + bytes([chance.randrange(8)]) + pickled[2:]
        pickled = _framed(pickled, chance) if chance.random() < 0.8 else pickled
    if chance.random() < 0.1:
        pickled = bytes_changed(pickled, chance)
    layout = chance.choice((_zip, _legacy, lambda data: data))
    raw = layout(pickled)
    return bytes_changed(raw, chance, chance.choice((1, 1, 2))) if chance.random() < 0.3 else raw


def _change(parts: list[bytes], chance: random.Random) -> None:
    """Change one of the opcodes, each with what belongs to it, that the pickle was cut into."""
    if not parts:
        return
    at = chance.randrange(len(parts))
    other = chance.randrange(len(parts))
    kind = chance.randrange(7)
    if kind == 0:
        del parts[at]
    elif kind == 1:
        parts.insert(at, parts[other])
    elif kind == 2:
        parts[at], parts[other] = parts[other], parts[at]
    elif kind == 3:
        parts[at] = chance.choice(pickletools.opcodes).code.encode("latin-1") + parts[at][1:]
    elif kind == 4:
        named = _global(chance.choice(NAMES))
        if parts[0][1:2] >= b"\x04" and chance.random() < 0.9:
            module, last = named[1:-1].split(b"\n")
            named = b"".join(b"\x8c" + bytes([len(text)]) + text for text in (module, last)) + b"\x93"
        parts.insert(at, named + chance.choice((b"", b")R", b")\x81", b"}b")))
    elif kind == 5:
        parts.insert(
            at, chance.choice((b"K\x00", b"N", b"(", b")", b"}", b"]", b"h\x00", b"R", b"b", b"Q", b"t", b"u", b"e"))
        )
    else:
        number = chance.choice(INTERESTING)
        parts[at] = chance.choice((b"J" + struct.pack("<i", number % 2**31), b"\x8a\x08" + struct.pack("<Q", number)))


@cache
def _parts(pickled: bytes) -> tuple[bytes, ...]:
    """The pickle, cut between its opcodes; bytes that are none are one part."""
    starts = []
    try:
        for _, _, position in pickletools.genops(pickled):
            starts.append(position)
    except Exception:  # noqa: S110 — pickletools raises many kinds; what it read before is enough
        pass
    starts = [*(starts or [0]), len(pickled)]
    return tuple(pickled[start:end] for start, end in itertools.pairwise(starts))


def _zip(pickled: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/data.pkl", pickled)
        for key, size in STORAGES.items():
            archive.writestr(f"m/data/{key}", bytes(size))
        archive.writestr("m/version", "3\n")
    return buffer.getvalue()


def _legacy(pickled: bytes) -> bytes:
    head = b"".join(pickle.dumps(value, 2) for value in (MAGIC_NUMBER, 1001, {"little_endian": True}))
    storages = b"".join(struct.pack("<q", size // 4) + bytes(size) for size in STORAGES.values())
    return head + pickled + pickle.dumps(list(STORAGES), 2) + storages


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    memory = Path("/dev/shm")  # noqa: S108 — an own folder is made in it
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


def read(raw: bytes) -> bool:
    """Convert it, as the sandbox does; True where it passed. Raises `BadPickle`, and for a defect anything else."""
    source, target = Path(_folder().name) / "case", Path(_folder().name) / "made"
    source.write_bytes(raw)
    convert(source, target, MOST_BYTES)
    header = safetensors.read(target)
    if not header.tensors:
        raise AssertionError("it was accepted without a tensor")
    for pickled in _pickles(raw):
        _look_again(pickled)
    return True


def _pickles(raw: bytes) -> list[bytes]:
    if raw.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return [archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")]
    return [raw[:MAX_BYTES]]


def _look_again(pickled: bytes) -> None:
    """What Python's own readers make of it: `pickletools` of its opcodes, the unpickler of the names it imports."""
    stops = 5 if pickled[2:4] == b"\x8a\x0a" else 1
    for reads in (_look_at_opcodes, _look_at_names):
        file = io.BytesIO(pickled)
        for _ in range(stops):
            reads(file)


def _look_at_opcodes(file: io.BytesIO) -> None:
    strange = STRANGE_BEFORE_4
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "PROTO":
            strange = STRANGE_SINCE_4 if int(argument or 0) >= 4 else STRANGE_BEFORE_4
        elif opcode.name in strange:
            raise AssertionError(f"it was accepted with {opcode.name}")


def _look_at_names(file: io.BytesIO) -> None:
    looker = _Looker(file)
    with suppress(AttributeError, TypeError, ValueError, pickle.UnpicklingError):  # what our stand-in is not good for
        looker.load()
    if looker.strange:
        raise AssertionError(f"it was accepted, and Python would import {looker.strange}")


class _Looker(pickle.Unpickler):
    """Imports nothing: each name is looked for in our list, and what is made of it stands in for everything."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.old = file.getbuffer()[file.tell() + 1 : file.tell() + 2].tobytes() < b"\x03"
        self.strange = ""

    def find_class(self, module: str, name: str) -> type:
        if (pickle_names.RENAMED.get(module, module) if self.old else module, name) not in KNOWN:
            self.strange = f"{module}.{name}"
        return _StandIn

    def persistent_load(self, id: object) -> object:
        return _StandIn()


class _StandIn:
    def __new__(cls, *_: object) -> _StandIn:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...

    def append(self, value: object) -> None: ...

    def extend(self, values: object) -> None: ...


fuzz = Fuzz("pickle", make, read, (BadPickle,))
