"""What a person or a model may be called: Hugging Face's id rules, so that every name here is a valid id there."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

NAME = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?$")
RESERVED = {
    "about", "accounts", "admin", "api", "cas", "collections", "comments", "compare", "confirm", "confirm-email",
    "datasets", "decisions", "docs", "download", "feed", "file", "groups", "healthz", "image", "images", "import",
    "imports", "kernels", "lfs",
    "likes", "login", "mail", "model-versions", "models", "moderation", "moderator", "moderators", "new",
    "notifications", "oauth",
    "operator", "organizations", "pictures", "posts", "prompts", "queue", "reports", "reset", "reviews", "s3", "sdapi",
    "search", "upload",
    "settings", "sign-in", "sign-out", "sign-up", "spaces", "static", "tokens", "transfers", "try", "u", "uploads",
    "user", "v1", "v2", "webhooks", "weightroom",
}  # fmt: skip


def check_name(value: str) -> None:
    """Raises ``ValidationError`` unless ``value`` obeys the id rules and no address of the hub needs it."""
    if not NAME.match(value) or ".." in value or "--" in value or value.endswith(".git"):
        raise ValidationError(_("Use letters, digits and single . _ - between them; at most 96."), code="name")
    if value.lower() in RESERVED:
        raise ValidationError(_("That name is used by the hub itself."), code="reserved")


validators = [check_name]
