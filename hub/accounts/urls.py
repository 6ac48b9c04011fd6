"""People's addresses. Those without a namespace are allauth's views under its own names, at short paths."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from django.contrib import admin
from django.urls import include, path, re_path

from hub.accounts import api, pages

own = [
    path("settings", pages.settings_edit, name="settings-edit"),
    path("settings/theme", pages.theme_set, name="theme-set"),
    path("settings/language", pages.language_set, name="language-set"),
    path("settings/content", pages.content_set, name="content-set"),
    path("settings/about", pages.about_set, name="about-set"),
    path("settings/tokens", pages.token_list, name="token-list"),
    path("settings/tokens/new", pages.token_create, name="token-create"),
    path("settings/tokens/<int:id>/revoke", pages.token_revoke, name="token-revoke"),
    path("login/device", pages.device_decide, name="device-decide"),
    path("u/<str:name>", pages.user_detail, name="user-detail"),
    path("api/v1/tokens", api.TokenList.as_view(), name="api-token-list"),
    path("api/v1/tokens/<int:id>", api.TokenRevoke.as_view(), name="api-token-revoke"),
]

urlpatterns = [
    path("", include((own, "accounts"))),
    path("sign-in", account.login, name="account_login"),
    path("sign-in/code", mfa.authenticate, name="mfa_authenticate"),
    path("sign-out", account.logout, name="account_logout"),
    path("sign-up", account.signup, name="account_signup"),
    path("sign-in/closed", account.account_inactive, name="account_inactive"),
    path("confirm", account.reauthenticate, name="account_reauthenticate"),
    path("confirm/code", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("confirm-email", account.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)$", account.confirm_email, name="account_confirm_email"),
    path("reset", account.password_reset, name="account_reset_password"),
    path("reset/sent", account.password_reset_done, name="account_reset_password_done"),
    path("reset/done", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("settings/email", account.email, name="account_email"),
    path("settings/password", account.password_change, name="account_change_password"),
    path("settings/password/set", account.password_set, name="account_set_password"),
    path("settings/two-factor", mfa.index, name="mfa_index"),
    path("settings/two-factor/app", totp.activate_totp, name="mfa_activate_totp"),
    path("settings/two-factor/app/remove", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("settings/two-factor/codes", recovery.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("settings/two-factor/codes/new", recovery.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("settings/two-factor/codes.txt", recovery.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("admin/", admin.site.urls),
]
