import re
import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.urls import reverse

from tests.hub.accounts.conftest import PASSWORD

WRONG = "That code is not right."


def code_now(secret: str) -> str:
    """The six digits of RFC 6238 for this half minute."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def sign_in(client):
    return client.post(reverse("account_login"), {"login": "alice", "password": PASSWORD})


def confirm(client):
    """Changing the second factor asks for the password once more."""
    answer = client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert answer.status_code == 302


def give(client, code):
    return client.post(reverse("mfa_authenticate"), {"code": code})


def test_whoever_confirmed_their_address_is_asked_for_the_password(client, alice):
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)
    client.force_login(alice)
    asked = client.get(reverse("mfa_activate_totp"))
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    page = client.get(asked["Location"]).content.decode()
    assert "Enter your password again." in page


@pytest.fixture
def secret(client, alice) -> str:
    """Alice signed in with her password and turned it on."""
    sign_in(client)
    confirm(client)
    page = client.get(reverse("mfa_activate_totp")).content.decode()
    assert "data:image/svg+xml" in page
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page)[1]
    answer = client.post(reverse("mfa_activate_totp"), {"code": code_now(found)})
    assert answer.status_code == 302, answer.content.decode()
    client.post(reverse("account_logout"))
    return found


def test_it_works(client, alice, secret):
    answer = sign_in(client)
    assert answer.url == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session  # the password alone is not enough
    assert "one-time-code" in client.get(answer.url).content.decode()
    assert give(client, code_now(secret)).status_code == 302
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_a_recovery_code_works_once(client, alice, secret):
    codes = Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()
    assert len(codes) == 10
    sign_in(client)
    assert give(client, codes[0]).status_code == 302
    assert client.session["_auth_user_id"] == str(alice.pk)
    client.post(reverse("account_logout"))
    sign_in(client)
    assert WRONG in give(client, codes[0]).content.decode()
    assert "_auth_user_id" not in client.session


def test_recovery_codes_can_be_seen_and_saved(client, alice, secret):
    sign_in(client)
    give(client, code_now(secret))
    confirm(client)
    code = Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()[3]
    assert code in client.get(reverse("mfa_view_recovery_codes")).content.decode()
    saved = client.get(reverse("mfa_download_recovery_codes"))
    assert code in saved.content.decode()
    assert "attachment" in saved["Content-Disposition"]


def test_a_code_is_not_taken_twice(client, secret):
    code = code_now(secret)
    sign_in(client)
    give(client, code)
    client.post(reverse("account_logout"))
    sign_in(client)
    assert WRONG in give(client, code).content.decode()


def test_guessing_is_stopped(client, secret):
    sign_in(client)
    for _ in range(5):
        assert WRONG in give(client, "000000").content.decode()
    assert "Too many tries" in give(client, code_now(secret)).content.decode()
    assert "_auth_user_id" not in client.session


def test_a_code_without_a_password_is_nothing(client, secret):
    assert give(client, code_now(secret)).url == reverse("account_login")


def test_secrets_lie_encrypted(alice, secret):
    kept = Authenticator.objects.get(user=alice, type="totp").data
    assert secret not in str(kept)


def test_an_old_key_still_opens_them(client, alice, secret, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one, rotated"
    sign_in(client)
    assert give(client, code_now(secret)).status_code == 302


def test_it_can_be_turned_off(client, alice, secret):
    sign_in(client)
    give(client, code_now(secret))
    confirm(client)
    assert client.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert not Authenticator.objects.filter(user=alice).exists()


def test_the_pages(client, secret):
    sign_in(client)
    give(client, code_now(secret))
    confirm(client)
    assert "10 codes left" in client.get(reverse("mfa_index")).content.decode()
    assert "The ones you have stop working." in client.get(reverse("mfa_generate_recovery_codes")).content.decode()
    assert client.get(reverse("mfa_deactivate_totp")).status_code == 200


def test_changing_it_asks_for_the_password_again(client, alice):
    sign_in(client)
    answer = client.get(reverse("mfa_activate_totp"))
    assert answer.url.startswith(reverse("account_reauthenticate"))
    assert "Is it you?" in client.get(answer.url).content.decode()
    assert "That is not your password." in client.post(answer.url, {"password": "wrong"}).content.decode()
    assert client.get(reverse("mfa_activate_totp")).status_code == 302


def test_a_code_can_stand_for_the_password_there(client, alice, secret):
    sign_in(client)
    give(client, Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()[0])
    assert WRONG in client.post(reverse("mfa_reauthenticate"), {"code": "000000"}).content.decode()
    assert client.post(reverse("mfa_reauthenticate"), {"code": code_now(secret)}).status_code == 302
    assert client.get(reverse("mfa_deactivate_totp")).status_code == 200
