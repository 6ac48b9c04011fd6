"""The shapes of pictures on their way in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.gallery import recipes, sent
from hub.gallery.models import SentPicture


class PictureSendInput(serializers.Serializer):
    name = serializers.CharField(max_length=255)
    size = serializers.IntegerField(min_value=1, help_text="Bytes; the URL takes exactly so many.")
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Whose gallery it is for; none: it is only read."
    )
    material = serializers.BooleanField(
        default=False, help_text="To be drawn by: a ControlNet's hint, a mask, a picture to start from."
    )


class PictureSendOutput(serializers.Serializer):
    id = serializers.UUIDField()
    put = serializers.CharField(help_text="PUT the bytes here, then POST to finish.")
    finish = serializers.CharField()
    url = serializers.CharField(help_text="Ask here for news.")


class NoteOutput(serializers.Serializer):
    severity = serializers.CharField(help_text="danger, warning, note")
    sentence = serializers.CharField()


class ResourceOutput(serializers.Serializer):
    """A file that the picture names. Takes a `told.Found`."""

    kind = serializers.CharField(source="resource.kind")
    name = serializers.CharField(source="resource.name")
    digest = serializers.CharField(source="resource.digest")
    weight = serializers.FloatField(source="resource.weight")
    found_by = serializers.CharField(source="by", help_text="digest, name; empty: not on this hub.")
    version = serializers.IntegerField(source="file.version_id", allow_null=True, default=None)
    sha256 = serializers.CharField(source="file.blob_id", allow_null=True, default=None)


class SentPictureOutput(serializers.ModelSerializer):
    state = serializers.CharField(source="status", help_text="waiting, reading, accepted, refused")
    sentence = serializers.CharField(help_text="Why it was refused.")
    findings = NoteOutput(many=True)
    recipe = serializers.SerializerMethodField(help_text="In this hub's terms; null: it carries none.")
    resources = serializers.SerializerMethodField(help_text="Files it names, found by digest, then by name.")
    told = serializers.JSONField(allow_null=True, help_text="What it said of itself, as its program wrote it.")
    picture = serializers.IntegerField(source="picture_id", allow_null=True)
    page = serializers.SerializerMethodField(help_text="Where it can be seen, or its recipe drawn.")

    class Meta:
        model = SentPicture
        fields = [
            "id",
            "name",
            "state",
            "sentence",
            "findings",
            "recipe",
            "resources",
            "told",
            "picture",
            "page",
            "sha256",
        ]
        read_only_fields = fields

    def _read(self, row: SentPicture) -> Any:
        if not hasattr(row, "_settled"):
            row._settled = sent.recipe_of(row.owner, row)  # type: ignore[attr-defined]
        return row._settled  # type: ignore[attr-defined]

    @extend_schema_field({"type": "object", "nullable": True})
    def get_recipe(self, row: SentPicture) -> dict | None:
        read = self._read(row)
        return recipes.built(read[0]) if read else None

    @extend_schema_field(ResourceOutput(many=True))
    def get_resources(self, row: SentPicture) -> list[dict[str, Any]]:
        read = self._read(row)
        return list(ResourceOutput(read[1], many=True).data) if read else []

    @extend_schema_field({"type": "string", "nullable": True})
    def get_page(self, row: SentPicture) -> str | None:
        if row.picture_id:
            return settings.PUBLIC_URL + reverse("gallery:picture-detail", args=[row.picture_id])
        if row.status == SentPicture.Status.ACCEPTED and row.told:
            return f"{settings.PUBLIC_URL}/try?sent={row.pk}"
        return None
