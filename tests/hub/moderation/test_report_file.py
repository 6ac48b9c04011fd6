"""`report-file`: somebody says what is wrong with a thing; more reports of it are one case."""

import pytest
from django.test import Client

from hub.community.actions import comment_create, review_write
from hub.gallery.models import Picture
from hub.moderation.models import Case, Report
from hub.prompts.actions import prompt_create
from tests.hub.catalog.files import added
from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401  fixtures
from tests.hub.moderation.conftest import Api

JSON = {"content_type": "application/json", "headers": {"accept": "application/json"}}


def report(client, kind, id, reason="theft", words="", status=201):
    body = {"kind": kind, "id": id, "reason": reason, "words": words}
    answer = client.post("/api/v1/reports", body, **JSON)
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.fixture
def model(alice):
    return added(alice, "Ink prints").version.model


def test_it_works(model, charlie, monas):
    page = Client()
    page.force_login(charlie)
    form = page.get(f"/reports/new?kind=model&id={model.pk}").content.decode()
    assert "You report the model “Ink prints”." in form
    sent = {"kind": "model", "id": model.pk, "reason": "theft", "words": "I drew every picture it learnt from."}
    answer = page.post("/reports/new", sent)
    assert answer.headers["Location"].startswith(f"/models/{model.pk}")
    [case] = monas("GET", "/cases")
    assert (case["kind"], case["thing"], case["title"], case["owner"]) == ("model", model.pk, "Ink prints", "alice")
    assert case["reports"] == [
        {"reason": "theft", "words": sent["words"], "created_at": case["reports"][0]["created_at"]}
    ]


def test_everything_that_people_make(model, alice, bob, charlie, draw):  # noqa: F811
    picture = draw(alice, visible=True)
    comment = comment_create(author=bob, target=model, text="Buy my course")
    review = review_write(author=bob, model=model, recommends=False, text="Bad.")
    prompt = prompt_create(owner=bob, fields={"title": "Cats", "prompt": "a cat"})
    client = Client()
    for kind, id in (("model", model.pk), ("picture", picture.pk), ("comment", comment.pk), ("review", review.pk),
                     ("prompt", prompt.pk), ("person", bob.pk)):  # fmt: skip
        Report.objects.update(who="somebody else " + kind)  # the hour's limit is another story
        report(client, kind, id)
    assert set(Case.objects.values_list("kind", "owner__username")) == {
        ("model", "alice"), ("picture", "alice"), ("comment", "bob"), ("review", "bob"), ("prompt", "bob"),
        ("person", "bob"),
    }  # fmt: skip


def test_reports_of_one_thing_are_one_case_and_ones_own_is_kept_once(model, bob, charlie):
    for person, words in ((bob, "First."), (charlie, "Second."), (charlie, "Second, and better.")):
        client = Client()
        client.force_login(person)
        report(client, "model", model.pk, words=words)
    report(Client(), "model", model.pk)
    [case] = Case.objects.all()
    assert [(r.by and r.by.username, r.words) for r in case.reports.all()] == [
        ("bob", "First."), ("charlie", "Second, and better."), (None, ""),
    ]  # fmt: skip


def test_strangers_may_send_a_few(alice, settings):
    settings.REPORTS_PER_HOUR = 2
    models = [added(alice, f"Ink {n}").version.model for n in range(3)]
    client = Client()
    report(client, "model", models[0].pk)
    report(client, "model", models[1].pk)
    assert "many reports" in report(client, "model", models[2].pk, status=429)["error"]
    page = client.post("/reports/new", {"kind": "model", "id": models[2].pk, "reason": "spam", "words": "my words"})
    assert page.status_code == 429
    assert "my words" in page.content.decode()
    assert "127.0.0.1" not in str(list(Report.objects.values()))
    settings.REPORTS_OPEN = False
    assert report(client, "model", models[2].pk, status=401)["code"] == "reports-closed"


@pytest.mark.parametrize(("reason", "words"), [("other", ""), ("", ""), ("nonsense", "It is bad.")])
def test_without_a_reason(model, reason, words):
    answer = Client().post("/reports/new", {"kind": "model", "id": model.pk, "reason": reason, "words": words})
    assert answer.status_code == 422
    assert not Case.objects.exists()


def test_what_one_cannot_see_cannot_be_reported(alice, charlie, draw):  # noqa: F811
    hidden = added(alice, "Hidden", publish=False).version.model
    private = draw(alice)
    for kind, id in (
        ("model", hidden.pk),
        ("picture", private.pk),
        ("model", 999_999),
        ("nothing", 1),
        ("model", 2**40),
    ):
        answer = Client().get(f"/reports/new?kind={kind}&id={id}")
        assert answer.status_code == 404, kind
    assert not Picture.objects.get(pk=private.pk).held
    Api(charlie, "/api/v1")("GET", f"/reports/new?kind=model&id={hidden.pk}", status=404)
