"""Our own reader of pickles: an interpreter of opcodes that builds plain values and placeholders, and runs nothing.

It is the gate as well. Of each protocol only the opcodes are known that torch.save writes in it (2 is its own choice, 3
to 5 its caller's), only the names of `workers.files.pickle_names`, and each name only in the use that PyTorch and
trainers make of it: a class may be made with values, a tensor rebuilt over a storage that holds it. So what passes is
harmless to every other program that unpickles it, too. No name is ever imported.

From protocol 4 on a pickle is cut into frames, which readers take differently: here each is whole, none lies in
another, and each ends where an opcode does.

The format: `pickletools` in Python's library; the persistent ids: `torch/serialization.py`.
"""

from __future__ import annotations

import pickletools
import struct
import time
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, TypeAlias

from workers.files import pickle_names
from workers.files.pickle_calls import MAX_NAMES, Names, is_flat, plain_attributes
from workers.files.pickle_values import BadPickle, Gathered, Made, Name, Storage, StorageType, broken, checked_key
from workers.files.text import evidence

MAX_BYTES = 64 * 1024**2  # the largest honest ones have some megabytes
MAX_OPCODES = 2_000_000
MAX_MEMO = 1_000_000
MAX_MARKS = 200
PROTOCOLS = range(2, 6)
MAX_LONG_BYTES = 16  # torch's own magic number takes ten
SECONDS = 60.0
_LOOK_AT_CLOCK = 1 << 14
_NO_FRAME = 2**63
_KNOWN_OPCODES = {opcode.code: opcode.name for opcode in pickletools.opcodes}


class Read(NamedTuple):
    """A pickle's value, its tier, the tier B names that it uses, its storages by key, and its length in bytes."""

    value: Any
    tier: str
    extras: tuple[str, ...]
    storages: dict[str, Storage]
    length: int


def read(data: bytes, start: int = 0, *, whole: bool = True) -> Read:
    """The pickle that begins at ``start``. whole: nothing may follow it. Raises `BadPickle`."""
    machine = _Machine(data, start)
    try:
        value = machine.run()
        if whole and machine.at != len(data):
            raise BadPickle("trailing", f"{len(data) - machine.at:,} bytes follow the end of the pickle; nothing may.")
    except BadPickle as bad:
        if machine.names.strangers and bad.code != "opcode":
            raise _code_found(machine.names.strangers) from bad
        raise
    if machine.names.strangers:
        raise _code_found(machine.names.strangers)
    extras = tuple(sorted(machine.names.extras))
    return Read(value, "B" if extras else "A", extras, machine.storages, machine.at - start)


def _code_found(strangers: dict[str, None]) -> BadPickle:
    names = list(strangers)
    what = "a name" if len(names) == 1 else f"{len(names)} names" + (" or more" if len(names) == MAX_NAMES else "")
    return BadPickle(
        "code",
        f"Opening this pickle can run code: it calls on {what} that no weights need. Save only the state dict "
        "(torch.save(model.state_dict(), …)), or better as safetensors, and upload that.",
        evidence(", ".join(names)),
        tier="C",
    )


class _Machine:
    """A stack, a memo, marks; the methods are named as `pickletools` names the opcodes."""

    def __init__(self, data: bytes, start: int) -> None:
        self.data, self.at = data, start
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.names = Names()
        self.storages: dict[str, Storage] = {}
        self.protocol = 2
        self.frame_end = _NO_FRAME

    def run(self) -> Any:
        if self.data[self.at : self.at + 1] != b"\x80":
            raise BadPickle(
                "protocol",
                "The pickle is of a protocol that PyTorch never writes (0 or 1). Save it again with torch.save.",
                tier="C",
            )
        self.protocol = self.names.protocol = self._take(2)[1]
        if self.protocol not in PROTOCOLS:
            raise BadPickle(
                "protocol",
                f"The pickle is of protocol {self.protocol}; PyTorch writes protocols 2 to 5. "
                "Save it again with torch.save.",
                tier="C",
            )
        data, opcodes, deadline = self.data, _OPCODES[self.protocol], time.monotonic() + SECONDS
        for count in range(MAX_OPCODES):
            if self.at >= len(data):
                broken("The pickle is cut off.")
            code = data[self.at]
            self.at += 1
            if code == 0x2E:  # STOP
                if len(self.stack) != 1 or self.marks:
                    broken("The pickle ends with values left over.")
                if self.frame_end not in (self.at, _NO_FRAME):
                    self._strange_frame()
                return self.stack[0]
            work = opcodes.get(code)
            if work is None:
                self._strange_opcode(code)
            try:
                work(self)  # type: ignore[misc]
            except (IndexError, KeyError, struct.error) as error:
                raise BadPickle("broken", "The pickle takes what it never gave.", evidence(repr(error))) from error
            if self.at >= self.frame_end:
                if self.at > self.frame_end:
                    self._strange_frame()
                self.frame_end = _NO_FRAME
            if count % _LOOK_AT_CLOCK == 0 and time.monotonic() > deadline:
                raise BadPickle("slow", f"Reading the pickle took more than {SECONDS:.0f} seconds.")
        raise BadPickle("too-long", f"The pickle has more than {MAX_OPCODES:,} opcodes; no weights need as many.")

    def _strange_opcode(self, code: int) -> NoReturn:
        known = _KNOWN_OPCODES.get(chr(code))
        what = f"the opcode {known}" if known else f"the byte 0x{code:02x}, which is no opcode,"
        raise BadPickle(
            "opcode",
            f"The pickle, of protocol {self.protocol}, holds {what} that PyTorch never writes in it; it is a way to "
            "run code or to deceive scanners.",
            evidence(
                f"at byte {self.at - 1:,}"
                + (f"; names so far: {', '.join(self.names.strangers)}" if self.names.strangers else "")
            ),
            tier="C",
        )

    def _strange_frame(self) -> NoReturn:
        raise BadPickle(
            "opcode",
            "The pickle is cut into frames that do not end where its values do, so two readers may see two pickles.",
            evidence(f"at byte {self.at:,}"),
            tier="C",
        )

    def _take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            broken("The pickle is cut off.")
        taken = self.data[self.at : self.at + count]
        self.at += count
        return taken

    def _unpack(self, form: struct.Struct) -> Any:
        (value,) = form.unpack_from(self.data, self.at)
        self.at += form.size
        return value

    def _line(self) -> str:
        end = self.data.find(b"\n", self.at, self.at + 300)
        if end < 0:
            broken("A name in the pickle does not end.")
        line = self.data[self.at : end].decode("latin-1")
        self.at = end + 1
        return line

    def _pop_to_mark(self) -> list[Any]:
        mark = self.marks.pop()
        if mark > len(self.stack):
            broken("The pickle takes what it never gave.")
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def _pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            broken("The pickle takes a value from before its mark.")
        return self.stack.pop()

    def _top(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            broken("The pickle takes a value from before its mark.")
        return self.stack[-1]

    # Plain values.

    def none(self) -> None:
        self.stack.append(None)

    def newtrue(self) -> None:
        self.stack.append(True)

    def newfalse(self) -> None:
        self.stack.append(False)

    def binint(self) -> None:
        self.stack.append(self._unpack(_INT))

    def binint1(self) -> None:
        self.stack.append(self.data[self.at])
        self.at += 1

    def binint2(self) -> None:
        self.stack.append(self._unpack(_SHORT))

    def long1(self) -> None:
        length = self._take(1)[0]
        if length > MAX_LONG_BYTES:
            broken("The pickle holds an integer of absurd length.")
        self.stack.append(int.from_bytes(self._take(length), "little", signed=True))

    def binfloat(self) -> None:
        self.stack.append(self._unpack(_FLOAT))

    def binunicode(self) -> None:
        self._text(self._unpack(_UNSIGNED))

    def short_binstring(self) -> None:
        self._text(self._take(1)[0])

    def binstring(self) -> None:
        self._text(self._unpack(_UNSIGNED))

    def _text(self, length: int) -> None:
        try:
            self.stack.append(self._take(length).decode())
        except UnicodeDecodeError as error:
            raise BadPickle("broken", "A text in the pickle is not UTF-8.") from error

    def short_binunicode(self) -> None:
        self._text(self._take(1)[0])

    def binunicode8(self) -> None:
        self._text(self._unpack(_LONG))

    def short_binbytes(self) -> None:
        self.stack.append(self._take(self._take(1)[0]))

    def binbytes(self) -> None:
        self.stack.append(self._take(self._unpack(_UNSIGNED)))

    def binbytes8(self) -> None:
        self.stack.append(self._take(self._unpack(_LONG)))

    # Containers.

    def mark(self) -> None:
        if len(self.marks) >= MAX_MARKS:
            broken(f"The pickle is nested deeper than {MAX_MARKS} levels.")
        self.marks.append(len(self.stack))

    def empty_dict(self) -> None:
        self.stack.append({})

    def empty_list(self) -> None:
        self.stack.append([])

    def empty_tuple(self) -> None:
        self.stack.append(())

    def tuple_(self) -> None:
        self.stack.append(tuple(self._pop_to_mark()))

    def tuple1(self) -> None:
        self.stack.append((self._pop(),))

    def tuple2(self) -> None:
        second, first = self._pop(), self._pop()
        self.stack.append((first, second))

    def tuple3(self) -> None:
        third, second, first = self._pop(), self._pop(), self._pop()
        self.stack.append((first, second, third))

    def append(self) -> None:
        value = self._pop()
        self._extend([value])

    def appends(self) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[Any]) -> None:
        target = self._top()
        if type(target) is list:
            target.extend(values)
        elif type(target) is Made and target.name.name in pickle_names.SEQUENCES:
            target.elements.extend(values)
        else:
            self.names.misuse("The pickle appends to what is no list.", target)

    def setitem(self) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def setitems(self) -> None:
        self._set(self._pop_to_mark())

    def _set(self, pairs: list[Any]) -> None:
        target = self._top()
        if type(target) is Made and target.name.name in pickle_names.MAPPINGS:
            target = target.items
        if type(target) is not dict or len(pairs) % 2:
            self.names.misuse("The pickle sets items in what is no dict.", target)
            return
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[checked_key(key)] = value

    def empty_set(self) -> None:
        self.stack.append(Gathered())

    def additems(self) -> None:
        values, target = self._pop_to_mark(), self._top()
        if type(target) is not Gathered:
            self.names.misuse("The pickle adds to what is no set.", target)
            return
        target.extend(checked_key(value) for value in values)

    def frozenset_(self) -> None:
        self.stack.append(Gathered(checked_key(value) for value in self._pop_to_mark()))

    def frame(self) -> None:
        length = self._unpack(_LONG)
        if self.frame_end != _NO_FRAME or not 0 < length <= len(self.data) - self.at:
            self._strange_frame()
        self.frame_end = self.at + length

    # Memo.

    def memoize(self) -> None:
        self._put(len(self.memo))

    def binput(self) -> None:
        self._put(self._take(1)[0])

    def long_binput(self) -> None:
        self._put(self._unpack(_UNSIGNED))

    def _put(self, index: int) -> None:
        if index >= MAX_MEMO:
            broken("The pickle remembers more values than any weights have.")
        self.memo[index] = self.stack[-1]

    def binget(self) -> None:
        self.stack.append(self.memo[self._take(1)[0]])

    def long_binget(self) -> None:
        self.stack.append(self.memo[self._unpack(_UNSIGNED)])

    # Names, and what is made of them.

    def global_(self) -> None:
        module, name = self._line(), self._line()
        self.stack.append(self.names.named(module, name))

    def stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if type(module) is not str or type(name) is not str:
            raise BadPickle("opcode", "The pickle takes what is no text for a name.", tier="C")
        self.stack.append(self.names.named(module, name))

    def reduce(self) -> None:
        arguments, called = self._pop(), self._pop()
        if type(called) is not Name or type(arguments) is not tuple:
            self.names.misuse("The pickle calls what is no known class.", called)
            self.stack.append(None)
            return
        self.stack.append(self.names.called(called, arguments))

    def newobj(self) -> None:
        arguments, called = self._pop(), self._pop()
        if called == Name("collections", "OrderedDict") and arguments == ():
            self.stack.append({})
        elif type(called) is Name and type(arguments) is tuple:
            if not all(argument is None or type(argument) in (str, int, float) for argument in arguments):
                self.names.misuse("The pickle makes an object out of more than plain values.", called)
            self.stack.append(self.names.made(called, arguments))
        else:
            self.names.misuse("The pickle makes an object of what is no class.", called)
            self.stack.append(None)

    def build(self) -> None:
        state, target = self._pop(), self._top()
        plain_attributes(state)
        if type(target) is Made:
            if target.name.name == "dtype" and not is_flat(state):
                self.names.misuse("The pickle builds a numpy type with fields of its own.", target.name)
            target.state = state
        elif type(target) is dict and type(state) is dict:
            pass  # attributes of a state dict: _metadata
        else:
            self.names.misuse("The pickle changes what is no instance of a class.", target)

    def binpersid(self) -> None:
        self.stack.append(self._stored(self._pop()))

    def _stored(self, id: Any) -> Storage | Name:
        """A storage by ``("storage", type, key, location, numel)``, and None, or what views were (PyTorch before 0.4).
        The old layout also writes ``("module", class, file, source)``: the class, and its source to compare with."""
        if type(id) is tuple and len(id) == 4 and id[0] == "module" and type(id[1]) is Name:
            return id[1]
        if type(id) is not tuple or len(id) not in (5, 6) or id[0] != "storage":
            broken("The pickle refers to something outside of it that is no storage.", id)
        kind, key, location, numel = id[1:5]
        if len(id) == 6 and id[5] is not None:
            broken("The pickle's storages are views of others, as PyTorch before 0.4 wrote them. Save it anew.")
        if type(kind) is not StorageType or type(key) is not str or type(location) is not str:
            broken("The pickle refers to a storage in a way that PyTorch never does.", id)
        if type(numel) is not int or not 0 <= numel < 2**48:
            broken("A storage's size is no size.", numel)
        storage = Storage(kind.number, key, numel)
        if self.storages.setdefault(key, storage) != storage:
            broken("The pickle describes one storage in two ways.", key)
        return storage


_INT, _SHORT, _UNSIGNED, _FLOAT = struct.Struct("<i"), struct.Struct("<H"), struct.Struct("<I"), struct.Struct(">d")
_LONG = struct.Struct("<Q")
_Work: TypeAlias = Callable[[_Machine], None]
_EVERY: dict[str, _Work] = {
    "N": _Machine.none,
    "\x88": _Machine.newtrue,
    "\x89": _Machine.newfalse,
    "J": _Machine.binint,
    "K": _Machine.binint1,
    "M": _Machine.binint2,
    "\x8a": _Machine.long1,
    "G": _Machine.binfloat,
    "X": _Machine.binunicode,
    "(": _Machine.mark,
    "}": _Machine.empty_dict,
    "]": _Machine.empty_list,
    ")": _Machine.empty_tuple,
    "t": _Machine.tuple_,
    "\x85": _Machine.tuple1,
    "\x86": _Machine.tuple2,
    "\x87": _Machine.tuple3,
    "a": _Machine.append,
    "e": _Machine.appends,
    "s": _Machine.setitem,
    "u": _Machine.setitems,
    "h": _Machine.binget,
    "j": _Machine.long_binget,
    "R": _Machine.reduce,
    "\x81": _Machine.newobj,
    "b": _Machine.build,
    "Q": _Machine.binpersid,
}
_TO_3: dict[str, _Work] = {"c": _Machine.global_, "q": _Machine.binput, "r": _Machine.long_binput}
_PYTHON_2: dict[str, _Work] = {"U": _Machine.short_binstring, "T": _Machine.binstring}
_FROM_3: dict[str, _Work] = {"C": _Machine.short_binbytes, "B": _Machine.binbytes}
_FROM_4: dict[str, _Work] = {
    "\x8c": _Machine.short_binunicode,
    "\x8d": _Machine.binunicode8,
    "\x8e": _Machine.binbytes8,
    "\x8f": _Machine.empty_set,
    "\x90": _Machine.additems,
    "\x91": _Machine.frozenset_,
    "\x93": _Machine.stack_global,
    "\x94": _Machine.memoize,
    "\x95": _Machine.frame,
}
_FROM_5: dict[str, _Work] = {"\x96": _Machine.binbytes8}  # a bytearray: bytes, to us
# What Python's pickler writes in each protocol for what torch.save hands it; the two ways of one thing never mix.
_OPCODES: dict[int, dict[int, _Work]] = {
    protocol: {ord(code): work for code, work in table.items()}
    for protocol, table in {
        2: _EVERY | _TO_3 | _PYTHON_2,
        3: _EVERY | _TO_3 | _FROM_3,
        4: _EVERY | _FROM_3 | _FROM_4,
        5: _EVERY | _FROM_3 | _FROM_4 | _FROM_5,
    }.items()
}
