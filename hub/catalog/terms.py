"""Terms: what a listing has, as numbers, so that one index answers any AND of them and one scan counts them all.

A term is ``kind << 24 | number``. Types and formats are words of the workers' plugs, so their number is made of the
word; a new one needs no table. Trigger words are many more, and people's own: theirs have all bits above `TRIGGERS`, so
that among a million words hardly two share a number.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from hub.catalog.words import trigger_key

ALL, TYPE, BASE, TAG, FORMAT, CREATOR, MAY, PERIOD = range(8)  # CREATOR and PERIOD are counted, not stored
USES = ("Image", "RentCivit", "Rent", "Sell")  # commercial uses, bit by bit
# What may be done: numbers of the kind MAY.
MAY_NAMES = {
    "try": 1, "Image": 2, "RentCivit": 3, "Rent": 4, "Sell": 5, "derivatives": 6, "no-credit": 7, "relicense": 8,
}  # fmt: skip
TRIGGERS = 1 << 30  # from here on
PERIODS = {"day": 1, "week": 7, "month": 30, "year": 365}  # days are the numbers of the kind PERIOD


def term(kind: int, number: int) -> int:
    return kind << 24 | number


def named(kind: int, word: str) -> int:
    """The term of a type or a format."""
    return kind << 24 | zlib.crc32(word.encode()) & 0xFFFFFF


def triggered(word: str) -> int:
    """The term of a trigger word, in any case and with any accents."""
    return TRIGGERS | zlib.crc32(trigger_key(word).encode()) & (TRIGGERS - 1)


def may(name: str) -> int:
    return term(MAY, MAY_NAMES[name])


def uses_mask(uses: Iterable[str]) -> int:
    return sum(1 << USES.index(use) for use in set(uses) & set(USES))


def terms_of(
    *,
    type: str,
    base_id: int,
    tag_ids: Iterable[int],
    formats: Iterable[str],
    allowed: Iterable[str],
    trigger_words: Iterable[str] = (),
) -> list[int]:
    """The stored terms of a listing. allowed: names of `MAY_NAMES`."""
    terms = {named(TYPE, type), term(BASE, base_id)}
    terms.update(term(TAG, number) for number in tag_ids)
    terms.update(named(FORMAT, word) for word in formats)
    terms.update(may(name) for name in allowed)
    terms.update(triggered(word) for word in trigger_words)
    return sorted(terms)
