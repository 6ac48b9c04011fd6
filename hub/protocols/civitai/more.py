"""The smaller endpoints of Civitai's API: a worker's look at a version, people, permissions, collections."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.models import User
from hub.catalog import queries
from hub.catalog.models import File, Version
from hub.catalog.queries import files_visible, hashes_named, models_visible, versions_visible
from hub.catalog.serializers import air_of, file_url
from hub.community.api import CollectionCreate, CollectionEdit
from hub.community.models import Collection
from hub.errors import NotFound
from hub.gallery.models import Picture
from hub.gallery.queries import pictures_for
from hub.protocols.civitai import docs, shapes, whole
from hub.protocols.civitai.params import BadParameters, Params, identity, same_with
from hub.protocols.civitai.views import Reading
from hub.tryit.stacks import accepted_file

MOST_IDS = 100


class VersionMini(Reading):
    @extend_schema(
        operation_id="model_versions_mini",
        parameters=[OpenApiParameter("modelFileId", int, description="One of its files; by default the primary one.")],
        responses={200: docs.VersionMiniOutput, **docs.ERRORS},
        tags=["models"],
    )
    def get(self, request: Request, version_id: str) -> Response:
        """What a program that draws needs to know of a version. Its owner sees drafts too."""
        params = Params(request.GET)
        found = whole.versions(request.user, [identity(version_id)], pictures=0)
        if not found:
            raise NotFound("Model not found")
        version = found[0].version
        files = version.files
        if wanted := params.text("modelFileId"):
            files = [file for file in files if file.id == identity(wanted, "modelFileId")]
        if not files:
            raise NotFound("Missing model file")
        draws = version.family in queries.DRAWN_FAMILIES and accepted_file(request.user, version.id) is not None
        return Response(_mini(found[0], files[0], draws=draws))


def _mini(alone: whole.Alone, file: whole.FileRow, *, draws: bool) -> dict[str, Any]:
    version, model = alone.version, alone.model
    public = version.status == Version.Status.PUBLISHED
    return {
        "air": air_of(version.ecosystem, model.type, model.id, version.id, alone.origin),
        "versionName": version.name,
        "modelName": model.name,
        "userId": model.owner_id,
        "baseModel": version.base,
        "availability": "Public" if public else "Private",
        "publishedAt": shapes.iso(version.published_at),
        "size": file.size / 1024,
        "fileType": file.kind,
        "fileName": shapes.file_name(file, version, model),
        "hashes": hashes_named(file.digests, file.sha256),
        "downloadUrls": [file_url(version.id, file.id, primary=file.primary)],
        "format": file.format or None,
        "canGenerate": draws,
        "isFeatured": False,
        "requireAuth": not public or model.sign_in_to_download or settings.DOWNLOADS_SIGN_IN,
        "checkPermission": False,
        "additionalResourceCharge": False,
        "minor": False,
        "sfwOnly": False,
        "fees": [],
        "payoutEnabled": False,
    }


class TensorMetadata(Reading):
    @extend_schema(
        operation_id="model_files_tensor_metadata",
        responses={200: docs.TensorMetadataOutput, **docs.ERRORS},
        tags=["models"],
    )
    def get(self, request: Request, file_id: str) -> Response:
        """How many numbers of which kind a file holds. The tensors by name stand in its first bytes."""
        number = identity(file_id)
        files = files_visible(request.user).filter(verdict=File.Verdict.ACCEPTED).select_related("blob")
        file = files.filter(pk=number).first()
        if file is None:
            raise NotFound(f"No file with id {number}")
        told = file.summary
        return Response(
            {
                "id": file.pk,
                "modelVersionId": file.version_id,
                "format": file.format,
                "tensorCount": told.get("tensors"),
                "parameterCount": told.get("parameters"),
                "dtypes": told.get("dtypes") or {},
                "estimatedVramBytes": file.blob.size,
            }
        )


class UserList(Reading):
    @extend_schema(
        operation_id="users_list",
        parameters=[
            OpenApiParameter("ids", str, description="Ids, parted by commas"),
            OpenApiParameter("query", str, description="How the name begins"),
        ],
        responses={200: docs.UsersOutput, **docs.ERRORS},
        tags=["people"],
    )
    def get(self, request: Request) -> Response:
        """People by id, or by how their name begins: five of them."""
        params = Params(request.GET)
        ids, start = params.numbers("ids"), params.text("query")
        if ids is not None and len(ids) > MOST_IDS:
            raise BadParameters("ids", f"at most {MOST_IDS} ids at once")
        people = User.objects.filter(is_active=True).order_by("username")
        if ids is not None:
            people = people.filter(pk__in=ids)
        if start:
            people = people.filter(username__istartswith=start)
        shown = people[: len(ids) if ids else 5] if ids or start else []
        return Response({"items": [_user(one) for one in shown]})


class UserDetail(Reading):
    @extend_schema(operation_id="users_retrieve", responses={200: docs.UserItem, **docs.ERRORS}, tags=["people"])
    def get(self, request: Request, username: str) -> Response:
        """One person by name."""
        one = User.objects.filter(username__iexact=username[:100], is_active=True).first()
        if one is None:
            raise NotFound("User not found")
        return Response(_user(one))


def _user(one: User) -> dict[str, Any]:
    return {"id": one.pk, "username": one.username, "avatarNsfw": "None"}


class PermissionsCheck(Reading):
    @extend_schema(
        operation_id="permissions_check",
        parameters=[
            OpenApiParameter("entityIds", str, description="Ids of versions, parted by commas", required=True),
            OpenApiParameter("entityType", str, enum=["ModelVersion"]),
            OpenApiParameter("permission", str, enum=["Generate"]),
        ],
        responses={200: docs.PERMISSIONS, **docs.ERRORS},
        tags=["models"],
    )
    def get(self, request: Request) -> Response:
        """Whether the asker may draw with each of these versions."""
        params = Params(request.GET)
        params.one("entityType", ["ModelVersion"], "ModelVersion")
        params.one("permission", ["Generate"], "Generate")
        ids = params.numbers("entityIds")
        if ids is None:
            raise BadParameters("entityIds", "entityIds is required")
        if len(ids) > MOST_IDS:
            raise BadParameters("entityIds", f"at most {MOST_IDS} ids at once")
        if not ids:
            return Response([])
        files = File.objects.filter(
            version_id__in=ids, verdict=File.Verdict.ACCEPTED, version__base__family__in=queries.DRAWN_FAMILIES
        ).exclude(adapter="")
        seen = versions_visible(request.user).values("pk")
        drawn = set(files.filter(version_id__in=seen).values_list("version_id", flat=True))
        return Response({str(one): one in drawn for one in ids})


class CollectionList(Reading, CollectionCreate):
    scope = "upload"  # to make one; anybody reads

    @extend_schema(
        operation_id="collections_list",
        parameters=docs.COLLECTION_LIST,
        responses={200: docs.CollectionsOutput, **docs.ERRORS},
        tags=["people"],
    )
    def get(self, request: Request) -> Response:
        """Public collections, and one's own; newest first."""
        params = Params(request.GET)
        limit = params.number("limit", least=1, most=100, default=20)
        cursor = params.number("cursor", least=1, most=2**31 - 1, default=0)
        params.one("sort", ["Newest", "Most Followers"], "Newest")  # collections are not followed here: ties
        rows = _collections(request.user).order_by("-pk")
        if words := params.text("query", limit=100):
            rows = rows.filter(name__icontains=words)
        if cursor:
            rows = rows.filter(pk__lt=cursor)
        page = list(rows[: limit + 1])
        metadata: dict[str, Any] = {}
        if len(page) > limit:
            following = page[limit - 1].pk
            metadata["nextCursor"] = following
            metadata["nextPage"] = same_with(request.path, request.GET, cursor=following)
        items = [_collection(request.user, row) | {"itemCount": row.shown} for row in page[:limit]]
        return Response({"items": items, "metadata": metadata})


class CollectionDetail(Reading, CollectionEdit):
    scope = "upload"

    @extend_schema(
        operation_id="collections_retrieve", responses={200: docs.CollectionOutput, **docs.ERRORS}, tags=["people"]
    )
    def get(self, request: Request, collection_id: str) -> Response:
        """One collection; another's private one is not there."""
        number = identity(collection_id)
        row = _collections(request.user).filter(pk=number).first()
        if row is None:
            raise NotFound(f"No collection with id {number}")
        return Response(_collection(request.user, row) | {"tags": []})


def _collections(user: Any) -> QuerySet[Any]:
    own = Q(owner=user.pk) if user.is_authenticated else Q(pk__in=[])
    seen = Q(items__model__in=models_visible(user)) | Q(items__picture__in=pictures_for(user))
    counted = Count("items", filter=seen, distinct=True)
    return Collection.objects.filter(Q(private=False) | own).select_related("owner").annotate(shown=counted)


def _collection(user: Any, row: Any) -> dict[str, Any]:
    pictures = Picture.objects.filter(pk__in=row.items.exclude(picture=None).values("picture_id"))
    cover = pictures_for(user).filter(pk__in=pictures, level=1).order_by("pk").first()
    kinds = {"Image": row.items.filter(model=None).exists(), "Model": row.items.filter(picture=None).exists()}
    return {
        "id": row.pk,
        "name": row.name,
        "description": row.description or None,
        "type": "Image" if kinds["Image"] and not kinds["Model"] else "Model",
        "nsfwLevel": 1,
        "read": "Private" if row.private else "Public",
        "isPublic": not row.private,
        "coverImageUrl": shapes.picture_address(cover) if cover else None,
        "user": {"id": row.owner_id, "username": row.owner.username},
    }


class NotHere(Reading):
    """What Civitai has and this hub has not: a 404 that says so, in its shape."""

    schema = None

    def get(self, request: Request, rest: str = "") -> Response:
        return Response({"error": f"{settings.PUBLIC_URL} has no vault and no articles"}, status=HTTPStatus.NOT_FOUND)
