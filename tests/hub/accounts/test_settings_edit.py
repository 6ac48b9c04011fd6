from django.urls import reverse


def test_it_works(signed_in, alice):
    page = signed_in.get(reverse("accounts:settings-edit")).content.decode()
    for part in (
        "alice@example.org",
        "Two-factor sign-in",
        "Change the password",
        "107 GB",
        reverse("accounts:token-list"),
    ):
        assert part in page


def test_a_quota_of_ones_own(signed_in, alice):
    alice.quota_bytes = 5_000_000_000
    alice.save()
    assert "5.0 GB" in signed_in.get(reverse("accounts:settings-edit")).content.decode()


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
