"""Notifications by mail: at once or in a digest, ended by one press; `mail-set`, `mail-stop`, `notice-list`."""

import re
from datetime import UTC, datetime

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from hub.catalog.models import Model
from hub.community.actions import comment_create, follow_set, review_write
from hub.community.mails import mails_send
from hub.community.models import Notice
from hub.moderation.cases import case_decide
from hub.moderation.reports import report_file
from tests.hub.catalog.files import added

EVENING, MORNING = datetime(2026, 5, 1, 20, tzinfo=UTC), datetime(2026, 5, 2, 8, tzinfo=UTC)


@pytest.fixture
def model(alice) -> Model:
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)
    return added(alice, "Linocut").version.model


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def chosen(alice, **kinds):
    signed_in(alice).post("/settings/mail", kinds)
    alice.refresh_from_db()


def test_it_works(model, alice, bob, mailoutbox):
    chosen(alice, comment="now")
    comment_create(author=bob, target=model, text="How <b>fine</b>!")
    assert mails_send(EVENING) == 1
    [mail] = mailoutbox
    assert mail.to == ["alice@example.org"]
    assert mail.subject == "Weightroom: bob commented on Linocut."
    assert "How <b>fine</b>!" in mail.body
    [(html, kind)] = mail.alternatives
    assert kind == "text/html"
    assert "How &lt;b&gt;fine&lt;/b&gt;!" in html
    address = re.search(r"http://\S+#comment-\d+", mail.body)[0]
    assert Client().get(address.split("8000")[-1]).status_code == 200
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mails_send(EVENING) == 0


def test_a_review_comes_with_its_words(model, alice, bob, mailoutbox):
    chosen(alice, review="now")
    review_write(author=bob, model=model, recommends=True, text="Clean lines at 0.7.")
    mails_send(EVENING)
    assert "bob reviewed Linocut.\n> Clean lines at 0.7.\nhttp" in mailoutbox[0].body
    assert "#reviews\n" in mailoutbox[0].body


def test_the_days_in_one(model, alice, bob, charlie, mailoutbox):
    for person in (bob, charlie):
        comment_create(author=person, target=model, text="Fine.")
    follow_set(follower=bob, followed=alice, on=True)
    early = EVENING.replace(hour=5)
    assert mails_send(early) == 0
    assert mails_send(EVENING) == 1
    assert mailoutbox[0].subject == "Weightroom: 3 notifications"
    assert "bob follows you." in mailoutbox[0].body
    comment_create(author=bob, target=model, text="And again.")
    assert mails_send(EVENING) == 0
    assert mails_send(MORNING) == 1


def test_words_that_are_gone_are_not_mailed(model, alice, bob, mona, mailoutbox):
    chosen(alice, comment="now")
    comment = comment_create(author=bob, target=model, text="Buy my course")
    case = report_file(by=mona, address="", kind="comment", id=comment.pk, reason="spam")[0].case
    case_decide(by=mona, case_id=case.pk, decision="hidden", sentence="Advertising.")
    assert mails_send(EVENING) == 0
    assert not mailoutbox


def test_a_sentence_in_german(alice, bob, draw, mailoutbox):
    """Two cases of one word: on a picture, and under it."""
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)
    alice.mail = {"comment": "now", "mention": "now", "language": "de"}
    alice.save()
    picture = draw(alice, visible=True)
    for text in ("Schön.", "@alice, wie?"):
        comment_create(author=bob, target=picture, text=text)
    mails_send(EVENING)
    assert [mail.subject for mail in mailoutbox] == [
        "Weightroom: bob hat dein Bild kommentiert.", "Weightroom: bob hat dich unter deinem Bild erwähnt.",
    ]  # fmt: skip


def test_what_was_read_or_is_unwanted_is_left_out(model, alice, bob, mailoutbox):
    chosen(alice, comment="never")
    comment_create(author=bob, target=model, text="Fine.")
    follow_set(follower=bob, followed=alice, on=True)
    signed_in(alice).get("/notifications")
    assert mails_send(MORNING) == 0
    assert mailoutbox == []
    assert not Notice.objects.filter(mailed_at=None).exists()


def test_only_to_confirmed_addresses(model, alice, bob, mailoutbox):
    EmailAddress.objects.update(verified=False)
    comment_create(author=bob, target=model, text="Fine.")
    assert mails_send(MORNING) == 0
    assert "yours is not confirmed yet" in signed_in(alice).get("/settings").content.decode()


def test_in_the_language_of_who_reads(model, alice, bob, mailoutbox):
    hers = signed_in(alice)
    hers.post("/settings/language", {"language": "de"})
    hers.post("/settings/mail", {"comment": "now"})
    comment_create(author=bob, target=model, text="a word " * 30 + "\nand another line")
    mails_send(EVENING)
    assert mailoutbox[0].subject == "Weightroom: bob hat Linocut kommentiert."
    quoted = [line for line in mailoutbox[0].body.splitlines() if line.startswith(">")]
    assert len(quoted) > 3
    assert quoted[-1] == "> and another line"
    assert max(len(line) for line in mailoutbox[0].body.splitlines() if "http" not in line) <= 76


def test_one_press_ends_it(model, alice, bob, mailoutbox):
    chosen(alice, comment="now")
    comment_create(author=bob, target=model, text="Fine.")
    mails_send(EVENING)
    stop = mailoutbox[0].extra_headers["List-Unsubscribe"].strip("<>").split("8000")[-1]
    client = Client(enforce_csrf_checks=True)
    assert "Send no more of this mail?" in client.get(stop).content.decode()
    alice.refresh_from_db()
    assert alice.mail["comment"] == "now"  # a link checker's GET ends nothing
    assert client.post(stop, {"List-Unsubscribe": "One-Click"}).status_code == 200
    alice.refresh_from_db()
    assert (alice.mail["comment"], alice.mail.get("review")) == ("never", None)
    assert client.post(stop[:-1] + ("a" if stop[-1] != "a" else "b")).status_code == 404


def test_a_server_that_refuses_is_asked_again(model, alice, bob, settings, mailoutbox):
    chosen(alice, comment="now")
    comment_create(author=bob, target=model, text="Fine.")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert mails_send(EVENING) == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mails_send(EVENING) == 1


def test_hostile_names_stay_in_one_line(alice, bob, mailoutbox, model):
    Model.objects.update(name="Ink\r\nBcc: everybody@example.org")
    chosen(alice, comment="now")
    comment_create(author=bob, target=model, text="Fine.")
    assert mails_send(EVENING) == 1
    assert "\n" not in mailoutbox[0].subject
