"""Events are announced where they happen, told by the hub's worker: signed, and again later where nobody answers.

Signed as Standard Webhooks has it: ``webhook-signature: v1,`` and the base64 of HMAC-SHA256 over
``webhook-id.webhook-timestamp.body``, by the secret that is shown once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import outbound
from hub.accounts.models import User
from hub.celery import app
from hub.errors import Refused
from hub.hooks import queries
from hub.hooks.models import Delivery, Event, Hook
from workers.messages import HUB

HOOKS_EACH = 20
KEPT = timedelta(days=30)
# Seconds after each attempt that failed; the last is three days after the first.
PAUSES = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
CLAIM = timedelta(seconds=90)  # a worker that died with a delivery in hand leaves it to another after this long
AT_ONCE = 50
Status = Delivery.Status
# What a person may be told of an event: None where they may not see it (any more), or it is not theirs.
Teller = Callable[[User, str, int, bool], dict[str, Any] | None]


class BadHook(Refused):
    code, status = "bad-hook", HTTPStatus.UNPROCESSABLE_ENTITY


def announce(kind: Hook.Kind, subject: int) -> None:
    """Say that something happened, in the transaction in which it did. Costs one look where nobody listens."""
    if Hook.objects.filter(enabled=True, events__contains=[kind]).exists():
        Event.objects.create(kind=kind, subject=subject)
        transaction.on_commit(_wake)


def _wake() -> None:
    app.send_task("hub.protocols.hooks_tell", queue=HUB, ignore_result=True)


@transaction.atomic
def hook_create(*, owner: User, url: str, events: Iterable[str], everybody: bool = False) -> tuple[Hook, str]:
    """A new hook, and the secret it signs with, which is shown this once. Raises `BadHook`, `outbound.NotAsked`."""
    wanted = [kind for kind, _ in queries.kinds_for(owner) if kind in set(events)]
    if not wanted:
        raise BadHook(_("Choose at least one event."))
    if len(url) > 500:
        raise BadHook(_("The address is longer than 500 characters."))
    outbound.checked(url)
    User.objects.select_for_update().get(pk=owner.pk)
    if owner.hooks.count() >= HOOKS_EACH:
        raise BadHook(_("You have %s webhooks. Delete one that you no longer use.") % HOOKS_EACH)
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    kept = _keys().encrypt(secret.encode()).decode()
    return Hook.objects.create(owner=owner, url=url, events=wanted, everybody=everybody, secret=kept), secret


def hook_set(*, hook: Hook, enabled: bool) -> None:
    """Turn a hook off, or on again. What waits for it waits on."""
    Hook.objects.filter(pk=hook.pk).update(enabled=enabled, problem="")


def hook_delete(*, hook: Hook) -> None:
    hook.delete()


def delivery_again(*, delivery: Delivery) -> None:
    """Tell it once more, now; with all its attempts."""
    rows = Delivery.objects.filter(pk=delivery.pk).exclude(status=Status.WAITING)
    rows.update(status=Status.WAITING, attempt=0, due_at=timezone.now(), sentence="", answer=None)
    Delivery.objects.filter(pk=delivery.pk, status=Status.WAITING).update(due_at=timezone.now())
    transaction.on_commit(_wake)


def events_take(tell: Teller) -> int:
    """Make a delivery of each event for each hook whose owner may hear of it. Returns how many events that were."""
    taken = 0
    while taken < 1000:
        with transaction.atomic():
            event = Event.objects.select_for_update(skip_locked=True).order_by("id").first()
            if event is None:
                return taken
            hooks = Hook.objects.filter(enabled=True, owner__is_active=True, events__contains=[event.kind])
            now = timezone.now()
            Delivery.objects.bulk_create(
                (
                    Delivery(
                        hook=hook, kind=event.kind, subject=event.subject, happened_at=event.created_at, due_at=now
                    )
                    for hook in hooks.select_related("owner")
                    if tell(hook.owner, event.kind, event.subject, hook.everybody) is not None
                ),
                ignore_conflicts=True,
            )
            event.delete()
            taken += 1
    return taken


def deliveries_send(tell: Teller, *, most: int = AT_ONCE) -> int:
    """Tell what is due. Returns how many tellings were tried."""
    tried = 0
    due = Delivery.objects.filter(status=Status.WAITING, due_at__lte=timezone.now(), hook__enabled=True)
    for delivery in due.select_related("hook__owner").order_by("due_at")[:most]:
        rows = Delivery.objects.filter(pk=delivery.pk, status=Status.WAITING, attempt=delivery.attempt)
        if not rows.filter(due_at__lte=timezone.now()).update(due_at=timezone.now() + CLAIM):
            continue  # another worker has it
        _send(delivery, tell)
        tried += 1
    return tried


def _send(delivery: Delivery, tell: Teller) -> None:
    hook = delivery.hook
    told = tell(hook.owner, delivery.kind, delivery.subject, hook.everybody) if hook.owner.is_active else None
    if told is None:
        _ended(delivery, Status.DROPPED, "You may not see this any more, or it is gone.")
        return
    body = msgspec.json.encode({"type": delivery.kind, "timestamp": _iso(delivery.happened_at), "data": told})
    stamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": stamp,
        "webhook-signature": signature(_keys().decrypt(hook.secret.encode()).decode(), str(delivery.pk), stamp, body),
    }
    try:
        answer, _ = outbound.post(hook.url, body, headers)
    except Refused as refused:
        _failed(delivery, None, refused.sentence)
        return
    if 200 <= answer < 300:
        _ended(delivery, Status.DELIVERED, "", answer)
    elif answer == HTTPStatus.GONE:
        _ended(delivery, Status.FAILED, "It answered that it is gone.", answer)
        Hook.objects.filter(pk=hook.pk).update(enabled=False, problem="It answered that it is gone (410).")
    else:
        _failed(delivery, answer, f"It answered {answer}.")


def signature(secret: str, id: str, stamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _ended(delivery: Delivery, status: str, sentence: str, answer: int | None = None) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        status=status, sentence=sentence, answer=answer, attempt=delivery.attempt + 1, tried_at=timezone.now()
    )


def _failed(delivery: Delivery, answer: int | None, sentence: str) -> None:
    """Once more later; after the last attempt the hook is turned off, where nothing else arrived meanwhile."""
    if delivery.attempt >= len(PAUSES):
        _ended(delivery, Status.FAILED, sentence, answer)
        since = timezone.now() - timedelta(seconds=sum(PAUSES))
        if not delivery.hook.deliveries.filter(status=Status.DELIVERED, tried_at__gt=since).exists():
            problem = f"Nothing arrived there for three days. Last: {sentence}"[:300]
            Hook.objects.filter(pk=delivery.hook_id).update(enabled=False, problem=problem)
        return
    Delivery.objects.filter(pk=delivery.pk).update(
        attempt=delivery.attempt + 1,
        due_at=timezone.now() + timedelta(seconds=PAUSES[delivery.attempt]),
        answer=answer,
        sentence=sentence[:300],
        tried_at=timezone.now(),
    )


def hooks_sweep() -> None:
    """Forget what was told long ago."""
    Delivery.objects.filter(happened_at__lt=timezone.now() - KEPT).exclude(status=Status.WAITING).delete()


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _keys() -> MultiFernet:
    secrets_ = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (hashlib.sha256(b"weightroom webhooks" + str(one).encode()).digest() for one in secrets_)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
