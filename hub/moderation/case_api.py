"""The JSON face of cases: anybody reports, owners answer, moderators decide and keep the block list."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.permissions import person
from hub.catalog.models import Block
from hub.moderation import blocks, case_pages, cases, queries, reports
from hub.moderation.api import ModerationView
from hub.moderation.models import Case, Report
from hub.uploads.serializers import Input

REPORTS, MODERATION = ["reports"], ["moderation"]


class ReportFileInput(Input):
    kind = serializers.ChoiceField(choices=Case.Kind.choices, help_text="What is reported.")
    id = serializers.IntegerField(min_value=1, help_text="Its number.")
    reason = serializers.ChoiceField(choices=Report.Reason.choices)
    words = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class ReportOutput(serializers.ModelSerializer[Report]):
    class Meta:
        model = Report
        fields = ("reason", "words", "created_at")


class CaseOutput(serializers.ModelSerializer[Case]):
    owner: Any = serializers.SlugRelatedField(read_only=True, slug_field="username")
    claimed_by: Any = serializers.SlugRelatedField(read_only=True, slug_field="username")
    decided_by: Any = serializers.SlugRelatedField(read_only=True, slug_field="username")
    upheld_by: Any = serializers.SlugRelatedField(read_only=True, slug_field="username")
    reports = ReportOutput(many=True, read_only=True)

    class Meta:
        model = Case
        fields = ("id", "kind", "thing", "title", "words", "owner", "sha256", "held_with", "opened_at", "claimed_by",
                  "claimed_at",
                  "decision", "decided_by", "decided_at", "sentence", "appeal", "appealed_at", "upheld", "upheld_by",
                  "upheld_at", "upheld_sentence", "reports")  # fmt: skip


class CaseDecideInput(Input):
    decision = serializers.ChoiceField(choices=Case.Decision.choices)
    sentence = serializers.CharField(max_length=300, help_text="Why; its owner reads it and the log keeps it.")
    level = serializers.IntegerField(required=False, default=0, help_text="Where the decision sets one.")
    same_bytes = serializers.BooleanField(required=False, default=False, help_text="And all open cases of these bytes.")


class CaseClaimInput(Input):
    on = serializers.BooleanField(default=True)


class AppealDecideInput(Input):
    upheld = serializers.BooleanField()
    sentence = serializers.CharField(max_length=300)


class CaseAppealInput(Input):
    words = serializers.CharField(max_length=2000)


class DecisionOutput(serializers.ModelSerializer[Case]):
    class Meta:
        model = Case
        fields = ("id", "kind", "thing", "title", "decision", "decided_at", "sentence", "appeal", "appealed_at",
                  "upheld", "upheld_at", "upheld_sentence")  # fmt: skip


class BlockOutput(serializers.ModelSerializer[Block]):
    by: Any = serializers.SlugRelatedField(read_only=True, slug_field="username")

    class Meta:
        model = Block
        fields = ("id", "kind", "value", "sentence", "by", "created_at")


class BlockAddInput(Input):
    kind = serializers.ChoiceField(choices=Block.Kind.choices)
    value = serializers.CharField(max_length=70)
    sentence = serializers.CharField(max_length=300, help_text="What whoever sends such a file reads.")


class BlockLiftInput(Input):
    sentence = serializers.CharField(max_length=300)


class ReportFile(APIView):
    """Reports: open to everybody, as many as the hub's limits allow."""

    scope, public = "read", True
    reading = ("GET", "HEAD", "OPTIONS", "POST")  # a token that may only read may still say what is wrong

    @extend_schema(request=ReportFileInput, responses={201: ReportOutput}, operation_id="report-file", tags=REPORTS)
    def post(self, request: Request) -> Response:
        """Say that something is wrong with a model, picture, comment, review, prompt or profile."""
        wanted = ReportFileInput.checked(request.data)
        address = case_pages.address_of(request._request)
        report, _opened = reports.report_file(by=request.user, address=address, **wanted)
        return Response(ReportOutput(report).data, status=201)


class DecisionDetail(APIView):
    scope = "read"

    @extend_schema(responses=DecisionOutput, operation_id="decision-detail", tags=REPORTS)
    def get(self, request: Request, case_id: int) -> Response:
        """What a moderator decided about a thing of yours, and why."""
        return Response(DecisionOutput(queries.case_told(person(request), case_id)).data)


class CaseAppeal(APIView):
    scope = "upload"

    @extend_schema(request=CaseAppealInput, responses=DecisionOutput, operation_id="case-appeal", tags=REPORTS)
    def post(self, request: Request, case_id: int) -> Response:
        """Answer a decision about a thing of yours, once; another moderator looks at it."""
        wanted = CaseAppealInput.checked(request.data)
        return Response(DecisionOutput(cases.case_appeal(by=person(request), case_id=case_id, **wanted)).data)


class CaseList(ModerationView):
    @extend_schema(
        parameters=[
            OpenApiParameter("state", str, enum=["open", "appealed", "decided"]),
            OpenApiParameter("kind", str, enum=Case.Kind.values),
            OpenApiParameter("reason", str, enum=Report.Reason.values),
            OpenApiParameter("mine", str, description="1: those that you claimed."),
            OpenApiParameter("sha256", str, description="Of these bytes."),
        ],
        responses=CaseOutput(many=True),
        operation_id="case-list",
        tags=MODERATION,
    )
    def get(self, request: Request) -> Response:
        """Cases: open ones with the longest waiting first."""
        return Response(CaseOutput(queries.case_list(person(request), case_pages.wish_of(request)), many=True).data)  # type: ignore[arg-type]


class CaseClaim(ModerationView):
    @extend_schema(request=CaseClaimInput, responses=CaseOutput, operation_id="case-claim", tags=MODERATION)
    def post(self, request: Request, case_id: int) -> Response:
        """Say that you look at a case, or no longer."""
        wanted = CaseClaimInput.checked(request.data or {})
        return Response(CaseOutput(cases.case_claim(by=person(request), case_id=case_id, **wanted)).data)


class CaseDecide(ModerationView):
    @extend_schema(
        request=CaseDecideInput, responses=CaseOutput(many=True), operation_id="case-decide", tags=MODERATION
    )
    def post(self, request: Request, case_id: int) -> Response:
        """Decide a case; all that were decided with it come back."""
        wanted = CaseDecideInput.checked(request.data)
        return Response(CaseOutput(cases.case_decide(by=person(request), case_id=case_id, **wanted), many=True).data)


class CaseReopen(ModerationView):
    @extend_schema(request=None, responses=CaseOutput, operation_id="case-reopen", tags=MODERATION)
    def post(self, request: Request, case_id: int) -> Response:
        """Take back what you decided a moment ago."""
        return Response(CaseOutput(cases.case_reopen(by=person(request), case_id=case_id)).data)


class AppealDecide(ModerationView):
    @extend_schema(request=AppealDecideInput, responses=CaseOutput, operation_id="appeal-decide", tags=MODERATION)
    def post(self, request: Request, case_id: int) -> Response:
        """Say whether another moderator's decision stands, after its owner answered."""
        wanted = AppealDecideInput.checked(request.data)
        return Response(CaseOutput(cases.appeal_decide(by=person(request), case_id=case_id, **wanted)).data)


class BlockList(ModerationView):
    @extend_schema(responses=BlockOutput(many=True), operation_id="block-list", tags=MODERATION)
    def get(self, request: Request) -> Response:
        """Digests of bytes that may not come in, the latest first."""
        return Response(BlockOutput(Block.objects.select_related("by")[:1000], many=True).data)

    @extend_schema(request=BlockAddInput, responses={201: BlockOutput}, operation_id="block-add", tags=MODERATION)
    def post(self, request: Request) -> Response:
        """Keep bytes out by a digest; what is here already is held back."""
        block, _held = blocks.block_add(by=person(request), **BlockAddInput.checked(request.data))
        return Response(BlockOutput(block).data, status=201)


class BlockLift(ModerationView):
    @extend_schema(request=BlockLiftInput, responses={204: None}, operation_id="block-lift", tags=MODERATION)
    def post(self, request: Request, block_id: int) -> Response:
        """Let bytes in again."""
        blocks.block_lift(by=person(request), block_id=block_id, **BlockLiftInput.checked(request.data))
        return Response(status=204)
