"""What people say and keep: likes, follows, comments, reviews, collections, and the notices that come of them."""

import operator
from functools import reduce
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

PERSON = settings.AUTH_USER_MODEL


TARGETS = ("model", "picture", "prompt")


def _one_target(name: str) -> models.CheckConstraint:
    """A row is about one thing, never about two or none."""
    only = (Q(**{f"{one}__isnull": one != about for one in TARGETS}) for about in TARGETS)
    return models.CheckConstraint(condition=reduce(operator.or_, only), name=name)


class About(models.Model):
    """A row about a model, a picture or a prompt."""

    model = models.ForeignKey("catalog.Model", null=True, on_delete=models.CASCADE, related_name="+")
    picture = models.ForeignKey("gallery.Picture", null=True, on_delete=models.CASCADE, related_name="+")
    prompt = models.ForeignKey("prompts.Prompt", null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    @property
    def target(self) -> Any:
        named = next((one for one in TARGETS if getattr(self, f"{one}_id") is not None), "")
        return getattr(self, named) if named else None


class Like(About):
    user = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="likes")

    class Meta:
        constraints = [
            _one_target("like_of_one_thing"),
            models.UniqueConstraint(fields=["user", "model"], name="like_a_model_once"),
            models.UniqueConstraint(fields=["user", "picture"], name="like_a_picture_once"),
            models.UniqueConstraint(fields=["user", "prompt"], name="like_a_prompt_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.target}"


class Follow(models.Model):
    follower = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="follows")
    followed = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="followers")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["follower", "followed"], name="follow_once"),
            models.CheckConstraint(condition=~Q(follower=models.F("followed")), name="nobody_follows_themselves"),
        ]

    def __str__(self) -> str:
        return f"{self.follower_id} follows {self.followed_id}"


class Comment(About):
    """Threads are two levels deep: an answer to an answer stands beside it. A removed one keeps its place."""

    author = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="comments")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="answers")
    text = models.TextField(help_text="Markdown; cleaned when shown.")
    removed_at = models.DateTimeField(null=True)
    removed_by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["id"]
        constraints = [_one_target("comment_on_one_thing")]

    def __str__(self) -> str:
        return f"comment {self.pk}"


class Review(models.Model):
    """Whether somebody recommends a model, and why in words; one each."""

    model = models.ForeignKey("catalog.Model", on_delete=models.CASCADE, related_name="reviews")
    author = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="reviews")
    recommends = models.BooleanField()
    text = models.TextField(help_text="Markdown; cleaned when shown.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["model", "author"], name="one_review_each")]

    def __str__(self) -> str:
        return f"review {self.pk} of model {self.model_id}"


class Collection(models.Model):
    owner = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="collections")
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=500, blank=True)
    private = models.BooleanField(default=False, help_text="Only its owner sees it.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-updated_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="collection_name_once")]

    def __str__(self) -> str:
        return self.name


class CollectionItem(About):
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="items")
    position = models.IntegerField()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            _one_target("item_is_one_thing"),
            models.UniqueConstraint(fields=["collection", "model"], name="model_once_per_collection"),
            models.UniqueConstraint(fields=["collection", "picture"], name="picture_once_per_collection"),
            models.UniqueConstraint(fields=["collection", "prompt"], name="prompt_once_per_collection"),
        ]

    def __str__(self) -> str:
        return f"{self.target} in {self.collection_id}"


class Notice(About):
    """Something that concerns ``user``: ``kind`` says what ``actor`` did. About neither thing: they follow ``user``."""

    class Kind(models.TextChoices):
        COMMENT = "comment"
        ANSWER = "answer"
        MENTION = "mention"
        REVIEW = "review"
        FOLLOW = "follow"
        DECISION = "decision"
        INVITE = "invite"
        IMPORT = "import"

    user = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    actor = models.ForeignKey(
        PERSON, null=True, on_delete=models.CASCADE, related_name="+", help_text="Empty: the hub."
    )
    comment = models.ForeignKey(Comment, null=True, on_delete=models.CASCADE, related_name="+")
    sentence = models.CharField(max_length=700, blank=True, help_text="What the hub says itself.")
    address = models.CharField(max_length=200, blank=True, help_text="The page that it is about, where no thing is.")
    read_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True, help_text="When it was mailed, or left out of the mail.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "-id"], name="notice_newest"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notice_unread"),
            models.Index(fields=["id"], condition=Q(mailed_at=None), name="notice_unmailed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"
