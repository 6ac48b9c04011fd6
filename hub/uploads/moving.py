"""An accepted file that its owner, asked late, says is a new version of a model: its draft is moved there."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog.models import Model
from hub.catalog.moving import version_move
from hub.errors import NotFound
from hub.uploads import queries
from hub.uploads.allowed import check_group_room, checked_fields
from hub.uploads.models import Upload


@transaction.atomic
def upload_move(*, owner: User, id: UUID | str, into: int) -> Upload:
    """Make the draft that an accepted upload became a new version of a model of its owner's, or of a group that they
    edit for. Raises `NotFound`, `WrongFields`, `QuotaReached`, `NotMovable` once somebody may have seen it."""
    upload = queries.upload_of(owner, id)
    if upload.status != Upload.Status.ACCEPTED or upload.version is None:
        raise NotFound(_("This upload has become no version yet."))
    fields = checked_fields(owner, upload.fields | {"model_id": into})
    if upload.version.model_id != into:
        check_group_room(owner, fields, upload.size)
    version_move(version=upload.version, into=Model.objects.get(pk=into), by=owner)
    Upload.objects.filter(pk=upload.pk).update(fields=fields)
    return queries.upload_of(owner, id)
