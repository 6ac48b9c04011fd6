from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.hub.accounts.conftest import PASSWORD

NEW = "another good sentence"


def change(client, old=PASSWORD, new=NEW):
    return client.post(reverse("account_change_password"), {"oldpassword": old, "password1": new, "password2": new})


def test_it_works(signed_in, alice):
    assert change(signed_in).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert "alice@example.org" in mail.outbox[-1].to  # its owner is told


def test_it_ends_other_sessions(signed_in, alice):
    elsewhere = Client()
    elsewhere.force_login(alice)
    change(signed_in)
    assert elsewhere.get(reverse("accounts:settings-edit")).status_code == 302
    assert signed_in.get(reverse("accounts:settings-edit")).status_code == 200


def test_a_wrong_one(signed_in, alice):
    assert "That is not your present password." in change(signed_in, old="wrong").content.decode()
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_it_takes_a_session(client, db):
    assert reverse("account_login") in change(client).url
