"""What is a person's: rows as they stand, without secrets, and lists of what can be fetched."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from hub.accounts.models import Membership, User
from hub.catalog.models import File, Model, Version
from hub.catalog.needs import FOLDERS
from hub.catalog.serializers import file_url, model_url
from hub.community.models import Collection, CollectionItem, Comment, Follow, Like, Notice, Review
from hub.errors import NotFound
from hub.gallery.models import Picture
from hub.gallery.queries import picture_url
from hub.hooks.models import Hook
from hub.imports.models import Import
from hub.leaving.models import Export
from hub.moderation.models import Report
from hub.prompts.models import Prompt, Wildcard
from hub.tryit.models import Generation
from hub.uploads.models import Upload

READ_ME = """Everything that {hub} holds of {name}, as of {when}.

Each .json is a list of rows in the hub's own words; times are in UTC. Secrets (passwords, tokens, keys of webhooks) are
not in it: the hub itself keeps only their fingerprints. models.txt and pictures.txt list what is too large for a zip:
`aria2c -i models.txt` fetches the files, each checked by its SHA-256. Files that only you may see need a token of
yours: add `--header "Authorization: Bearer …"`.
"""


def export_of(owner: User, id: UUID) -> Export:
    """A zip of ``owner`` that is there. Raises `NotFound`."""
    export = owner.exports.filter(pk=id, status=Export.Status.READY).first()
    if export is None:
        raise NotFound(_("There is no such export."))
    return export


def write(user: User, out: IO[bytes], when: str) -> None:
    """The zip of all that is ``user``'s, row by row: no list is held whole."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        said = READ_ME.format(hub=settings.PUBLIC_URL, name=user.username, when=when)
        archive.writestr("README.txt", said)
        archive.writestr("account.json", _text(_account(user)))
        for name, rows in _tables(user).items():
            with archive.open(f"{name}.json", "w", force_zip64=True) as file:
                _rows_written(file, rows.iterator(chunk_size=1000))
        for name, lines in (("models.txt", _files(user)), ("pictures.txt", _pictures(user))):
            with archive.open(name, "w", force_zip64=True) as file:
                for line in lines:
                    file.write(line.encode() + b"\n")


def _text(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


def _rows_written(file: IO[bytes], rows: Iterator[dict[str, Any]]) -> None:
    file.write(b"[")
    for number, row in enumerate(rows):
        file.write(b",\n" if number else b"\n")
        file.write(_text(row).encode())
    file.write(b"\n]\n")


def _account(user: User) -> dict[str, Any]:
    tokens = user.tokens.values("name", "start", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    groups = Membership.objects.filter(person=user).values("group__username", "role", "accepted_at")
    own = ("username", "email", "about", "levels", "blur", "mail", "date_joined", "role")
    told = {name: getattr(user, name) for name in own}
    return told | {"tokens": list(tokens), "groups": list(groups)}


def _tables(user: User) -> dict[str, QuerySet[Any, Any]]:
    gone = Model.Status.DELETED
    return {
        "models": Model.objects.filter(owner=user).exclude(status=gone).order_by("pk").values(
            "id", "name", "slug", "type", "description", "status", "level", "allow_no_credit", "allow_commercial_use",
            "allow_derivatives", "allow_different_licence", "unlisted", "created_at", "published_at", "removed_for",
        ),
        "versions": Version.objects.filter(model__owner=user).exclude(status=gone).order_by("pk").values(
            "id", "model_id", "name", "base__name", "description", "trigger_words", "weight", "weight_min",
            "weight_max", "clip_skip", "training", "status", "publish_at", "created_at", "published_at",
        ),
        "files": File.objects.filter(version__model__owner=user).exclude(version__status=gone).order_by("pk").values(
            "id", "version_id", "name", "blob_id", "blob__size", "kind", "format", "precision", "verdict", "findings",
            "summary", "metadata", "created_at",
        ),
        "pictures": Picture.objects.filter(owner=user).order_by("pk").values(
            "id", "sha256", "width", "height", "recipe", "told", "level", "visible", "created_at"
        ),
        "prompts": Prompt.objects.filter(owner=user).order_by("pk").values(
            "id", "title", "recipe", "licence", "private", "made_from_id", "created_at", "updated_at"
        ),
        "wildcards": Wildcard.objects.filter(owner=user).order_by("pk").values("name", "values", "updated_at"),
        "comments": Comment.objects.filter(author=user).order_by("pk").values(
            "id", "model_id", "picture_id", "prompt_id", "parent_id", "text", "created_at", "removed_at"
        ),
        "reviews": Review.objects.filter(author=user).order_by("pk").values(
            "model_id", "recommends", "text", "created_at", "updated_at"
        ),
        "likes": Like.objects.filter(user=user).order_by("pk").values(
            "model_id", "picture_id", "prompt_id", "created_at"
        ),
        "follows": Follow.objects.filter(follower=user).order_by("pk").values("followed__username", "created_at"),
        "collections": Collection.objects.filter(owner=user).order_by("pk").values(
            "id", "name", "description", "private", "created_at"
        ),
        "collection_items": CollectionItem.objects.filter(collection__owner=user).order_by("pk").values(
            "collection_id", "model_id", "picture_id", "prompt_id", "position"
        ),
        "notifications": Notice.objects.filter(user=user).order_by("pk").values(
            "kind", "actor__username", "sentence", "created_at", "read_at"
        ),
        "reports": Report.objects.filter(by=user).order_by("pk").values("reason", "words", "created_at"),
        "webhooks": Hook.objects.filter(owner=user).order_by("pk").values("url", "events", "enabled", "created_at"),
        "imports": Import.objects.filter(owner=user).order_by("created_at").values("link", "status", "created_at"),
        "uploads": Upload.objects.filter(owner=user).order_by("created_at").values(
            "id", "filename", "size", "status", "fields", "created_at", "finished_at"
        ),
        "drawings": Generation.objects.filter(owner=user).order_by("created_at").values(
            "id", "recipe", "status", "error", "seconds", "created_at", "finished_at"
        ),
    }  # fmt: skip


def _files(user: User) -> Iterator[str]:
    files = File.objects.filter(version__model__owner=user, verdict=File.Verdict.ACCEPTED)
    files = files.exclude(version__status=Version.Status.DELETED).select_related("version__model")
    for file in files.order_by("pk").iterator(chunk_size=1000):
        model = file.version.model
        yield f"# {' '.join(model.name.split())}: {settings.PUBLIC_URL}{model_url(model)}"
        yield file_url(file.version_id, file.pk, primary=file.primary)
        yield f"  dir={FOLDERS.get(model.type, 'models')}"
        yield f"  out={file.name.rsplit('/', 1)[-1]}"
        yield f"  checksum=sha-256={file.blob_id}"


def _pictures(user: User) -> Iterator[str]:
    for picture in Picture.objects.filter(owner=user).order_by("pk").iterator(chunk_size=1000):
        yield f"{settings.PUBLIC_URL}{picture_url(picture)}"
        yield f"  out=pictures/{picture.pk}.png"
