"""Drawing as a service: a recipe in, an id out; state, progress and pictures; cancel; strips of one's own choice."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.catalog.queries import version_visible
from hub.tryit import actions, queries
from hub.tryit.serializers import (
    GenerationCreateInput,
    GenerationOutput,
    GenerationPageOutput,
    PreviewCreateInput,
    PromptReadInput,
    PromptReadOutput,
    StripOutput,
    person,
)
from hub.tryit.stacks import file_named
from hub.tryit.wording import reading
from workers.messages import Recipe

TAGS = ["generations"]


class GenerationList(APIView):
    scope = "generate"

    @extend_schema(tags=TAGS, request=GenerationCreateInput, responses={202: GenerationOutput})
    def post(self, request: Request) -> Response:
        """Put a recipe in line. The answer names where to ask for news."""
        wanted = GenerationCreateInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        generation = actions.generation_create(
            owner=person(request),
            recipe=wanted.recipe(request.user),
            count=wanted.validated_data["count"],
            plot=wanted.axes,
            typed=wanted.validated_data["choices"],
        )
        output = GenerationOutput(queries.generation_view(generation)).data
        return Response(output, status=202, headers={"Location": output["url"]})

    @extend_schema(
        tags=TAGS,
        operation_id="generation-list",
        parameters=[OpenApiParameter("before", uuid.UUID, description="The id that the next page starts after.")],
        responses=GenerationPageOutput,
    )
    def get(self, request: Request) -> Response:
        """One's own pictures in line and drawn, newest first, 30 at a time."""
        generations, more = queries.generation_list(request.user, before=request.query_params.get("before", ""))
        address = settings.PUBLIC_URL + reverse("tryit:api-generation-list")
        page = {
            "items": [queries.generation_view(generation) for generation in generations],
            "next": f"{address}?before={more}" if more else None,
        }
        return Response(GenerationPageOutput(page).data)


class GenerationDetail(APIView):
    scope = "generate"

    @extend_schema(tags=TAGS, responses=GenerationOutput)
    def get(self, request: Request, generation_id: uuid.UUID) -> Response:
        """State, place in line, progress with a preview of the latents, pictures, recipe."""
        generation = queries.generation_for(request.user, generation_id)
        response = Response(GenerationOutput(queries.generation_view(generation)).data)
        response["Cache-Control"] = "no-store"
        return response

    @extend_schema(tags=TAGS, responses={200: GenerationOutput})
    def delete(self, request: Request, generation_id: uuid.UUID) -> Response:
        """Cancel: at once where it waits, between two steps where it is being drawn. Repeating is harmless."""
        generation = queries.generation_for(request.user, generation_id)
        cancelled = actions.generation_cancel(generation=generation, by=person(request))
        return Response(GenerationOutput(queries.generation_view(cancelled)).data)


class PromptRead(APIView):
    scope, public, reading = "read", True, ("POST",)

    @extend_schema(tags=TAGS, request=PromptReadInput, responses=PromptReadOutput)
    def post(self, request: Request) -> Response:
        """What a prompt says: its length, what it names and whether that is here, what keeps it from drawing."""
        asked = PromptReadInput(data=request.data)
        asked.is_valid(raise_exception=True)
        data = dict(asked.validated_data)
        base = file_named(request.user, data.pop("base")) if "base" in data else None
        recipe = Recipe(base=base.blob_id if base else "", base_family="", **data)
        return Response(PromptReadOutput(reading(request.user, recipe, base)).data)


class PreviewList(APIView):
    scope, public = "generate", True

    @extend_schema(tags=["previews"], request=PreviewCreateInput, responses={202: StripOutput})
    def post(self, request: Request, version_id: int) -> Response:
        """Draw a strip on prompts and weights of one's own choice. What is drawn already is not drawn twice."""
        wanted = PreviewCreateInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        changes = dict(wanted.validated_data)
        base = changes.pop("base", None)
        strip = actions.preview_create(
            version=version_visible(request.user, version_id),
            by=person(request),
            prompts=changes.pop("prompts"),
            weights=changes.pop("weights"),
            base=file_named(request.user, base).version if base else None,
            changes=changes,
        )
        return Response(StripOutput(strip).data, status=202)

    @extend_schema(tags=["previews"], responses=StripOutput(many=True))
    def get(self, request: Request, version_id: int) -> Response:
        """The hub's own strip of a version, and one's own; frames appear as they are drawn."""
        strips = queries.strips_of(request.user, version_visible(request.user, version_id))
        return Response(StripOutput(strips, many=True).data)
