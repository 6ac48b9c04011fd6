"""The JSON face of moderation: moderators only, with a token of the scope ``admin`` or their session."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.permissions import ModeratorOnly, person
from hub.catalog.words import one_line
from hub.errors import NotFound
from hub.moderation import actions, queries, rechecks
from hub.moderation.serializers import (
    EntryOutput,
    HeldFileOutput,
    HeldOutput,
    RecheckOutput,
    RecheckStartInput,
    UploadReleaseInput,
    VerdictSetInput,
)

TAGS = ["moderation"]


class ModerationView(APIView):
    scope = "admin"
    permission_classes = [ModeratorOnly]


class HeldList(ModerationView):
    @extend_schema(responses=HeldOutput, operation_id="held-list", tags=TAGS)
    def get(self, request: Request) -> Response:
        """Files that nobody but their owners can download: of the catalogue, and those that never entered it."""
        held = {"files": queries.files_held()[: queries.SHOWN], "uploads": queries.uploads_held()[: queries.SHOWN]}
        return Response(HeldOutput(held).data)


class VerdictSet(ModerationView):
    @extend_schema(request=VerdictSetInput, responses=HeldFileOutput, operation_id="verdict-set", tags=TAGS)
    def post(self, request: Request, file_id: int) -> Response:
        """Release a file or take it into quarantine, with a reason; every file of the same bytes follows."""
        wanted = VerdictSetInput.checked(request.data)
        return Response(HeldFileOutput(actions.verdict_set(by=person(request), file_id=file_id, **wanted)).data)


class UploadRelease(ModerationView):
    @extend_schema(request=UploadReleaseInput, responses=HeldFileOutput, operation_id="upload-release", tags=TAGS)
    def post(self, request: Request, upload_id: UUID) -> Response:
        """Let an upload that was not accepted into its owner's catalogue, with a reason."""
        wanted = UploadReleaseInput.checked(request.data)
        return Response(HeldFileOutput(actions.upload_lift(by=person(request), upload_id=upload_id, **wanted)).data)


class EntryList(ModerationView):
    @extend_schema(
        parameters=[
            OpenApiParameter("before", int, description="Only entries of lower numbers: the next page."),
            OpenApiParameter("sha256", str, description="Only what happened to these bytes."),
        ],
        responses=EntryOutput(many=True),
        operation_id="entry-list",
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """The audit log, the latest first, 100 at a time. It can be read and added to, never changed."""
        before = number(request.query_params.get("before", ""))
        sha256 = one_line(request.query_params.get("sha256", ""), 64)
        return Response(EntryOutput(queries.entry_list(before=before, sha256=sha256), many=True).data)


class RecheckList(ModerationView):
    @extend_schema(responses=RecheckOutput(many=True), operation_id="recheck-list", tags=TAGS)
    def get(self, request: Request) -> Response:
        """Inspections of the library, the latest first, and how far they are."""
        return Response(RecheckOutput([recheck for recheck, _ in queries.recheck_list()], many=True).data)

    @extend_schema(request=RecheckStartInput, responses={201: RecheckOutput}, operation_id="recheck-start", tags=TAGS)
    def post(self, request: Request) -> Response:
        """Inspect what older rules judged, or everything, in the background. Admins only."""
        wanted = RecheckStartInput.checked(request.data or {})
        return Response(RecheckOutput(rechecks.recheck_start(by=person(request), **wanted)).data, status=201)


def number(text: str) -> int | None:
    """A row's number out of an address; None for none. Raises `NotFound` for what cannot be one."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound("There is no such entry.")
    return int(text)
