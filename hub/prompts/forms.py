"""The form with which a prompt is kept and changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hub.prompts.models import LICENCES, Prompt
from workers.messages import Recipe


class PromptForm(forms.Form):
    title = forms.CharField(
        max_length=120, required=False, label=_("Name"), help_text=_("Left empty: its first words.")
    )
    prompt = forms.CharField(
        required=False, max_length=6_000, strip=False, label=_("Prompt"),
        help_text=_("{oak|birch} is a choice, __animals__ one of your wildcards."),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )  # fmt: skip
    negative = forms.CharField(
        required=False, max_length=6_000, strip=False, label=_("Negative"),
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )  # fmt: skip
    tags = forms.CharField(required=False, max_length=1300, label=_("Tags"), help_text=_("Parted by commas."))
    licence = forms.ChoiceField(choices=list(LICENCES.items()), label=_("Licence"))
    private = forms.BooleanField(required=False, label=_("Only I see it"))

    @classmethod
    def of(cls, prompt: Prompt, data: Any = None) -> PromptForm:
        initial: dict[str, Any] = {"title": prompt.title, "prompt": prompt.text, "negative": prompt.negative}
        initial |= {"licence": prompt.licence, "private": prompt.private}
        return cls(data, initial=initial | {"tags": ", ".join(tag.name for tag in prompt.tags.all())})

    @classmethod
    def of_recipe(cls, recipe: Recipe, data: Any = None) -> PromptForm:
        return cls(data, initial={"prompt": recipe.prompt, "negative": recipe.negative, "licence": "cc0"})

    def values(self) -> dict[str, Any]:
        tags = [part.strip() for part in self.cleaned_data["tags"].split(",") if part.strip()]
        return self.cleaned_data | {"tags": tags}
