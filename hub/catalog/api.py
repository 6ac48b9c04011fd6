"""Scripts edit and publish what is theirs, in the words of our own forms."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.models import User
from hub.catalog import actions, creating, queries
from hub.catalog.serializers import (
    ModelCreateInput,
    ModelEditInput,
    ModelEditOutput,
    RefusalOutput,
    VersionCreateInput,
    VersionEditInput,
    VersionEditOutput,
    checked,
)


def _person(request: Request) -> User:
    assert isinstance(request.user, User)  # `ScopeAllows` lets nobody else change anything
    return request.user


REFUSALS = {401: RefusalOutput, 403: RefusalOutput, 404: RefusalOutput, 422: RefusalOutput}


class ModelCreate(APIView):
    """The writing half of the address of models; `hub.protocols.civitai` adds the list."""

    scope, public = "upload", True

    @extend_schema(request=ModelCreateInput, responses={201: ModelEditOutput, **REFUSALS}, tags=["models"])
    def post(self, request: Request) -> Response:
        """Begin a model: a draft without versions, which only you see."""
        fields = checked(ModelCreateInput(data=request.data))
        return Response(ModelEditOutput(creating.model_create(owner=_person(request), fields=fields)).data, status=201)


class VersionCreate(APIView):
    scope = "upload"

    @extend_schema(request=VersionCreateInput, responses={201: VersionEditOutput, **REFUSALS}, tags=["models"])
    def post(self, request: Request) -> Response:
        """Begin a version of a model of yours; then send its file to `/api/v1/uploads` with its `version_id`."""
        fields = checked(VersionCreateInput(data=request.data))
        model = queries.model_mine(request.user, fields.pop("model_id"))
        version = creating.version_create(model=model, by=_person(request), fields=fields)
        return Response(VersionEditOutput(version).data, status=201)


class ModelEdit(APIView):
    """The writing half of a model's address; `hub.protocols.civitai` adds the reading half."""

    scope, public = "upload", True

    @extend_schema(request=ModelEditInput, responses={200: ModelEditOutput, **REFUSALS}, tags=["models"])
    def patch(self, request: Request, model_id: str) -> Response:
        """Change a model's name, type, description, tags or licence. What is not sent stays."""
        model = queries.model_mine(request.user, queries.number(model_id))
        fields = checked(ModelEditInput(data=request.data))
        return Response(ModelEditOutput(actions.model_edit(model=model, by=_person(request), fields=fields)).data)

    @extend_schema(responses={204: None, **REFUSALS}, tags=["models"])
    def delete(self, request: Request, model_id: str) -> Response:
        """Take a model out of the hub for good, with its versions and files."""
        actions.model_delete(model=queries.model_mine(request.user, queries.number(model_id)), by=_person(request))
        return Response(status=204)


class VersionEdit(APIView):
    """The writing half of a version's address."""

    scope, public = "upload", True

    @extend_schema(request=VersionEditInput, responses={200: VersionEditOutput, **REFUSALS}, tags=["models"])
    def patch(self, request: Request, version_id: str) -> Response:
        """Change a version's name, description, base, trigger words or weights. What is not sent stays."""
        version = queries.version_mine(request.user, queries.number(version_id))
        fields = checked(VersionEditInput(data=request.data))
        return Response(
            VersionEditOutput(creating.version_change(version=version, by=_person(request), fields=fields)).data
        )


class VersionPublish(APIView):
    scope = "upload"

    @extend_schema(request=None, responses={200: VersionEditOutput, 409: RefusalOutput, **REFUSALS}, tags=["models"])
    def post(self, request: Request, version_id: int) -> Response:
        """Show a version, and its model, to everyone. Publishing again changes nothing."""
        version = queries.version_mine(request.user, version_id)
        return Response(VersionEditOutput(actions.version_publish(version=version, by=_person(request))).data)


class VersionUnpublish(APIView):
    scope = "upload"

    @extend_schema(request=None, responses={200: VersionEditOutput, **REFUSALS}, tags=["models"])
    def post(self, request: Request, version_id: int) -> Response:
        """Make a version a draft again."""
        version = queries.version_mine(request.user, version_id)
        return Response(VersionEditOutput(actions.version_unpublish(version=version, by=_person(request))).data)
