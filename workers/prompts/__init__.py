"""The prompt languages that people know: text in, weighted chunks of tokens out. Pure Python, so that the hub warns
before a picture waits in line.

`parse` takes a prompt apart: the adapters that it names, the parts that AND mixes, and per part what is said at which
step. `chunks` makes of one such text what a text encoder reads. The dialects differ: see their files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.prompts import a1111, comfyui, invokeai
from workers.prompts.chunks import MOST_CHUNKS, Chunk, Splice, chunks, inverted
from workers.prompts.parts import EMPHASES, Dialect, Extra, Part, Prompt, Segments

__all__ = [
    "DIALECTS",
    "EMPHASES",
    "MOST_CHUNKS",
    "Chunk",
    "Extra",
    "Part",
    "Prompt",
    "Splice",
    "chunks",
    "extras_missing",
    "length",
    "parse",
    "said",
    "segments",
]

DIALECTS: dict[str, Dialect] = {"a1111": a1111, "comfyui": comfyui, "invokeai": invokeai}


def parse(text: str, dialect: str = "a1111", *, negative: bool = False) -> Prompt:
    """Take a prompt apart. Never raises for any text: what cannot be drawn as written is told in ``problems``.

    dialect: one of `DIALECTS`. negative: it is the negative prompt, in which AND is a word.
    """
    return DIALECTS[dialect].parse(text, negative=negative)


def segments(text: str, dialect: str = "a1111", emphasis: str = "Original") -> Segments:
    """One text (of `Part.texts`) with its weights: split where a new chunk must begin, each a run of (text, weight).

    emphasis: one of `EMPHASES`. ``None`` takes brackets for plain letters, ``Ignore`` takes them out without effect.
    """
    if emphasis == "None":
        return (((text, 1.0),) if text else (),)
    found = DIALECTS[dialect].segments(text)
    if emphasis == "Ignore":
        return tuple(tuple((piece, 1.0) for piece, _weight in segment) for segment in found)
    return found


def said(prompt: Prompt, word: str, steps: int = 20) -> bool:
    """Whether the prompt says ``word`` at any of its steps, as `chunks` would find it."""
    texts = {text for part in prompt.parts for _end, text in part.texts(steps)}
    return any(word in inverted(segments(text, prompt.dialect), {word: 1}) for text in texts)


def extras_missing(prompt: Prompt, names: Sequence[str]) -> list[Extra]:
    """The adapters that the prompt names and ``names`` does not hold (case does not matter)."""
    known = {name.lower() for name in names}
    return [extra for extra in prompt.extras if extra.name.lower() not in known]


def length(prompt: Prompt, steps: int = 20, words: Mapping[str, int] | None = None) -> tuple[int, int]:
    """(tokens, room) of the prompt's longest text, as A1111 counts beside its box: 9 of 75, 80 of 150.

    Raises ``ValueError`` where it fills more chunks than are drawn.
    """
    longest = (0, 0)
    for part in prompt.parts:
        for _end, text in part.texts(steps):
            made = chunks(segments(text, prompt.dialect), words, dialect=prompt.dialect)
            room = sum(len(chunk.ids) - 2 for chunk in made)
            # All chunks but the last count as full, whatever stands in them.
            longest = max(longest, (room - len(made[-1].ids) + 2 + made[-1].used, room))
    return longest
