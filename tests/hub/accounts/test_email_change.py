import re

from allauth.account.models import EmailAddress
from django.core import mail
from django.urls import reverse


def change(client, email):
    return client.post(reverse("account_email"), {"email": email, "action_add": "1"})


def test_it_works(signed_in, alice):
    assert change(signed_in, "new@example.org").status_code == 302
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"  # until the new one is confirmed
    assert "new@example.org takes its place" in signed_in.get(reverse("account_email")).content.decode()
    link = re.search(r"http://\S+", next(one for one in mail.outbox if one.to == ["new@example.org"]).body)[0]
    assert link.startswith("http://127.0.0.1:8000/confirm-email/")
    signed_in.post(link.removeprefix("http://127.0.0.1:8000"))
    alice.refresh_from_db()
    assert alice.email == "new@example.org"


def test_the_present_one_is_confirmed(signed_in, alice):
    """What the note beside the choices of mail leads to."""
    EmailAddress.objects.filter(user=alice).update(verified=False)
    page = signed_in.get(reverse("account_email")).content.decode()
    assert "Send a link to confirm it" in page
    signed_in.post(reverse("account_email"), {"email": "alice@example.org", "action_send": "1"})
    link = re.search(r"http://127.0.0.1:8000(\S+)", mail.outbox[-1].body)[1]
    signed_in.post(link)
    assert EmailAddress.objects.get(user=alice).verified
    assert "Send a link" not in signed_in.get(reverse("account_email")).content.decode()


def test_an_address_of_somebody_else(signed_in, alice, bob):
    change(signed_in, "bob@example.org")
    for message in mail.outbox:
        for link in re.findall(r"http://127.0.0.1:8000(/confirm-email/\S+)", message.body):
            signed_in.post(link)
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


def test_a_link_that_is_no_good(client, db):
    assert "This link does not work any more" in client.get("/confirm-email/abc").content.decode()


def test_not_an_address(signed_in):
    assert change(signed_in, "nonsense").status_code == 200
    assert mail.outbox == []


def test_the_present_address_stays_until_then(signed_in, alice):
    """Also where it never was confirmed: it is the one that the password is reset through."""
    change(signed_in, "first@example.org")
    change(signed_in, "second@example.org")
    signed_in.post(reverse("account_email"), {"email": "alice@example.org", "action_remove": "1"})
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    page = signed_in.get(reverse("account_email")).content.decode()
    assert "second@example.org takes its place" in page
    assert "first@example.org takes its place" not in page
    signed_in.post(reverse("account_email"), {"email": "second@example.org", "action_remove": "1"})
    assert "takes its place" not in signed_in.get(reverse("account_email")).content.decode()
