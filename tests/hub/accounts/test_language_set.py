"""Pages in a person's language; programs are answered in English."""

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import translation

from hub.moderation.models import Report
from hub.templatetags.weightroom import ordinal
from hub.uploads import words
from workers.messages import Inspecting

CATALOGUE = Path(settings.LOCALE_PATHS[0]) / "de" / "LC_MESSAGES" / "django.mo"
PLACE = re.compile(r"%\(\w+\)[sd]|%s|</?\w+")


def test_it_works(client, db):
    page = client.get(reverse("accounts:language-set"), {"next": "/models"}).content.decode()
    assert 'value="/models"' in page
    answer = client.post(reverse("accounts:language-set"), {"language": "de", "next": "/models"})
    assert answer.url == "/models"
    page = client.get("/models").content.decode()
    assert '<html lang="de"' in page
    assert "Anmelden" in page


def test_as_the_browser_asks(client, db):
    asks = {"accept-language": "de-AT,de;q=0.9,en;q=0.5"}
    assert '<html lang="de"' in client.get("/models", headers=asks).content.decode()
    assert '<html lang="en"' in client.get("/models", headers={"accept-language": "fr"}).content.decode()
    answer = client.get("/api/v1/models/999999999", headers=asks)
    assert answer.json()["error"] == client.get("/api/v1/models/999999999").json()["error"]
    assert "Content-Language" not in answer


def test_weights_keep_their_point(client, db):
    page = client.get("/try", headers={"accept-language": "de"}).content.decode()
    assert not re.search(r'(value|min|max|step)="-?\d+,\d', page)


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/", "javascript:alert(1)", ""])
def test_nowhere_else(client, db, back):
    assert client.post(reverse("accounts:language-set"), {"language": "de", "next": back}).url == "/"


def test_nothing_else(client, db):
    answer = client.post(reverse("accounts:language-set"), {"language": "xx"}, HTTP_ACCEPT="application/json")
    assert answer.status_code == 400
    assert "language" not in client.cookies


def test_every_translation_keeps_its_places():
    with CATALOGUE.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog
    # Of a plural only its singular can be looked up here; `msgfmt --check` holds both against each other.
    pairs = [(said, meant) for said, meant in catalogue.items() if said and isinstance(said, str)]
    assert len(pairs) > 700
    for said, meant in pairs:
        assert set(PLACE.findall(meant)) == set(PLACE.findall(said)), f"{said} / {meant}"


def test_what_python_says_is_in_their_language_too():
    news = Inspecting(upload_id="1", attempt=1, stage="checks", what="weights finite", done=1, total=4)
    with translation.override("de"):
        assert words.doing(None, before=0, inspectors=1).words == "Wird als Nächstes geprüft."
        assert (
            words.doing(news, before=0, inspectors=1).words == "Es wird geprüft, ob ihre Zahlen endlich sind (2 von 4)."
        )
        assert str(Report.Reason.SPAM.label) == "Es ist Werbung, oder wurde oft geschickt"
        assert [ordinal(n) for n in (2, 11)] == ["2.", "11."]
    assert words.doing(news, before=0, inspectors=1).words == "Checking that its numbers are finite (2 of 4)."
    assert [ordinal(n) for n in (2, 11, 21)] == ["2nd", "11th", "21st"]


def test_every_sentence_can_be_gathered():
    """`make messages` sees no call inside an f-string, and none under a name of one's own."""
    for path in (settings.BASE_DIR / "hub").rglob("*.py"):
        if "gettext" not in (text := path.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.JoinedStr):
                calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
                assert not any(isinstance(one, ast.Name) and one.id in {"_", "ngettext"} for one in calls), path
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                assert {one.asname for one in node.names} <= {None, "_"}, path
