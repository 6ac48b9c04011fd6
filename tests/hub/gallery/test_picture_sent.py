"""A person sends a picture by a plain form, where no scripts run: to a gallery, to be read, to draw by."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from hub.gallery import sent
from hub.gallery.models import Picture, SentPicture
from tests.hub.gallery.test_picture_send import (  # noqa: F401
    committed,
    empty_line,
    inspected,
    linocut,
    nano,
    png,
    told,
    waiting,
)

PAGE = "/pictures/send"


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch):
    monkeypatch.setattr(sent, "READ_SECONDS", 0)  # no worker runs here


@pytest.fixture
def browser(bob, committed):  # noqa: F811
    client = Client(enforce_csrf_checks=True, headers={"accept": "text/html"})
    client.force_login(bob)

    def send(page, data, name="fox.png", status=302):
        action = re.search(r'<form[^>]+action="(/pictures/send[^"]*)"', client.get(page).content.decode())[1]
        with committed():
            answer = client.post(action.replace("&amp;", "&"), {"file": SimpleUploadedFile(name, data)})
        assert answer.status_code == status, answer.content[-400:]
        return answer

    client.send_form = send
    return client


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_it_works(browser, bob, linocut, nano, committed):  # noqa: F811
    page = browser.get(f"/models/{linocut.model_id}/linocut").content.decode()
    assert f'<noscript><p class="note">Made something with it? <a href="{PAGE}?version={linocut.pk}"' in page
    answer = browser.send_form(f"{PAGE}?version={linocut.pk}", png())
    assert "A worker reads it" in words(browser.get(answer["Location"]))
    ((asked, _then),) = waiting()
    with committed():
        inspected(asked, told(nano))
    shown = browser.get(answer["Location"])
    picture = Picture.objects.get()
    assert "It is in the gallery of Linocut." in words(shown)
    assert f"/pictures/{picture.pk}" in shown.content.decode()
    assert (picture.owner, picture.visible) == (bob, True)


def test_a_recipe_is_read_for_the_library_and_for_try_it(browser, nano, committed):  # noqa: F811
    answer = browser.send_form(PAGE, png())
    ((asked, _then),) = waiting()
    with committed():
        inspected(asked, told(nano), sha256="")
    page = browser.get(answer["Location"])
    row = SentPicture.objects.get()
    assert "a fox" in words(page)
    assert f"/try?sent={row.pk}" in page.content.decode()
    library = browser.get(f"/prompts/import?sent={row.pk}").content.decode()
    assert f'<input type="hidden" name="sent" value="{row.pk}">' in library
    assert "fox.png: a fox" in library
    assert not re.search(r'<input id="file"[^>]*required', library)


def test_what_cannot_be_taken_is_told_on_the_page(browser, linocut, settings):  # noqa: F811
    page = f"{PAGE}?version={linocut.pk}"
    assert "A picture may have 30 MB." in words(browser.send_form(page, b"", status=400))
    answer = browser.send_form(page, b"x" * (sent.MAX_BYTES + 1), status=413)
    assert "over the 30 MB that can be sent in one form" in words(answer)
    settings.PICTURES_SENT_PER_DAY = 0
    assert "0 pictures a day is this hub's limit." in words(browser.send_form(page, png(), status=429)).replace(
        "&#x27;", "'"
    )
    assert not SentPicture.objects.exists()


def test_what_is_no_picture_is_told_once_it_was_read(browser, linocut, committed):  # noqa: F811
    answer = browser.send_form(f"{PAGE}?version={linocut.pk}", b"GIF89a?")
    row = SentPicture.objects.get()
    SentPicture.objects.update(status="refused", sentence="This is no picture that can be read.")
    page = browser.get(answer["Location"])
    assert "This is no picture that can be read." in words(page)
    assert f"{PAGE}?version={row.version_id}" in page.content.decode()


def test_charlie_must_not(browser, charlie, alice, nano, linocut):  # noqa: F811
    answer = browser.send_form(PAGE, png())
    other = Client()
    assert other.get(answer["Location"]).status_code == 302, "who is not signed in is asked to"
    other.force_login(charlie)
    assert other.get(answer["Location"]).status_code == 404
    assert other.post(PAGE, {"file": SimpleUploadedFile("fox.png", png())}).status_code == 403, "no ticket"
    linocut.status = "draft"
    linocut.save()
    assert other.get(f"{PAGE}?version={linocut.pk}").status_code == 404
