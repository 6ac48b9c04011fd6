"""The same uploads in the tongue of Uppy's Companion, for Uppy's S3 plug-in and programs written for it.

Uppy calls with bare ``fetch``: cookies of the same origin, no CSRF token. So these views take a session only from
requests that the browser says are of this origin; tokens need no such word. Our own id is the ``uploadId``; a ``key``
is only compared. Files go in parts of Uppy's size: set ``shouldUseMultipart`` to true and list ``size`` among the
``allowedMetaFields``, for Companion's protocol itself never tells how large a file will be.
"""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.authentication import TokenAuthentication
from hub.errors import NotFound
from hub.uploads import actions, queries
from hub.uploads.api import UploadView
from hub.uploads.joining import WrongParts
from hub.uploads.models import Upload
from hub.uploads.serializers import (
    MultipartBatchOutput,
    MultipartCompleteInput,
    MultipartCompleteOutput,
    MultipartSignOutput,
    MultipartStartInput,
    MultipartStartOutput,
    PartOutput,
)

KEY = OpenApiParameter("key", str, description="As it was given at the start.")


class SameOriginSession(SessionAuthentication):
    """A session without a CSRF token, for requests of this very origin."""

    def enforce_csrf(self, request: Request) -> None:
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        ours = {_origin(settings.PUBLIC_URL), f"{request.scheme}://{request.get_host()}"}
        # Pages cannot forge either header. A browser that sends none of them is older than both, and not let in.
        if (site is not None and site != "same-origin") or (origin is not None and origin not in ours):
            raise PermissionDenied("This address only answers pages of this hub.", code="other-origin")
        if site is None and origin is None:
            raise PermissionDenied("Send an Origin header of this hub, or use a token.", code="other-origin")


class SameOriginScheme(SessionScheme):
    """The OpenAPI file's word for it: the session's cookie."""

    target_class = "hub.uploads.companion.SameOriginSession"
    name = "sameOriginCookie"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class MultipartView(UploadView):
    authentication_classes = [TokenAuthentication, SameOriginSession]

    def upload(self, request: Request, id: UUID) -> Upload:
        """The upload meant; 404 where the client's key is not its key."""
        upload = queries.upload_of(self.owner, id)
        if request.query_params.get("key", upload.key) != upload.key:
            raise NotFound("There is no upload of that number.")
        return upload


class MultipartStart(MultipartView):
    @extend_schema(request=MultipartStartInput, responses=MultipartStartOutput, operation_id="multipart-start")
    def post(self, request: Request) -> Response:
        wanted = MultipartStartInput.checked(request.data)
        size = _whole(wanted["metadata"].get("size"), "metadata.size, the file's bytes")
        # Uppy's own choice where its getChunkSize is not set.
        usual = max(queries.SMALLEST_PART, math.ceil(size / queries.MOST_PARTS))
        part_size = _whole(wanted["metadata"].get("partSize", usual), "metadata.partSize, bytes")
        upload = actions.upload_start(owner=self.owner, filename=wanted["filename"], size=size, part_size=part_size)
        return Response({"key": upload.key, "uploadId": str(upload.id), "bucket": settings.S3_BUCKET})


class MultipartDetail(MultipartView):
    @extend_schema(parameters=[KEY], responses=PartOutput(many=True), operation_id="multipart-list")
    def get(self, request: Request, id: UUID) -> Response:
        upload = self.upload(request, id)
        return Response(PartOutput(actions.parts_list(owner=self.owner, id=upload.id), many=True).data)

    @extend_schema(parameters=[KEY], responses={200: OpenApiTypes.OBJECT}, operation_id="multipart-abort")
    def delete(self, request: Request, id: UUID) -> Response:
        actions.upload_abort(owner=self.owner, id=self.upload(request, id).id)
        return Response({})


class MultipartPart(MultipartView):
    @extend_schema(parameters=[KEY], responses=MultipartSignOutput, operation_id="multipart-sign")
    def get(self, request: Request, id: UUID, number: int) -> Response:
        upload = self.upload(request, id)
        urls = actions.parts_sign(owner=self.owner, id=upload.id, numbers=[number])
        return Response({"url": urls[number], "expires": settings.PART_URL_SECONDS})


class MultipartBatch(MultipartView):
    @extend_schema(
        parameters=[KEY, OpenApiParameter("partNumbers", str, description="1,2,3")],
        responses=MultipartBatchOutput,
        operation_id="multipart-batch",
    )
    def get(self, request: Request, id: UUID) -> Response:
        asked = request.query_params.get("partNumbers", "").split(",")[: actions.SIGNED_AT_ONCE + 1]
        numbers = [_whole(number, "partNumbers, as in 1,2,3") for number in asked]
        urls = actions.parts_sign(owner=self.owner, id=self.upload(request, id).id, numbers=numbers)
        return Response({"presignedUrls": {str(n): url for n, url in urls.items()}})


class MultipartComplete(MultipartView):
    @extend_schema(
        parameters=[KEY],
        request=MultipartCompleteInput,
        responses=MultipartCompleteOutput,
        operation_id="multipart-complete",
    )
    def post(self, request: Request, id: UUID) -> Response:
        wanted = MultipartCompleteInput.checked(request.data)
        upload = actions.upload_complete(owner=self.owner, id=self.upload(request, id).id, **wanted)
        location = settings.PUBLIC_URL + reverse("uploads:upload-detail", args=[upload.id])
        return Response({"location": location, "key": upload.key, "bucket": settings.S3_BUCKET})


def _whole(value: Any, what: str) -> int:
    """``value`` as a whole number; text is taken, for Uppy's metadata are text. Raises `WrongParts`."""
    try:
        return int(str(value)[:20])
    except ValueError as error:
        raise WrongParts(f"Give {what}, as a whole number.") from error
