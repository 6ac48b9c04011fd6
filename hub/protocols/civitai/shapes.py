"""Rows of the catalogue in the shapes of Civitai's API: every key always there, whole numbers never null."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hub.catalog.markdown import rendered
from hub.catalog.models import Model, Version
from hub.catalog.queries import DRAWN_FAMILIES, hashes_named, is_quantised, served_name
from hub.catalog.serializers import air_of, file_url, warnings_in
from hub.gallery.models import Picture
from hub.origins import public_url
from hub.protocols.civitai.whole import Alone, FileRow, ModelRow, PictureRow, VersionRow
from hub.protocols.civitai.words import LEVEL_WORDS, STATUS

# Of a model; everything else is public, or told of as if it were.
AVAILABILITY: dict[str, str] = {Model.Status.UNLISTED: "Unsearchable", Model.Status.DRAFT: "Private"}
GREY = "00Eyb["  # the blurhash of plain grey, for pictures of before there was one


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and Z."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def file_name(file: FileRow, version: VersionRow, model: ModelRow) -> str:
    return served_name(
        file.name, kind=file.kind, type=model.type, model=model.name, version=version.name,
        words=version.trigger_words, variant=version.variant,
    )  # fmt: skip


def file_shape(file: FileRow, version: VersionRow, model: ModelRow) -> dict[str, Any]:
    return {
        "id": file.id,
        "sizeKB": file.size / 1024,
        "name": file_name(file, version, model),
        "overrideName": None,
        "type": file.kind,
        "pickleScanResult": "Success",  # only accepted files come here
        "pickleScanMessage": "No Pickle imports" if file.format == "SafeTensor" else None,
        "virusScanResult": "Success",
        "virusScanMessage": " ".join(warnings_in(file.findings)) or None,
        "scannedAt": iso(file.scanned_at),
        "metadata": _metadata(file),
        "hashes": hashes_named(file.digests, file.sha256),
        "downloadUrl": file_url(version.id, file.id, primary=file.primary),
        "primary": file.primary,
    }


def _metadata(file: FileRow) -> dict[str, Any]:
    """What sets a file apart from others of its version. A quantised one is of llama.cpp's type, and has no ``fp``."""
    told = {"format": file.format, "size": file.size_kind or None}
    if is_quantised(file.format, file.precision):
        return told | {"fp": None, "quantType": file.precision or None}
    return told | {"fp": file.precision or None}


def picture_address(picture: Picture | PictureRow) -> str:
    """The absolute address of a picture, in Civitai's grammar: key, transformations, name."""
    return f"{public_url()}/image/{picture.sha256}/original=true/{picture.pk}.png"


def picture_shape(picture: PictureRow) -> dict[str, Any]:
    """A version's picture as it stands inside a model."""
    return {
        "id": picture.pk,
        "url": picture_address(picture),
        "nsfwLevel": picture.level,
        "width": picture.width,
        "height": picture.height,
        "hash": picture.blurhash or GREY,
        "type": "image",
        "minor": False,
        "poi": False,
        "hasMeta": picture.has_recipe,
        "hasPositivePrompt": picture.has_prompt,
        "onSite": True,
        "remixOfId": None,
    }


def picture_meta(picture: Picture | PictureRow, version_ids: Mapping[str, int]) -> dict[str, Any]:
    """A picture's recipe in Civitai's flat keys. ``version_ids``: of the files in it, by SHA-256."""
    recipe = picture.recipe
    uses = [(use, use.get("sha256", "")) for use in recipe.get("uses", ())]
    hashes = {"model": recipe.get("base", "")[:10]}
    hashes |= {f"{use.get('kind', '')}:{use.get('name', '')}": sha[:10] for use, sha in uses}
    named = [("model", recipe.get("base_name", ""), recipe.get("base", ""), None)]
    named += [(use.get("kind", ""), use.get("name", ""), sha, use.get("weight")) for use, sha in uses]
    return {
        "prompt": recipe.get("prompt", ""),
        "negativePrompt": recipe.get("negative", ""),
        "steps": recipe.get("steps"),
        "sampler": recipe.get("sampler"),
        "cfgScale": recipe.get("cfg"),
        "seed": recipe.get("seed"),
        "Size": f"{picture.width}x{picture.height}",
        "clipSkip": recipe.get("clip_skip", 1),
        "Model": recipe.get("base_name", ""),
        "Model hash": recipe.get("base", "")[:10],
        "hashes": hashes,
        "resources": [
            {"type": kind, "name": name, "hash": sha[:10]} | ({} if weight is None else {"weight": weight})
            for kind, name, sha, weight in named
        ],
        "civitaiResources": [
            {"type": "checkpoint" if kind == "model" else kind, "modelVersionId": version_ids[sha]}
            | ({} if weight is None else {"weight": weight})
            for kind, _, sha, weight in named
            if sha in version_ids
        ],
    }


def picture_in_version(picture: PictureRow, version_ids: Mapping[str, int]) -> dict[str, Any]:
    """A picture as the version endpoints have it: without ``id``, with its recipe."""
    shape = picture_shape(picture)
    del shape["id"]
    measures = {"hash": picture.blurhash or GREY, "size": None, "width": picture.width, "height": picture.height}
    return shape | {"metadata": measures, "meta": picture_meta(picture, version_ids), "availability": "Public"}


def version_in_model(
    version: VersionRow, model: ModelRow, *, levels: int = 0, first_file_only: bool = False
) -> dict[str, Any]:
    """A version as it stands inside its model. ``levels``: the mask of pictures to show; 0: all."""
    files = version.files
    if first_file_only:
        files = [file for file in files if file.primary] or files[:1]
    drawn = version.family in DRAWN_FAMILIES and any(file.adapter for file in files)
    level = 0
    for picture in version.pictures:
        level |= picture.level
    return {
        "id": version.id,
        "index": version.index,
        "name": version.name,
        "baseModel": version.base,
        "baseModelType": version.variant or None,
        "createdAt": iso(version.created_at),
        "publishedAt": iso(version.published_at),
        "status": STATUS[version.status],
        "availability": "Public" if version.status == Version.Status.PUBLISHED else "Private",
        "nsfwLevel": level or 1,
        "description": rendered(version.description) or None,
        "trainedWords": version.trigger_words,
        "vaeId": None,
        "supportsGeneration": drawn,
        "covered": drawn,
        "flags": 0,
        "paidAccess": None,
        "earlyAccessDeadline": None,
        "earlyAccessEndsAt": None,
        "stats": {
            "downloadCount": version.downloads,
            "ratingCount": 0,
            "rating": 0,
            "thumbsUpCount": 0,
            "thumbsDownCount": 0,
        },
        "files": [file_shape(file, version, model) for file in files],
        "images": [picture_shape(one) for one in version.pictures if not levels or one.level & levels],
        "downloadUrl": file_url(version.id, 0, primary=True),
    }


def model_shape(
    model: ModelRow, *, bases: Iterable[str] = (), levels: int = 0, first_file_only: bool = False
) -> dict[str, Any]:
    """A model read whole. ``bases`` narrows its versions, ``levels`` (a mask; 0: all) the pictures that are shown."""
    narrowed = {base.lower() for base in bases}
    versions = [
        version_in_model(version, model, levels=levels, first_file_only=first_file_only)
        for version in model.versions
        if version.files and (not narrowed or version.base.lower() in narrowed)
    ]
    taken_down = {"mode": "TakenDown"} if model.status == Model.Status.TAKEN_DOWN else {}
    return {
        "id": model.id,
        "name": model.name,
        "description": "" if taken_down else rendered(model.description),
        "type": model.type,
        "poi": False,
        "minor": False,
        "sfwOnly": False,
        "nsfw": model.level > 3,
        "nsfwLevel": model.level,
        "allowNoCredit": model.allow_no_credit,
        "allowCommercialUse": model.allow_commercial_use,
        "allowDerivatives": model.allow_derivatives,
        "allowDifferentLicense": model.allow_different_licence,
        "availability": AVAILABILITY.get(model.status, "Public"),
        **taken_down,
        "supportsGeneration": any(version["supportsGeneration"] for version in versions),
        "cosmetic": None,
        "baseModels": list(dict.fromkeys(version["baseModel"] for version in versions)),
        "userId": model.owner_id,
        "stats": {
            "downloadCount": model.downloads,
            "favoriteCount": 0,
            "thumbsUpCount": model.likes,
            "thumbsDownCount": model.dislikes,
            "commentCount": model.comments,
            "ratingCount": 0,
            "rating": 0,
            "tippedAmountCount": 0,
        },
        "creator": {"username": model.owner, "image": None},
        "tags": model.tags,
        "modelVersions": versions,
    }


def version_shape(alone: Alone) -> dict[str, Any]:
    """A version read whole, on its own: as by id and by hash."""
    version, model = alone.version, alone.model
    inside = version_in_model(version, model)
    kept = ("id", "index", "name", "nsfwLevel", "createdAt", "status", "publishedAt", "trainedWords", "baseModel",
            "baseModelType", "description", "vaeId", "supportsGeneration", "paidAccess", "earlyAccessDeadline",
            "earlyAccessEndsAt", "availability", "stats", "files", "downloadUrl")  # fmt: skip
    return {
        **{name: inside[name] for name in kept},
        "modelId": model.id,
        "updatedAt": iso(version.updated_at),
        "trainingStatus": None,
        "trainingDetails": alone.training,
        "earlyAccessConfig": {},
        "uploadType": "Created",
        "usageControl": "Download",
        "licensingFee": None,
        "air": air_of(version.ecosystem, model.type, model.id, version.id, alone.origin),
        "model": {"name": model.name, "type": model.type, "nsfw": model.level > 3, "poi": False},
        "images": [picture_in_version(picture, alone.version_ids) for picture in version.pictures],
    }


def tombstone_shape(alone: Alone) -> dict[str, Any]:
    """What is still told of a version that was taken down, to whoever has its file: its name, trigger words, licence.
    Its files, pictures and texts are gone."""
    shape = version_shape(alone)
    del shape["downloadUrl"]
    model = alone.model
    licence = {
        "allowNoCredit": model.allow_no_credit,
        "allowCommercialUse": model.allow_commercial_use,
        "allowDerivatives": model.allow_derivatives,
        "allowDifferentLicense": model.allow_different_licence,
    }
    gone = {"status": STATUS[Version.Status.TAKEN_DOWN], "description": None, "supportsGeneration": False}
    return shape | gone | {"model": shape["model"] | {"mode": "TakenDown"} | licence}


def image_shape(picture: Picture, *, versions: Sequence[Version], meta: dict[str, Any] | None) -> dict[str, Any]:
    """A picture as ``/images`` has it, where the level is a word."""
    word = LEVEL_WORDS.get(picture.level, "None")
    base = next((version.base.name for version in versions), picture.recipe.get("base_name") or None)
    return {
        "id": picture.pk,
        "url": picture_address(picture),
        "hash": picture.blurhash or GREY,
        "width": picture.width,
        "height": picture.height,
        "nsfwLevel": word,
        "nsfw": word != "None",
        "browsingLevel": picture.level,
        "type": "image",
        "createdAt": iso(picture.created_at),
        "postId": picture.pk,  # some clients take no null: each is a post of its own
        "stats": {
            "cryCount": 0,
            "laughCount": 0,
            "likeCount": picture.likes,
            "dislikeCount": 0,
            "heartCount": 0,
            "commentCount": getattr(picture, "said", 0),
        },
        "meta": meta,
        "username": picture.owner.username if picture.owner else None,
        "baseModel": base,
        "modelVersionIds": [version.pk for version in versions],
    }
