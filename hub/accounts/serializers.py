"""What the token API takes and gives."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from hub.accounts.models import Token

SCOPE_UNKNOWN = f"The scopes are {', '.join(Token.Scope.values)}, not “{{input}}”."
PRESET = timedelta(days=90)


class TokenCreateInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80, help_text="What will use it.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Token.Scope.choices, error_messages={"invalid_choice": SCOPE_UNKNOWN}),
        allow_empty=False,
        help_text="What it may do.",
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When it stops working; null: never; left out: in 90 days."
    )

    @classmethod
    def checked(cls, data: Any) -> dict[str, Any]:
        """The checked input. Raises ``ValidationError``."""
        form = cls(data=data)
        form.is_valid(raise_exception=True)
        return {"expires_at": timezone.now() + PRESET, **form.validated_data}


class TokenOutput(serializers.ModelSerializer[Token]):
    class Meta:
        model = Token
        fields = ["id", "name", "start", "scopes", "created_at", "expires_at", "last_used_at"]


class TokenListOutput(serializers.Serializer[Any]):
    items = TokenOutput(many=True)


class TokenCreateOutput(TokenOutput):
    token = serializers.CharField(read_only=True, help_text="The token itself. It is not kept and not shown again.")

    class Meta(TokenOutput.Meta):
        fields = [*TokenOutput.Meta.fields, "token"]
