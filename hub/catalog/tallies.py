"""Counts: what happened is noted one by one, and added to the totals now and then."""

from collections.abc import Mapping

from django.db import transaction
from django.db.models import Count, F, Max

from hub.catalog.listings import rounded_key
from hub.catalog.models import Listing, ModelStat, Tally, Version, VersionStat

TALLY_KINDS = ("downloads", "likes", "pictures")


def download_count(*, version: Version) -> None:
    """Note one download; the roll-up adds it to the totals."""
    Tally.objects.create(model_id=version.model_id, version=version, kind="downloads")


@transaction.atomic
def likes_count(*, model_id: int, likes: int) -> None:
    """Note how many like a model, and move the lists' sort key where it changes."""
    ModelStat.objects.get_or_create(model_id=model_id)
    ModelStat.objects.filter(model_id=model_id).update(likes=likes)
    key = rounded_key(likes)
    Listing.objects.filter(model_id=model_id).exclude(likes=key).update(likes=key)


@transaction.atomic
def totals_set(*, kind: str, counts: Mapping[int, int]) -> int:
    """Set a total of all models, ``kind`` of ``comments`` and ``collected``, and move the lists' sort keys that change.

    counts: by the models' ids; those that are not in it have none. Returns how many models changed.
    """
    had = dict(ModelStat.objects.exclude(**{kind: 0}).values_list("model_id", kind))
    changed = [model_id for model_id in had.keys() | counts.keys() if had.get(model_id, 0) != counts.get(model_id, 0)]
    for model_id in sorted(changed):  # always in this order: two that run at once wait, and never for each other
        n = counts.get(model_id, 0)
        ModelStat.objects.update_or_create(model_id=model_id, defaults={kind: n})
        Listing.objects.filter(model_id=model_id).exclude(**{kind: rounded_key(n)}).update(**{kind: rounded_key(n)})
    return len(changed)


@transaction.atomic
def tallies_roll_up() -> int:
    """Add what happened since the last time to the totals, and move the lists' sort keys that changed.

    Returns how many tallies were taken. Tallies that arrive meanwhile wait for the next time.
    """
    last = Tally.objects.aggregate(last=Max("id"))["last"]
    if last is None:
        return 0
    taken = Tally.objects.filter(id__lte=last, kind__in=TALLY_KINDS)
    by_model: dict[int, dict[str, int]] = {}
    for model_id, kind, n in taken.values_list("model_id", "kind").annotate(n=Count("id")).order_by("model_id"):
        by_model.setdefault(model_id, {})[kind] = n
    by_version = taken.filter(kind="downloads", version__isnull=False).values_list("version_id")
    for version_id, n in by_version.annotate(n=Count("id")).order_by("version_id"):
        VersionStat.objects.get_or_create(version_id=version_id)
        VersionStat.objects.filter(version_id=version_id).update(downloads=F("downloads") + n)
    for model_id, counts in by_model.items():
        _totals_add(model_id, counts)
    return Tally.objects.filter(id__lte=last).delete()[0]


def _totals_add(model_id: int, counts: Mapping[str, int]) -> None:
    ModelStat.objects.get_or_create(model_id=model_id)
    ModelStat.objects.filter(model_id=model_id).update(**{kind: F(kind) + n for kind, n in counts.items()})
    stat = ModelStat.objects.get(model_id=model_id)
    keys = {kind: rounded_key(getattr(stat, kind)) for kind in TALLY_KINDS}
    Listing.objects.filter(model_id=model_id).exclude(**keys).update(**keys)
