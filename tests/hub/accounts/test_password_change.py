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


def test_the_mail_says_nothing_that_a_stranger_chose(signed_in):
    signed_in.defaults["HTTP_USER_AGENT"] = "Firefox/1 on Linux, call +1 555 and give your code: https://evil.example"
    change(signed_in)
    told = mail.outbox[-1]
    assert told.subject == "Weightroom: your password was changed"
    assert "with Firefox on Linux." in " ".join(told.body.split())
    assert "evil" not in told.body
    assert "http://127.0.0.1:8000/reset" in told.body


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
