"""What is offered while somebody types, beside prompts, which are of another app: a few models, trigger words of those
found, and creators; or the file of a pasted hash. Each is asked of an index, and no more rows are read than are named.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection

from hub.catalog.hashes import hash_begun
from hub.catalog.lists import Shown, model_list
from hub.catalog.models import Digest, Version
from hub.catalog.terms import CREATOR, term
from hub.catalog.wishes import Wish
from hub.catalog.words import trigger_key, words_of

LETTERS = 2  # from which on something is offered
MODELS, BESIDE = 5, 3  # how many are offered: of models, and of each other kind
AMONG = 24  # the best models found, whose trigger words are looked through
LATEST = 20  # of their versions
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
    words = trigger_words_begun(query, [model for model, _ in page.pairs])
    return Suggestions(models, None, words, creators_begun(query, within=within))


def trigger_words_begun(query: str, models: Sequence[int]) -> list[str]:
    """Trigger words of these models (best first), their older versions' too, in which something begins with each word
    of ``query``; those that most of them have first.

    No index has the beginnings of all trigger words; but the texts that search reads have the words of all versions, so
    whoever types one has found its models already.
    """
    typed = words_of(query)
    if not typed or not models:
        return []
    published = Version.objects.filter(model_id__in=models, index__lt=LATEST, status=Version.Status.PUBLISHED)
    found: dict[int, list[str]] = defaultdict(list)
    for model, words in published.order_by("model_id", "index").values_list("model_id", "trigger_words"):
        found[model] += words
    spelled: dict[str, str] = {}
    count: Counter[str] = Counter()
    for model in models:
        keys: dict[str, str] = {}
        for word in found[model]:
            keys.setdefault(trigger_key(word), word)  # as the newest spells it
        for key, word in keys.items():
            if all(any(part.startswith(one) for part in key.split()) for one in typed):
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
