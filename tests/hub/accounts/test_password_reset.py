import re

import pytest
from django.core import mail
from django.urls import reverse

from tests.hub.accounts.conftest import PASSWORD

NEW = "another good sentence"


def ask(client, email="alice@example.org", **more):
    return client.post(reverse("account_reset_password"), {"email": email}, **more)


def link() -> str:
    return re.search(r"http://\S+", mail.outbox[-1].body)[0]


def test_it_works(client, alice):
    assert ask(client).url == reverse("account_reset_password_done")
    assert mail.outbox[0].to == ["alice@example.org"]
    form = client.get(link().removeprefix("http://127.0.0.1:8000"), follow=True)
    address = form.redirect_chain[-1][0]
    assert address.endswith("-set-password")  # the key is out of the address, so out of the history
    assert client.post(address, {"password1": NEW, "password2": NEW}).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_a_link_works_once(client, alice):
    ask(client)
    address = link().removeprefix("http://127.0.0.1:8000")
    form = client.get(address, follow=True)
    client.post(form.redirect_chain[-1][0], {"password1": NEW, "password2": NEW})
    again = client.get(address, follow=True)
    assert "This link does not work any more" in again.content.decode()


def test_the_link_is_ours_whatever_the_host_header_says(client, alice):
    ask(client, HTTP_HOST="localhost")
    assert link().startswith("http://127.0.0.1:8000/reset/")


def test_an_unknown_address_looks_the_same(client, alice):
    known, unknown = ask(client), ask(client, "nobody@example.org")
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert "no account here has that address" in " ".join(mail.outbox[-1].body.split())


def test_five_mails_a_day(client, alice):
    for _ in range(5):
        assert ask(client).status_code == 302
    ask(client)
    assert len(mail.outbox) == 5


@pytest.mark.parametrize("first", ["short", "1234567890"])
def test_weak_passwords(client, alice, first):
    ask(client)
    form = client.get(link().removeprefix("http://127.0.0.1:8000"), follow=True)
    client.post(form.redirect_chain[-1][0], {"password1": first, "password2": first})
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
