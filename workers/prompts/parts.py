"""What a prompt is made of, in every dialect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

# How brackets count, by A1111's names. Original: a token is scaled and its chunk brought back to its former mean.
# No norm: it is scaled only. Ignore: brackets are taken out. None: they are letters.
EMPHASES = ("Original", "No norm", "Ignore", "None")

Texts = tuple[tuple[int, str], ...]  # (last step, what is said), in order
Segments = tuple[tuple[tuple[str, float], ...], ...]  # runs of (text, weight), split where a chunk must begin


@dataclass(frozen=True)
class Extra:
    """An adapter that the prompt itself names: ``kind`` is lora (for its whole family), hypernetwork, or
    textual_inversion. ``text_weight`` is for the text encoder where it has a weight of its own; ``blocks``: its block
    weights (`workers.blocks`), where it has some."""

    kind: str
    name: str
    weight: float
    text_weight: float | None = None
    blocks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Part:
    """One of the texts that AND mixes, and how much it counts.

    timed: steps → what is said when; None where it is the same at every step.
    """

    text: str
    weight: float = 1.0
    timed: Callable[[int], Texts] | None = None

    def texts(self, steps: int) -> Texts:
        """((last step, text), …) in order, steps counted from 1, the last one ``steps``."""
        return self.timed(steps) if self.timed else ((steps, self.text),)


@dataclass(frozen=True)
class Prompt:
    """A prompt taken apart. ``text`` is what is left without the adapters it names.

    warnings: what its writer may not have meant. problems: what cannot be drawn as written; then nothing is.
    """

    text: str
    dialect: str
    parts: tuple[Part, ...]
    extras: tuple[Extra, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def drawable(self) -> bool:
        return not self.problems


class Dialect(Protocol):
    """A module of this package that speaks one program's prompt language."""

    def parse(self, text: str, *, negative: bool = False) -> Prompt: ...

    def segments(self, text: str) -> Segments: ...


def joined(spans: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Neighbours of one weight made one; empty ones left out."""
    found: list[tuple[str, float]] = []
    for piece, weight in spans:
        if not piece:
            continue
        if found and found[-1][1] == weight:
            found[-1] = (found[-1][0] + piece, weight)
        else:
            found.append((piece, weight))
    return found
