"""Who may see what stands a second time as SQL, where one statement reads all of it. The two say the same of every
state that a model, a version, a file and a picture can be in, to everybody who may ask."""

import itertools

import pytest
from django.contrib.auth.models import AnonymousUser

from hub.catalog import links, repositories
from hub.catalog.models import File, Model, Revision, Version
from hub.catalog.queries import files_visible, models_visible, versions_visible
from hub.community.groups import group_create
from hub.errors import Refused
from hub.gallery.actions import picture_add
from hub.gallery.models import Picture
from hub.gallery.queries import pictures_for
from hub.hooks.models import Hook
from hub.protocols.civitai import whole
from hub.protocols.told import told
from tests import cast
from tests.hub.catalog.files import added
from workers.messages import Drawn, Recipe

KEY = "k" * 22


@pytest.fixture
def everything(alice, bob):
    """A model in each state, with a version in each; every third is a group's that Bob belongs to. Each version has
    an accepted file, one that is not, and four pictures."""
    group = group_create(by=bob, name="printers")
    states = list(itertools.product(Model.Status.values, Version.Status.values))
    for n, (model_status, version_status) in enumerate(states):
        file = added(alice, f"Model {n}")
        refused = added(alice, seed=f"no {n}", version_id=file.version_id, filename="no.safetensors")
        File.objects.filter(pk=refused.pk).update(verdict="refused")
        for m, more in enumerate(({"visible": True}, {"visible": False}, {"held": True}, {"level": 0})):
            recipe = Recipe(base=file.blob_id, base_family="sd1", base_name="x", prompt="x", seed=n)
            drawn = Drawn(sha256=f"{n * 10 + m:064x}", width=64, height=64, seed=n, bytes=1)
            picture = picture_add(owner=alice, drawn=drawn, recipe=recipe, seconds=1.0, visible=True)
            Picture.objects.filter(pk=picture.pk).update(**more)
        owner = group if n % 3 == 0 else alice
        key = KEY if n % 2 else "o" * 22
        Model.objects.filter(pk=file.version.model_id).update(
            status=model_status, owner=owner, link_key=key, sign_in_to_download=n % 5 == 4
        )
        Version.objects.filter(pk=file.version_id).update(status=version_status)
    return [*Model.objects.order_by("pk")]


ASKERS = {
    "anonymous": AnonymousUser, "alice": cast.alice, "bob, of the group": cast.bob, "charlie": cast.charlie,
    "mona": cast.mona,
}  # fmt: skip


def test_models_and_versions_read_whole(everything, monkeypatch):
    ids = [model.pk for model in everything]
    for who, linked in itertools.product(ASKERS, (False, True)):  # in one test: it takes seconds to make everything
        monkeypatch.setattr(links, "held", lambda linked=linked: frozenset({KEY} if linked else ()))
        user, asker = ASKERS[who](), (who, "with a link" if linked else "without")
        read = whole.models(user, ids, pictures=50)
        assert set(read) == set(models_visible(user).values_list("pk", flat=True)), asker
        versions = {version.id: version for model in read.values() for version in model.versions}
        assert set(versions) == set(versions_visible(user).values_list("pk", flat=True)), asker
        alone = {one.version.id: one.version for one in whole.versions(user, versions, pictures=50)}
        assert alone.keys() == versions.keys(), asker
        accepted = set(files_visible(user).filter(verdict="accepted").values_list("pk", flat=True))
        for found in (versions, alone):
            assert {file.id for version in found.values() for file in version.files} == accepted, asker
        pictures = pictures_for(user).filter(visible=True, uses__version__in=versions)
        shown = {picture.pk for version in versions.values() for picture in version.pictures}
        assert shown == set(pictures.values_list("pk", flat=True)), asker


def test_what_everybody_is_served_at_once(everything):
    """By the one statement, and by the questions that it stands for."""
    anybody, served = AnonymousUser(), 0
    for model in everything:
        owner, oids = model.owner.username, Revision.objects.filter(model=model).values_list("oid", flat=True)
        for revision, path in itertools.product(
            ["main", *oids], ["no.safetensors", f"model_{model.name[6:]}.safetensors"]
        ):
            quick = repositories.public_entry(owner, model.slug, revision, path)
            try:
                found = repositories.repository(anybody, owner, model.slug)
                at = repositories.revision_at(anybody, found, revision)
                entry = repositories.entry_at(anybody, found, at, path)
                slow = (at.oid, entry.blob.sha256, entry.file.pk) if not found.sign_in_to_download else None
            except Refused:
                slow = None
            said = quick and (quick[0].oid, quick[1].blob.sha256, quick[1].file.pk)
            assert said == slow, (model.status, revision, path)
            served += slow is not None
    assert served


def test_a_groups_things_are_its_members_own(alice, bob, charlie):
    file = added(alice)
    Model.objects.update(owner=group_create(by=bob, name="printers"))
    for user, hears in ((bob, True), (alice, False), (charlie, False)):
        assert (told(user, Hook.Kind.VERSION_PUBLISHED, file.version_id, False) is not None) == hears
