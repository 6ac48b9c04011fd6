"""What is offered while somebody types, beside prompts, which are of another app: a few models, trigger words of those
found, and creators; or the file of a pasted hash. Each is asked of an index, and no more rows are read than are named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection

from hub.catalog.hashes import hash_begun
from hub.catalog.lists import Shown, model_list
from hub.catalog.models import Digest, Version
from hub.catalog.terms import CREATOR, term
from hub.catalog.wishes import Wish
from hub.catalog.words import words_of

LETTERS = 2  # from which on something is offered
MODELS, BESIDE = 5, 3  # how many are offered: of models, and of each other kind
AMONG = 24  # the best models found, whose trigger words are looked through
NAMES = 500  # that begin so, of which those with most models are offered
NAME_BEGUN = re.compile(r"[a-z0-9][a-z0-9._-]{0,95}")


@dataclass(frozen=True)
class Suggestions:
    """What is offered to one query. match: the digest of a pasted hash, beside which there is only its model."""

    models: Sequence[Shown] = ()
    match: Digest | None = None
    trigger_words: Sequence[str] = ()
    creators: Sequence[str] = ()


def suggestions(query: str, *, within: int) -> Suggestions:
    """What is offered to a query that is still being typed; within: the mask of levels that the visitor sees."""
    if len(query) < LETTERS:
        return Suggestions()
    page = model_list(Wish(query=query, within=within), limit=AMONG, count=False)
    models = replace(page, pairs=page.pairs[:MODELS]).shown
    if match := next(iter(hash_begun(query)), None):
        return Suggestions(models, match)
    words = trigger_words_begun(query, [version for _, version in page.pairs])
    return Suggestions(models, None, words, creators_begun(query, within=within))


def trigger_words_begun(query: str, versions: Sequence[int]) -> list[str]:
    """Trigger words of these versions (best first) in which something begins with each word of ``query``, those that
    most of them have first.

    No index has the trigger words of all models; but the texts that search reads have them, so whoever types one has
    found its models already.
    """
    typed = words_of(query)
    if not typed or not versions:
        return []
    found = dict(Version.objects.filter(id__in=versions).order_by().values_list("id", "trigger_words"))
    spelled: dict[str, str] = {}
    count: Counter[str] = Counter()
    for version in versions:
        for word in found.get(version, ()):
            parts = words_of(word)
            if all(any(part.startswith(one) for part in parts) for one in typed):
                key = " ".join(parts)
                spelled.setdefault(key, word)
                count[key] += 1
    return [spelled[key] for key, _ in count.most_common(BESIDE)]


def creators_begun(query: str, *, within: int) -> list[str]:
    """Names that begin with ``query``, in any case, of people and groups with a model of the levels ``within``: the
    one that is called so, then those with most models."""
    begun = query.strip().lower()
    if not NAME_BEGUN.fullmatch(begun):
        return []
    # Fenced: the names first, in the order of their index, and not whoever has models.
    sql = f"""WITH begun AS MATERIALIZED (SELECT id, username FROM accounts_user
            WHERE lower(username) LIKE %s AND is_active ORDER BY lower(username) USING ~<~ LIMIT {NAMES})
        SELECT b.username FROM begun b
            LEFT JOIN catalog_termcount t ON t.term = {term(CREATOR, 0)} + b.id AND b.id < {1 << 24}
        WHERE EXISTS (SELECT 1 FROM catalog_listing l WHERE l.creator_id = b.id AND l.lead AND l.level = ANY(%s))
        ORDER BY lower(b.username) = %s DESC, t.n DESC NULLS LAST, lower(b.username) LIMIT {BESIDE}"""
    levels = [level for level in range(32) if not level & ~within]
    with connection.cursor() as cursor:
        cursor.execute(sql, [begun.replace("_", r"\_") + "%", levels, begun])
        return [name for (name,) in cursor.fetchall()]
