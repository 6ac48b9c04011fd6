"""Shapes of the upload API: what comes in, checked, and what goes out."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.catalog.bases import base_choices
from hub.catalog.models import Model
from hub.uploads import queries
from hub.uploads.models import Upload


class Input(serializers.Serializer):
    """A shape that comes in."""

    @classmethod
    def checked(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """The validated fields of ``data``; raises REST framework's ``ValidationError`` (400)."""
        found = cls(data=data, partial=partial)
        found.is_valid(raise_exception=True)
        return dict(found.validated_data)


class Fields(Input):
    """What an owner says of a file. What is missing, null or empty is read from the file once it is inspected."""

    model_id = serializers.IntegerField(required=False, allow_null=True, min_value=1, help_text="A model of yours.")
    model_name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    group = serializers.CharField(
        required=False, allow_blank=True, max_length=96, help_text="A group that you edit for, whose the model will be."
    )
    version_id = serializers.IntegerField(required=False, allow_null=True, min_value=1, help_text="A version of yours.")
    version_name = serializers.CharField(required=False, allow_blank=True, max_length=80)
    type = serializers.ChoiceField(choices=Model.Type.choices, required=False, allow_blank=True)
    base = serializers.CharField(required=False, allow_blank=True, max_length=60, help_text="As in SD 1.5, SDXL 1.0.")
    trigger_words = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=50, help_text="Each used as it is."
    )
    description = serializers.CharField(required=False, allow_blank=True, max_length=50_000, help_text="Markdown.")
    tags = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=20)
    publish = serializers.BooleanField(required=False, help_text="Publish when accepted; else it stays private.")
    publish_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Publish then, not before.")


class UploadStartInput(Input):
    # Long names and wrong sizes get our own sentences, from the action.
    filename = serializers.CharField(max_length=1000, trim_whitespace=False)
    size = serializers.IntegerField(help_text="Bytes.")
    fields = Fields(required=False)  # type: ignore[assignment]  # declared ones leave the class; the property stays
    part_size = serializers.IntegerField(required=False, help_text="Bytes per part; the hub chooses where absent.")
    fingerprint = serializers.RegexField(
        r"^([0-9a-f]{64})?$", required=False, allow_blank=True, help_text="SHA-256 of the first and last 64 KiB, hex."
    )


class UploadFieldsInput(Input):
    fields = Fields()  # type: ignore[assignment]  # as above


class PartsSignInput(Input):
    numbers = serializers.ListField(child=serializers.IntegerField(), max_length=1000, help_text="From 1; ≤ 100.")


class HeadSignInput(Input):
    size = serializers.IntegerField(help_text="How many of the file's first bytes are sent.")


class HeadSignOutput(serializers.Serializer):
    url = serializers.URLField(help_text="PUT the bytes there.")
    expires = serializers.IntegerField(help_text="Seconds until the URL dies.")


class PartInput(serializers.Serializer):
    PartNumber = serializers.IntegerField()
    ETag = serializers.CharField(max_length=200, help_text="With or without its quotes.")


class UploadCompleteInput(Input):
    parts = PartInput(many=True, required=False, allow_null=True)


class PartOutput(serializers.Serializer):
    PartNumber = serializers.IntegerField(source="number")
    ETag = serializers.SerializerMethodField()
    Size = serializers.IntegerField(source="size")

    def get_ETag(self, part: Any) -> str:
        return f'"{part.etag}"'


class PartsSignOutput(serializers.Serializer):
    urls = serializers.DictField(child=serializers.URLField(), help_text="Part number → URL; PUT its bytes there.")
    expires = serializers.IntegerField(help_text="Seconds until the URLs die; ask again then.")


class FindingOutput(serializers.Serializer):
    severity = serializers.ChoiceField(choices=["danger", "warning", "note"])
    sentence = serializers.CharField()
    evidence = serializers.CharField(allow_blank=True)
    public = serializers.BooleanField(default=False, help_text="Told to everybody who downloads it.")
    url = serializers.CharField(required=False, help_text="The model it speaks of, on this hub.")


class UploadModelOutput(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    version_id = serializers.IntegerField()
    version_name = serializers.CharField()
    base = serializers.CharField()
    type = serializers.CharField()
    status = serializers.CharField()


class DoingOutput(serializers.Serializer):
    """Where a running inspection is; null where nothing is known or nothing runs."""

    stage = serializers.CharField(help_text="fetching, digests, header, checks, conversion, scans, storing.")
    what = serializers.CharField(help_text="The check or tool at work.", allow_blank=True)
    done = serializers.IntegerField(help_text="Of total: bytes, or checks; 0 of 0: not known.")
    total = serializers.IntegerField()


class UploadOutput(serializers.ModelSerializer):
    """An upload as its owner sees it."""

    url = serializers.SerializerMethodField(help_text="This upload in the API.")
    parts = serializers.SerializerMethodField(help_text="How many parts the file has.")
    findings = FindingOutput(many=True)
    version = serializers.IntegerField(source="version_id", allow_null=True)
    model = serializers.SerializerMethodField(help_text="What an accepted file became.")
    base_choices = serializers.SerializerMethodField(
        help_text="Bases that its shapes fit alike: say in fields.base which it is for."
    )
    header = serializers.JSONField(allow_null=True, help_text="What its first bytes told, before the rest was here.")
    report = serializers.JSONField(allow_null=True, help_text="What inspection found: digests, kind, base, metadata.")

    class Meta:
        model = Upload
        fields: tuple[str, ...] = (
            "id", "filename", "size", "part_size", "parts", "status", "url", "fingerprint", "fields", "findings",
            "base_choices", "header", "report", "version", "model", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields

    def get_url(self, upload: Upload) -> str:
        return reverse("uploads:upload-detail", args=[upload.id])

    def get_parts(self, upload: Upload) -> int:
        return queries.part_count(upload)

    def get_base_choices(self, upload: Upload) -> list[str]:
        told = upload.report or upload.header or {}
        return list(base_choices(told.get("summary") or {}))

    @extend_schema_field(UploadModelOutput(allow_null=True))
    def get_model(self, upload: Upload) -> dict[str, Any] | None:
        if (version := upload.version) is None:
            return None
        return {
            "id": version.model_id,
            "name": version.model.name,
            "version_id": version.id,
            "version_name": version.name,
            "base": version.base.name,
            "type": version.model.type,
            "status": version.status,
        }


class UploadDetailOutput(UploadOutput):
    uploaded = serializers.ListField(child=serializers.IntegerField(), help_text="Numbers of the parts that arrived.")

    inspecting = serializers.SerializerMethodField(help_text="Where a running inspection is.")

    @extend_schema_field(DoingOutput(allow_null=True))
    def get_inspecting(self, upload: Upload) -> dict[str, Any] | None:
        if upload.status != Upload.Status.INSPECTING:
            return None
        news = queries.inspection_of(upload)["news"]
        return DoingOutput(news).data if news else None

    class Meta(UploadOutput.Meta):
        fields = (*UploadOutput.Meta.fields, "inspecting", "uploaded")
        read_only_fields = fields


# Uppy Companion's shapes (shared/contracts/uploads.md §5.1 has where they were seen)


class MultipartStartInput(Input):
    filename = serializers.CharField(max_length=1000, trim_whitespace=False)
    type = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=200)
    metadata = serializers.DictField(required=False, default=dict, help_text="`size` in bytes; perhaps `partSize`.")


class MultipartStartOutput(serializers.Serializer):
    key = serializers.CharField()
    uploadId = serializers.CharField()
    bucket = serializers.CharField()


class MultipartSignOutput(serializers.Serializer):
    url = serializers.URLField()
    expires = serializers.IntegerField()


class MultipartBatchOutput(serializers.Serializer):
    presignedUrls = serializers.DictField(child=serializers.URLField())


class MultipartCompleteInput(Input):
    parts = PartInput(many=True)


class MultipartCompleteOutput(serializers.Serializer):
    location = serializers.CharField()
    key = serializers.CharField()
    bucket = serializers.CharField()
