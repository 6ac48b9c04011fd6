"""The JSON face of uploads. A session or a token with the scope ``upload``; others' uploads are not there (404)."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.models import User
from hub.uploads import actions, heads, queries
from hub.uploads.serializers import (
    HeadSignInput,
    HeadSignOutput,
    PartOutput,
    PartsSignInput,
    PartsSignOutput,
    UploadCompleteInput,
    UploadDetailOutput,
    UploadFieldsInput,
    UploadOutput,
    UploadStartInput,
)


class UploadView(APIView):
    scope = "upload"

    @property
    def owner(self) -> User:
        return cast(User, self.request.user)


class UploadList(UploadView):
    """Uploads of the person who asks."""

    @extend_schema(responses=UploadOutput(many=True), operation_id="upload-list")
    def get(self, request: Request) -> Response:
        """Open uploads first, then those that ended lately."""
        return Response(UploadOutput(queries.upload_list(self.owner), many=True).data)

    @extend_schema(request=UploadStartInput, responses={201: UploadOutput}, operation_id="upload-start")
    def post(self, request: Request) -> Response:
        """Promise a file. Sign its parts next, PUT them to the store, then complete."""
        wanted = UploadStartInput.checked(request.data)
        upload = actions.upload_start(owner=self.owner, **wanted)
        return Response(UploadOutput(upload).data, status=201)


class UploadDetail(UploadView):
    @extend_schema(responses=UploadDetailOutput, operation_id="upload-detail")
    def get(self, request: Request, id: UUID) -> Response:
        """State, findings, report, what it became, and the parts that arrived."""
        upload, uploaded = queries.upload_with_parts(self.owner, id)
        upload.uploaded = uploaded  # type: ignore[attr-defined]
        return Response(UploadDetailOutput(upload).data)

    @extend_schema(request=UploadFieldsInput, responses=UploadOutput, operation_id="upload-fields")
    def patch(self, request: Request, id: UUID) -> Response:
        """Say something of the file; empty goes back to what the file says."""
        wanted = UploadFieldsInput.checked(request.data)
        return Response(UploadOutput(actions.upload_fields(owner=self.owner, id=id, **wanted)).data)

    @extend_schema(responses={204: None}, operation_id="upload-abort")
    def delete(self, request: Request, id: UUID) -> Response:
        """Give it up, or remove one that was not accepted. A repeat is fine."""
        actions.upload_abort(owner=self.owner, id=id)
        return Response(status=204)


class UploadParts(UploadView):
    @extend_schema(responses=PartOutput(many=True), operation_id="parts-list")
    def get(self, request: Request, id: UUID) -> Response:
        """The parts that the object store has; send the others."""
        return Response(PartOutput(actions.parts_list(owner=self.owner, id=id), many=True).data)

    @extend_schema(request=PartsSignInput, responses=PartsSignOutput, operation_id="parts-sign")
    def post(self, request: Request, id: UUID) -> Response:
        """URLs for some parts, again if the first have died. The length of each part is part of its signature."""
        wanted = PartsSignInput.checked(request.data)
        urls = actions.parts_sign(owner=self.owner, id=id, **wanted)
        return Response({"urls": {str(n): url for n, url in urls.items()}, "expires": settings.PART_URL_SECONDS})


class UploadHead(UploadView):
    """A file's first bytes, sent apart so that they are read while the rest is still on its way."""

    @extend_schema(request=HeadSignInput, responses=HeadSignOutput, operation_id="head-sign")
    def post(self, request: Request, id: UUID) -> Response:
        """A URL for the first bytes. Of a .safetensors file: the first 8, and as many as they count. Else 64 KiB do."""
        wanted = HeadSignInput.checked(request.data)
        url = heads.head_sign(owner=self.owner, id=id, **wanted)
        return Response({"url": url, "expires": settings.PART_URL_SECONDS})

    @extend_schema(request=None, responses={202: UploadOutput}, operation_id="head-arrived")
    def put(self, request: Request, id: UUID) -> Response:
        """Say that they are there. What they tell stands in the upload's ``header`` a moment later."""
        return Response(UploadOutput(heads.head_arrived(owner=self.owner, id=id)).data, status=202)


class UploadComplete(UploadView):
    @extend_schema(request=UploadCompleteInput, responses=UploadOutput, operation_id="upload-complete")
    def post(self, request: Request, id: UUID) -> Response:
        """Make one file of the parts and have it inspected. A repeat answers the same."""
        wanted = UploadCompleteInput.checked(request.data or {})
        upload = actions.upload_complete(owner=self.owner, id=id, parts=wanted.get("parts"))
        return Response(UploadOutput(upload).data)
