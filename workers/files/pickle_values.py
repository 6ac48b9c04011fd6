"""What a pickle of weights is made of, as far as `workers.files.pickle` reads it: values and placeholders."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from workers.files.pickle_names import NumberType
from workers.files.text import evidence


class BadPickle(Exception):
    """The pickle does not pass. ``code`` for programs, ``sentence`` for its owner, ``evidence``; ``tier`` C where it
    holds code, empty where it is broken."""

    def __init__(self, code: str, sentence: str, evidence: str = "", tier: str = "") -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.evidence, self.tier = code, sentence, evidence, tier


class Name(NamedTuple):
    """A global that the pickle names; never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class StorageType(NamedTuple):
    number: NumberType


class Storage(NamedTuple):
    """Bytes that lie outside of the pickle: ``numel`` elements under ``key``."""

    number: NumberType
    key: str
    numel: int


class Tensor(NamedTuple):
    """A view of a storage; ``offset`` and ``stride`` count elements of ``number``. ``unkeepable``: why, if it is no
    tensor that safetensors can hold."""

    storage: Storage
    number: NumberType
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    unkeepable: str = ""


class Gathered(list[Any]):
    """A set, or a frozen one, in the order of the pickle; no list, so nothing is appended to it."""


class Made:
    """What a tier B class would have become: its name and what was put into it."""

    __slots__ = ("args", "elements", "items", "name", "state")

    def __init__(self, name: Name, args: tuple[Any, ...]) -> None:
        self.name, self.args = name, args
        self.state: Any = None
        self.items: dict[Any, Any] = {}
        self.elements: list[Any] = []


def broken(sentence: str, found: object = "") -> NoReturn:
    raise BadPickle("broken", sentence, evidence(shown(found)))


def shown(found: object) -> str:
    """``found`` in a few letters; values that lie in one another, shared a million times, have no short form."""
    if isinstance(found, (Name, str, int, float, bytes, NumberType, type(None))):
        return str(found)[:200]
    if type(found) is tuple:
        return ", ".join(str(part)[:40] if type(part) in (int, str) else type(part).__name__ for part in found[:8])
    return type(found).__name__


def checked_key(key: Any) -> Any:
    """``key``, if it is one that weights have. Raises `BadPickle`."""
    if type(key) is tuple:
        if not all(type(part) in (str, int, bool) for part in key[:8]) or len(key) > 8:
            broken("A key of a dict is a tuple of more than texts and numbers.")
    elif type(key) is int:
        if not -(2**63) <= key < 2**63:
            broken("A key of a dict is an integer of absurd size.")
    elif type(key) not in (str, float, bool, bytes, type(None), Name, NumberType):
        broken("A key of a dict is neither text nor number.", type(key).__name__)
    return key
