"""Shapes of the import API: what comes in, checked, and what goes out."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.imports import queries
from hub.imports.models import Import, Item
from hub.imports.words import Row, row_of, summary
from hub.uploads.serializers import Input


class ImportStartInput(Input):
    link = serializers.CharField(
        max_length=2000,
        help_text="A model's, a version's or a file's page, a download address, an AIR, a hash, owner/name; or a "
        "creator's page or a tag, for all of it.",
    )
    server = serializers.CharField(
        required=False, allow_blank=True, max_length=300, help_text="Whom to ask for a hash, an AIR or owner/name."
    )
    token = serializers.CharField(
        required=False, allow_blank=True, max_length=500, write_only=True,
        help_text="For that server. Sealed, kept until the import ends, sent to no other.",
    )  # fmt: skip
    publish = serializers.BooleanField(required=False, default=False, help_text="Publish each version once accepted.")
    pictures = serializers.BooleanField(required=False, default=True, help_text="Take its pictures over.")


class ImportRetryInput(Input):
    token = serializers.CharField(required=False, allow_blank=True, max_length=500, write_only=True)


class ImportItemOutput(serializers.Serializer):
    """A file or a picture on its way."""

    kind = serializers.ChoiceField(choices=Item.Kind.choices, source="item.kind")
    name = serializers.CharField(source="item.name")
    state = serializers.ChoiceField(choices=Item.State.choices, source="item.state")
    words = serializers.CharField(help_text="How it is, as a sentence.")
    done = serializers.IntegerField(help_text="Bytes that came.")
    total = serializers.IntegerField(help_text="Bytes; 0 until its server told.")
    version = serializers.IntegerField(source="item.version_id")
    upload = serializers.UUIDField(source="item.upload_id", allow_null=True)


class ImportOutput(serializers.ModelSerializer):
    """An import as its owner sees it."""

    url = serializers.SerializerMethodField(help_text="This import in the API.")
    words = serializers.SerializerMethodField(help_text="How it is, as a sentence.")
    notes = serializers.ListField(child=serializers.CharField(), help_text="What was left out, and why.")
    model = serializers.IntegerField(source="model_id", allow_null=True, help_text="What it became here.")
    items = serializers.SerializerMethodField()
    models = serializers.IntegerField(default=0, help_text="Of a shelf: how many models were found on it.")
    models_open = serializers.IntegerField(default=0)
    models_failed = serializers.IntegerField(default=0)

    class Meta:
        model = Import
        fields = (
            "id", "url", "link", "kind", "server", "status", "words", "notes", "publish", "pictures", "model", "items",
            "models", "models_open", "models_failed", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, imported: Import) -> str:
        return reverse("imports:api-import-detail", args=[imported.pk])

    def _rows(self, imported: Import) -> list[Row]:
        if not hasattr(imported, "told_rows"):
            news = queries.fetching_of([imported])
            imported.told_rows = [  # type: ignore[attr-defined]
                row_of(item, news.get(str(item.pk))) for item in imported.items.all()
            ]
        return imported.told_rows  # type: ignore[attr-defined, no-any-return]

    def get_words(self, imported: Import) -> str:
        return summary(imported, self._rows(imported))

    @extend_schema_field(ImportItemOutput(many=True))
    def get_items(self, imported: Import) -> Any:
        return ImportItemOutput(self._rows(imported), many=True).data
