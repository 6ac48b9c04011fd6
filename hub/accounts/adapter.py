"""How django-allauth speaks and decides here: its sentences, its links, who may sign up."""

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from hub.accounts import mailing
from hub.accounts.models import User

NO_MATCH = _("That name and password do not match.")  # never says which half was wrong
TOO_MANY = _("Too many tries. Again in 5 min, or reset the password.")
WRONG_CODE = _("That code is not right. Codes change every 30 s; a recovery code works once.")


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account is closed."),
        "username_password_mismatch": NO_MATCH,
        "email_password_mismatch": NO_MATCH,
        "invalid_login": NO_MATCH,
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
        "incorrect_password": _("That is not your password."),
        "enter_current_password": _("That is not your present password."),
        "incorrect_code": WRONG_CODE,
        "email_taken": _("An account has this e-mail address already. Sign in, or reset its password."),
        "duplicate_email": _("This is your address already."),
        "username_taken": _("That name is taken."),
        "username_blacklisted": _("That name is used by the hub itself."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP_OPEN)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Built from PUBLIC_URL, like every link we mail: the Host header is the sender's to choose."""
        uidb36, _, rest = key.partition("-")
        address = reverse("account_reset_password_from_key", kwargs={"uidb36": uidb36, "key": rest})
        return settings.PUBLIC_URL + address

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: EmailConfirmation) -> str:
        return settings.PUBLIC_URL + reverse("account_confirm_email", args=[emailconfirmation.key])

    def post_login(self, request: HttpRequest, user: Any, **more: Any) -> HttpResponse:
        """What is mailed to them is in the language they signed in with."""
        mailing.language_keep(user, translation.get_language())
        return super().post_login(request, user, **more)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In the language of the account that the mail goes to, whoever made us write it."""
        known = User.objects.filter(email__iexact=email).first()
        language = mailing.language_of(known) if known and known.mail.get("language") else translation.get_language()
        with translation.override(language):
            super().send_mail(template_prefix, email, context)

    def send_notification_mail(self, template_prefix: str, user: Any, context: Any = None, email: Any = None) -> None:
        agent = mailing.program_of(self.get_http_user_agent(self.request))
        said = {"password_reset_url": settings.PUBLIC_URL + reverse("account_reset_password"), "user_agent": agent}
        super().send_notification_mail(template_prefix, user, said | (context or {}), email)

    def send_account_already_exists_mail(self, email: str) -> None:
        reset = settings.PUBLIC_URL + reverse("account_reset_password")
        self.send_mail("account/email/account_already_exists", email, {"password_reset_url": reset})

    def render_mail(self, *args: Any, **kwargs: Any) -> EmailMessage:
        mail: EmailMessage = super().render_mail(*args, **kwargs)
        mail.body = mailing.wrapped(str(mail.body))
        mail.extra_headers["Auto-Submitted"] = "auto-generated"
        return mail

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Never the address that the password is reset through."""
        present = email_address.email.lower() == email_address.user.email.lower()
        return not present and super().can_delete_email(email_address)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """False, with a message, where another account has the address meanwhile."""
        if User.objects.filter(email__iexact=email_address.email).exclude(pk=email_address.user_id).exists():
            failed = "account/messages/email_confirmation_failed.txt"
            self.add_message(request, messages.ERROR, failed, {"email": email_address.email})
            return False
        return bool(super().confirm_email(request, email_address))


class MFAAdapter(DefaultMFAAdapter):
    """TOTP secrets and recovery seeds lie encrypted in the database, by a key made from SECRET_KEY: whoever reads a
    backup cannot make codes. An old key stays readable in SECRET_KEY_FALLBACKS."""

    error_messages = {**DefaultMFAAdapter.error_messages, "incorrect_code": WRONG_CODE}

    def encrypt(self, text: str) -> str:
        return self._keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._keys().decrypt(encrypted_text.encode()).decode()

    def _keys(self) -> MultiFernet:
        secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        digests = (hashlib.sha256(b"weightroom two-factor" + str(secret).encode()).digest() for secret in secrets)
        return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
