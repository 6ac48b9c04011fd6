"""Shapes of the moderation API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.catalog.models import File
from hub.moderation.models import Entry, Recheck
from hub.moderation.queries import Counts, counts_of
from hub.uploads.models import Upload
from hub.uploads.serializers import FindingOutput, Input


class VerdictSetInput(Input):
    verdict = serializers.ChoiceField(choices=["accepted", "refused"], help_text="Released, or into quarantine.")
    reason = serializers.CharField(max_length=1000, help_text="A sentence that its owner reads and the log keeps.")


class UploadReleaseInput(Input):
    reason = serializers.CharField(max_length=1000, help_text="A sentence that its owner reads and the log keeps.")


class HeldFileOutput(serializers.ModelSerializer[File]):
    owner = serializers.CharField(source="version.model.owner.username")
    model_name = serializers.CharField(source="version.model.name")
    sha256 = serializers.CharField(source="blob_id")
    findings = FindingOutput(many=True)

    class Meta:
        model = File
        fields = ("id", "name", "owner", "model_name", "version_id", "sha256", "verdict", "lifted", "findings",
                  "inspected_at")  # fmt: skip


class HeldUploadOutput(serializers.ModelSerializer[Upload]):
    owner = serializers.CharField(source="owner.username")
    findings = FindingOutput(many=True)

    class Meta:
        model = Upload
        fields = ("id", "filename", "size", "owner", "status", "findings", "finished_at")


class HeldOutput(serializers.Serializer[Any]):
    files = HeldFileOutput(many=True, help_text="Of the catalogue.")
    uploads = HeldUploadOutput(many=True, help_text="That never entered it.")


class EntryOutput(serializers.ModelSerializer[Entry]):
    actor = serializers.SerializerMethodField(help_text="Null: the hub itself.")

    class Meta:
        model = Entry
        fields = ("id", "at", "actor", "action", "subject", "owner", "file_id", "upload_id", "sha256", "before",
                  "after", "reason")  # fmt: skip

    def get_actor(self, entry: Entry) -> str | None:
        return entry.actor.username if entry.actor else None


class CountsOutput(serializers.Serializer[Counts]):
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Their verdicts stay as they were.")
    changed = serializers.IntegerField(help_text="Files whose verdict is another one now.")


class RecheckOutput(serializers.ModelSerializer[Recheck]):
    counts = serializers.SerializerMethodField()

    class Meta:
        model = Recheck
        fields = ("id", "everything", "started_at", "finished_at", "stopped", "counts")

    @extend_schema_field(CountsOutput)
    def get_counts(self, recheck: Recheck) -> Any:
        return CountsOutput(counts_of(recheck)).data


class RecheckStartInput(Input):
    everything = serializers.BooleanField(default=False, help_text="Also what the present rules judged.")
