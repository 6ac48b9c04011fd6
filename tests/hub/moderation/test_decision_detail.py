"""`decision-detail`: what the owner of a thing is told of a decision, by mail and on pages, and where they answer."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from hub.community.actions import comment_create
from hub.community.mails import mails_send
from hub.community.models import Comment
from hub.moderation.models import Case
from tests.hub.catalog.files import added
from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401  fixtures
from tests.hub.moderation.test_case_appeal import MINE
from tests.hub.moderation.test_case_decide import WHY, decide, reported, signed_in

ANSWER = "Read the decision, or answer it"


@pytest.fixture
def model(alice):
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)
    return added(alice, "A rather long name that would fill the subject of a mail alone").version.model


def test_it_works(model, alice, charlie, adam, monas, mailoutbox):
    decide(monas, reported(charlie, "model", model.pk), "taken-down")
    mails_send()
    [mail] = mailoutbox
    subject = "Weightroom: “A rather long name that would fill the subject of a mail al…”: A moderator took it down."
    assert mail.subject == subject, "what, not why"
    lines = mail.body.splitlines()
    assert f"Why: {WHY}" in lines
    assert "mona" not in mail.body
    until = timezone.now() + timedelta(days=90)
    assert f"You can answer until {until.day} {until:%b %Y}; another moderator reads it." in lines
    [address] = [line for line in lines if "/decisions/" in line]
    assert address.startswith("http://127.0.0.1:8000/")
    page = signed_in(alice).get(address.removeprefix("http://127.0.0.1:8000")).content.decode()
    assert f'<a href="/models/{model.pk}/{model.slug}">' in page, "it leads to the thing"
    assert "Send the answer" in page


def test_in_german(model, alice, charlie, monas, adams, mailoutbox):
    hers = signed_in(alice)
    hers.post("/settings/language", {"language": "de"})
    case = reported(charlie, "model", model.pk)
    decide(monas, case, "hidden")
    mails_send()
    body = mailoutbox[0].body
    assert "verborgen" in mailoutbox[0].subject
    assert "Warum: " in body
    assert "Bis zum " in body
    assert max(len(line) for line in body.splitlines() if "http" not in line) <= 76
    hers.post(f"/decisions/{case.pk}/answer", MINE)
    adams("POST", f"/cases/{case.pk}/appeal", {"upheld": True, "sentence": "Das Recht liegt bei anderen."})
    mails_send()
    assert "Warum: Das Recht liegt bei anderen." in mailoutbox[1].body.splitlines()
    assert "Bis zum " not in mailoutbox[1].body, "there is no second answer"


def test_the_things_own_page_leads_its_owner_there(model, alice, bob, charlie, monas, draw):  # noqa: F811
    case = reported(charlie, "model", model.pk)
    decide(monas, case, "taken-down")
    here = f"/models/{model.pk}/{model.slug}"
    page = signed_in(alice).get(here).content.decode()
    assert f'<a href="/decisions/{case.pk}">{ANSWER}</a>' in page
    for other in (Client(), signed_in(bob)):
        shown = other.get(here).content.decode()
        assert "Removed on" in shown
        assert ANSWER not in shown
        assert "<span>draft</span>" not in shown, "it is no draft"
    picture = draw(alice, visible=True)
    decide(monas, reported(charlie, "picture", picture.pk), "hidden")
    assert ANSWER in signed_in(alice).get(f"/pictures/{picture.pk}").content.decode()


def test_there_is_a_time_to_answer(model, alice, charlie, monas):
    case = reported(charlie, "model", model.pk)
    decide(monas, case, "warned")
    Case.objects.update(decided_at=timezone.now() - timedelta(days=91))
    page = signed_in(alice).get(f"/decisions/{case.pk}").content.decode()
    assert "The time to answer it is over." in page
    assert "Send the answer" not in page
    assert signed_in(alice).post(f"/decisions/{case.pk}/answer", MINE).status_code == 409


def test_what_is_gone_has_no_page(model, bob, charlie, monas):
    comment_create(author=bob, target=model, text="Two\nlines")
    case = reported(charlie, "comment", Comment.objects.get().pk)
    decide(monas, case, "hidden")
    assert "“Two lines”: A moderator hid it." in bob.notices.get().sentence
    Comment.objects.all().delete()
    page = signed_in(bob).get(f"/decisions/{case.pk}").content.decode()
    assert "#comment-" not in page
    assert "Two" in page
