"""Civitai's endpoints: each reads its parameters, asks once, and answers in the shapes of `shapes`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import MethodNotAllowed, ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.models import User
from hub.accounts.permissions import reading_methods
from hub.catalog import queries
from hub.catalog.api import ModelCreate, ModelEdit, VersionEdit
from hub.catalog.hashes import hash_remains
from hub.catalog.lists import OFFSET_CAP
from hub.catalog.models import Base, Version
from hub.errors import NotFound, Refused
from hub.origins import public_url
from hub.protocols.civitai import docs, reads, shapes, whole, words
from hub.protocols.civitai.params import (
    AlwaysJson,
    BadParameters,
    Params,
    QuickJson,
    TooManyPages,
    Unauthorized,
    identity,
    same_with,
)

TOO_MANY_PAGES = "You've requested too many pages, please use cursors instead"
MODEL_PICTURES, VERSION_PICTURES, IMAGE_VERSIONS = 20, 10, 20
ANYONE = AnonymousUser()


class Reading(APIView):
    """What Civitai's public endpoints share: anybody may read from anywhere, refusals are ``{"error": …}``."""

    scope, public = "read", True
    content_negotiation_class = AlwaysJson
    renderer_classes = [QuickJson]
    seconds, stale = 300, 150  # how long a cache may keep and reuse what everybody sees

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return Response(status=HTTPStatus.OK)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method not in {*self.allowed_methods, "HEAD"}:  # said to everybody, signed in or not
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, BadParameters):
            return Response(error.body, status=error.status)
        if isinstance(error, MethodNotAllowed):
            return Response({"error": "Method not allowed"}, status=error.status_code)
        if isinstance(error, Refused) and self.request.method in reading_methods(self):
            return Response({"error": error.sentence}, status=error.status)
        return super().handle_exception(error)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Headers"] = "*"
        response["Access-Control-Allow-Methods"] = ", ".join(m for m in self.allowed_methods if m != "OPTIONS")
        response["Vary"] = "Authorization, Cookie"
        anonymous = not request.user.is_authenticated and "token" not in request.GET
        shared = anonymous and response.status_code == HTTPStatus.OK and request.method in {"GET", "HEAD"}
        response["Cache-Control"] = (
            f"public, s-maxage={self.seconds}, stale-while-revalidate={self.stale}" if shared else "private, no-store"
        )
        return response


class ModelList(Reading, ModelCreate):
    scope = "upload"  # to begin one; anybody reads

    @extend_schema(
        operation_id="models_list",
        parameters=docs.MODEL_LIST,
        responses={200: docs.ModelsOutput, **docs.ERRORS},
        tags=["models"],
    )
    def get(self, request: Request) -> Response:
        """Published models, with their versions, files and pictures."""
        params = Params(request.GET)
        _refuse_magic(params)
        wish, nothing = _wish(params, request)
        limit = params.number("limit", least=0, most=100, default=100)
        page = params.number("page", least=1, most=OFFSET_CAP, default=0)
        cursor = params.text("cursor", limit=1000)
        if page and page * limit > OFFSET_CAP and not cursor:
            raise TooManyPages(TOO_MANY_PAGES)
        offset = (page - 1) * limit if page and not cursor else 0
        found = queries.Page() if nothing else queries.model_list(wish, limit=limit, cursor=cursor, offset=offset)
        ids = [model_id for model_id, _ in found.pairs]
        first = bool(params.flag("primaryFileOnly"))
        return Response(
            {
                "items": _models(ids, wish.bases, levels=wish.levels, first_file_only=first),
                "metadata": _metadata(request, found.next_cursor, found.total, limit, page),
            }
        )


def _models(ids: Sequence[int], bases: tuple[str, ...], *, levels: int, first_file_only: bool) -> list[dict[str, Any]]:
    models = whole.models(ANYONE, ids, pictures=MODEL_PICTURES)
    return [
        shapes.model_shape(models[one], bases=bases, levels=levels, first_file_only=first_file_only)
        for one in ids
        if one in models
    ]


def _refuse_magic(params: Params) -> None:
    asked = {base.lower() for base in params.many("baseModels")}
    if asked & words.MAGIC_BASES:
        names = list(Base.objects.filter(hidden=False).order_by("id").values_list("name", flat=True))
        issue = {
            "code": "invalid_enum_value",
            "options": names,
            "path": ["baseModels"],
            "message": "Invalid base model",
        }
        raise BadParameters(
            "baseModels", "Invalid base model", unionErrors=[{"name": "ZodError", "issues": [issue]}], options=names
        )


def _wish(params: Params, request: Request) -> tuple[queries.Wish, bool]:
    """The list's wish, and whether it asks for what no model here can have."""
    creator = params.text("username", "user")
    if creator and not User.objects.filter(username__iexact=creator).exists():
        raise NotFound("User not found")
    for name in ("favorites", "hidden"):
        if name in params and not request.user.is_authenticated:
            raise Unauthorized("Unauthorized")
    types = params.many("types", allowed=words.MODEL_TYPES)
    kind = params.one("checkpointType", ["Trained", "Merge"])
    availability = params.many("availability", allowed=["Public", "Unsearchable", "Private", "EarlyAccess"])
    params.many("status", allowed=["Draft", "Published", "Unpublished", "Scheduled", "Training", "Deleted"])
    params.number("rating", least=0, most=5, default=0)
    params.flag("archived")  # none is; theirs are shown beside the others where it is asked for
    special = ("hidden", "earlyAccess", "newCreators", "isFeatured", "fromPlatform")
    nothing = any(params.flag(name) for name in special) or (kind == "Merge")
    nothing = nothing or bool(availability and "Public" not in availability)
    if kind == "Trained":
        nothing = nothing or bool(types and "Checkpoint" not in types)
        types = ("Checkpoint",)
    tag = params.text("tag", "tagname")
    nsfw = params.flag("nsfw")
    wish = queries.Wish(
        query=params.text("query"),
        types=types,
        bases=params.many("baseModels"),
        tags=(tag,) if tag else (),
        creator=creator,
        can_generate=bool(params.flag("supportsGeneration")),
        commercial=params.many("allowCommercialUse", allowed=words.COMMERCIAL),
        derivatives=params.flag("allowDerivatives"),
        no_credit=params.flag("allowNoCredit"),
        different_licence=params.flag("allowDifferentLicense", "allowDifferentLicenses"),
        formats=params.many("fileFormats", allowed=words.FORMATS),
        ids=_ids(params, request.user),
        version_ids=params.numbers("modelVersionIds"),
        levels=0 if nsfw else 1,
        newer_than=words.PERIODS[params.one("period", words.PERIODS, "AllTime")],
        sort=words.MODEL_SORTS[params.one("sort", words.MODEL_SORTS, "Highest Rated")]
        if "sort" in params or not params.text("query")
        else "",
    )
    return wish, nothing


def _ids(params: Params, user: queries.Person) -> tuple[int, ...] | None:
    """The models that are listed by number: of ``ids``, one's own marks, a collection; None where all may be."""
    given = params.numbers("ids")
    kept = [set(given)] if given is not None else []
    if params.flag("favorites"):
        kept.append(reads.liked(user))
    if params.flag("followed"):
        kept.append(reads.of_followed(user))
    if params.text("collectionId"):
        kept.append(reads.collected(user, identity(params.text("collectionId"), "collectionId")))
    return tuple(sorted(set.intersection(*kept))) if kept else None


def _metadata(request: Request, following: str, total: int, limit: int, page: int) -> dict[str, Any]:
    out: dict[str, Any] = {"totalItems": total, "totalPages": -(-total // limit) if limit else 0}
    if page:
        out |= {"currentPage": page, "pageSize": limit}
        if page > 1:
            out["prevPage"] = same_with(request.path, request.GET, page=page - 1)
    if following:
        out["nextCursor"] = following
        step: dict[str, Any] = {"cursor": following, "page": None}
        if page and (page + 1) * limit <= OFFSET_CAP and "cursor" not in request.GET:
            step = {"page": page + 1}
        out["nextPage"] = same_with(request.path, request.GET, **step)
    return out


class ModelDetail(Reading, ModelEdit):
    scope = "upload"  # to edit; anybody reads

    @extend_schema(operation_id="models_retrieve", responses={200: docs.ModelOutput, **docs.ERRORS}, tags=["models"])
    def get(self, request: Request, model_id: str) -> Response:
        """One model by its id; its owner finds drafts too."""
        number = identity(model_id)
        model = whole.models(request.user, [number], pictures=MODEL_PICTURES).get(number)
        if model is None:
            raise NotFound(f"No model with id {number}")
        return Response(shapes.model_shape(model))


def _version(user: queries.Person, version_id: int) -> dict[str, Any]:
    found = whole.versions(user, [version_id], pictures=VERSION_PICTURES)
    if not found:
        raise NotFound("Model not found")
    if not found[0].version.files:
        raise NotFound("Missing model file")
    return shapes.version_shape(found[0])


class VersionDetail(Reading, VersionEdit):
    scope = "upload"  # to edit; anybody reads

    @extend_schema(
        operation_id="model_versions_retrieve", responses={200: docs.VersionOutput, **docs.ERRORS}, tags=["models"]
    )
    def get(self, request: Request, version_id: str) -> Response:
        """One version by its id."""
        return Response(_version(request.user, identity(version_id)))


class VersionByHash(Reading):
    seconds, stale = 3600, 1800

    @extend_schema(
        operation_id="model_versions_by_hash", responses={200: docs.VersionOutput, **docs.ERRORS}, tags=["models"]
    )
    def get(self, request: Request, hash: str) -> Response:
        """The version of a file, by any of its digests: AutoV1, AutoV2, AutoV3, SHA256, CRC32, BLAKE3."""
        found = whole.version_of_hash(ANYONE, hash, pictures=VERSION_PICTURES)
        if found is not None:
            return Response(shapes.version_shape(found))
        remains = hash_remains(hash)[:1] if settings.TOMBSTONES else []
        if not remains:
            raise NotFound("Model not found")
        version = Version.objects.select_related("model", "base").get(pk=remains[0].version_id)
        return Response(shapes.tombstone_shape(whole.of_tombstone(version)))


def _hashes(request: Request, most: int) -> list[str]:
    body: Any = None
    with suppress(ParseError):  # what cannot be read is no array either
        body = request.data
    good = isinstance(body, list) and len(body) <= most and all(isinstance(v, str) and len(v) == 64 for v in body)
    if not good:
        sentence = f"Request must include an array of SHA256 Hashes. The maximum number of hashes is {most}."
        raise BadList(sentence)
    return list(body)


class BadList(Refused):
    code, status = "bad-list", HTTPStatus.BAD_REQUEST


class VersionsByHash(Reading):
    reading = ("GET", "HEAD", "OPTIONS", "POST")  # a POST only asks here

    @extend_schema(
        operation_id="model_versions_by_hashes",
        request=docs.Hashes,
        responses={200: docs.VersionOutput(many=True), **docs.ERRORS},
        tags=["models"],
    )
    def post(self, request: Request) -> Response:
        """The versions of up to 100 files, by SHA256; what is not here is left out."""
        ids = {match.version_id for match in queries.sha256_matches(_hashes(request, 100))}
        return Response([shapes.version_shape(one) for one in whole.versions(ANYONE, ids, pictures=VERSION_PICTURES)])


class VersionIdsByHash(Reading):
    reading = ("GET", "HEAD", "OPTIONS", "POST")

    @extend_schema(
        operation_id="model_version_ids_by_hashes",
        request=docs.Hashes,
        responses={200: docs.VersionIdOutput(many=True), **docs.ERRORS},
        tags=["models"],
    )
    def post(self, request: Request) -> Response:
        """Only the ids, of up to 10,000 files, by SHA256."""
        wanted = _hashes(request, 10_000)
        found: dict[tuple[int, str], dict[str, Any]] = {}
        for start in range(0, len(wanted), 2000):  # one index scan each; larger ones cost more than they save
            for match in queries.sha256_matches(wanted[start : start + 2000]):
                digest = bytes(match.digest).hex().upper()
                row = {"modelVersionId": match.version_id, "modelId": match.model_id, "hash": digest}
                found.setdefault((match.version_id, digest), row)
        return Response(list(found.values()))


class ImageList(Reading):
    @extend_schema(
        operation_id="images_list",
        parameters=docs.IMAGE_LIST,
        responses={200: docs.ImagesOutput, **docs.ERRORS},
        tags=["pictures"],
    )
    def get(self, request: Request) -> Response:
        """Pictures of the gallery, with their recipes where ``withMeta`` asks for them."""
        params = Params(request.GET)
        wish = _image_wish(params)
        limit = params.number("limit", least=0, most=200, default=100)
        page = params.number("page", least=1, most=OFFSET_CAP, default=0)
        cursor = params.text("cursor", limit=1000)
        if page and page * limit > OFFSET_CAP and not cursor:
            raise TooManyPages(TOO_MANY_PAGES)
        offset = (page - 1) * limit if page and not cursor else 0
        pictures, following = reads.images(request.user, wish, limit=limit, cursor=cursor, offset=offset)
        metadata: dict[str, Any] = {"currentPage": page, "pageSize": limit} if page else {}
        if following:
            metadata["nextCursor"] = following
            metadata["nextPage"] = same_with(request.path, request.GET, cursor=following, page=None)
        return Response({"items": _images(request, pictures, params), "metadata": metadata})


def _images(request: Request, pictures: list[Any], params: Params) -> list[dict[str, Any]]:
    ids = reads.version_ids_in(request.user, pictures) if params.flag("withMeta") else {}
    versions = reads.versions_of(pictures)
    # Two forms of `meta` are in use: nested where one picture or a whole model is asked for, flat elsewhere.
    nested = not params.flag("flatMeta") and (
        "imageId" in params or ("modelId" in params and "modelVersionId" not in params)
    )
    items = []
    for picture in pictures:
        meta: dict[str, Any] | None = None
        if params.flag("withMeta"):
            flat = shapes.picture_meta(picture, ids)
            meta = {"id": picture.pk, "meta": flat} if nested else flat
        item = shapes.image_shape(picture, versions=versions.get(picture.pk, [])[:IMAGE_VERSIONS], meta=meta)
        items.append(item | ({"tags": []} if params.flag("withTags") else {}))
    return items


def _image_wish(params: Params) -> reads.ImageWish:
    def id_of(name: str) -> int | None:
        return identity(params.text(name), name) if params.text(name) else None

    params.flag("requiringMeta")  # every picture here has its recipe
    return reads.ImageWish(
        model_id=id_of("modelId"),
        version_id=id_of("modelVersionId"),
        image_id=id_of("imageId"),
        post_id=id_of("postId"),
        username=params.text("username"),
        user_id=id_of("userId"),
        bases=params.many("baseModels"),
        levels=_levels(params),
        days=words.PERIODS[params.one("period", words.PERIODS, "AllTime")],
        sort=params.one("sort", words.IMAGE_SORTS, "Most Reactions"),
        # Nothing here is tagged, or moves.
        nothing=bool(params.numbers("tags")) or params.one("type", ["image", "video", "audio"], "image") != "image",
    )


def _levels(params: Params) -> int:
    if params.text("browsingLevel"):
        return params.number("browsingLevel", least=1, most=63, default=1)
    word = params.text("nsfw").lower()
    if word in words.LEVELS_NAMED:
        return words.LEVELS_NAMED[word]
    return 60 if params.flag("nsfw") else 1


class CreatorList(Reading):
    @extend_schema(
        operation_id="creators_list",
        parameters=docs.PAGED,
        responses={200: docs.CreatorsOutput, **docs.ERRORS},
        tags=["people"],
    )
    def get(self, request: Request) -> Response:
        """People who published models."""
        params = Params(request.GET)
        limit, page = _paging(params)
        rows, total = reads.creators(params.text("query"), limit=limit, offset=(page - 1) * limit)
        for row in rows:
            row["link"] = f"{public_url()}/api/v1/models?username={row['username']}"
        return Response({"items": rows, "metadata": _paged(request, total, limit, page)})


class TagList(Reading):
    @extend_schema(
        operation_id="tags_list",
        parameters=docs.PAGED,
        responses={200: docs.TagsOutput, **docs.ERRORS},
        tags=["models"],
    )
    def get(self, request: Request) -> Response:
        """Tags of published models."""
        params = Params(request.GET)
        limit, page = _paging(params)
        rows, total = reads.tags(params.text("query").lower(), limit=limit, offset=(page - 1) * limit)
        for row in rows:
            row["link"] = same_with("/api/v1/models", request.GET.__class__(), tag=row["name"])
        return Response({"items": rows, "metadata": _paged(request, total, limit, page)})


def _paging(params: Params) -> tuple[int, int]:
    return (
        params.number("limit", least=1, most=200, default=20),
        params.number("page", least=1, most=100_000, default=1),
    )


def _paged(request: Request, total: int, limit: int, page: int) -> dict[str, Any]:
    pages = max(1, -(-total // limit))
    out: dict[str, Any] = {"totalItems": total, "currentPage": page, "pageSize": limit, "totalPages": pages}
    if page < pages:
        out["nextPage"] = same_with(request.path, request.GET, page=page + 1)
    if page > 1:
        out["prevPage"] = same_with(request.path, request.GET, page=page - 1)
    return out | {"hasMore": page < pages}


class EnumList(Reading):
    @extend_schema(operation_id="enums", responses={200: docs.EnumsOutput}, tags=["models"])
    def get(self, request: Request) -> Response:
        """The words that filters take."""
        bases = list(Base.objects.order_by("id").values_list("name", "hidden"))
        return Response(
            {
                "ModelType": words.MODEL_TYPES,
                "ModelFileType": words.FILE_TYPES,
                "ActiveBaseModel": [name for name, hidden in bases if not hidden],
                "BaseModel": [name for name, _ in bases],
                "BaseModelType": words.BASE_MODEL_TYPES,
            }
        )


class Me(Reading):
    @extend_schema(operation_id="me", responses={200: docs.MeOutput, **docs.ERRORS}, tags=["people"])
    def get(self, request: Request) -> Response:
        """Who the token or session belongs to."""
        if not isinstance(request.user, User):
            raise Unauthorized("Unauthorized")
        user = request.user
        return Response(
            {
                "id": user.pk,
                "username": user.username,
                "tier": "free",
                "status": "active",
                "isMember": False,
                "subscriptions": [],
                "email": user.email or None,
            }
        )
