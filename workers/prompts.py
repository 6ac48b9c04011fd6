"""The prompt grammar that people know from A1111: text in, weighted chunks of tokens out. Pure Python.

``(x)`` reads x 1.1 times as strongly, ``[x]`` 1.1 times less, ``(x:1.3)`` by 1.3; they nest; ``\\(`` is a bracket.
``BREAK`` begins a new chunk of 75 tokens. ``<lora:name:0.8>`` and ``<hypernet:name:0.8>`` name adapters and are no part
of the text. What would need more than one text for a picture (scheduling, alternation, ``AND``) is not drawn yet: it is
told in ``warnings``, and ``drawable`` is False, so that nobody gets another picture than the prompt describes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workers import tokens

UP, DOWN = 1.1, 1 / 1.1
# How far back a full chunk may be cut at a comma, so that a phrase stays together (A1111's default).
COMMA_REACH = 20
# Longer prompts are hardly written by people; each chunk costs memory in every step.
MOST_CHUNKS = 20

_EXTRA = re.compile(r"<([a-zA-Z_]\w*):([^<>]+)>")
_KINDS = {"lora": "lora", "lyco": "lora", "hypernet": "hypernetwork"}
_TOKEN = re.compile(
    r"\\[()\[\]\\]"
    r"|\\|\(|\["
    r"|:\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*\)"
    r"|\)|\]"
    r"|[^\\()\[\]:]+|:"
)
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_AND = re.compile(r"\bAND\b")
_SCHEDULED = re.compile(r"(?<!\\)\[[^\[\]]*:[^\[\]]*:?\s*\d*\.?\d+\s*\]")
_ALTERNATING = re.compile(r"(?<!\\)\[[^\[\]]*\|[^\[\]]*\]")


@dataclass(frozen=True)
class Extra:
    """An adapter that the prompt itself names: ``kind`` is an adapter's slug."""

    kind: str
    name: str
    weight: float


@dataclass(frozen=True)
class Prompt:
    """A prompt taken apart. ``segments`` are split at BREAK; each is a run of (text, weight)."""

    text: str
    segments: tuple[tuple[tuple[str, float], ...], ...]
    extras: tuple[Extra, ...] = ()
    warnings: tuple[str, ...] = ()
    drawable: bool = True


@dataclass(frozen=True)
class Splice:
    """Where a textual inversion's vectors stand in a chunk: from ``place`` on, ``count`` of them."""

    place: int
    word: str
    count: int


@dataclass(frozen=True)
class Chunk:
    """What a text encoder reads at once: 77 ids with start and end, the emphasis of each, and what is spliced in."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    splices: tuple[Splice, ...] = ()


def parse(text: str) -> Prompt:
    """Take a prompt apart. Never raises: what cannot be understood is plain text, and said in ``warnings``."""
    warnings: list[str] = []
    extras: list[Extra] = []

    def take(found: re.Match[str]) -> str:
        extra = _extra(found[1].lower(), found[2], warnings)
        if extra:
            extras.append(extra)
        return ""

    plain = _EXTRA.sub(take, text)
    warnings.extend(_not_drawn(plain))
    spans = attention(plain)
    segments: list[tuple[tuple[str, float], ...]] = []
    run: list[tuple[str, float]] = []
    for span, weight in spans:
        first, *others = _BREAK.split(span)
        run.append((first, weight))
        for other in others:
            segments.append(tuple(run))
            run = [(other, weight)]
    segments.append(tuple(run))
    kept = tuple(tuple(part for part in segment if part[0]) for segment in segments)
    # Every warning there is names something that the picture would lack.
    return Prompt(plain.strip(), kept, tuple(extras), tuple(warnings), not warnings)


def _extra(kind: str, arguments: str, warnings: list[str]) -> Extra | None:
    name, *rest = (part.strip() for part in arguments.split(":"))
    if kind not in _KINDS:
        warnings.append(f"<{kind[:40]}:…> names a kind of adapter that is not known here.")
        return None
    weights = [value.partition("=")[2] if "=" in value else value for value in rest]
    try:
        numbers = [float(value) for value in weights] or [1.0]
    except ValueError:
        warnings.append(f"The weight of <{kind}:{name[:60]}> is not a number.")
        return None
    if len(set(numbers)) > 1:
        warnings.append(f"<{kind}:{name[:60]}> has several weights; here one number counts for all of its parts.")
        return None
    return Extra(_KINDS[kind], name, numbers[0])


def _not_drawn(text: str) -> list[str]:
    problems = []
    if _ALTERNATING.search(text):
        problems.append("[a|b], which changes the words from step to step, cannot be drawn yet.")
    if _SCHEDULED.search(text):
        problems.append("[from:to:when], which changes the words part of the way, cannot be drawn yet.")
    if _AND.search(text):
        problems.append("AND, which mixes several prompts, cannot be drawn yet; write it small if you mean the word.")
    return problems


def attention(text: str) -> list[tuple[str, float]]:
    """[(text, weight), …] by the brackets around it; neighbours of one weight are joined. Unclosed ones still count."""
    spans: list[list] = []
    round_, square = [], []  # where in `spans` each open bracket began

    def multiply(start: int, factor: float) -> None:
        for span in spans[start:]:
            span[1] *= factor

    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece[0] == "\\":
            spans.append([piece[1:] or "\\", 1.0])
        elif piece == "(":
            round_.append(len(spans))
        elif piece == "[":
            square.append(len(spans))
        elif piece[0] == ":" and piece[-1] == ")" and round_:
            multiply(round_.pop(), float(piece[1:-1]))
        elif piece == ")" and round_:
            multiply(round_.pop(), UP)
        elif piece == "]" and square:
            multiply(square.pop(), DOWN)
        else:
            spans.append([piece, 1.0])
    for start in round_:
        multiply(start, UP)
    for start in square:
        multiply(start, DOWN)
    joined: list[tuple[str, float]] = []
    for piece, weight in spans:
        if joined and joined[-1][1] == weight:
            joined[-1] = (joined[-1][0] + piece, weight)
        else:
            joined.append((piece, weight))
    return joined or [("", 1.0)]


def chunks(prompt: Prompt, words: Mapping[str, int] | None = None) -> tuple[Chunk, ...]:
    """The prompt as chunks of 75 tokens, at least one.

    words: the words that textual inversions answer to → how many vectors each puts in their place; the longest match
    wins, and case does not matter. Raises ``ValueError`` where a word needs more room than a chunk has.
    """
    known = _by_ids(words or {})
    writer = _Writer()
    for number, segment in enumerate(prompt.segments):
        if number:
            writer.close()
        for text, weight in segment:
            ids = tokens.encode(text)
            place = 0
            while place < len(ids):
                word = next((w for w in known.get(ids[place], ()) if ids[place : place + len(w[0])] == w[0]), None)
                if word:
                    writer.splice(word[1], (words or {})[word[1]], weight)
                    place += len(word[0])
                else:
                    writer.token(ids[place], weight)
                    place += 1
    return writer.finish()


def said(prompt: Prompt, word: str) -> bool:
    """Whether the prompt says ``word``, as `chunks` would find it."""
    return any(splice.word == word for chunk in chunks(prompt, {word: 1}) for splice in chunk.splices)


def _by_ids(words: Mapping[str, int]) -> dict[int, list[tuple[list[int], str]]]:
    known: dict[int, list[tuple[list[int], str]]] = {}
    for word in words:
        if ids := tokens.encode(word):
            known.setdefault(ids[0], []).append((ids, word))
    for entries in known.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return known


class _Writer:
    """Fills chunks as A1111 does: a full one is cut at its last comma where that is near."""

    def __init__(self) -> None:
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
        ids = (tokens.START, *self.ids, *[tokens.END] * (rest + 1))
        self.done.append(Chunk(ids, (1.0, *self.weights, *[1.0] * (rest + 1)), tuple(self.splices)))
        self._fresh()

    def token(self, number: int, weight: float) -> None:
        if len(self.ids) == tokens.CHUNK:
            self._cut()
        if number == self.comma_id:
            self.comma = len(self.ids)
        self.ids.append(number)
        self.weights.append(weight)

    def splice(self, word: str, count: int, weight: float) -> None:
        if count > tokens.CHUNK:
            raise ValueError(f"{word} stands for {count} vectors; a chunk has room for {tokens.CHUNK}.")
        if len(self.ids) + count > tokens.CHUNK:
            self.close()
        self.splices.append(Splice(len(self.ids) + 1, word, count))
        self.ids += [0] * count
        self.weights += [weight] * count

    def _cut(self) -> None:
        place = self.comma + 1
        if self.comma < 0 or len(self.ids) - self.comma > COMMA_REACH or place >= len(self.ids):
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


def extras_missing(prompt: Prompt, names: Sequence[str]) -> list[Extra]:
    """The adapters that the prompt names and ``names`` does not hold (case does not matter)."""
    known = {name.lower() for name in names}
    return [extra for extra in prompt.extras if extra.name.lower() not in known]
