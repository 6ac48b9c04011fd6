"""The forms of sign-in and settings: allauth's, with our words, and autofill names that browsers know."""

from datetime import timedelta
from typing import Any

from allauth.account import forms as account
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.email_verification import send_verification_email_to_address
from allauth.account.models import EmailAddress
from allauth.core import context, ratelimit
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hub.accounts.models import Token

PASSWORD_HELP = _("At least 10 characters; a sentence is good.")
CODE_ATTRIBUTES = {
    "autocomplete": "one-time-code",
    "inputmode": "text",
    "spellcheck": "false",
    "autocapitalize": "none",
}


class Plain:
    """Labels above the fields, nothing inside them: a placeholder is gone when it is needed."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
            if field.widget.attrs.get("autocomplete") == "new-password":
                field.help_text = PASSWORD_HELP
            elif isinstance(field.widget, forms.PasswordInput):
                field.help_text = ""


class SignIn(Plain, account.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("Name or e-mail")
        self.fields["login"].widget.attrs |= {"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        self.fields["remember"].label = _("Keep me signed in")


class SignUp(Plain, account.SignupForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("Name")
        self.fields["username"].help_text = _(
            "Letters, digits, and single . _ - between them. It is part of addresses."
        )
        self.fields["username"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        self.fields["email"].label = _("E-mail")


class Reset(Plain, account.ResetPasswordForm):
    pass


class ResetFromKey(Plain, account.ResetPasswordKeyForm):
    pass


class PasswordChange(Plain, account.ChangePasswordForm):
    pass


class EmailChange(Plain, account.AddEmailForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("New e-mail address")

    def save(self, request: HttpRequest) -> EmailAddress:
        """Keep the present address until the new one is confirmed, even where the present one never was (allauth
        would drop it at once, and with it the way to reset the password)."""
        pending = EmailAddress.objects.filter(user=self.user, verified=False)
        pending.exclude(email__iexact=self.user.email).delete()
        address = EmailAddress.objects.create(user=self.user, email=self.cleaned_data["email"])
        send_verification_email_to_address(request, address)
        return address


class Reauthenticate(Plain, account.ReauthenticateForm):
    pass


class Code(Plain):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("Code")
        self.fields["code"].widget.attrs |= {**CODE_ATTRIBUTES, "autofocus": True}

    def clean_code(self) -> str:
        """Guessing six digits is held down over the hour and the day too, as PyPI does it."""
        key = f"code-{self.user.pk}"  # type: ignore[attr-defined]
        if not ratelimit.consume(context.request, action="code_failed", key=key):
            raise get_adapter().validation_error("too_many_login_attempts")
        code: str = super().clean_code()  # type: ignore[misc]
        ratelimit.clear(context.request, action="code_failed", key=key)
        return code


class SignInCode(Code, mfa.AuthenticateForm):
    pass


class ReauthenticateCode(Code, mfa.ReauthenticateForm):
    pass


class ActivateCode(Code, ActivateTOTPForm):
    pass


SCOPES = [
    (Token.Scope.READ, _("Read: browse and download, your private models too.")),
    (Token.Scope.UPLOAD, _("Upload: add files, publish and edit your models.")),
    (Token.Scope.GENERATE, _("Draw: ask for pictures, within your limits.")),
    (Token.Scope.ADMIN, _("Everything you may do, making and revoking tokens included.")),
]
NEVER = "never"
EXPIRIES = [("30", _("in 30 days")), ("90", _("in 90 days")), ("365", _("in a year")), (NEVER, _("never"))]


class TokenCreate(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("What will use it: “my laptop”, “nightly backup”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        choices=SCOPES,
        initial=[Token.Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one thing that it may do.")},
    )
    expires = forms.ChoiceField(label=_("It stops working"), choices=EXPIRIES, initial="90")

    def wanted(self) -> dict[str, Any]:
        """What `actions.token_create` takes, of a form that is valid."""
        data, days = self.cleaned_data, self.cleaned_data["expires"]
        until = None if days == NEVER else timezone.now() + timedelta(days=int(days))
        return {"name": data["name"], "scopes": data["scopes"], "expires_at": until}
