"""The block list as moderators keep it: what is on it does not come in, and what is here already is quarantined."""

from __future__ import annotations

import re
from http import HTTPStatus

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog.hashes import names_nothing
from hub.catalog.models import Block, Digest, File
from hub.errors import NotFound, Refused
from hub.gallery.covers import covers_follow
from hub.gallery.models import Picture
from hub.moderation import actions, queries, telling
from hub.moderation.chain import entry_add
from hub.moderation.models import Case, Entry

LENGTHS = {Block.Kind.SHA256: (64,), Block.Kind.AUTOV3: (12, 64), Block.Kind.PICTURE: (64,)}
SENTENCE_LIMIT = 300


class BadHash(Refused):
    code, status = "bad-hash", HTTPStatus.UNPROCESSABLE_ENTITY


class BlockedAlready(Refused):
    code, status = "blocked-already", HTTPStatus.CONFLICT


@transaction.atomic
def block_add(*, by: User | None, kind: str, value: str, sentence: str) -> tuple[Block, int]:
    """Keep bytes out by a digest. ``by``: a moderator; None: the command line. Returns the entry, and how many files
    or pictures that were here are held back now; their owners are told. Raises `NotAllowed`, `BadHash`, `NoReason`,
    `BlockedAlready`."""
    if by is not None:
        queries.moderator(by)
    sentence = actions.reason_checked(sentence)[:SENTENCE_LIMIT]
    if kind not in Block.Kind.values:
        raise BadHash(_("The kind is one of %s.") % (", ".join(Block.Kind.values)))
    value = re.sub(r"^0x", "", value.strip().lower())
    if not re.fullmatch(r"[0-9a-f]+", value) or len(value) not in LENGTHS[Block.Kind(kind)]:
        raise BadHash(_("A SHA-256 has 64 digits of 0-9 and a-f, an AutoV3 12 or 64."))
    value = value[:12] if kind == Block.Kind.AUTOV3 else value
    if names_nothing(value):
        raise BadHash(_("That is the digest of nothing: many files share it."))
    try:
        with transaction.atomic():
            block = Block.objects.create(kind=kind, value=value, sentence=sentence, by=by)
    except IntegrityError as there:
        raise BlockedAlready(_("That digest is on the block list already.")) from there
    held = _hold(block, by)
    _log(block, by, Entry.Action.BLOCKED, sentence)
    return block, held


def _hold(block: Block, by: User | None) -> int:
    if block.kind == Block.Kind.PICTURE:
        shown = list(Picture.objects.filter(sha256=block.value, held=False).values_list("pk", flat=True))
        Picture.objects.filter(pk__in=shown).update(held=True)
        covers_follow(shown)
        telling.pictures_held(shown, by=by, decision=Case.Decision.HIDDEN, sentence=block.sentence)
        return len(shown)
    files = File.objects.filter(verdict=File.Verdict.ACCEPTED).exclude(version__status="deleted")
    if block.kind == Block.Kind.SHA256:
        files = files.filter(blob_id=block.value)
    else:
        same = Digest.objects.filter(kind=Digest.Kind.AUTOV3, digest=bytes.fromhex(block.value))
        files = files.filter(pk__in=same.values("file_id"))
    held: list[File] = []
    for sha256 in sorted(set(files.values_list("blob_id", flat=True))):
        held += actions.bytes_quarantine(by=by, sha256=sha256, reason=block.sentence)
    telling.files_held(held, by=by, sentence=block.sentence)
    return len(held)


@transaction.atomic
def block_lift(*, by: User | None, block_id: int, sentence: str) -> None:
    """Let bytes in again. What was quarantined stays so until somebody releases it. Raises `NotAllowed`, `NotFound`,
    `NoReason`."""
    if by is not None:
        queries.moderator(by)
    sentence = actions.reason_checked(sentence)[:SENTENCE_LIMIT]
    block = Block.objects.select_for_update().filter(pk=block_id).first()
    if block is None:
        raise NotFound(_("That is not on the block list."))
    _log(block, by, Entry.Action.UNBLOCKED, sentence)
    block.delete()


def _log(block: Block, by: User | None, action: str, sentence: str) -> None:
    sha256 = block.value if len(block.value) == 64 else ""
    with translation.override(settings.LANGUAGE_CODE):  # the log is in one language, whoever decides
        subject = f"{block.get_kind_display()} {block.value}"
    entry_add(actor=by, action=action, subject=subject, sha256=sha256, reason=sentence, about=f"block {block.pk}")
