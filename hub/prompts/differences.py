"""What changed between two wordings, word by word."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

SAME, GONE, NEW = "same", "gone", "new"
# A prompt of 20,000 letters has some 8,000 words and signs; comparing more than this takes seconds where many repeat.
MOST_WORDS = 1000
# With the space after it: spaces alone would be found alike everywhere, and cut what changed to pieces.
WORD = re.compile(r"(?:\w+(?:['’.-]\w+)*|[^\w\s])\s*|\s+")


@dataclass(frozen=True)
class Piece:
    """Words in a row that are in both wordings (``same``), in the earlier alone (``gone``), in the later (``new``)."""

    kind: str
    text: str


def differences(before: str, after: str) -> list[Piece]:
    """From ``before`` to ``after``. Without ``gone`` the pieces are all of ``after``; without ``new`` they are all of
    ``before`` but for its spaces. What lies between texts' first and last difference is told word by word where it has
    up to a thousand words, else as a whole."""
    was, now = WORD.findall(before), WORD.findall(after)
    old, new = ([word.strip() for word in words] for words in (was, now))
    shorter = min(len(old), len(new))
    head = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    tail = next((n for n in range(shorter - head) if old[-1 - n] != new[-1 - n]), shorter - head)
    olds, news = slice(head, len(old) - tail), slice(head, len(new) - tail)
    found: list[Piece] = []
    _add(found, SAME, now[:head])
    if max(len(old[olds]), len(new[news])) > MOST_WORDS:
        _add(found, GONE, was[olds])
        _add(found, NEW, now[news])
    else:
        for kind, a, b, c, d in SequenceMatcher(None, old[olds], new[news], autojunk=False).get_opcodes():
            if kind == "equal":
                _add(found, SAME, now[news][c:d])
                continue
            _add(found, GONE, was[olds][a:b])
            _add(found, NEW, now[news][c:d])
    _add(found, SAME, now[len(now) - tail :])
    return found


def _add(found: list[Piece], kind: str, words: list[str]) -> None:
    if words:
        found.append(Piece(kind, "".join(words)))
