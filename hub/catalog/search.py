"""Search of models: words repaired against the vocabulary, then three tiers of texts, the most downloaded first.

Ranking every text that a frequent word is in takes seconds at a million models, so the most downloaded hundredth is
asked first, then the tenth, then all; a word that few texts have is looked for in all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from django.db import connection

from hub.catalog.hashes import hash_begun
from hub.catalog.models import Text
from hub.catalog.wishes import written
from hub.catalog.words import folded, words_of

CANDIDATES = 1000  # of a tier that are ranked; further pages end
UNRANKED = 3000  # that a sort other than relevance chooses from
RARE_WORD = 2000  # in fewer texts than these: all of them are ranked at once
WORDS_MOST = 12  # of a query
BEGINNINGS, BEGUN_TEXTS = 8, 2000  # words that a beginning stands for, and more where all together are this rare
ALIKE, ALIKE_FROM = 5, 4  # words that an unknown one may have meant, if it has at least so many letters
SLIPS_UP_TO = 8  # letters of a word whose slips are all looked up: 450 words at most, each by the key
SUBSTRING_FROM = 3  # letters of a query that is also looked for inside words
ENDING = re.compile(r"\.(safetensors|ckpt|pt|pth|bin|gguf|zip)(?=\s|$)", re.IGNORECASE)
WORD_WEIGHTS = "0.1, 0.2, 0.6, 1.0"  # of D, C, B, A
TIERS = (1, 2, 3)
TIER_SHARES = {1: 0.01, 2: 0.1}  # of the texts, by downloads
HAVING = """SELECT {} FROM unnest(%s::bigint[]) i JOIN catalog_text t ON t.model_id = i
    WHERE t.doc @@ to_tsquery('simple', %s)"""
RANKED = f"""WITH hits AS MATERIALIZED ({{hits}}), q AS (SELECT to_tsquery('simple', %s) q)
    SELECT h.model_id FROM hits h CROSS JOIN q LEFT JOIN catalog_modelstat s ON s.model_id = h.model_id
    ORDER BY ts_rank(ARRAY[{WORD_WEIGHTS}]::real[], h.doc, q.q) * ln(3 + coalesce(s.downloads, 0)) DESC,
    h.model_id DESC"""


@dataclass(frozen=True)
class Search:
    """What somebody typed: the words that each word stands for, with the number of texts that each of these is in."""

    query: str
    groups: tuple[tuple[tuple[str, int], ...], ...] = ()

    @classmethod
    def of(cls, query: str) -> Search:
        query = ENDING.sub("", query)  # every other file has it, so the texts leave it out
        words = words_of(query)[:WORDS_MOST]
        return cls(query, tuple(meant(words)) if words else ())

    @property
    def known(self) -> bool:
        """Whether every word stands for some that texts have."""
        return bool(self.groups) and all(self.groups)

    @property
    def tsquery(self) -> str:
        return tsquery(self.groups)

    @property
    def most(self) -> int:
        """At most so many texts have all of it."""
        return min((sum(n for _, n in group) for group in self.groups), default=0)

    def tiers(self) -> Iterator[tuple[list[int], bool]]:
        """Ids of models whose texts have all of it, best first within each tier, no id twice; and whether no others
        have it.

        A pasted hash finds its file's model and nothing else. Ends with what has the query inside a word.
        """
        if by_hash := list(dict.fromkeys(match.model_id for match in hash_begun(self.query.strip()))):
            yield by_hash, True
            return
        seen: dict[int, None] = {}
        if self.known:
            named = self._named()
            for tier in TIERS if self.most >= RARE_WORD else TIERS[-1:]:
                ranked = self._ranked(tier)
                fresh = [found for found in dict.fromkeys([*named, *ranked]) if found not in seen]
                seen.update(dict.fromkeys(fresh))
                named = []
                yield fresh, tier == TIERS[-1] and len(ranked) < CANDIDATES
        if len(seen) < CANDIDATES:
            yield [found for found in self._inside() if found not in seen], True

    def among(self, ids: Sequence[int]) -> Iterator[tuple[list[int], bool]]:
        """The same of these models only, where they are fewer than the texts that have its words."""
        hits = HAVING.format("t.model_id, t.doc")
        yield _ids(RANKED.format(hits=hits), [written(ids), self.tsquery, self.tsquery]), True

    def having(self, ids: Iterable[int]) -> list[int]:
        """Those of these models whose texts have all of it, in no order."""
        return _ids(HAVING.format("t.model_id"), [written(ids), self.tsquery])

    def hits(self, most: int, tier: int = 0) -> list[int]:
        """So many models whose texts have all of it, of a tier, in no order. tier: by default the first with as many.

        All of a frequent word's texts are not found to take the first of them: a tier has the best, and is small.
        """
        # Fenced, since the planner would rather read the table until the limit than believe in an index.
        sql = """WITH hits AS MATERIALIZED (SELECT model_id FROM catalog_text WHERE doc @@ to_tsquery('simple', %s) {})
            SELECT model_id FROM hits LIMIT %s"""
        found: list[int] = []
        for one in TIERS if not tier else (tier,):
            if tier or one == TIERS[-1] or self.most * TIER_SHARES[one] >= 2 * most:
                within = f"AND tier <= {int(one)}" if one < TIERS[-1] else ""
                found = _ids(sql.format(within), [self.tsquery, most])
                if len(found) >= most:
                    break
        return found

    def _named(self) -> list[int]:
        """Models that are called so, the most downloaded first: these stand above a whole tier."""
        sql = """SELECT m.id FROM catalog_model m LEFT JOIN catalog_modelstat s ON s.model_id = m.id
            WHERE lower(m.name) = %s ORDER BY s.downloads DESC NULLS LAST, m.id LIMIT 20"""
        return _ids(sql, [" ".join(self.query.split()).lower()])

    def _ranked(self, tier: int) -> list[int]:
        # Of all texts the newest, so that the planner may walk the key for a frequent word: without an order it reads
        # the table instead.
        where = f"AND tier <= {int(tier)}" if tier < TIERS[-1] else "ORDER BY model_id DESC"
        hits = f"""SELECT model_id, doc FROM catalog_text
            WHERE doc @@ to_tsquery('simple', %s) {where} LIMIT {CANDIDATES}"""
        return _ids(RANKED.format(hits=hits), [self.tsquery, self.tsquery])

    def _inside(self) -> list[int]:
        """Models with the query inside a word of name, trigger words, tags, creator or files, by the trigram index."""
        plain = folded(self.query).strip()
        if len(plain) < SUBSTRING_FROM or not words_of(plain):
            return []
        texts = Text.objects.filter(plain__contains=plain).values_list("model_id", flat=True)
        return sorted(texts[:200], reverse=True)

    def loosely(self) -> list[int]:
        """Models whose texts have any of the words: what a search by meaning is held to in a large hub."""
        if not any(self.groups):
            return []
        words = " | ".join(f"'{word}'" for group in self.groups for word, _ in group)
        return _ids(
            f"""SELECT model_id FROM (SELECT model_id, doc FROM catalog_text WHERE doc @@ to_tsquery('simple', %s)
            LIMIT {UNRANKED}) t ORDER BY ts_rank(doc, to_tsquery('simple', %s)) DESC""",
            [words, words],
        )


def _ids(sql: str, params: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [row[0] for row in cursor.fetchall()]


def tsquery(groups: Sequence[Sequence[tuple[str, int]]]) -> str:
    """AND of ORs; words are letters and digits only, so that nothing of them is syntax."""
    ors = (" | ".join(f"'{word}'" for word, _ in group) for group in groups)
    return " & ".join(f"({group})" for group in ors)


def meant(words: Sequence[str], table: str = "catalog_word") -> list[tuple[tuple[str, int], ...]]:
    """For each word those of the vocabulary that it may stand for, with how many texts have each.

    The last may be a beginning, since it is still being typed; a word that no text has is a beginning too, or else
    one with a typing error.
    """
    groups: list[tuple[tuple[str, int], ...]] = []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT word, texts FROM {table} WHERE word = ANY(%s)", [list(set(words))])
        exact = dict(cursor.fetchall())
        for place, word in enumerate(words):
            found = [(word, exact[word])] if word in exact else []
            if not found or place == len(words) - 1:
                found += [pair for pair in _begun(cursor, table, word) if pair[0] != word]
            if not found and len(word) >= ALIKE_FROM:
                found = _alike(cursor, table, word)
            groups.append(tuple(found))
    return groups


def _begun(cursor: Any, table: str, word: str) -> list[tuple[str, int]]:
    cursor.execute(
        f"SELECT word, texts FROM {table} WHERE word LIKE %s ORDER BY texts DESC, word LIMIT 50",
        [f"{word}%"],
    )
    kept: list[tuple[str, int]] = []
    texts = 0
    for other, n in cursor.fetchall():
        texts += n
        if len(kept) >= BEGINNINGS and texts > BEGUN_TEXTS:
            break
        kept.append((other, n))
    return kept


def _alike(cursor: Any, table: str, word: str) -> list[tuple[str, int]]:
    """Words one slip of the finger away, the most frequent first; else those that share most of its letters in threes.

    In a short word one slip touches most of its threes: "hihg" has a quarter of those of "high".
    """
    if len(word) <= SLIPS_UP_TO:
        cursor.execute(
            f"SELECT word, texts FROM {table} WHERE word = ANY(%s) ORDER BY texts DESC, word LIMIT {ALIKE}",
            [slips(word)],
        )
        if found := cursor.fetchall():
            return list(found)
    cursor.execute(
        f"SELECT word, texts FROM {table} WHERE word %% %s "
        f"ORDER BY similarity(word, %s) * ln(texts + 2) DESC, word LIMIT {ALIKE}",
        [word, word],
    )
    return list(cursor.fetchall())


def slips(word: str) -> list[str]:
    """Each word that becomes ``word`` when two neighbours change places, or one letter is left out, added or wrong."""
    letters = ascii_lowercase if word.isascii() else "".join(sorted(set(word)))
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    swapped = {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
    added = {a + b[1:] for a, b in halves if b}
    left_out = {a + letter + b for a, b in halves for letter in letters}
    wrong = {a + letter + b[1:] for a, b in halves if b for letter in letters}
    return sorted((swapped | added | left_out | wrong) - {word})
