"""Words that change from step to step: ``[from:to:when]`` and ``[a|b]``, as A1111 reads them.

``when`` with a point is a share of the steps, without one a step. Groups nest. A bracket without its partner is a
letter, and so is every bracket around it. A ``|`` that stands in no ``[a|b]`` makes A1111's own reader give up: then
the whole text stays as it is written, which `readable` tells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_PIECE = re.compile(r"(?:[^\\\[\]():|]|\\.)+|[\[\]():|\\]", re.DOTALL)
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*")


class _Mark(str):
    """A colon or a bar that may divide the group it stands in."""

    __slots__ = ()


@dataclass(frozen=True)
class _Group:
    """Brackets that change nothing by themselves."""

    nodes: Sequence[_Node]

    def at(self, step: int, steps: int) -> Sequence[_Node]:
        return self.nodes


@dataclass(frozen=True)
class _Turns:
    """``[a|b|…]``: one at each step, in turn."""

    options: Sequence[Sequence[_Node]]

    def at(self, step: int, steps: int) -> Sequence[_Node]:
        return self.options[(step - 1) % len(self.options)]


@dataclass(frozen=True)
class _Change:
    """``[from:to:when]``."""

    before: Sequence[_Node]
    after: Sequence[_Node]
    when: str

    def step(self, steps: int) -> int:
        """The last step of ``before``; below 1: it never shows."""
        number = float(self.when)
        return min(steps, int(min(number * steps if "." in self.when else number, 1e9)))

    def at(self, step: int, steps: int) -> Sequence[_Node]:
        return self.before if step <= self.step(steps) else self.after


_Node = str | _Group | _Turns | _Change


class Timeline:
    """A text whose words depend on the step."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._changes: list[_Change] = []
        self._turns = False
        self._nodes = self._read()

    @property
    def readable(self) -> bool:
        """False where a stray bar or a lone backslash keeps the text from changing at all."""
        return self._nodes is not None

    @property
    def timed(self) -> bool:
        """Whether anything changes."""
        return self.readable and (self._turns or bool(self._changes))

    @cached_property
    def looks_timed(self) -> bool:
        """Whether its writer seems to mean that something changes."""
        return bool(re.search(r"\[[^\[\]]*:\s*\d*\.?\d+\s*\]|\[[^\[\]]*\|[^\[\]]*\]", self.text))

    def texts(self, steps: int) -> tuple[tuple[int, str], ...]:
        """((last step, text), …), steps counted from 1."""
        if self._nodes is None or not self.timed:
            return ((steps, self.text),)
        ends = set(range(1, steps + 1)) if self._turns else {steps, *(change.step(steps) for change in self._changes)}
        found = [(end, self._said(end, steps)) for end in sorted(ends) if end >= 1]
        # The same words at two steps that follow each other are one text.
        return tuple(
            pair for pair, after in zip(found, [*found[1:], None], strict=True) if not after or pair[1] != after[1]
        )

    def _said(self, step: int, steps: int) -> str:
        # Without recursion: people nest two or three deep, attackers a thousand.
        pieces: list[str] = []
        todo: list[_Node] = list(reversed(self._nodes or ()))
        while todo:
            node = todo.pop()
            if isinstance(node, str):
                pieces.append(node)
            else:
                todo.extend(reversed(node.at(step, steps)))
        return "".join(pieces)

    def _read(self) -> list[_Node] | None:
        open_: list[tuple[str, list[_Node]]] = [("", [])]  # bracket → what stands in it so far
        for found in _PIECE.finditer(self.text):
            piece = found[0]
            if piece == "\\":
                return None
            if piece in "[(":
                open_.append((piece, []))
            elif piece in "])":
                self._close(open_, piece)
            else:
                open_[-1][1].append(_Mark(piece) if piece in ":|" else piece)
        _give_up(open_)
        nodes = open_[0][1]
        return None if any(isinstance(node, _Mark) and node == "|" for node in nodes) else nodes

    def _close(self, open_: list[tuple[str, list[_Node]]], closing: str) -> None:
        opening, inside = open_[-1]
        group = self._group(inside, opening) if opening + closing in {"[]", "()"} else None
        if group is None:
            _give_up(open_)
            open_[0][1].append(closing)
        else:
            open_.pop()
            open_[-1][1].append(group)

    def _group(self, inside: list[_Node], opening: str) -> _Node | None:
        """What brackets around ``inside`` are; None: no group, but letters."""
        marks = [node for node in inside if isinstance(node, _Mark)]
        if opening == "(":
            return _Group(["(", *inside, ")"]) if marks in ([], [":"]) else None
        if not marks:
            return _Group(["[", *inside, "]"])
        if all(mark == "|" for mark in marks):
            self._turns = True
            return _Turns(_divided(inside))
        *said, last = _divided(inside)
        when = _NUMBER.fullmatch("".join(last)) if all(isinstance(node, str) for node in last) else None  # type: ignore[arg-type]
        if "|" in marks or len(marks) > 2 or when is None:
            return None
        change = _Change(said[0] if len(said) == 2 else [], said[-1], when[1])
        self._changes.append(change)
        return change


def _give_up(open_: list[tuple[str, list[_Node]]]) -> None:
    """A bracket stands alone: it and all that are open around it are letters."""
    nodes = open_[0][1]
    for opening, inside in open_[1:]:
        nodes += [opening, *inside]
    del open_[1:]


def _divided(inside: list[_Node]) -> list[list[_Node]]:
    parts: list[list[_Node]] = [[]]
    for node in inside:
        if isinstance(node, _Mark):
            parts.append([])
        else:
            parts[-1].append(node)
    return parts
