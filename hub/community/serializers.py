"""The shapes of collections in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

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
    """One of the two."""

    model = serializers.IntegerField(**NUMBER)
    picture = serializers.IntegerField(**NUMBER)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if len(given) != 1:
            raise serializers.ValidationError("Name a model or a picture.")
        return given


class CollectionEditOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    private = serializers.BooleanField()
    items = serializers.SerializerMethodField(help_text="`{id, model}` or `{id, picture}`, in order.")

    def get_items(self, collection: Any) -> list[dict[str, int]]:
        return [
            {"id": pk, "model": model} if model else {"id": pk, "picture": picture}
            for pk, model, picture in collection.items.values_list("pk", "model_id", "picture_id")
        ]
