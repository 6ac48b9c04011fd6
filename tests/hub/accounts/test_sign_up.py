import pytest
from django.urls import reverse

from hub.accounts.models import User

GOOD = {"username": "dora", "email": "Dora@Example.org", "password1": "a long enough sentence"}


def sign_up(client, **fields):
    return client.post(reverse("account_signup"), {**GOOD, **fields})


def test_it_works(client, db):
    answer = sign_up(client)
    assert answer.status_code == 302, answer.content.decode()
    dora = User.objects.get(username="dora")
    assert dora.email == "dora@example.org"
    assert dora.role == User.Role.MEMBER
    assert not dora.is_staff
    assert not dora.is_superuser
    assert client.session["_auth_user_id"] == str(dora.pk)


@pytest.mark.parametrize("name", ["a/b", "-a", "a--b", "a..b", "x.git", "ä", "a b", "<b>", "a@b", ".", ""])
def test_names_obey_the_id_rules(client, db, name):
    page = sign_up(client, username=name).content.decode()
    assert "Use letters, digits and single . _ - between them; at most 96." in page or "This field is required" in page
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["admin", "API", "settings", "sign-in", "u"])
def test_names_the_hub_needs(client, db, name):
    assert "That name is used by the hub itself." in sign_up(client, username=name).content.decode()


@pytest.mark.parametrize("name", ["alice", "ALICE"])
def test_a_name_is_taken_in_any_case(client, alice, name):
    assert "That name is taken." in sign_up(client, username=name).content.decode()


def test_an_address_is_taken_in_any_case(client, alice):
    page = sign_up(client, email="ALICE@example.org").content.decode()
    assert "An account has this e-mail address already." in page
    assert not User.objects.filter(username="dora").exists()


@pytest.mark.parametrize(("password", "sentence"), [("short", "at least 10"), ("password1234", "too common")])
def test_weak_passwords(client, db, password, sentence):
    assert sentence in sign_up(client, password1=password).content.decode()
    assert not User.objects.exists()


def test_nobody_makes_himself_an_admin(client, db):
    sign_up(client, role="admin", is_staff="1", is_superuser="1")
    dora = User.objects.get(username="dora")
    assert (dora.role, dora.is_staff, dora.is_superuser) == ("member", False, False)


def test_a_closed_hub(client, db, settings):
    settings.SIGN_UP_OPEN = False
    assert "does not take sign-ups" in client.get(reverse("account_signup")).content.decode()
    sign_up(client)
    assert not User.objects.exists()
    assert reverse("account_signup") not in client.get(reverse("account_login")).content.decode()
