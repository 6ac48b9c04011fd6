"""The names that a pickle uses, each in the use that PyTorch and trainers make of it, and what is made of them.

Nothing is ever imported or called: an instance is a `Made`, a tensor says over which storage it lies.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from workers.files import pickle_names
from workers.files.pickle_names import NumberType
from workers.files.pickle_values import BadPickle, Made, Name, Storage, StorageType, Tensor, broken, checked_key, shown
from workers.files.text import evidence

MAX_RANK = 8
MAX_NAMES = 40  # that a refusal tells of
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.<>]{0,199}\Z")
_NUMPY_DTYPE = re.compile(r"[<>=|]?[?bBiufcSUmM]\d{0,4}\Z")
_ENCODINGS = frozenset({"latin1", "latin-1", "utf-8", "utf8", "ascii"})


class Names:
    """``strangers``: those that no weights need. ``extras``: those of tier B. Once there is a stranger, what follows
    from it is not judged: the file is refused in any case, and only the other names are still of interest."""

    def __init__(self) -> None:
        self.strangers: dict[str, None] = {}
        self.extras: set[str] = set()
        self.protocol = 2

    def named(self, module: str, name: str) -> Any:
        """What the global stands for on the stack."""
        if self.protocol < 3:  # later ones call modules as Python 3 does, so an old name there is a stranger's
            module = pickle_names.RENAMED.get(module, module)
        known = (module, name)
        if known in pickle_names.STORAGES:
            return StorageType(pickle_names.STORAGES[known])
        if known in pickle_names.NUMBER_TYPES:
            return pickle_names.NUMBER_TYPES[known]
        if known in pickle_names.INERT:
            self.extras.add(f"{module}.{name}")
        elif not (
            known in pickle_names.KNOWN_CALLS or known in pickle_names.PLAIN_TYPES or known in pickle_names.UNKEEPABLE
            or (known == ("builtins", "object"))
        ):  # fmt: skip
            self._stranger(f"{module}.{name}" if _WORD.match(module) else f"{module!r}.{name!r}")
        return Name(module, name)

    def _stranger(self, name: str) -> None:
        if len(self.strangers) < MAX_NAMES:
            self.strangers[name] = None

    def called(self, name: Name, arguments: tuple[Any, ...]) -> Any:
        """What ``name(*arguments)`` stands for."""
        if special := _CALLS.get((name.module, name.name)):
            return special(self, arguments)
        if tuple(name) in pickle_names.INERT and name.name not in pickle_names.CALLED:
            self.misuse("The pickle calls a class that trainers never call there.", name)
        if why := pickle_names.UNKEEPABLE.get((name.module, name.name)):
            nothing = NumberType("", 1)
            return Tensor(Storage(nothing, "", 0), nothing, 0, (), (), why)
        return self.made(name, arguments)

    def made(self, name: Name, arguments: tuple[Any, ...]) -> Made:
        if tuple(name) in pickle_names.INERT:
            self._check_inert(name, arguments)
        elif str(name) not in self.strangers:
            self.misuse("The pickle makes an object of what is no class for values.", name)
        return Made(name, arguments)

    def _check_inert(self, name: Name, arguments: tuple[Any, ...]) -> None:
        """Arguments that would do something: a factory called later, a gigabyte asked for, a type in disguise."""
        first = arguments[0] if arguments else None
        match name.name:
            case "ndarray":
                self.misuse("The pickle makes an array by itself.", name)
            case "defaultdict":
                if first is not None and not (type(first) is Name and first.name in pickle_names.FACTORIES):
                    self.misuse("A defaultdict in the pickle calls something for missing keys.", first)
            case "bytearray":
                if type(first) is int:
                    self.misuse("The pickle asks for memory by size.", first)
            case "_reconstructor":
                if [type(argument) for argument in arguments] != [Name, Name, type(None)] or (
                    tuple(first) not in pickle_names.INERT or arguments[1] != Name("builtins", "object")  # type: ignore[arg-type]
                ):
                    self.misuse("The pickle rebuilds an object in a way that trainers never do.", first)
            case "dtype":
                if type(first) is not str or not _NUMPY_DTYPE.match(first):
                    self.misuse("The pickle holds a numpy type that may hold objects.", first)
            case "_reconstruct":
                if first != Name("numpy", "ndarray") or arguments[1:2] != ((0,),):
                    self.misuse("The pickle rebuilds an array in a way that numpy never does.", arguments)
            case "_frombuffer":
                if type(first) not in (bytes, Made) or [type(part) for part in arguments[1:]] != [Made, tuple, str]:
                    self.misuse("The pickle reads an array from what are no bytes.", name)
                if arguments[1:] and arguments[1].name != Name("numpy", "dtype"):
                    self.misuse("The pickle reads an array of no known type.", name)
            case "scalar":
                if type(first) is not Made or first.name != Name("numpy", "dtype"):
                    self.misuse("The pickle holds a numpy scalar of no known type.", first)

    def misuse(self, sentence: str, found: Any) -> None:
        """A known name, or a value, in a use that runs something or that nobody makes of it."""
        if type(found) is Made:
            found = found.name
        if type(found) is Name and str(found) in self.strangers:
            return  # told already
        if self.strangers:
            return  # what a stranger returned is not known here
        raise BadPickle("misuse", sentence, evidence(shown(found)), tier="C")

    # Calls whose meaning is known.

    def _ordered_dict(self, arguments: tuple[Any, ...]) -> Any:
        made: dict[Any, Any] = {}
        if arguments:
            (pairs,) = arguments if len(arguments) == 1 else (None,)
            if type(pairs) is not list or not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
                self.misuse("An ordered dict is made of what are no pairs.", pairs)
                return made
            for key, value in pairs:
                made[checked_key(key)] = value
        return made

    def _tensor(self, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) not in (4, 6, 7) or type(arguments[0]) is not Storage:
            return self._no_tensor(arguments)
        if arguments[5:6] and arguments[5] not in ({}, None):
            self.misuse("A tensor in the pickle has hooks, which are code.", arguments[5])
        return self._view(arguments[0], arguments[0].number, *arguments[1:4])

    def _tensor_v3(self, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) not in (7, 8) or type(arguments[0]) is not Storage or type(arguments[6]) is not NumberType:
            return self._no_tensor(arguments)
        if arguments[5] not in ({}, None):
            self.misuse("A tensor in the pickle has hooks, which are code.", arguments[5])
        return self._view(arguments[0], arguments[6], *arguments[1:4])

    def _no_tensor(self, found: Any) -> Any:
        if not self.strangers:
            broken("A tensor in the pickle is rebuilt of what is no storage.", found)
        return None

    def _view(self, storage: Storage, number: NumberType, offset: Any, shape: Any, stride: Any) -> Tensor:
        sizes = (offset, *shape, *stride) if type(shape) is tuple and type(stride) is tuple else (None,)
        if any(type(size) is not int or not 0 <= size < 2**48 for size in sizes) or len(shape) != len(stride):
            broken("A tensor's shape or stride is none.", shape)
        if len(shape) > MAX_RANK:
            broken(f"A tensor has {len(shape)} dimensions; {MAX_RANK} are the most.")
        last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        held = storage.numel * storage.number.bytes
        if (0 not in shape and (last + 1) * number.bytes > held) or offset * number.bytes > held:
            broken(
                "A tensor reaches beyond its storage.", f"storage {storage.key}, shape {shape}, stride {stride}"[:200]
            )
        return Tensor(storage, number, offset, shape, stride)

    def _parameter(self, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) < 3 or type(arguments[0]) is not Tensor:
            return self._no_tensor(arguments)
        if arguments[2] not in ({}, None):
            self.misuse("A parameter in the pickle has hooks, which are code.", arguments[2])
        return arguments[0]

    def _from_type(self, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) != 4 or type(arguments[0]) is not Name or type(arguments[2]) is not tuple:
            return self._no_tensor(arguments)
        if tuple(arguments[0]) not in pickle_names.KNOWN_CALLS or not (
            type(arguments[1]) is Name and tuple(arguments[1]) in pickle_names.PLAIN_TYPES
        ):
            self.misuse("A tensor in the pickle is of a class that we do not know.", arguments[1])
            return None
        plain_attributes(arguments[3])
        if arguments[0].name == "_rebuild_from_type_v2":
            broken("A tensor in the pickle is rebuilt of itself.")
        return self.called(arguments[0], arguments[2])

    def _size(self, arguments: tuple[Any, ...]) -> Any:
        sizes = arguments[0] if len(arguments) == 1 else ()
        if type(sizes) not in (list, tuple) or not all(type(size) is int for size in sizes):
            self.misuse("A size in the pickle is none.", arguments)
            return ()
        return tuple(sizes)

    def _device(self, arguments: tuple[Any, ...]) -> Any:
        if not arguments or not all(type(part) in (str, int) for part in arguments):
            self.misuse("A device in the pickle is none.", arguments)
        return ":".join(map(str, arguments))

    def _encoded(self, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) not in (1, 2) or not all(type(part) is str for part in arguments):
            self.misuse("The pickle encodes what is no text.", arguments)
            return b""
        encoding = arguments[1].lower() if len(arguments) == 2 else "utf-8"
        if encoding not in _ENCODINGS:
            self.misuse("The pickle decodes or unpacks data by a codec.", encoding)
            return b""
        try:
            return arguments[0].encode(encoding)
        except UnicodeEncodeError as error:
            raise BadPickle("broken", "The pickle encodes letters that its encoding does not have.") from error

    def _set_of(self, arguments: tuple[Any, ...]) -> Any:
        values = arguments[0] if arguments else []
        if len(arguments) > 1 or type(values) is not list:
            self.misuse("A set in the pickle is made of what is no list.", values)
            return []
        return values


def plain_attributes(state: Any) -> None:
    """Refuse a state that would change how an object works: names of Python's own protocols, set by its loader."""
    parts = state if type(state) is tuple and len(state) == 2 else (state,)
    for part in parts:
        for key in part if type(part) is dict else ():
            if type(key) is str and key.startswith("__") and key.endswith("__"):
                raise BadPickle("misuse", "The pickle sets an attribute of Python's own.", evidence(key), tier="C")


def is_flat(state: Any) -> bool:
    return type(state) is tuple and all(part is None or type(part) in (int, str) for part in state)


_CALLS: dict[tuple[str, str], Callable[[Names, tuple[Any, ...]], Any]] = {
    ("collections", "OrderedDict"): Names._ordered_dict,
    ("torch._utils", "_rebuild_tensor"): Names._tensor,
    ("torch._utils", "_rebuild_tensor_v2"): Names._tensor,
    ("torch._utils", "_rebuild_tensor_v3"): Names._tensor_v3,
    ("torch._utils", "_rebuild_parameter"): Names._parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): Names._parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): Names._from_type,
    ("torch", "Size"): Names._size,
    ("torch.serialization", "_get_layout"): Names._device,
    ("torch", "device"): Names._device,
    ("_codecs", "encode"): Names._encoded,
    ("builtins", "set"): Names._set_of,
    ("builtins", "frozenset"): Names._set_of,
}
