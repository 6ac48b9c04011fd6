import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse

from tests.hub.accounts.conftest import PASSWORD

NO_MATCH = "That name and password do not match."


def sign_in(client, name="alice", password=PASSWORD, **more):
    return client.post(reverse("account_login"), {"login": name, "password": password, **more})


def test_it_works(client, alice):
    answer = sign_in(client)
    assert answer.status_code == 302
    assert answer.url == "/"
    assert client.session["_auth_user_id"] == str(alice.pk)


@pytest.mark.parametrize("name", ["ALICE", "alice@example.org", "Alice@Example.org", "  alice "])
def test_name_in_any_case_or_email(client, alice, name):
    assert sign_in(client, name).status_code == 302


def test_browsers_can_fill_it_in(client, db):
    page = client.get(reverse("account_login")).content.decode()
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert "placeholder" not in page.split("<main")[1]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong wrong wrong"),
        ("nobody", PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("alice@example.org", "x"),
    ],
)
def test_it_never_says_which_half_was_wrong(client, alice, name, password):
    answer = sign_in(client, name, password)
    assert NO_MATCH in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_account_is_locked_after_five_tries(client, alice):
    for _ in range(5):
        assert NO_MATCH in sign_in(client, password="wrong").content.decode()
    answer = sign_in(client)
    assert "Too many tries. Again in 5 min, or reset the password." in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_address_is_locked_after_ten_tries(client, alice):
    for number in range(10):
        sign_in(client, f"someone{number}", "wrong")
    assert "Too many tries" in sign_in(client).content.decode()


def test_a_signed_in_person_can_not_flood_it(client, alice):
    for _ in range(30):
        client.post(reverse("account_login"), {"login": ""})
    answer = client.post(reverse("account_login"), {"login": ""})
    assert answer.status_code == 429
    assert "Again in a few minutes." in answer.content.decode()


def test_it_returns_to_where_the_person_was(client, alice):
    assert sign_in(client, next="/try?prompt=a+fox").url == "/try?prompt=a+fox"


def test_it_goes_nowhere_else(client, alice):
    assert sign_in(client, next="https://evil.example/").url == "/"


def test_a_closed_account(client, alice):
    alice.is_active = False
    alice.save()
    answer = sign_in(client)
    assert answer.url == reverse("account_inactive")
    assert "This account is closed" in client.get(answer.url).content.decode()
    assert "_auth_user_id" not in client.session


def test_closing_an_account_ends_its_sessions(signed_in, alice):
    alice.is_active = False
    alice.save()
    assert signed_in.get(reverse("accounts:settings-edit")).status_code == 302


def test_sign_out_takes_a_press(signed_in):
    page = signed_in.get(reverse("account_logout"))
    assert "Sign out" in page.content.decode()
    assert "_auth_user_id" in signed_in.session
    signed_in.post(reverse("account_logout"))
    assert "_auth_user_id" not in signed_in.session


def test_a_new_session_id_on_sign_in(client, alice):
    client.get(reverse("accounts:settings-edit"))
    session = client.session
    session["x"] = 1
    session.save()
    before = session.session_key
    client.cookies["sessionid"] = before
    sign_in(client)
    assert client.session.session_key != before


def test_no_second_factor_unless_set_up(alice):
    assert not Authenticator.objects.filter(user=alice).exists()
