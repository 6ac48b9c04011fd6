"""Collections for programs that write; `hub.protocols.civitai` adds the reading half of their addresses."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.permissions import person
from hub.catalog.queries import number
from hub.community import actions, queries
from hub.community.serializers import (
    CollectionAddInput,
    CollectionCreateInput,
    CollectionEditInput,
    CollectionEditOutput,
)

TAGS = ["people"]


class CollectionCreate(APIView):
    scope, public = "upload", True

    @extend_schema(tags=TAGS, request=CollectionCreateInput, responses={201: CollectionEditOutput})
    def post(self, request: Request) -> Response:
        """Make a collection."""
        fields = CollectionCreateInput.checked(request.data)
        made = actions.collection_create(owner=person(request), **fields)
        return Response(CollectionEditOutput(made).data, status=201)


class CollectionEdit(APIView):
    scope, public = "upload", True

    @extend_schema(tags=TAGS, request=CollectionEditInput, responses=CollectionEditOutput)
    def patch(self, request: Request, collection_id: str) -> Response:
        """Change a collection of yours. What is not sent stays."""
        fields = CollectionEditInput.checked(request.data)
        row = queries.collection_mine(person(request), number(collection_id))
        was: dict[str, Any] = {"name": row.name, "description": row.description, "private": row.private}
        row = actions.collection_edit(collection_id=row.pk, by=person(request), **(was | fields))
        return Response(CollectionEditOutput(row).data)

    @extend_schema(tags=TAGS, responses={204: None})
    def delete(self, request: Request, collection_id: str) -> Response:
        """Delete a collection of yours, not what is in it."""
        row = queries.collection_mine(person(request), number(collection_id))
        actions.collection_delete(collection_id=row.pk, by=person(request))
        return Response(status=204)


class CollectionAdd(APIView):
    scope = "upload"

    @extend_schema(tags=TAGS, request=CollectionAddInput, responses={201: CollectionEditOutput})
    def post(self, request: Request, collection_id: int) -> Response:
        """Put a model, a picture or a prompt last into a collection of yours; twice changes nothing."""
        given = CollectionAddInput.checked(request.data)
        row = queries.collection_mine(person(request), collection_id)
        target = queries.target_for(person(request), **{f"{kind}_id": id for kind, id in given.items()})
        row = actions.collection_add(by=person(request), target=target, collection_id=row.pk)
        return Response(CollectionEditOutput(row).data, status=201)


class CollectionRemove(APIView):
    scope = "upload"

    @extend_schema(tags=TAGS, responses={204: None})
    def delete(self, request: Request, collection_id: int, item_id: int) -> Response:
        """Take a piece out of a collection of yours."""
        row = queries.collection_mine(person(request), collection_id)
        actions.collection_remove(collection_id=row.pk, item_id=min(item_id, 2**63 - 1), by=person(request))
        return Response(status=204)
