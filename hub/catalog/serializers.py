"""What pages and API say of the catalogue, and what they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from hub.accounts.levels import highest
from hub.catalog.actions import COMMERCIAL
from hub.catalog.bases import base_choices
from hub.catalog.lists import Shown
from hub.catalog.models import File, Model, Version
from hub.catalog.queries import Facets, Wish, download_name, file_hashes
from hub.catalog.terms import PERIODS, USES
from hub.catalog.words import one_line
from hub.origins import public_url

SCROLLED = 4  # pages that come by themselves; then a button, so that people reach the foot
SHOWN_MOST = 300  # cards that are drawn at once when somebody comes back to a long list
TYPE_LABELS = dict(Model.Type.choices)
# The word of a type in an AIR (urn:air:…).
AIR_TYPES = {
    "Checkpoint": "checkpoint", "LORA": "lora", "LoCon": "lycoris", "DoRA": "dora", "TextualInversion": "embedding",
    "Hypernetwork": "hypernet", "VAE": "vae", "Controlnet": "controlnet", "Upscaler": "upscaler",
    "MotionModule": "motion", "TextEncoder": "text_encoders", "CLIPVision": "clipvision",
}  # fmt: skip
SORT_LABELS = {
    "relevance": gettext_lazy("Best match"),
    "meaning": gettext_lazy("Closest in meaning"),
    "newest": gettext_lazy("Newest"),
    "downloads": gettext_lazy("Most downloaded"),
    "likes": gettext_lazy("Most liked"),
    "pictures": gettext_lazy("Most pictures"),
    "comments": gettext_lazy("Most discussed"),
    "collected": gettext_lazy("Most collected"),
}


def wish_of(params: QueryDict) -> Wish:
    """What a list's address asks for. Values nobody offers find nothing, and their chip can be taken away."""
    uses, licences = params.getlist("use"), params.getlist("licence")
    allowed = [use for use in USES if use in licences]
    return Wish(
        query=params.get("query", "").replace("\x00", "")[:200].strip(),
        types=tuple(params.getlist("type")[:20]),
        bases=tuple(value.replace("\x00", "") for value in params.getlist("base")[:20]),
        tags=tuple(value.replace("\x00", "") for value in params.getlist("tag")[:10]),
        triggers=tuple(one_line(value, 200) for value in params.getlist("trigger")[:5] if value.strip()),
        creator=params.get("creator", "").replace("\x00", "")[:100],
        can_generate="try" in uses,
        allowing=tuple(allowed) or (("Image",) if "commercial" in uses else ()),
        derivatives="derivatives" in licences or None,
        no_credit="no-credit" in licences or None,
        different_licence="relicense" in licences or None,
        formats=tuple(value.replace("\x00", "") for value in params.getlist("format")[:10]),
        newer_than=PERIODS.get(params.get("updated", ""), 0),
        sort=params.get("sort", ""),
    )


def shown_of(params: QueryDict, page: int) -> int:
    """How many pieces of a list somebody has scrolled to: whole pages, at most `SHOWN_MOST`."""
    asked = params.get("shown", "")
    n = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else page
    most = max(SHOWN_MOST // page, 1) * page
    return min(max(-(-n // page) * page, page), most)


@dataclass(frozen=True)
class Chip:
    """A filter that is on, and the address without it."""

    label: str
    url: str


@dataclass
class ListAddress:
    """Addresses of a list: the same one with something added, changed or taken away."""

    params: QueryDict
    path: str = field(default_factory=lambda: reverse("catalog:model-list"))

    def _with(self, params: QueryDict) -> str:
        kept = [(name, value) for name, values in params.lists() for value in values if value]
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def following(self, cursor: str, shown: int) -> str:
        """The next page; ``shown`` is how many pieces the list has with it."""
        params = self.params.copy()
        params["after"], params["shown"] = cursor, str(shown)
        return self._with(params)

    def reaching(self, shown: int) -> str:
        """The list from its beginning to where somebody has scrolled: what Back and a reload come to."""
        params = self.params.copy()
        params.pop("after", None)
        params["shown"] = str(shown)
        return self._with(params)

    def without(self, name: str, value: str) -> str:
        params = self.params.copy()
        params.setlist(name, [one for one in params.getlist(name) if one != value])
        params.pop("after", None)
        params.pop("shown", None)
        return self._with(params)

    def chips(self, facets: Facets) -> list[Chip]:
        labels = {("type", f.value): f.label for f in facets.types}
        labels |= {("licence", f.value): f.label for f in facets.licences}
        labels |= {("updated", f.value): f.label for f in facets.periods}
        labels |= {("use", "try"): _("Can be tried here"), ("use", "commercial"): _("Commercial pictures allowed")}
        worded = self.params.getlist("trigger")
        labels |= {("trigger", word): _("Trigger word: %s") % one_line(word, 60) for word in worded}
        return [
            Chip(str(labels.get((name, value), value)), self.without(name, value))
            for name in ("type", "base", "use", "tag", "trigger", "creator", "format", "licence", "updated")
            for value in self.params.getlist(name)
            if value
        ]


def model_url(model: Model, version: Version | None = None) -> str:
    url = reverse("catalog:model-detail", args=[model.pk, model.slug])
    return f"{url}?version={version.pk}" if version else url


def picture_url(sha256: str, params: str, name: str) -> str:
    return reverse("gallery:picture-file", args=[sha256, params, name])


def card(version: Version | Shown) -> dict[str, Any]:
    """What a card shows of a model, by the version that matches the list; ``version`` for tags that draw more."""
    shown = version if isinstance(version, Shown) else Shown.of(version)
    url = reverse("catalog:model-detail", args=[shown.model_id, shown.slug])
    return {
        "id": shown.model_id,
        "version": shown,
        "name": shown.name,
        "url": f"{url}?version={shown.pk}" if shown.index else url,
        "type": shown.type,
        "type_label": TYPE_LABELS.get(shown.type, shown.type),
        "base": shown.base,
        "creator": shown.creator,
        "level": highest(shown.level),
        "downloads": shown.downloads,
        "picture_url": picture_url(shown.cover_sha256, "width=450", f"{shown.slug}.png") if shown.cover_sha256 else "",
        "picture_name": "",
    }


def air(version: Version) -> str:
    """The AIR of a version: ``urn:air:sd1:lora:<host>:<model>@<version>``."""
    from_there = getattr(version, "origin", None)  # of `hub.imports`
    origin = (from_there.origin.server, from_there.origin.remote, from_there.remote) if from_there else None
    return air_of(version.base.ecosystem, version.model.type, version.model_id, version.pk, origin)


def air_of(
    ecosystem: str, type: str, model_id: int, version_id: int, origin: tuple[str, str, str] | None = None
) -> str:
    """A version's AIR. origin: the server that it was imported from, and what that calls the model and the version;
    where these are numbers, they are its name everywhere."""
    named = f"{air_source(settings.PUBLIC_URL)}:{model_id}@{version_id}"
    if origin and origin[1].isdecimal() and origin[2].isdecimal():
        named = f"{air_source(origin[0])}:{origin[1]}@{origin[2]}"
    return f"urn:air:{ecosystem}:{AIR_TYPES.get(type, 'unknown')}:{named}"


CIVITAI_HOSTS = {"civitai.com", "www.civitai.com", "civitai.red"}


def air_source(server: str) -> str:
    """What stands for a server in an AIR: its host's name, and Civitai's own word for Civitai."""
    host = server.split("://", 1)[-1].lower()
    return "civitai" if host in CIVITAI_HOSTS else host.replace(":", "-")


def undecided(file: File) -> bool:
    """Whether nobody has said yet which of several bases an accepted file is for."""
    return file.version.base.family == "other" and len(base_choices(file.summary)) > 1


def verdict_sentence(file: File) -> str:
    """The inspectors' verdict as a sentence a person could say."""
    model, summary = file.version.model, file.summary
    if file.verdict == File.Verdict.REFUSED:
        return _("It is not served. Only you see this, and why.")
    if file.verdict == File.Verdict.UNKNOWN:
        return _("Nothing here recognises it, so only you see it.")
    label = str(TYPE_LABELS.get(model.type, model.type))
    if undecided(file):
        return _(
            "Looks like a %(type)s, but its shapes fit %(bases)s alike. It can be downloaded, not tried, until its "
            "owner says which base it is for."
        ) % {"type": label, "bases": _(" and ").join(base_choices(file.summary))}
    ranks = [rank for rank in summary.get("ranks") or () if isinstance(rank, int)]
    rank = ""
    if ranks:
        many = _(", ranks %(low)s to %(high)s") % {"low": ranks[0], "high": ranks[-1]}
        rank = _(", rank %s") % ranks[0] if len(ranks) == 1 else many
    what = _("An %(type)s for %(base)s") if label[:1] in "AEIOU" else _("A %(type)s for %(base)s")
    sentences = [f"{what % {'type': label, 'base': file.version.base.name}}{rank}."]
    if model.type == Model.Type.CHECKPOINT:
        sentences = [_("A checkpoint of the family %s.") % file.version.base.name]
    unknown, keys = summary.get("unclaimed") or 0, summary.get("tensors") or 0
    if isinstance(unknown, int) and isinstance(keys, int) and keys:
        known = (
            _("All %s keys recognised.") % keys
            if not unknown
            else _("%(unknown)s of %(keys)s keys are unknown; they are ignored when drawing.")
            % {"unknown": unknown, "keys": keys}
        )
        sentences.append(known)
    if file.format == "SafeTensor":
        sentences.append(_("The file holds numbers only, nothing that can run."))
    return " ".join(sentences)


def attacks(file: File) -> list[str]:
    """What everybody who downloads a file should know: that its metadata or names may harm other programs."""
    return warnings_in(file.findings)


def warnings_in(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    return [finding["sentence"] for finding in findings if finding.get("public") and finding["severity"] != "note"]


def file_view(file: File) -> dict[str, Any]:
    """A file as the model page shows it."""
    shown_first = ("AutoV2", "SHA256")
    hashes = file_hashes(file)
    return {
        "verdict": "unknown" if undecided(file) else file.verdict,
        "file": file,
        "name": file.name if "/" in file.name else download_name(file),  # a folder's parts by their paths
        "size": file.blob.size,
        "traits": " · ".join(filter(None, [file.precision, file.size_kind, file.format])),
        "sentence": verdict_sentence(file),
        "made_from": file.source.name if file.source else "",
        "attacks": attacks(file),
        "hashes": [(kind, hashes[kind]) for kind in shown_first if kind in hashes],
        "more_hashes": [(kind, value) for kind, value in hashes.items() if kind not in shown_first],
        "url": download_url(file),
    }


def download_url(file: File) -> str:
    """The hub's address of a file, absolute; a primary file needs no more than its version's id."""
    return file_url(file.version_id, file.pk, primary=file.primary)


def file_url(version_id: int, file_id: int, *, primary: bool) -> str:
    url = f"{public_url()}/api/download/models/{version_id}"
    return url if primary else f"{url}?fileId={file_id}"


class ModelEditInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    type = serializers.ChoiceField(choices=Model.Type.choices, required=False)
    description = serializers.CharField(max_length=100_000, required=False, allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=60), max_length=20, required=False)
    allow_no_credit = serializers.BooleanField(required=False)
    allow_commercial_use = serializers.ListField(child=serializers.ChoiceField(choices=COMMERCIAL), required=False)
    allow_derivatives = serializers.BooleanField(required=False)
    allow_different_licence = serializers.BooleanField(required=False)


class VersionEditInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80, required=False)
    description = serializers.CharField(max_length=100_000, required=False, allow_blank=True)
    base = serializers.CharField(max_length=60, required=False)
    trigger_words = serializers.ListField(child=serializers.CharField(max_length=200), max_length=50, required=False)
    weight = serializers.FloatField(min_value=-10, max_value=10, required=False)
    weight_min = serializers.FloatField(min_value=-10, max_value=10, required=False)
    weight_max = serializers.FloatField(min_value=-10, max_value=10, required=False)
    clip_skip = serializers.IntegerField(min_value=1, max_value=12, required=False, allow_null=True)
    hide_training = serializers.BooleanField(required=False)
    needs = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1), max_length=10, required=False,
        help_text="Versions of this hub that it is used with: a VAE, a ControlNet.",
    )  # fmt: skip
    publish_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="A draft becomes public then, by itself; null: not any more."
    )


class ModelCreateInput(ModelEditInput):
    name = serializers.CharField(max_length=120)


class VersionCreateInput(VersionEditInput):
    model_id = serializers.IntegerField(min_value=1, max_value=2**31 - 1, help_text="A model of yours.")


class ModelEditOutput(serializers.ModelSerializer[Model]):
    tags: Any = serializers.SlugRelatedField(many=True, read_only=True, slug_field="name")
    url = serializers.SerializerMethodField()

    class Meta:
        model = Model
        fields = (
            "id", "slug", "name", "type", "description", "tags", "status", "allow_no_credit", "allow_commercial_use",
            "allow_derivatives", "allow_different_licence", "updated_at", "published_at", "url",
        )  # fmt: skip

    def get_url(self, model: Model) -> str:
        return settings.PUBLIC_URL + model_url(model)


class VersionEditOutput(serializers.ModelSerializer[Version]):
    base = serializers.CharField(source="base.name", read_only=True)
    needs: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Version
        fields = (
            "id", "model_id", "name", "description", "base", "trigger_words", "weight", "weight_min", "weight_max",
            "clip_skip", "hide_training", "needs", "status", "publish_at", "updated_at", "published_at", "url",
        )  # fmt: skip

    def get_url(self, version: Version) -> str:
        return settings.PUBLIC_URL + model_url(version.model, version)


class RefusalOutput(serializers.Serializer[Any]):
    error = serializers.CharField()
    code = serializers.CharField()


def checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    """The validated data. Raises REST framework's ``ValidationError``, which becomes a sentence."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
