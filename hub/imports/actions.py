"""Imports, told in order: a link is given, looked up by a worker, its files fetched; cancelled, tried again, swept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import queue
from hub.accounts.models import User
from hub.errors import Refused
from hub.imports import items, queries
from hub.imports.models import Import, Item
from hub.imports.notices import import_ended
from hub.imports.taking import take
from hub.told import in_words
from hub.uploads import actions as uploads
from hub.uploads.models import Upload
from workers import links, sealing
from workers.addresses import parsed, trusted
from workers.errors import Refusal
from workers.fetch_messages import ListShelf, LookedUp, LookUp, ShelfListed
from workers.links import Link, Shelf
from workers.messages import Failed

log = logging.getLogger(__name__)
Status = Import.Status
CHILDREN_AT_ONCE = 4  # models of one shelf that are on their way at the same time
MOST_ON_A_SHELF = 20_000
TARGET = ("model", "version", "hash", "repo", "revision", "path")


class BadLink(Refused):
    """The link names nothing that could be imported, or a server that is not asked from here."""

    code, status = "bad-link", HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyImports(Refused):
    code, status = "too-many-imports", HTTPStatus.TOO_MANY_REQUESTS


class NoTokens(Refused):
    code, status = "no-tokens", HTTPStatus.UNPROCESSABLE_ENTITY


class ImportOver(Refused):
    code, status = "import-over", HTTPStatus.CONFLICT


def import_start(
    *,
    owner: User,
    link: str,
    server: str = "",
    token: str = "",
    publish: bool = False,
    pictures: bool = True,
    local: bool = False,
) -> Import:
    """Have a link looked up and what it names fetched. The same link that is on its way already is not asked for twice.

    server: whom to ask where the link does not say (hashes, AIRs, ``owner/name``). token: for that server; kept sealed
    until the import ends, and sent to nobody else. local: the files come from a folder; only words and pictures are
    fetched. Raises `BadLink`, `TooManyImports`, `NoTokens`.
    """
    kind, origin, target, shown, given = _read(link, server)
    _check_server(origin)
    secret = _sealed(origin, token.strip() or given)
    wanted = {"owner": owner, "kind": kind, "server": origin, "target": target, "local": local}
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)
        if same := Import.objects.filter(**wanted, status__in=queries.OPEN).first():
            return same
        if queries.imports_open(owner) >= settings.IMPORTS_OPEN and not local:
            raise TooManyImports(
                _("%s imports of yours are on their way. Wait, or cancel some.") % settings.IMPORTS_OPEN
            )
        made = Import.objects.create(**wanted, link=shown[:500], secret=secret, publish=publish, pictures=pictures)
        _send(made)
    return made


def _read(text: str, server: str) -> tuple[str, str, dict[str, Any], str, str]:
    """What a link names: kind, server, target, how it is shown, a token that stood in it."""
    try:
        found: Link = links.parse(text, server)
    except links.BadLink as bad:
        try:
            shelf: Shelf = links.shelf(text, server)
        except Refusal:
            raise BadLink(in_words(bad.sentence)) from bad
        shown = f"{shelf.server}: {shelf.what} {shelf.value}".strip()
        return shelf.kind, shelf.server, {"what": shelf.what, "value": shelf.value}, shown, ""
    except Refusal as bad:
        raise BadLink(in_words(bad.sentence)) from bad
    target = {name: value for name in TARGET if (value := getattr(found, name))}
    return found.kind, found.server, target, found.shown, found.token


def _is_shelf(target: dict[str, Any]) -> bool:
    return "what" in target


def _check_server(origin: str) -> None:
    try:
        trusted(parsed(origin), settings.IMPORT_HOSTS)
    except Refusal as bad:
        raise BadLink(in_words(bad.sentence)) from bad


def _sealed(origin: str, token: str) -> str:
    if not token:
        return ""
    if not token.isascii() or not token.isprintable() or len(token) > 500 or " " in token:
        raise NoTokens(_("That is not a token: it holds letters that no token has."))
    try:
        return sealing.sealed(settings.IMPORT_KEY, origin, token)
    except Refusal as bad:
        raise NoTokens(bad.sentence) from bad


def _send(imported: Import) -> None:
    """Give the look-up out, as the next attempt; inside a transaction."""
    rows = Import.objects.filter(pk=imported.pk, status=Status.WAITING, attempt=imported.attempt)
    if not rows.update(attempt=F("attempt") + 1, sent_at=timezone.now(), again_at=None):
        return
    imported.attempt += 1
    who: dict[str, Any] = {
        "id": str(imported.pk),
        "attempt": imported.attempt,
        "kind": imported.kind,
        "server": imported.server,
        "secret": imported.secret,
    }
    queue.fetch_counts(str(imported.pk), imported.attempt)
    if _is_shelf(imported.target):
        queue.send(ListShelf(**who, **imported.target, cursor=imported.cursor), then=items.THEN)
        return
    pictures = settings.IMPORT_PICTURES if imported.pictures else 0
    queue.send(LookUp(**who, **imported.target, pictures=pictures), then=items.THEN)


def import_found(answer: LookedUp) -> None:
    """Take what the server told: model, versions, and the files and pictures to fetch. A repeat changes nothing."""
    try:
        with transaction.atomic():
            rows = Import.objects.select_for_update(of=("self",)).select_related("owner")
            imported = rows.filter(pk=answer.id, attempt=answer.attempt, status=Status.WAITING).first()
            if imported is None:
                return
            take(imported, answer.model)
            imported.status, imported.sentence, imported.tries = Status.FETCHING, "", 0
            imported.save()
    except Refused as refused:
        _fail(answer.id, answer.attempt, refused.sentence)
        return
    items.go_on(imported)


def shelf_found(answer: ShelfListed) -> None:
    """A page of a shelf: an import for each model on it, given out in turn; then the next page."""
    with transaction.atomic():
        rows = Import.objects.select_for_update(of=("self",))
        parent = rows.filter(pk=answer.id, attempt=answer.attempt, status=Status.WAITING).first()
        if parent is None:
            return
        for link in answer.links:
            _child(parent, link)
        parent.cursor, parent.sentence, parent.tries = answer.cursor, "", 0
        parent.status = Status.FETCHING
        parent.save()
    _shelf_go_on(parent)


def _child(parent: Import, link: str) -> None:
    try:
        kind, server, target, shown, _ = _read(link, parent.server)
    except Refused:
        return
    if server != parent.server or _is_shelf(target):
        return  # a shelf names its own server's models; whatever else it says is not followed
    known = parent.children.filter(kind=kind, target=target)
    if known.exists() or parent.children.count() >= MOST_ON_A_SHELF:
        return
    Import.objects.create(
        owner_id=parent.owner_id, parent=parent, link=shown[:500], kind=kind, server=server, target=target,
        publish=parent.publish, pictures=parent.pictures,
    )  # fmt: skip


def _shelf_go_on(parent: Import) -> None:
    """Keep some models of a shelf on their way; ask for its next page when few are left; end it when all are done."""
    open_now = parent.children.filter(status__in=queries.OPEN)
    begun = open_now.exclude(sent_at=None, status=Status.WAITING).count()
    waiting = open_now.filter(sent_at=None, status=Status.WAITING, again_at=None).order_by("created_at")
    for child in waiting[: max(0, CHILDREN_AT_ONCE - begun)]:
        child.secret = parent.secret
        with transaction.atomic():
            Import.objects.filter(pk=child.pk).update(secret=parent.secret)
            _send(child)
    if open_now.count() > CHILDREN_AT_ONCE:
        return
    rows = Import.objects.filter(pk=parent.pk, status=Status.FETCHING)
    if parent.cursor:
        with transaction.atomic():
            if rows.update(status=Status.WAITING):
                parent.status = Status.WAITING
                _send(parent)
    elif not open_now.exists():
        with transaction.atomic():
            if rows.update(status=Status.DONE, finished_at=timezone.now(), secret=""):
                import_ended(parent.pk)


def import_failed(answer: Failed) -> None:
    """A worker could not do an errand of an import, or of one of its items."""
    imported = Import.objects.filter(pk=answer.id, attempt=answer.attempt, status=Status.WAITING).first()
    if imported is None:
        items.failed(answer)
    elif answer.retry and imported.tries + 1 < settings.IMPORT_ATTEMPTS:
        Import.objects.filter(pk=imported.pk, attempt=answer.attempt, status=Status.WAITING).update(
            tries=F("tries") + 1, sent_at=None, again_at=queries.later(imported.tries), sentence=answer.sentence[:500]
        )
    else:
        _fail(answer.id, answer.attempt, answer.sentence)


def _fail(id: str, attempt: int, sentence: str) -> None:
    rows = Import.objects.filter(pk=id, attempt=attempt, status=Status.WAITING)
    with transaction.atomic():
        if rows.update(status=Status.FAILED, sentence=sentence[:500], finished_at=timezone.now(), secret=""):
            import_ended(id)


def import_cancel(*, owner: User, id: UUID | str) -> Import:
    """Stop an import and what it fetches; what has arrived stays. A repeat is fine. Raises `NotFound`, `ImportOver`."""
    imported = queries.import_of(owner, id)
    if imported.status == Status.CANCELLED:
        return imported
    if imported.status not in queries.OPEN:
        raise ImportOver(_("This import has ended."))
    _cancel(imported)
    for child in imported.children.filter(status__in=queries.OPEN):
        _cancel(child)
    return queries.import_of(owner, id)


def _cancel(imported: Import) -> None:
    rows = Import.objects.filter(pk=imported.pk, status__in=queries.OPEN)
    if not rows.update(status=Status.CANCELLED, finished_at=timezone.now(), secret=""):
        return
    queue.fetch_counts(str(imported.pk), -1)
    for item in imported.items.filter(state__in=(Item.State.WAITING, *queries.ACTIVE)).select_related("upload"):
        if Item.objects.filter(pk=item.pk, state=item.state).update(state=Item.State.CANCELLED):
            queue.fetch_counts(str(item.pk), -1)
            if item.upload is not None and item.upload.status == Upload.Status.WAITING:
                try:
                    uploads.upload_abort(owner=imported.owner, id=item.upload.pk)
                except Refused:
                    log.info("Upload %s stays for the sweep.", item.upload.pk)


def import_retry(*, owner: User, id: UUID | str, token: str = "") -> Import:
    """Look an ended import up again and fetch what it lacks; nothing is doubled. token: as in `import_start`, since an
    ended import keeps none. Raises `NotFound`, `ImportOver`, `NoTokens`."""
    imported = queries.import_of(owner, id)
    secret = _sealed(imported.server, token.strip())
    _check_server(imported.server)
    with transaction.atomic():
        rows = Import.objects.filter(pk=imported.pk).exclude(status__in=queries.OPEN)
        if not rows.update(
            status=Status.WAITING, sentence="", tries=0, again_at=None, finished_at=None, secret=secret, cursor=""
        ):
            raise ImportOver(_("This import is on its way already."))
        again = Import.objects.get(pk=imported.pk)
        ended = again.children.exclude(status__in=queries.OPEN)
        ended.update(status=Status.WAITING, sentence="", tries=0, again_at=None, sent_at=None, finished_at=None)
        _send(again)
    return queries.import_of(owner, id)


def imports_sweep() -> None:
    """Ask again for what is overdue, see what became of what is inspected, begin what waits. Each step stands alone."""
    rows = Import.objects.filter(status__in=queries.OPEN).select_related("owner").order_by("created_at")
    # A shelf's models that were never begun wait for the shelf to begin them.
    rows = rows.exclude(~Q(parent=None), status=Status.WAITING, sent_at=None, again_at=None)
    found = list(rows.prefetch_related("items")[:500])
    if not found:
        return
    for one in found:
        _each(_look_after, one)


def _each(step: Callable[[Import], None], imported: Import) -> None:
    """One import's trouble must not keep the sweep from the others."""
    try:
        step(imported)
    except Exception:
        log.exception("The sweep could not do its work on import %s; it will come again.", imported.pk)


def _look_after(imported: Import) -> None:
    now = timezone.now()
    if imported.status == Status.WAITING:
        _ask_again(imported)
        return
    if _is_shelf(imported.target):
        _shelf_go_on(imported)
        return
    for item in imported.items.filter(state=Item.State.INSPECTING).select_related(
        "upload", "sent__picture", "of__owner"
    ):
        items.settle(item)
    active = list(imported.items.filter(state__in=queries.ACTIVE).select_related("upload", "sent", "of"))
    if active:
        news, waiting = queue.fetching_of([str(item.pk) for item in active]), queries.in_line()
        for item in active:
            if queries.overdue(item, now, news.get(str(item.pk)), waiting):
                log.warning("Item %s of import %s is overdue: asked again.", item.pk, imported.pk)
                items.send(item)
    items.go_on(imported)


def _ask_again(imported: Import) -> None:
    if imported.again_at is not None and imported.again_at > timezone.now():
        return
    news = queue.fetching_of([str(imported.pk)]).get(str(imported.pk))
    if queries.overdue(imported, timezone.now(), news, queries.in_line()):
        with transaction.atomic():
            _send(imported)
