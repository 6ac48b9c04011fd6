"""What can be asked of imports. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import queue
from hub.accounts.models import User
from hub.catalog.models import Model, Version
from hub.errors import NotFound
from hub.imports.models import Import, Item, Origin, VersionOrigin
from workers.fetch_messages import FETCH, Fetching

OPEN = (Import.Status.WAITING, Import.Status.FETCHING)
ACTIVE = (Item.State.MEASURING, Item.State.FETCHING)
ITEMS_OPEN = (Item.State.WAITING, *ACTIVE, Item.State.INSPECTING)
GONE = (Model.Status.DELETED, Model.Status.TAKEN_DOWN)
LOST_SECONDS = 3600  # a message that waits in line so long is doubted


def import_of(owner: User, id: UUID | str) -> Import:
    """The import, if it is the owner's. Raises `NotFound`, the same for another's."""
    found = import_list(owner, every=True).filter(id=id).first()
    if found is None:
        raise NotFound(_("There is no import of that number."))
    return found


def import_list(owner: User, *, every: bool = False) -> QuerySet[Import]:
    """What ``owner`` imports or imported, newest first, with items; every: what shelves became as well."""
    rows = Import.objects.filter(owner=owner) if every else Import.objects.filter(owner=owner, parent=None)
    items = Item.objects.select_related("upload", "sent", "version").order_by("position")
    counted = {
        "models": Count("children", distinct=True),
        "models_open": Count("children", filter=Q(children__status__in=OPEN), distinct=True),
        "models_failed": Count("children", filter=Q(children__status=Import.Status.FAILED), distinct=True),
    }
    return rows.select_related("model").annotate(**counted).prefetch_related(Prefetch("items", items))


def imports_open(owner: User) -> int:
    return Import.objects.filter(owner=owner, parent=None, status__in=OPEN).count()


def origin_of(owner: User, server: str, remote: str) -> Origin | None:
    """The owner's model that was imported from there before; one that was deleted here is begun anew."""
    rows = Origin.objects.filter(model__owner=owner, server=server, remote=remote)
    return rows.exclude(model__status=Model.Status.DELETED).select_related("model").first()


def version_origin_of(origin: Origin, remote: str) -> VersionOrigin | None:
    rows = origin.versions.filter(remote=remote).exclude(version__status=Version.Status.DELETED)
    return rows.select_related("version__model").first()


def fetching_of(imports: Iterable[Import]) -> dict[str, Fetching]:
    """The news of every item that is on its way, by its id; none where the cache is silent."""
    ids = [str(item.pk) for one in imports for item in one.items.all() if item.state in ACTIVE]
    return queue.fetching_of(ids)


def overdue(row: Import | Item, now: datetime, news: Fetching | None, waiting: int) -> bool:
    """Whether an errand has to be given out again: nothing is heard of it, and it does not wait in line."""
    if row.sent_at is None:
        return True
    late = (now - row.sent_at).total_seconds()
    if late < settings.WORKER_SILENT_SECONDS or (waiting and late < LOST_SECONDS):
        return False
    return news is None or news.attempt != row.attempt or now.timestamp() - news.at > settings.WORKER_SILENT_SECONDS


def in_line() -> int:
    return queue.waiting(FETCH, up_to=0)


def fetchers_alive() -> int:
    return queue.workers_alive(FETCH)


def due(now: datetime | None = None) -> Q:
    """Rows whose pause is over."""
    return Q(again_at=None) | Q(again_at__lte=now or timezone.now())


def later(tries: int) -> datetime:
    """When to try again after so many failures: 5 s, 15 s, 45 s, at last every ten minutes."""
    return timezone.now() + timedelta(seconds=min(600, 5 * 3**tries))
