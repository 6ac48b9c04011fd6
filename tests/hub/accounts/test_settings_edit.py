from django.urls import reverse

from tests.hub.catalog.files import added


def test_it_works(signed_in, alice):
    page = signed_in.get(reverse("accounts:settings-edit")).content.decode()
    for part in (
        "alice@example.org",
        "Two-factor sign-in",
        "Change the password",
        "0 bytes of 107 GB used.",
        reverse("accounts:token-list"),
    ):
        assert part in page


def test_a_quota_of_ones_own(signed_in, alice):
    alice.quota_bytes = 5_000_000_000
    alice.save()
    assert "of 5.0 GB used." in signed_in.get(reverse("accounts:settings-edit")).content.decode()


def test_it_takes_a_session(client, db):
    assert client.get(reverse("accounts:settings-edit")).url == "/sign-in?next=/settings"


def test_no_page_holds_inline_scripts_or_styles(signed_in):
    for name in (
        "accounts:settings-edit",
        "accounts:token-list",
        "account_email",
        "account_change_password",
        "account_logout",
        "account_reauthenticate",
        "mfa_index",
    ):
        page = signed_in.get(reverse(name)).content.decode()
        assert "<h1>" in page, name
        assert " style=" not in page, name
        assert "<script>" not in page, name


def test_what_is_kept_counts(signed_in, alice):
    added(alice)
    assert "19.5 MB of 107 GB used." in signed_in.get(reverse("accounts:settings-edit")).content.decode()
