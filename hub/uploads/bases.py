"""Which base a file is for, where its shapes fit several: its owner says so once it was accepted."""

from __future__ import annotations

import contextlib
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog.actions import version_edit
from hub.errors import NotFound, Refused
from hub.tryit.actions import preview_request
from hub.uploads import queries
from hub.uploads.models import Upload


@transaction.atomic
def upload_base(*, owner: User, id: UUID | str, base: str) -> Upload:
    """Say which base an accepted upload is for; it is drawn on that. Raises `NotFound`, `UnknownBase`."""
    upload = queries.upload_of(owner, id)
    if upload.status != Upload.Status.ACCEPTED or upload.version is None:
        raise NotFound(_("This upload has become no version yet."))
    version = version_edit(version=upload.version, by=owner, fields={"base": base})
    with contextlib.suppress(Refused):  # it is the base that was said, drawn or not
        preview_request(version=version)
    return queries.upload_of(owner, id)
