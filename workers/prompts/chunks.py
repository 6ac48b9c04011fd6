"""One text as a text encoder reads it: chunks of 75 tokens between a start and an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workers import tokens
from workers.prompts.parts import Segments

# How far back a full chunk may be cut at a comma, so that a phrase stays together (A1111's default).
COMMA_REACH = 20
# ComfyUI moves a phrase shorter than this to the next chunk whole.
COMFY_WHOLE = 8
# Longer prompts are hardly written by people; each chunk costs memory in every step.
MOST_CHUNKS = 20


@dataclass(frozen=True)
class Splice:
    """Where a textual inversion's vectors stand in a chunk: from ``place`` on, ``count`` of them."""

    place: int
    word: str
    count: int


@dataclass(frozen=True)
class Chunk:
    """What a text encoder reads at once: 77 ids with start and end, the emphasis of each, and what is spliced in.

    ``used``: how many of them are the prompt's own.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    splices: tuple[Splice, ...] = ()
    used: int = 0


def chunks(
    segments: Segments, words: Mapping[str, int] | None = None, *, dialect: str = "a1111", pad: int = tokens.END
) -> tuple[Chunk, ...]:
    """Weighted text as chunks of 75 tokens, at least one.

    segments: each begins a new chunk. words: the words that textual inversions answer to → how many vectors each puts
    in their place; the longest match wins, and case does not matter. dialect: where a long text is cut. pad: what fills
    a chunk after its end. Raises ``ValueError`` for a text of too many chunks, or a word larger than one.
    """
    words = words or {}
    known = _by_ids(words)
    writer = _Writer(pad, COMMA_REACH if dialect == "a1111" else 0)
    for number, segment in enumerate(segments):
        if number:
            writer.close()
        for text, weight in segment:
            units = list(_units(tokens.encode(text), known, words))
            size = sum(count for _, count in units)
            if dialect == "comfyui" and size < COMFY_WHOLE and writer.room < size:
                writer.close()
            for unit, count in units:
                if isinstance(unit, str):
                    writer.splice(unit, count, weight)
                else:
                    writer.token(unit, weight)
    return writer.finish()


def inverted(segments: Segments, words: Mapping[str, int]) -> Iterator[str]:
    """The words of textual inversions that the text says."""
    known = _by_ids(words)
    for segment in segments:
        for text, _weight in segment:
            for unit, _count in _units(tokens.encode(text), known, words):
                if isinstance(unit, str):
                    yield unit


def _units(
    ids: Sequence[int], known: Mapping[int, list[tuple[list[int], str]]], words: Mapping[str, int]
) -> Iterator[tuple[int | str, int]]:
    """Tokens (id, 1) and inverted words (word, its vectors), in order."""
    place = 0
    while place < len(ids):
        word = next((w for w in known.get(ids[place], ()) if ids[place : place + len(w[0])] == w[0]), None)
        if word:
            yield word[1], words[word[1]]
            place += len(word[0])
        else:
            yield ids[place], 1
            place += 1


def _by_ids(words: Mapping[str, int]) -> dict[int, list[tuple[list[int], str]]]:
    known: dict[int, list[tuple[list[int], str]]] = {}
    for word in words:
        if ids := tokens.encode(word):
            known.setdefault(ids[0], []).append((ids, word))
    for entries in known.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return known


class _Writer:
    """Fills chunks: a full one is cut at its last comma where that is within ``reach`` tokens."""

    def __init__(self, pad: int, reach: int) -> None:
        self.pad, self.reach = pad, reach
        self.done: list[Chunk] = []
        self.comma_id = tokens.encode(",")[0]
        self._fresh()

    def _fresh(self) -> None:
        self.ids: list[int] = []
        self.weights: list[float] = []
        self.splices: list[Splice] = []
        self.comma = -1

    def close(self) -> None:
        rest = tokens.CHUNK - len(self.ids)
        ids = (tokens.START, *self.ids, tokens.END, *[self.pad] * rest)
        weights = (1.0, *self.weights, *[1.0] * (rest + 1))
        self.done.append(Chunk(ids, weights, tuple(self.splices), len(self.ids)))
        self._fresh()

    @property
    def room(self) -> int:
        return tokens.CHUNK - len(self.ids)

    def token(self, number: int, weight: float) -> None:
        if not self.room:
            # As in A1111, which looks back for no other comma where the next token is one.
            self.close() if number == self.comma_id else self._cut()
        if number == self.comma_id:
            self.comma = len(self.ids)
        self.ids.append(number)
        self.weights.append(weight)

    def splice(self, word: str, count: int, weight: float) -> None:
        if count > tokens.CHUNK:
            raise ValueError(f"{word} stands for {count} vectors; a chunk has room for {tokens.CHUNK}.")
        if not self.room:
            self._cut()
        if count > self.room:
            self.close()
        self.splices.append(Splice(len(self.ids) + 1, word, count))
        self.ids += [0] * count
        self.weights += [weight] * count

    def _cut(self) -> None:
        place = self.comma + 1
        if self.comma < 0 or len(self.ids) - self.comma > self.reach or place >= len(self.ids):
            self.close()
            return
        ids, weights = self.ids[place:], self.weights[place:]
        moved = [s for s in self.splices if s.place > place]
        self.ids, self.weights = self.ids[:place], self.weights[:place]
        self.splices = [s for s in self.splices if s.place <= place]
        self.close()
        self.ids, self.weights = ids, weights
        self.splices = [Splice(s.place - place, s.word, s.count) for s in moved]

    def finish(self) -> tuple[Chunk, ...]:
        if self.ids or not self.done:
            self.close()
        if len(self.done) > MOST_CHUNKS:
            raise ValueError(
                f"The prompt fills {len(self.done)} chunks of {tokens.CHUNK} tokens; {MOST_CHUNKS} is most."
            )
        return tuple(self.done)
