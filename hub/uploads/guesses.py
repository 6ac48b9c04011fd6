"""Which of its owner's models a file may be a new version of. A suggestion: only its owner's click makes it true."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from hub.accounts.models import User
from hub.accounts.queries import groups_of
from hub.catalog.actions import TYPES
from hub.catalog.models import File, Model, Version
from hub.catalog.moving import movable
from hub.catalog.words import words_of
from hub.uploads import queries
from hub.uploads.models import Upload
from hub.uploads.names import model_name_of

MOST = 500  # models that are looked through, the newest
LIKE = 0.87  # of 1: a letter or two of a name are others
SHORTEST = 5  # letters that a name needs, to be recognised as the beginning of another
# What tells versions of one thing apart: v2, 1.5, 000012, epoch 8, final, fp16.
MARK = re.compile(
    r"v?\d+|ver|version|rev|epoch|ep?\d+|step|steps?\d*|final|new|old|fixed|fix|update|updated|alpha|beta|test|"
    r"pruned|ema|emaonly|fp8|fp16|fp32|bf16|full|lora|locon|loha|lokr|dora|sd15|sd21|sdxl|xl"
)
Told = Mapping[str, Any] | None


def models_guessed(owner: User, uploads: Iterable[Upload]) -> dict[str, Model]:
    """By an upload's id, the model that it looks like a new version of; of those that name none, and are on their way
    or have become a draft that can still be moved."""
    named = ("model_id", "model_name", "version_id", "import", "path")
    asking = [one for one in uploads if not any(one.fields.get(name) for name in named)]
    drafts = {one.version_id for one in asking if one.status == Upload.Status.ACCEPTED and one.version_id}
    fresh = movable(drafts) if drafts else set()
    asking = [one for one in asking if one.status in queries.OPEN or one.version_id in fresh]
    if not asking:
        return {}
    known = _Known(owner)
    found = {str(one.pk): known.like(one.filename, told_of(one), but=_model_of(one)) for one in asking}
    return {id: model for id, model in found.items() if model is not None}


def told_of(upload: Upload) -> Told:
    """What its first bytes told, or the whole of it once it was inspected."""
    if upload.status != Upload.Status.ACCEPTED or not upload.report:
        return upload.header
    metadata = upload.report.get("metadata") or {}
    title = metadata.get("modelspec.title") or metadata.get("ss_output_name") or ""
    return {name: upload.report.get(name, "") for name in ("kind", "base_family")} | {"read": True, "title": title}


def _model_of(upload: Upload) -> int | None:
    return upload.version.model_id if upload.version else None


def _bare(name: str) -> str:
    """What is left of a name without the marks of versions; all of it where nothing is."""
    words = words_of(name)
    # "inkV2" is "ink", as "ink v2" is.
    words = [re.sub(r"(?<=[a-z]{3})v?\d+$", "", word) for word in words]
    return " ".join([word for word in words if not MARK.fullmatch(word)] or words)


class _Known:
    """An owner's models, by what they and their files are called."""

    def __init__(self, owner: User) -> None:
        theirs = Q(owner=owner) | Q(owner__in=groups_of(owner, editing=True))
        here = Model.objects.filter(theirs).exclude(status__in=(Model.Status.DELETED, Model.Status.TAKEN_DOWN))
        self.models = {model.pk: model for model in here.order_by("-id")[:MOST]}
        self.called: dict[str, list[int]] = defaultdict(list)
        for model in self.models.values():
            self.called[_bare(model.name)].append(model.pk)
        versions = Version.objects.filter(model__in=self.models).exclude(status=Version.Status.DELETED)
        for id, name in File.objects.filter(version__in=versions, kind="Model").values_list("version__model", "name"):
            self.called[_bare(model_name_of(name))].append(id)
        self.families: dict[int, set[str]] = defaultdict(set)
        for id, family in versions.values_list("model", "base__family"):
            self.families[id].add(family)

    def like(self, filename: str, told: Told, *, but: int | None = None) -> Model | None:
        """The one that is called alike, and is of the kind and base that the file's bytes tell, once they do.

        but: the draft that the file became; what came after it, the other way round, asks of it.
        """
        title = str((told or {}).get("title") or "")
        names = dict.fromkeys(filter(None, (_bare(title), _bare(model_name_of(filename)))))
        for alike in (self._same, self._begun, self._nearly):
            for name in names:
                likely = (id for id in alike(name) if (but is None or id < but) and self._fits(id, told))
                if (found := next(likely, None)) is not None:
                    return self.models[found]
        return None

    def _same(self, name: str) -> list[int]:
        return self.called.get(name, [])

    def _begun(self, name: str) -> list[int]:
        """*Ink wash softer* begins as *Ink wash* does; the longest such beginning first."""
        begun = [one for one in self.called if len(one) >= SHORTEST and name.startswith(f"{one} ")]
        return [id for one in sorted(begun, key=len, reverse=True) for id in self.called[one]]

    def _nearly(self, name: str) -> list[int]:
        if len(name) < SHORTEST:
            return []
        return [id for one in difflib.get_close_matches(name, self.called, cutoff=LIKE) for id in self.called[one]]

    def _fits(self, id: int, told: Told) -> bool:
        if not told or not told.get("read"):
            return True
        kind, family = TYPES.get(told["kind"]), told["base_family"]
        return (not kind or self.models[id].type == kind) and (not family or family in self.families[id])
