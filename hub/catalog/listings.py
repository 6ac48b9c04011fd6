"""The narrow tables that lists and search read, rewritten whole for one model in the caller's transaction."""

import math
import operator
from datetime import datetime
from functools import reduce
from typing import Any

from django.contrib.postgres.search import SearchVector
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Value

from hub.catalog import meanings
from hub.catalog.models import File, Listing, Model, ModelStat, Text, Version, Word
from hub.catalog.terms import MAY_NAMES, terms_of, uses_mask
from hub.catalog.triggers import TRIGGER_LIMIT
from hub.catalog.words import folded, trigger_key, words_of
from workers.adapters import ADAPTERS

# The kinds of files that are stacked on a base, and of which strips are drawn; those that steer by a picture of
# somebody's choice; others (a VAE) are no adapters.
STACKED = tuple(sorted(slug for slug, plug in ADAPTERS.items() if plug.drawn and not plug.steers))
STEERING = tuple(sorted(slug for slug, plug in ADAPTERS.items() if plug.drawn and plug.steers))
# GGUF is for other programs.
DRAWABLE = Q(verdict=File.Verdict.ACCEPTED, adapter__in=("base", *STACKED)) & ~Q(format="GGUF")
# Families whose pictures the workers can draw; a file of another family is kept, found and served, not tried.
DRAWN_FAMILIES = ("sd1", "sd2", "sdxl")
WORD_LIMIT = 60  # letters of a word that search knows
DOC_LIMIT = 40_000  # characters of a description that search reads; a tsvector ends at 1 MB


def rounded_key(n: int) -> int:
    """The sort key of a counter: exact below 10, then ten steps per factor e, so that a roll-up moves few rows."""
    return n if n < 10 else math.floor(math.exp(math.floor(math.log(n) * 10) / 10))


@transaction.atomic
def listing_refresh(model: Model) -> None:
    """Rewrite the Listing and Text rows of ``model`` from its published versions; none published, none listed.

    A version whose files are all in quarantine is not listed either."""
    model = Model.objects.select_for_update(of=("self",)).select_related("owner").get(pk=model.pk)
    newest: dict[int, Version] = {}
    triggers: list[str] = []
    if model.status == Model.Status.PUBLISHED:
        published = (
            model.versions.filter(status=Version.Status.PUBLISHED, published_at__isnull=False)
            .filter(Exists(File.objects.filter(version=OuterRef("pk"), verdict=File.Verdict.ACCEPTED)))
            .select_related("base")
            .prefetch_related("files")
            .order_by("-published_at", "-id")
        )
        for version in published:
            newest.setdefault(version.base_id, version)
            triggers += version.trigger_words
    Listing.objects.filter(model_id=model.pk).delete()
    kept = Text.objects.filter(model_id=model.pk)
    tier = kept.values_list("tier", flat=True).first() or 3
    kept.delete()
    if newest:
        _write_listings(model, newest, list(dict.fromkeys(map(trigger_key, triggers)))[:TRIGGER_LIMIT])
        _write_text(model, tier)


def _write_listings(model: Model, newest: dict[int, Version], triggers: list[str]) -> None:
    """triggers: of all versions, as tags are of the whole model."""
    stat = ModelStat.objects.filter(model_id=model.pk).first() or ModelStat()
    tags = sorted(model.tags.values_list("id", flat=True))
    flags = {
        "derivatives": model.allow_derivatives,
        "no-credit": model.allow_no_credit,
        "relicense": model.allow_different_licence,
    }
    rows: list[Listing] = []
    later: list[int] = []
    for base_id, version in newest.items():  # newest first
        files = [file for file in version.files.all() if file.verdict == File.Verdict.ACCEPTED]
        can_generate = version.base.family in DRAWN_FAMILIES and any(drawable(file) for file in files)
        given = {name for name, value in (flags | {"try": can_generate}).items() if value}
        rows.append(
            Listing(
                model_id=model.pk,
                base_id=base_id,
                version_id=version.pk,
                creator_id=model.owner_id,
                type=model.type,
                level=model.level,
                published_at=_moment(version),
                downloads=rounded_key(stat.downloads),
                likes=rounded_key(stat.likes),
                pictures=rounded_key(stat.pictures),
                comments=rounded_key(stat.comments),
                collected=rounded_key(stat.collected),
                lead=not later,
                newer=list(later),
                can_generate=can_generate,
                no_credit=model.allow_no_credit,
                derivatives=model.allow_derivatives,
                relicense=model.allow_different_licence,
                uses=uses_mask(model.allow_commercial_use),
                terms=terms_of(
                    type=model.type,
                    base_id=base_id,
                    tag_ids=tags,
                    formats=(file.format for file in files),
                    allowed=(given | set(model.allow_commercial_use)) & set(MAY_NAMES),
                    trigger_words=triggers,
                ),
            )
        )
        later.append(base_id)
    Listing.objects.bulk_create(rows)


def _moment(version: Version) -> datetime:
    assert version.published_at is not None  # only published versions come here
    return version.published_at


def drawable(file: File) -> bool:
    """Whether a plug of the workers draws with this file, and its inspection passed: `DRAWABLE` of one at hand."""
    return file.verdict == File.Verdict.ACCEPTED and file.adapter in ("base", *STACKED) and file.format != "GGUF"


def _write_text(model: Model, tier: int) -> None:
    versions = list(model.versions.filter(status=Version.Status.PUBLISHED))
    files = File.objects.filter(version__in=versions, verdict=File.Verdict.ACCEPTED).values_list("name", flat=True)
    names = [name.rpartition(".")[0] or name for name in files]  # every other file ends in .safetensors
    triggers = " ".join(dict.fromkeys(word for version in versions for word in version.trigger_words))
    tags = " ".join(model.tags.values_list("name", flat=True))
    about = "\n".join([model.description, *(version.description for version in versions)])
    parts = {
        "A": model.name,
        "B": f"{triggers} {tags}",
        "C": model.owner.username,
        # Underscores and dots join words in file names; people type the words.
        "D": " ".join(names).replace("_", " ").replace(".", " ") + "\n" + about,
    }
    # Words as a query's are found, so that "1.5" is the same two to both sides.
    words = {weight: words_of(text[:DOC_LIMIT]) for weight, text in parts.items()}
    vectors: list[Any] = [
        SearchVector(Value(" ".join(found)), weight=weight, config="simple") for weight, found in words.items()
    ]
    vector = reduce(operator.add, vectors)
    plain = folded(" ".join([model.name, triggers, tags, model.owner.username, *names]))[:DOC_LIMIT]
    Text.objects.create(model=model, doc=vector, plain=plain, tier=tier)
    meanings.changed("models")
    # How often each is used is counted anew at night; until then a new word is at least known. In one order, so that
    # two who publish at once cannot wait for each other.
    known = {word for found in words.values() for word in found if len(word) <= WORD_LIMIT}
    Word.objects.bulk_create((Word(word=word) for word in sorted(known)), ignore_conflicts=True)
