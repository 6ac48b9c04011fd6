"""The shapes of prompts in the API."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers

from hub.prompts.models import LICENCES, Prompt


class PromptEditInput(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=120, required=False, allow_blank=True, help_text="Its first words.")
    prompt = serializers.CharField(max_length=6000, required=False, allow_blank=True, trim_whitespace=False)
    negative = serializers.CharField(max_length=6000, required=False, allow_blank=True, trim_whitespace=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=60), max_length=20, required=False)
    licence = serializers.ChoiceField(choices=list(LICENCES.items()), required=False)
    private = serializers.BooleanField(required=False)

    @classmethod
    def checked(cls, data: Any) -> dict[str, Any]:
        """The validated fields. Raises REST framework's ``ValidationError``."""
        form = cls(data=data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class PromptCreateInput(PromptEditInput):
    picture = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="One that it drew: its recipe is kept with it."
    )


class PromptOutput(serializers.ModelSerializer[Prompt]):
    prompt = serializers.CharField(source="text")
    negative = serializers.CharField()
    tags: Any = serializers.SlugRelatedField(many=True, read_only=True, slug_field="name")
    username = serializers.CharField(source="owner.username")
    pictures = serializers.SerializerMethodField(help_text="Ids of pictures that it drew, as far as you may see them.")
    url = serializers.SerializerMethodField()

    class Meta:
        model = Prompt
        fields = (
            "id", "title", "prompt", "negative", "tags", "licence", "private", "username", "runs", "pictures",
            "created_at", "updated_at", "url",
        )  # fmt: skip

    def get_pictures(self, prompt: Prompt) -> list[int]:
        return [example.picture_id for example in getattr(prompt, "shown_examples", ())]

    def get_url(self, prompt: Prompt) -> str:
        return settings.PUBLIC_URL + reverse("prompts:prompt-detail", args=[prompt.pk])


class PromptListOutput(serializers.Serializer[Any]):
    items = PromptOutput(many=True)
    cursor = serializers.CharField(allow_blank=True, help_text="Of the next page; empty at the end.")
