"""Prompts as things of their own: words with parameters and a stack, their earlier wordings, and pictures of them."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy

LICENCES = {
    "cc0": gettext_lazy("CC0: anybody may use it for anything"),
    "cc-by": gettext_lazy("CC BY: anybody may use it who names its author"),
    "cc-by-nc": gettext_lazy("CC BY-NC: not for money, and its author is named"),
    "private-use": gettext_lazy("For your own pictures; do not publish the text elsewhere"),
}


class Prompt(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="prompts")
    title = models.CharField(max_length=120)
    recipe = models.JSONField(
        help_text="workers.messages.Recipe: text, negative, parameters, stack; base empty: whichever is at hand."
    )
    tags = models.ManyToManyField("catalog.Tag", blank=True, related_name="prompts")
    licence = models.CharField(max_length=12, choices=list(LICENCES.items()), default="cc0")
    private = models.BooleanField(default=False, help_text="Only its owner sees it.")
    locked = models.BooleanField(default=False, help_text="A moderator hid it: it stays private.")
    made_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="forks")
    # What lists and search read; written with the recipe.
    template = models.BooleanField(default=False, help_text="Has {choices} or __wildcards__.")
    stacked = models.BooleanField(default=False, help_text="Uses an adapter.")
    family = models.CharField(max_length=20, blank=True, help_text="Base family of the recipe; empty: any.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of text and negative, folded: finds what is here.")
    doc = SearchVectorField(null=True)
    runs = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            GinIndex(fields=["doc"], name="prompt_doc"),
            models.Index(fields=["digest"], name="prompt_digest"),
            models.Index(fields=["runs", "id"], name="prompt_most_run"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def text(self) -> str:
        return self.recipe["prompt"]

    @property
    def negative(self) -> str:
        return self.recipe["negative"]


class Word(models.Model):
    """A word of the prompts and in how many it is: what a typing error is held against."""

    word = models.TextField(primary_key=True)
    texts = models.IntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["word"], name="prompt_word_begins", opclasses=["text_pattern_ops"]),
            GinIndex(fields=["word"], name="prompt_word_alike", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return self.word


class Wording(models.Model):
    """How a prompt was before a change; the first is number 1."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="wordings")
    number = models.IntegerField()
    recipe = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["prompt", "number"], name="wording_number_once")]

    def __str__(self) -> str:
        return f"wording {self.number} of prompt {self.prompt_id}"


class Example(models.Model):
    """A picture that shows what a prompt draws."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="examples")
    picture = models.ForeignKey("gallery.Picture", on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["prompt", "picture"], name="example_once")]

    def __str__(self) -> str:
        return f"picture {self.picture_id} of prompt {self.prompt_id}"


class Wildcard(models.Model):
    """``__name__`` in a prompt stands for one of ``values``."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="wildcards")
    name = models.CharField(max_length=60)
    values = models.JSONField(help_text="A list of texts.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="wildcard_name_once")]

    def __str__(self) -> str:
        return f"__{self.name}__"
