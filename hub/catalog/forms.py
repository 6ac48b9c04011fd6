"""The two forms with which an owner edits a model and a version."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hub.accounts.levels import LEVELS
from hub.catalog.models import Base, Model, Version

USES = [
    ("Image", _("Pictures made with it may be sold")),
    ("RentCivit", _("This hub may offer it for drawing")),
    ("Rent", _("Paid generation services may offer it")),
    ("Sell", _("The file and merges of it may be sold")),
]


def split(text: str) -> list[str]:
    """Parts of a line that are parted by commas."""
    return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]


class ModelForm(forms.Form):
    name = forms.CharField(max_length=120, label=_("Name"))
    type = forms.ChoiceField(choices=Model.Type.choices, label=_("Type"))
    tags = forms.CharField(required=False, max_length=1300, label=_("Tags"), help_text=_("Parted by commas."))
    description = forms.CharField(
        required=False, max_length=100_000, label=_("Description"), help_text=_("Markdown."),
        widget=forms.Textarea(attrs={"rows": 10}),
    )  # fmt: skip
    allow_no_credit = forms.BooleanField(required=False, label=_("It may be used without naming you"))
    allow_derivatives = forms.BooleanField(required=False, label=_("Merges that contain it may be shared"))
    allow_different_licence = forms.BooleanField(required=False, label=_("Merges may have other permissions"))
    allow_commercial_use = forms.MultipleChoiceField(
        required=False, choices=USES, label=_("Commercial use"), widget=forms.CheckboxSelectMultiple
    )

    unlisted = forms.BooleanField(
        required=False, label=_("Unlisted"),
        help_text=_("In no list, search or feed; published, it is shown to whoever has its link."),
    )  # fmt: skip
    sign_in_to_download = forms.BooleanField(
        required=False,
        label=_("Downloads need an account"),
        help_text=_("Everybody sees the page; files ask to sign in."),
    )
    level = forms.TypedMultipleChoiceField(
        coerce=int, required=False, choices=list(LEVELS.items()), label=_("What its pictures show"),
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip

    @classmethod
    def of(cls, model: Model, data: Any = None) -> ModelForm:
        initial = {name: getattr(model, name) for name in cls.base_fields if name != "tags"}
        initial["level"] = [bit for bit in LEVELS if bit & model.level]
        initial["tags"] = ", ".join(tag.name for tag in model.tags.all())
        return cls(data, initial=initial)

    def values(self) -> dict[str, Any]:
        level = sum(set(self.cleaned_data["level"])) or 1
        return self.cleaned_data | {"tags": split(self.cleaned_data["tags"]), "level": level}


class VersionForm(forms.Form):
    name = forms.CharField(max_length=80, label=_("Name of the version"))
    base = forms.ChoiceField(label=_("Base model"))
    trigger_words = forms.CharField(
        required=False, max_length=10_000, label=_("Trigger words"), help_text=_("Parted by commas.")
    )
    weight = forms.FloatField(min_value=-10, max_value=10, label=_("Recommended weight"))
    weight_min = forms.FloatField(min_value=-10, max_value=10, label=_("Smallest useful weight"))
    weight_max = forms.FloatField(min_value=-10, max_value=10, label=_("Largest useful weight"))
    clip_skip = forms.IntegerField(required=False, min_value=1, max_value=12, label=_("Clip skip"))
    needs = forms.CharField(
        required=False, max_length=2000, label=_("Used together with"),
        help_text=_("Addresses of models on this hub, a VAE or a ControlNet, parted by commas. The base is known."),
    )  # fmt: skip
    description = forms.CharField(
        required=False, max_length=100_000, label=_("About this version"), help_text=_("Markdown."),
        widget=forms.Textarea(attrs={"rows": 8}),
    )  # fmt: skip
    hide_training = forms.BooleanField(
        required=False,
        label=_("Hide the training details"),
        help_text=_(
            "Pages and the API leave them out. The file is not changed, so whoever downloads it can read them."
        ),
    )

    @classmethod
    def of(cls, version: Version, data: Any = None) -> VersionForm:
        initial = {name: getattr(version, name) for name in cls.base_fields if name != "needs"}
        initial["needs"] = ", ".join(f"/model-versions/{pk}" for pk in version.needs.values_list("pk", flat=True))
        initial |= {"base": version.base.name, "trigger_words": ", ".join(version.trigger_words)}
        form = cls(data, initial=initial)
        names = Base.objects.filter(hidden=False).values_list("name", flat=True)
        form.fields["base"].choices = [(name, name) for name in dict.fromkeys([version.base.name, *names])]  # type: ignore[attr-defined]
        return form

    def values(self) -> dict[str, Any]:
        lists = {name: split(self.cleaned_data[name]) for name in ("trigger_words", "needs")}
        return self.cleaned_data | lists


class ScheduleForm(forms.Form):
    at = forms.DateTimeField(required=False)  # as <input type=datetime-local> sends it
