import re

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command

from hub.accounts.models import User


def test_it_works(capsys, db, client):
    call_command("admin_create", "root1", "Root@Example.org", "--generate")
    password = re.search(r"Password: (\S+)", capsys.readouterr().out)[1]
    user = User.objects.get(username="root1")
    assert user.is_admin
    assert user.is_superuser
    assert EmailAddress.objects.get(user=user).verified
    client.post("/sign-in", {"login": "root1", "password": password})
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_password_is_asked_for(monkeypatch, db):
    monkeypatch.setattr("hub.accounts.management.commands.admin_create.getpass", lambda _: "a very good sentence")
    call_command("admin_create", "root1", "root@example.org")
    assert User.objects.get().check_password("a very good sentence")


@pytest.mark.parametrize(
    ("name", "email", "sentence"),
    [
        ("admin", "a@example.org", "used by the hub itself"),
        ("a b", "a@example.org", "single . _ -"),
        ("alice", "a@example.org", "taken|exists|already"),
        ("root1", "ALICE@example.org", "exists|already|violated"),
        ("root1", "nonsense", "valid email"),
        ("root1", "", "Give an e-mail address"),
    ],
)
def test_bad_input_gets_a_sentence(alice, name, email, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("admin_create", name, email, "--generate")
    assert User.objects.count() == 1


def test_a_weak_password(monkeypatch, db):
    monkeypatch.setattr("hub.accounts.management.commands.admin_create.getpass", lambda _: "short")
    with pytest.raises(CommandError, match="at least 10"):
        call_command("admin_create", "root1", "root@example.org")
    assert not User.objects.exists()


def test_two_different_passwords(monkeypatch, db):
    given = iter(["one good sentence", "another good one"])
    monkeypatch.setattr("hub.accounts.management.commands.admin_create.getpass", lambda _: next(given))
    with pytest.raises(CommandError, match="two different"):
        call_command("admin_create", "root1", "root@example.org")
