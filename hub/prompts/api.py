"""Prompts for programs: found, kept, changed, deleted."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.permissions import person
from hub.prompts import actions, queries
from hub.prompts.serializers import PromptCreateInput, PromptEditInput, PromptListOutput, PromptOutput

TAGS = ["prompts"]


class PromptList(APIView):
    scope, public = "upload", True

    @extend_schema(
        operation_id="prompt_list",
        tags=TAGS,
        parameters=[
            OpenApiParameter("query", str, description="Words"),
            OpenApiParameter("tag", str),
            OpenApiParameter("username", str, description="Its author"),
            OpenApiParameter("sort", str, enum=list(queries.SORTS)),
            OpenApiParameter("cursor", str, description="`cursor` of the page before"),
        ],
        responses=PromptListOutput,
    )
    def get(self, request: Request) -> Response:
        """Public prompts, and your own, the newest first."""
        given = {name: str(value).replace("\x00", "")[:200] for name, value in request.GET.items()}
        wish = queries.Wish(
            query=given.get("query", ""), tag=given.get("tag", ""), creator=given.get("username", ""),
            sort=given.get("sort", ""), after=given.get("cursor", ""),
        )  # fmt: skip
        found, following = queries.prompt_list(request.user, wish)
        return Response({"items": PromptOutput(found, many=True).data, "cursor": following})

    @extend_schema(operation_id="prompt_create", tags=TAGS, request=PromptCreateInput, responses={201: PromptOutput})
    def post(self, request: Request) -> Response:
        """Keep a prompt; with `picture`, the recipe of a picture that you may see."""
        fields = PromptCreateInput.checked(request.data)
        recipe, picture = actions.EMPTY, None
        if number := fields.pop("picture", None):
            picture, recipe = queries.recipe_of_picture(request.user, number)
        prompt = actions.prompt_create(owner=person(request), fields=fields, recipe=recipe, picture=picture)
        return Response(PromptOutput(queries.prompt_for(request.user, prompt.pk)).data, status=201)


class PromptDetail(APIView):
    scope, public = "upload", True

    @extend_schema(operation_id="prompt_detail", tags=TAGS, responses=PromptOutput)
    def get(self, request: Request, prompt_id: int) -> Response:
        """One prompt, with the pictures that it drew."""
        return Response(PromptOutput(queries.prompt_for(request.user, prompt_id)).data)

    @extend_schema(operation_id="prompt_edit", tags=TAGS, request=PromptEditInput, responses=PromptOutput)
    def patch(self, request: Request, prompt_id: int) -> Response:
        """Change a prompt of yours; its wording before stays readable."""
        fields = PromptEditInput.checked(request.data)
        actions.prompt_edit(prompt_id=queries.numbered(prompt_id), by=person(request), fields=fields)
        return Response(PromptOutput(queries.prompt_for(request.user, prompt_id)).data)

    @extend_schema(operation_id="prompt_delete", tags=TAGS, responses={204: None})
    def delete(self, request: Request, prompt_id: int) -> Response:
        """Delete a prompt of yours."""
        actions.prompt_delete(prompt_id=queries.numbered(prompt_id), by=person(request))
        return Response(status=204)
