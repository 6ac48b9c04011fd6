"""How the hub is: its workers, queues, storage, database and settings. Only asked; nothing here changes anything."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q, Sum
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hub import queue
from hub.accounts.models import User
from hub.accounts.queries import quota_of
from hub.catalog.models import Blob
from hub.errors import NotFound
from hub.gallery.models import Picture
from hub.imports import queries as imports
from hub.imports.models import Import
from hub.moderation.models import Case
from hub.templatetags.weightroom import about, size
from hub.tryit.models import Generation
from hub.uploads.models import Upload
from hub.uploads.queries import space_used
from workers.fetch_messages import FETCH
from workers.messages import GENERATE, HEADER, HUB, INSPECT, INSPECT_LARGE

ENV_EXAMPLE = Path(__file__).resolve().parents[2] / "infra" / "env.example"
SECRET = re.compile(r"SECRET|PASSWORD|_KEY$|_URL$|TOKEN")
OPEN = [Generation.Status.QUEUED, Generation.Status.RUNNING]


@dataclass(frozen=True)
class State:
    """A line of the page. ``state``: good, warn or bad; the sentence says it in words."""

    name: str
    state: str
    sentence: str


def admin(user: Any) -> User:
    """Raises `NotFound` for everybody else: they need not know the page."""
    if not isinstance(user, User) or not user.is_admin:
        raise NotFound(_("There is nothing at this address."))
    return user


def states() -> list[State]:
    """Drawing, inspecting, storage, database, people: each in one sentence."""
    return [*_broker(), _storage(), _database(), _people()]


def _broker() -> list[State]:
    try:
        return [_drawing(), _inspecting(), _importing(), *_walls()]
    except redis.RedisError:
        return [State(_("Queue"), "bad", _("The broker does not answer: nothing is drawn or inspected until it does."))]


def _drawing() -> State:
    workers = queue.workers_alive(GENERATE)
    line = Generation.objects.filter(status__in=OPEN).aggregate(n=Count("pk"), first=Min("created_at"))
    said = ngettext("%(n)d worker", "%(n)d workers", workers) % {"n": workers}
    if not line["n"]:
        said += ", " + _("nothing in line.")
    else:
        longest = about((timezone.now() - line["first"]).total_seconds())
        said += ", " + _("%(n)d in line, the first for %(time)s.") % {"n": line["n"], "time": longest}
    return State(_("Drawing"), "good" if workers else "bad", said)


def _inspecting() -> State:
    heads = queue.workers_alive(HEADER)
    workers = len({name for line in (INSPECT, INSPECT_LARGE) for name in queue.workers_named(line)})
    waiting = Upload.objects.filter(status="inspecting").count()
    said = ngettext("%(n)d worker", "%(n)d workers", workers) % {"n": workers}
    said += ", " + (_("%(n)d files at it.") % {"n": waiting} if waiting else _("idle."))
    if not heads:
        said += " " + _("No worker reads first bytes, so forms do not fill themselves.")
    return State(_("Inspecting"), "good" if workers and heads else "bad" if not workers else "warn", said)


def _importing() -> State:
    workers = queue.workers_alive(FETCH)
    rows = Import.objects.filter(parent=None, status__in=imports.OPEN).count()
    said = ngettext("%(n)d worker", "%(n)d workers", workers) % {"n": workers}
    said += ", " + (
        ngettext("%(n)d import on its way.", "%(n)d imports on their way.", rows) % {"n": rows} if rows else _("idle.")
    )
    failed = Import.objects.filter(status="failed", finished_at__gte=timezone.now() - timedelta(days=1)).count()
    if failed:
        said += " " + ngettext("%(n)d failed since yesterday.", "%(n)d failed since yesterday.", failed) % {"n": failed}
    return State(_("Importing"), "good" if workers else "bad" if rows else "warn", said)


def _walls() -> list[State]:
    found = []
    for host, walls in queue.sandboxes().items():
        good = not walls.problem
        said = _("%(host)s: pickles are converted behind %(walls)s.") % {"host": host, "walls": walls.walls}
        if not good:
            said = _("%(host)s converts no pickles: %(why)s") % {"host": host, "why": walls.problem}
        found.append(State(_("Sandbox"), "good" if good else "warn", said))
    return found


def _storage() -> State:
    files = Blob.objects.aggregate(n=Count("pk"), bytes=Sum("size"))
    drawn = Picture.objects.count()
    said = _("%(size)s in %(n)d files, and %(pictures)d pictures.")
    return State(_("Storage"), "good", said % {"size": size(files["bytes"] or 0), "n": files["n"], "pictures": drawn})


def _database() -> State:
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        row = cursor.fetchone()
    took = (time.perf_counter() - began) * 1000
    said = _("%(size)s, answers in %(ms).0f ms.") % {"size": size(row[0] if row else 0), "ms": took}
    return State(_("Database"), "good" if took < 100 else "warn", said)


def _people() -> State:
    roles = dict(User.objects.filter(is_active=True, is_group=False).values_list("role").annotate(n=Count("pk")))
    total = sum(roles.values())
    said = ngettext("%(n)d account", "%(n)d accounts", total) % {"n": total}
    said += "; " + _("admins: %(admins)d, moderators: %(moderators)d.") % {
        "admins": roles.get(User.Role.ADMIN, 0),
        "moderators": roles.get(User.Role.MODERATOR, 0),
    }
    return State(_("People"), "good", said)


@dataclass(frozen=True)
class Setting:
    name: str
    value: str
    reason: str


def setting_reasons() -> str:
    """Python that says every reason of `settings_list` to gettext, for those who gather what is to be translated."""
    with translation.override(None):
        return "".join(f"gettext({setting.reason!r})\n" for setting in settings_list())


def settings_list() -> list[Setting]:
    """Every setting of ``infra/env.example`` that the hub reads, with its reason, in the reader's language, and what it
    is now; secrets are not told."""
    found: list[Setting] = []
    reason: list[str] = []
    for line in ENV_EXAMPLE.read_text().splitlines():
        if line.startswith("# ---") or not line.strip():
            reason = []
        elif line.startswith("# "):
            reason.append(line[2:])
        elif match := re.match(r"#([A-Z][A-Z0-9_]+)=", line):
            if hasattr(settings, match[1]):
                why = " ".join(reason)  # `setting_reasons` gathers it for those who translate
                found.append(Setting(match[1], _value(match[1]), _(why) if why else ""))
            reason = []
    return found


def _value(name: str) -> str:
    value = getattr(settings, name)
    if SECRET.search(name) and name != "PUBLIC_URL":
        return _("set") if value else _("not set")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value} ({size(value)})" if isinstance(value, int) and name.endswith("_BYTES") else str(value)


@dataclass(frozen=True)
class Line:
    """A queue: how many messages wait in it, and its workers with the seconds until each would be counted as gone."""

    name: str
    what: str
    waiting: int
    workers: list[str]


def lines() -> list[Line]:
    """The queues; empty where the broker does not answer."""
    named = {
        GENERATE: _("drawing"), INSPECT: _("inspecting"), INSPECT_LARGE: _("inspecting large files"),
        HEADER: _("small things: first bytes, pictures"), FETCH: _("imports from other servers"),
        HUB: _("the hub's own work"),
    }  # fmt: skip
    try:
        return [Line(name, what, queue.waiting(name), queue.workers_named(name)) for name, what in named.items()]
    except redis.RedisError:
        return []


@dataclass(frozen=True)
class Space:
    what: str
    count: int
    bytes: int | None


def space() -> list[Space]:
    """What lies in the store, by what it is."""
    held = Blob.objects.filter(held_at__isnull=False).aggregate(n=Count("pk"), bytes=Sum("size"))
    kept = Blob.objects.filter(held_at=None).aggregate(n=Count("pk"), bytes=Sum("size"))
    coming = Upload.objects.filter(stored=True).aggregate(n=Count("pk"), bytes=Sum("size"))
    return [
        Space(_("Files"), kept["n"], kept["bytes"] or 0),
        Space(_("In quarantine, or of models that were taken down"), held["n"], held["bytes"] or 0),
        Space(_("On their way in, or refused and still kept"), coming["n"], coming["bytes"] or 0),
        Space(_("Pictures"), Picture.objects.values("sha256").distinct().count(), None),
    ]


WHO = {
    "": gettext_lazy("Everybody"), "moderator": gettext_lazy("Moderators"), "admin": gettext_lazy("Admins"),
    "closed": gettext_lazy("Closed accounts"), "group": gettext_lazy("Groups"),
}  # fmt: skip
PEOPLE = 30


@dataclass(frozen=True)
class PeopleWish:
    query: str = ""
    who: str = ""
    after: str = ""


def person_list(by: Any, wish: PeopleWish) -> tuple[list[Any], int, str]:
    """A page of accounts by name, each with ``models_kept``, ``against``, ``used``, ``quota``, ``quota_gib``; how many
    there are, and where the next page begins. Raises `NotFound` for who is no admin."""
    admin(by)
    people = User.objects.all()
    if wish.query:
        people = people.filter(Q(username__icontains=wish.query) | Q(email__icontains=wish.query))
    if wish.who in {User.Role.MODERATOR, User.Role.ADMIN}:
        people = people.filter(role=wish.who)
    elif wish.who == "closed":
        people = people.filter(is_active=False)
    elif wish.who == "group":
        people = people.filter(is_group=True)
    total = people.count()
    if wish.after:
        people = people.filter(username__gt=wish.after)
    models_kept = Count("models", filter=~Q(models__status="deleted"), distinct=True)
    found: list[Any] = list(people.annotate(models_kept=models_kept).order_by("username")[: PEOPLE + 1])
    decided = Case.objects.filter(owner__in=[one.pk for one in found], decided_at__isnull=False)
    decided = decided.exclude(decision=Case.Decision.DISMISSED).exclude(upheld=False)
    against = dict(decided.values_list("owner").annotate(n=Count("pk")))
    for one in found[:PEOPLE]:
        one.against, one.used, one.quota = against.get(one.pk, 0), space_used(one), quota_of(one)
        one.quota_gib = "" if one.quota_bytes is None else f"{one.quota_bytes / 1024**3:g}"
    return found[:PEOPLE], total, found[PEOPLE - 1].username if len(found) > PEOPLE else ""


def person_of(by: Any, user_id: int) -> User:
    """An account, for admins. Raises `NotFound`."""
    admin(by)
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound(_("There is no such account."))
    return user
