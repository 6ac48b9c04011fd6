"""Models and versions that are begun before their files are here: drafts until a file of theirs is accepted."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F

from hub.accounts.models import User
from hub.catalog import triggers
from hub.catalog.actions import DESCRIPTION_LIMIT, free_slug, listing_refresh
from hub.catalog.commits import file_copy
from hub.catalog.models import Base, File, Model, ModelStat, Version, VersionStat
from hub.catalog.revisions import revision_renew
from hub.catalog.words import one_line, slug_of, tidy


@transaction.atomic
def model_begin(*, owner: User, name: str, type: str) -> Model:
    """A draft without versions. type: one of the catalogue's; any other word becomes Other, till a file tells more."""
    User.objects.select_for_update().get(pk=owner.pk)
    name = one_line(name, 120) or "Untitled"
    kind = type if type in Model.Type.values else Model.Type.OTHER
    model = Model.objects.create(owner=owner, name=name, slug=free_slug(owner, slug_of(name)), type=kind)
    ModelStat.objects.create(model=model)
    return model


@transaction.atomic
def version_begin(
    *, model: Model, name: str, base: str = "", description: str = "", trigger_words: Iterable[str] = ()
) -> Version:
    """A draft version, shown first. base: a base's name; one that is unknown here is Other, till a file tells more."""
    model.versions.update(index=F("index") + 1)
    version = Version.objects.create(
        model=model,
        name=one_line(name, 80) or f"v{model.versions.count() + 1}",
        base=Base.objects.filter(name__iexact=base).first() or Base.objects.get(name="Other"),
        description=tidy(description, DESCRIPTION_LIMIT),
        trigger_words=triggers.trigger_words(trigger_words),
    )
    VersionStat.objects.create(version=version)
    return version


@transaction.atomic
def file_link(*, file: File, version: Version, name: str) -> File:
    """The same inspected bytes as a file of another version, its safetensors too where it is a pickle. A repeat finds
    what is there. Whether ``version``'s owner may read ``file`` is for the caller to know."""
    if there := version.files.filter(blob_id=file.blob_id).first():
        return there
    copy = file_copy(file=file, version=version, path=_free(version, name))
    for made in file.converted.filter(verdict=File.Verdict.ACCEPTED, format="SafeTensor"):
        if not version.files.filter(blob_id=made.blob_id).exists():
            beside = file_copy(file=made, version=version, path=_free(version, made.name.rpartition("/")[2]))
            File.objects.filter(pk=beside.pk).update(source=copy, primary=copy.primary)
            File.objects.filter(pk=copy.pk).update(primary=False)
    revision_renew(version, message=f"Add {copy.name}")
    listing_refresh(version.model)
    return copy


def _free(version: Version, name: str) -> str:
    if not version.files.filter(name=name).exists():
        return name
    start, dot, end = name.rpartition(".")
    taken = version.files.count() + 1
    return f"{start}-{taken}.{end}" if dot else f"{name}-{taken}"
