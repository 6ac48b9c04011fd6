"""What may be read of the catalogue, and by whom. What a person may not see is, for them, not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.accounts.queries import acts_for, groups_of
from hub.catalog import links
from hub.catalog.facets import Facet, Facets, every
from hub.catalog.hashes import AUTOV3_HEX, civitai_crc32, hash_begun, hash_matches, names_nothing, sha256_matches
from hub.catalog.listings import DRAWN_FAMILIES, STACKED, STEERING
from hub.catalog.lists import BadCursor, Page, model_list
from hub.catalog.models import Digest, File, Model, Version
from hub.catalog.wishes import Wish, without_filters
from hub.catalog.words import camel, folded
from hub.errors import NotFound, Refused

__all__ = [
    "STACKED",
    "BadCursor",
    "Facet",
    "Facets",
    "FileNotFound",
    "Page",
    "Wish",
    "adapters_for_tryit",
    "bases_for_tryit",
    "download_name",
    "every",
    "file_for",
    "file_hashes",
    "files_by_sha256",
    "hash_begun",
    "hash_matches",
    "model_detail",
    "model_list",
    "sha256_matches",
    "steering_for_tryit",
    "vaes_for_tryit",
    "version_visible",
    "without_filters",
]

Person = User | AnonymousUser


class FileNotFound(NotFound):
    code = "file-not-found"


class TakenDown(Refused):
    code, status = "taken-down", HTTPStatus.GONE


def moderates(user: Person) -> bool:
    """Whether ``user`` is a moderator or an admin."""
    return isinstance(user, User) and user.is_moderator


def _own(user: Person, path: str) -> Q:
    """What is the user's own, or a group's that they belong to."""
    if not isinstance(user, User):
        return Q(pk__in=[])
    return Q(**{path: user.pk}) | Q(**{f"{path}__in": groups_of(user)})


def linked(path: str = "") -> Q:
    """Unlisted models whose link the present request holds."""
    held = links.held()
    if not held:
        return Q(pk__in=[])
    return Q(**{f"{path}status": Model.Status.UNLISTED, f"{path}link_key__in": held})


def may_edit(user: Person, model: Model) -> bool:
    """Its owner may, of a group its owners and editors, and moderators."""
    return isinstance(user, User) and (moderates(user) or acts_for(user, model.owner))


def models_visible(user: Person) -> QuerySet[Model]:
    """Published models and what remains of those taken down; drafts to their owner and moderators only, unlisted ones
    also to those who have their link."""
    models = Model.objects.exclude(status=Model.Status.DELETED)
    if moderates(user):
        return models
    shown = Q(status__in=[Model.Status.PUBLISHED, Model.Status.TAKEN_DOWN])
    return models.filter(shown | linked() | _own(user, "owner"))


def versions_visible(user: Person) -> QuerySet[Version]:
    """Published versions of published models; drafts to their owner and moderators only."""
    gone = Q(status=Version.Status.DELETED) | Q(model__status=Model.Status.DELETED)
    versions = Version.objects.exclude(gone)
    if moderates(user):
        return versions
    published = Q(status=Version.Status.PUBLISHED, model__status=Model.Status.PUBLISHED)
    published |= Q(linked("model__"), status=Version.Status.PUBLISHED)
    return versions.filter(published | _own(user, "model__owner"))


def files_visible(user: Person) -> QuerySet[File]:
    """Accepted files of versions that ``user`` may see; refused and unknown ones to their owner only."""
    files = File.objects.exclude(version__status=Version.Status.DELETED).exclude(
        version__model__status__in=[Model.Status.DELETED, Model.Status.TAKEN_DOWN]
    )
    accepted = Q(verdict=File.Verdict.ACCEPTED)
    if not moderates(user):
        public = Q(version__model__status=Model.Status.PUBLISHED) | linked("version__model__")
        accepted &= Q(public, version__status=Version.Status.PUBLISHED)
    return files.filter(accepted | _own(user, "version__model__owner"))


def model_detail(user: Person, model_id: int) -> Model:
    """A model with ``owner``, ``stat``, ``tags`` and ``shown_versions``, each with ``shown_files`` and their digests.

    Five statements, whatever it holds. Raises `NotFound` where there is none, or none that ``user`` may see.
    """
    shown = Prefetch("versions", _versions_with_files(user).order_by("index", "-id"), to_attr="shown_versions")
    models = models_visible(user).select_related("owner", "stat").prefetch_related("tags", shown)
    model = models.filter(pk=model_id).first() if 0 < model_id < 2**31 else None
    if model is None:
        raise NotFound(f"No model with id {model_id}")
    return model


def _versions_with_files(user: Person) -> QuerySet[Version]:
    files = Prefetch(
        "files",
        files_visible(user).select_related("blob", "source").prefetch_related("digests").order_by("-primary", "id"),
        to_attr="shown_files",
    )
    return versions_visible(user).select_related("base", "stat").prefetch_related(files)


def version_visible(user: Person, version_id: int) -> Version:
    """A version that ``user`` may see, with its model and base. Raises `NotFound`."""
    versions = versions_visible(user).select_related("model__owner", "base")
    version = versions.filter(pk=version_id).first() if 0 < version_id < 2**31 else None
    if version is None:
        raise NotFound(_("There is no such version."))
    return version


def number(value: str) -> int:
    """An id out of an address. Raises `NotFound` for what cannot be one."""
    if not (value.isascii() and value.isdigit() and len(value) < 11):
        raise NotFound(_("There is nothing with that id."))
    return int(value)


def model_mine(user: Person, model_id: int) -> Model:
    """A model that ``user`` may edit. Raises `NotFound`, for a model of others too."""
    model = model_detail(user, model_id)
    if not may_edit(user, model):
        raise NotFound(f"No model with id {model_id}")
    return model


def version_mine(user: Person, version_id: int) -> Version:
    """A version that ``user`` may edit. Raises `NotFound`, for a version of others too."""
    version = version_visible(user, version_id)
    if not may_edit(user, version.model):
        raise NotFound(_("There is no such version."))
    return version


def file_for(
    user: Person,
    version_id: int,
    *,
    type: str = "",
    format: str = "",
    size: str = "",
    fp: str = "",
    quant_type: str = "",
    file_id: int | None = None,
) -> File:
    """The file of a version that fits a wish best: main weights, then format, size and precision.

    Nothing wished: the primary kind, safetensors before others, pruned before full, fp16 before fp32. A wish that the
    best file contradicts is `FileNotFound`, as is everything that ``user`` may not see.
    """
    files = files_visible(user).select_related("version__model__owner", "version__base", "blob")
    candidates = list(files.filter(version_id=version_id)) if 0 < version_id < 2**31 else []
    if file_id is not None:
        candidates = [file for file in candidates if file.pk == file_id]
    if not candidates:
        raise FileNotFound("File not found")
    wish = {"kind": type, "format": format, "size_kind": size, "precision": fp, "quant": quant_type}
    best = max(candidates, key=lambda file: (_score(file, wish), -file.pk))
    if file_id is None and any(asked and _trait(best, name) != asked.lower() for name, asked in wish.items()):
        raise FileNotFound("File not found")
    return best


def _trait(file: File, name: str) -> str:
    if name in {"precision", "quant"} and (name == "quant") != is_quantised(file.format, file.precision):
        return ""
    return str(getattr(file, "precision" if name == "quant" else name)).lower()


def is_quantised(format: str, precision: str) -> bool:
    """Whether ``precision`` is one of llama.cpp's types of packed numbers (Q4_K_M), and no kind of floating number."""
    return format == "GGUF" and bool(precision) and not precision.lower().startswith(("f", "bf", "mixed"))


class SignInToDownload(Refused):
    code, status = "sign-in-to-download", HTTPStatus.UNAUTHORIZED


def download_check(user: Person, model: Model) -> None:
    """Raises `SignInToDownload` where files of ``model`` are for people with an account, and this is nobody."""
    if not user.is_authenticated and (settings.DOWNLOADS_SIGN_IN or model.sign_in_to_download):
        raise SignInToDownload("The creator of this asset requires you to be logged in to download it")


def _score(file: File, wish: dict[str, str]) -> float:
    """Civitai's order of preference: 1000 for the kind, ±100 format, ±10 size, ±1 precision, ±0.5 quantisation."""
    usual = {"kind": "Model", "format": "SafeTensor", "size_kind": "pruned", "precision": "fp16", "quant": "q4_k_m"}
    worth = {"kind": 1000.0, "format": 100.0, "size_kind": 10.0, "precision": 1.0, "quant": 0.5}
    score = 0.25 if file.primary else 0.0
    for name, points in worth.items():
        has, asked = _trait(file, name), (wish[name] or usual[name]).lower()
        if has:
            score += points if has == asked else -points
    return score


def download_name(file: File) -> str:
    """The name that a file is served under; see `served_name`."""
    version, model = file.version, file.version.model
    return served_name(
        file.name, kind=file.kind, type=model.type, model=model.name, version=version.name,
        words=version.trigger_words, variant=version.base_variant,
    )  # fmt: skip


def served_name(
    name: str, *, kind: str, type: str, model: str, version: str, words: Sequence[str], variant: str
) -> str:
    """A file's name by Civitai's rules: LoRAs and VAEs keep theirs, the word of an inversion is its name, everything
    else is called after its model and version."""
    own = name.rsplit("/", 1)[-1]  # one pushed to a repository is named by its path
    _, dot, ending = own.rpartition(".")
    ending = f".{ending}" if dot else ""
    if type in {Model.Type.LORA, Model.Type.LOCON, Model.Type.DORA} or kind == "VAE":
        return own
    if type == Model.Type.TEXTUAL_INVERSION and words:
        word = re.sub(r"[^\w.-]+", "_", words[0]).strip("._")
        suffix = "-neg" if kind == "Negative" else ""
        return f"{word}{suffix}{ending}" if word else own
    told = {"Inpainting": "-inpainting", "Pix2Pix": ".instruct-pix2pix"}.get(variant, "")
    called = "_".join(filter(None, [camel(model), camel(version)]))
    return f"{called}{told}{ending}" if called else own


def file_hashes(file: File) -> dict[str, str]:
    """Digests by the names people know; see `hashes_named`. Reads ``digests`` as prefetched."""
    return hashes_named(((digest.kind, bytes(digest.digest).hex()) for digest in file.digests.all()), file.blob_id)


def hashes_named(digests: Iterable[tuple[int, str]], sha256: str) -> dict[str, str]:
    """Digests (kind, hex) by the names people know, upper case, CRC32 in Civitai's byte order."""
    stored = dict(digests)
    sha256 = stored.get(Digest.Kind.SHA256, sha256)
    named = {
        "AutoV1": stored.get(Digest.Kind.AUTOV1, ""),
        "AutoV2": sha256[:10],
        "AutoV3": stored.get(Digest.Kind.AUTOV3, ""),
        "SHA256": sha256,
        "CRC32": civitai_crc32(stored[Digest.Kind.CRC32]) if Digest.Kind.CRC32 in stored else "",
        "BLAKE3": stored.get(Digest.Kind.BLAKE3, ""),
    }
    return {name: value.upper() for name, value in named.items() if value}


def files_by_sha256(user: Person, shas: Iterable[str]) -> dict[str, File]:
    """Accepted files that ``user`` may see, by SHA-256 (lower case); of several the first published, then lowest id."""
    wanted = {sha.lower() for sha in shas}
    files = files_visible(user).filter(blob_id__in=wanted, verdict=File.Verdict.ACCEPTED)
    found: dict[str, File] = {}
    ordered = files.order_by(F("version__published_at").asc(nulls_last=True), "id")
    for file in ordered.select_related("version__model__owner", "version__base", "blob"):
        found.setdefault(file.blob_id, file)
    return found


def file_of_same_tensors(user: Person, autov3: str, *, but: str) -> File | None:
    """An accepted file that ``user`` may see with the tensors of AutoV3 ``autov3`` and another SHA-256 than ``but``:
    the same weights, other metadata. The first published, then the lowest id."""
    if names_nothing(autov3):
        return None
    same = Digest.objects.filter(kind=Digest.Kind.AUTOV3, digest=bytes.fromhex(autov3[:AUTOV3_HEX]))
    files = files_visible(user).filter(pk__in=same.values("file_id"), verdict=File.Verdict.ACCEPTED)
    files = files.exclude(blob_id=but).order_by(F("version__published_at").asc(nulls_last=True), "id")
    return files.select_related("version__model__owner", "version__base", "blob").first()


def _for_tryit(user: Person, query: str) -> QuerySet[File]:
    files = files_visible(user).filter(verdict=File.Verdict.ACCEPTED)
    mine = _own(user, "version__model__owner")
    public = Q(version__status=Version.Status.PUBLISHED, version__model__status=Model.Status.PUBLISHED)
    files = files.filter(public | mine)  # a moderator sees drafts, and does not draw with them
    if query.strip():
        found = Q(version__model__text__plain__contains=folded(query).strip())
        # Drafts have no text to search in; one's own are few, and asked for first, so that the rest keeps its index.
        if own := list(Model.objects.filter(_own(user, "owner"), name__icontains=query.strip()).values_list("pk")[:50]):
            found |= Q(version__model__in=[pk for (pk,) in own])
        files = files.filter(found)
    return files.select_related("version__model__owner", "version__model__stat", "version__base", "blob").order_by(
        F("version__published_at").desc(nulls_last=True), "-id"
    )


def bases_for_tryit(user: Person, query: str = "", *, most: int = 200) -> list[File]:
    """Checkpoints that pictures can be drawn on: accepted, published or the user's own; those that draw from words
    alone first (an inpainting one wants a picture), each newest first."""
    files = _for_tryit(user, query).filter(adapter="base", version__base__family__in=DRAWN_FAMILIES)
    return sorted(files[:most], key=lambda file: file.version.base_variant != "Standard")


def steering_for_tryit(user: Person, family: str, *, most: int = 200) -> list[File]:
    """ControlNets and the like for bases of a family, as `adapters_for_tryit`."""
    return list(_for_tryit(user, "").filter(version__base__family=family, adapter__in=STEERING)[:most])


def vaes_for_tryit(user: Person, *, most: int = 200) -> list[File]:
    """Autoencoders that can be drawn with, as `adapters_for_tryit`."""
    return list(_for_tryit(user, "").filter(adapter="vae").exclude(format="GGUF")[:most])


def adapters_for_tryit(user: Person, family: str, query: str = "", *, most: int = 200) -> list[File]:
    """Adapters of a base family that can be stacked: accepted, published or the user's own, newest first."""
    files = _for_tryit(user, query).filter(version__base__family=family).filter(adapter__in=STACKED)
    return list(files[:most])


def hashes_left(model: Model) -> list[tuple[str, str]]:
    """The SHA-256 of the files that a model had before it was taken down, each with its name."""
    files = File.objects.filter(version__model=model).exclude(version__status=Version.Status.DELETED)
    return [
        (name.rsplit("/", 1)[-1][:40], sha) for name, sha in files.order_by("id").values_list("name", "blob_id")[:20]
    ]


def stat_of(thing: Model | Version) -> Any:
    """A model's or version's totals, or zeroes where nothing was counted yet."""
    return getattr(thing, "stat", None) or _NONE_YET


class _Nothing:
    downloads = likes = pictures = 0


_NONE_YET = _Nothing()
