"""The shapes of collections in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from hub.community.models import TARGETS

NUMBER: dict[str, Any] = {"required": False, "min_value": 1, "max_value": 2**31 - 1}


class _Input(serializers.Serializer[Any]):
    @classmethod
    def checked(cls, data: Any) -> dict[str, Any]:
        """The validated fields. Raises REST framework's ``ValidationError``."""
        form = cls(data=data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class CollectionCreateInput(_Input):
    name = serializers.CharField(max_length=80)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    private = serializers.BooleanField(required=False)


class CollectionEditInput(_Input):
    name = serializers.CharField(max_length=80, required=False)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    private = serializers.BooleanField(required=False)


class CollectionAddInput(_Input):
    """One of the three."""

    model = serializers.IntegerField(**NUMBER)
    picture = serializers.IntegerField(**NUMBER)
    prompt = serializers.IntegerField(**NUMBER)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if len(given) != 1:
            raise serializers.ValidationError("Name a model, a picture or a prompt.")
        return given


class CollectionEditOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    private = serializers.BooleanField()
    items = serializers.SerializerMethodField(help_text="`{id, model}`, `{id, picture}` or `{id, prompt}`, in order.")

    def get_items(self, collection: Any) -> list[dict[str, int]]:
        return [
            {"id": item.pk, **{kind: id for kind in TARGETS if (id := getattr(item, f"{kind}_id"))}}
            for item in collection.items.all()
        ]
