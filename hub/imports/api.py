"""The JSON face of imports. A session or a token with the scope ``upload``; others' imports are not there (404)."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.models import User
from hub.imports import actions, queries
from hub.imports.serializers import ImportOutput, ImportRetryInput, ImportStartInput


class ImportView(APIView):
    scope = "upload"

    @property
    def owner(self) -> User:
        return cast(User, self.request.user)


class ImportList(ImportView):
    """Models taken over from other servers by the person who asks."""

    @extend_schema(responses=ImportOutput(many=True), operation_id="import-list")
    def get(self, request: Request) -> Response:
        """The newest hundred, newest first."""
        return Response(ImportOutput(queries.import_list(self.owner)[:100], many=True).data)

    @extend_schema(request=ImportStartInput, responses={201: ImportOutput}, operation_id="import-start")
    def post(self, request: Request) -> Response:
        """Import what a link names. One that was imported before is renewed; what is here is not fetched again."""
        wanted = ImportStartInput.checked(request.data)
        made = actions.import_start(owner=self.owner, **wanted)
        return Response(ImportOutput(queries.import_of(self.owner, made.pk)).data, status=201)


class ImportDetail(ImportView):
    @extend_schema(responses=ImportOutput, operation_id="import-detail")
    def get(self, request: Request, id: UUID) -> Response:
        """How far it is, file by file."""
        return Response(ImportOutput(queries.import_of(self.owner, id)).data)

    @extend_schema(responses={204: None}, operation_id="import-cancel")
    def delete(self, request: Request, id: UUID) -> Response:
        """Stop it; what has arrived stays. A repeat is fine."""
        actions.import_cancel(owner=self.owner, id=id)
        return Response(status=204)


class ImportRetry(ImportView):
    @extend_schema(request=ImportRetryInput, responses=ImportOutput, operation_id="import-retry")
    def post(self, request: Request, id: UUID) -> Response:
        """Look an ended import up again and fetch what it lacks."""
        wanted = ImportRetryInput.checked(request.data or {})
        return Response(ImportOutput(actions.import_retry(owner=self.owner, id=id, **wanted)).data)
