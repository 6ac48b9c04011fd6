"""`case-decide`: one moderator looks, decides and says why; the thing follows, its owner reads it, the log keeps it.

Around it: `case-list`, `case-claim`, `cases-claim`, `case-reopen`, and `decision-detail` for the owner.
"""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hub.catalog.models import File, Listing, Model
from hub.community.actions import comment_create, review_write
from hub.community.models import Comment, Notice, Review
from hub.gallery.models import Picture
from hub.moderation import chain
from hub.moderation.models import Case, Entry
from hub.moderation.reports import report_file
from hub.prompts.actions import prompt_create, prompt_edit
from hub.prompts.models import Prompt
from tests.hub.catalog.files import added
from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401  fixtures
from tests.hub.moderation.conftest import Api

WHY = "It was made of pictures that were taken without asking."


def reported(by, kind, id, reason="theft") -> Case:
    return report_file(by=by, address="", kind=kind, id=id, reason=reason, words="")[0].case


@pytest.fixture
def model(alice):
    return added(alice, "Linocut").version.model


def decide(api, case, decision, status=200, **more):
    return api("POST", f"/cases/{case.pk}/decide", {"decision": decision, "sentence": WHY} | more, status=status)


def signed_in(person) -> Client:
    client = Client(headers={"accept": "text/html"})
    client.force_login(person)
    return client


def test_it_works(model, alice, charlie, mona, monas):
    case = reported(charlie, "model", model.pk)
    [told] = decide(monas, case, "taken-down")
    assert told["decided_by"] == "mona"
    page = Client().get(f"/models/{model.pk}/linocut").content.decode()
    file = File.objects.get()
    for words in ("Linocut", "Removed on", WHY, file.blob_id[:8]):
        assert words in page, words
    assert not Listing.objects.exists()
    assert Client().get(f"/api/download/models/{file.version_id}").status_code == 404
    civitai = Client().get(f"/api/v1/models/{model.pk}").json()
    assert (civitai["mode"], civitai["modelVersions"]) == ("TakenDown", [])
    hf = Client().get("/api/models/alice/linocut")
    assert (hf.status_code, hf.headers["X-Error-Message"]) == (403, "Access to this resource is disabled.")
    by_hash = Client().get(f"/api/v1/model-versions/by-hash/{file.blob_id}").json()
    assert (by_hash["model"]["mode"], by_hash["files"]) == ("TakenDown", [])
    notice = Notice.objects.get(user=alice)
    assert WHY in notice.sentence
    assert "mona" not in notice.sentence
    assert WHY in signed_in(alice).get(notice.address).content.decode()
    assert WHY in signed_in(alice).get("/notifications").content.decode()
    line = Entry.objects.get()
    assert (line.action, line.actor, line.owner, line.reason, line.about) == (
        "taken-down", mona, "alice", WHY, f"model {model.pk}",
    )  # fmt: skip
    assert chain.verify().broken is None


def test_hidden_is_a_draft_that_stays_one(model, alice, charlie, monas):
    decide(monas, reported(charlie, "model", model.pk), "hidden")
    assert Client().get(f"/models/{model.pk}/linocut").status_code == 404
    owner = signed_in(alice)
    assert "A moderator made it a draft" in owner.get(f"/models/{model.pk}/linocut").content.decode()
    version = model.versions.get()
    assert owner.post(f"/model-versions/{version.pk}/publish").status_code == 409
    assert Model.objects.get().status == "draft"


def test_quarantine_takes_every_file_of_these_bytes(model, alice, bob, charlie, monas):
    other = added(bob, "Copy", seed="alice/Linocut")
    decide(monas, reported(charlie, "model", model.pk), "quarantined")
    assert set(File.objects.values_list("verdict", flat=True)) == {"refused"}
    assert Client().get(f"/api/download/models/{other.version_id}").status_code == 404
    assert set(Entry.objects.values_list("action", "owner")) == {("quarantined", "alice"), ("quarantined", "bob")}
    assert "“Copy”: A moderator took a file of it into quarantine" in bob.notices.get().sentence


def test_a_picture_is_hidden_everywhere(alice, bob, charlie, monas, draw):  # noqa: F811
    picture = draw(alice, visible=True, stored=True)
    same = draw(bob, visible=True)
    address = f"/image/{picture.sha256}/original=true/x.png"
    assert Client().get(address).headers["Cache-Control"] == "public, max-age=31536000, s-maxage=60, immutable"
    decide(monas, reported(charlie, "picture", picture.pk, "person"), "taken-down")
    for one in (picture, same):
        assert Client().get(f"/pictures/{one.pk}").status_code == 404
    assert Client().get(address).status_code == 404
    assert "/pictures/" not in Client().get("/pictures").content.decode().split("<main")[1].split("</main")[0]
    owner = signed_in(alice)
    assert "A moderator hid this picture" in owner.get(f"/pictures/{picture.pk}").content.decode()
    owner.post(f"/pictures/{picture.pk}/hide")
    assert owner.post(f"/pictures/{picture.pk}/keep").status_code == 409
    assert Picture.objects.get(pk=picture.pk).held


def test_who_looks_again_sees_what_it_is_about(alice, charlie, adam, monas, draw):  # noqa: F811
    """Hidden from everybody, and from no moderator; what its owner never showed is nobody else's to see."""
    picture, private = draw(alice, visible=True, stored=True), draw(alice, stored=True, salt="mine")
    case = reported(charlie, "picture", picture.pk, "person")
    decide(monas, case, "taken-down")
    shown, other = (f"/image/{one.sha256}/width=450/x.png" for one in (picture, private))
    again = signed_in(adam)
    assert again.get(shown).status_code == 200
    assert again.get(shown).headers["Cache-Control"].startswith("private")
    assert [again.get(other).status_code, signed_in(charlie).get(shown).status_code] == [404, 404]
    page = again.get(f"/moderation?state=decided&case={case.pk}").content.decode()
    assert "It is hidden now." in page
    assert "Its page" not in page


def test_a_level_set_by_a_moderator_stands(alice, charlie, monas, draw):  # noqa: F811
    picture = draw(alice, visible=True)
    decide(monas, reported(charlie, "picture", picture.pk, "level"), "rated", level=8)
    owner = signed_in(alice)
    assert owner.post(f"/pictures/{picture.pk}/rate", {"level": "1"}).status_code == 422
    assert owner.post(f"/pictures/{picture.pk}/rate", {"level": "16"}).status_code == 302
    assert Picture.objects.get(pk=picture.pk).level == 16
    decide(monas, reported(charlie, "picture", picture.pk, "level"), "rated", status=422)  # which?


def test_words_are_taken_away(model, bob, charlie, monas):
    comment = comment_create(author=bob, target=model, text="Buy my course")
    review = review_write(author=bob, model=model, recommends=False, text="Buy my course")
    prompt = prompt_create(owner=bob, fields={"title": "Cats", "prompt": "a cat"})
    bob.about = "Buy my course"
    bob.save()
    for kind, id in (("comment", comment.pk), ("review", review.pk), ("prompt", prompt.pk), ("person", bob.pk)):
        decide(monas, reported(charlie, kind, id, "spam"), "hidden")
    bob.refresh_from_db()
    assert Comment.objects.get().removed_at is not None
    assert not Review.objects.exists()
    assert bob.about == ""
    assert "Buy my" not in Client().get(f"/models/{model.pk}/linocut").content.decode()
    prompt_edit(prompt_id=prompt.pk, by=bob, fields={"title": "Cats", "prompt": "a cat", "private": False})
    assert Prompt.objects.get().private
    shown = signed_in(bob).get(f"/prompts/{prompt.pk}").content.decode()
    assert "A moderator hid this prompt" in shown
    assert f"/decisions/{Case.objects.get(kind='prompt').pk}" in shown


def test_all_cases_of_the_same_bytes_at_once(alice, bob, charlie, monas):
    models = [added(person, name, seed="same").version.model for person, name in ((alice, "One"), (bob, "Two"))]
    first, second = (reported(charlie, "model", model.pk) for model in models)
    assert len(decide(monas, first, "taken-down", same_bytes=True)) == 2
    second.refresh_from_db()
    assert second.decision == "taken-down"
    assert set(Model.objects.values_list("status", flat=True)) == {"taken-down"}


def test_nothing_against_it_is_said_to_nobody(model, alice, charlie, monas):
    decide(monas, reported(charlie, "model", model.pk), "dismissed")
    assert Model.objects.get().status == "published"
    assert not Notice.objects.exists()
    assert Entry.objects.get().action == "dismissed"
    assert reported(charlie, "model", model.pk).decided_at is None  # and it can be reported again


def test_two_at_once(model, charlie, adam, monas, adams):
    case = reported(charlie, "model", model.pk)
    monas("POST", f"/cases/{case.pk}/claim", {})
    assert adams("POST", f"/cases/{case.pk}/claim", {}, status=409)["error"] == "mona is looking at this."
    assert decide(adams, case, "warned", status=409)["code"] == "claimed"
    page = signed_in(adam).get(f"/moderation?case={case.pk}").content.decode()
    assert "mona is looking at this; they began just now." in page
    assert "data-decide" not in page, "nothing is offered that would be refused"
    monas("POST", f"/cases/{case.pk}/claim", {"on": False})
    decide(adams, case, "warned")
    assert decide(monas, case, "dismissed", status=409)["error"] == (
        "Not saved: it was decided a moment ago (owner warned, by adam)."
    )


def test_taken_back_a_moment_later(model, alice, charlie, monas, adams, monas_page):
    case = reported(charlie, "model", model.pk)
    decide(monas, case, "taken-down")
    assert "You decided just now: “Linocut”, taken down." in monas_page.get("/moderation").content.decode()
    adams("POST", f"/cases/{case.pk}/reopen", status=409)
    monas("POST", f"/cases/{case.pk}/reopen")
    assert Client().get(f"/models/{model.pk}/linocut").status_code == 200
    assert not Notice.objects.exists()
    case.refresh_from_db()
    assert case.decided_at is None
    assert [line.action for line in Entry.objects.order_by("id")] == ["taken-down", "restored"]


def test_nobody_decides_about_their_own(alice, mona, adam, monas, adams, monas_page):
    """Unless they are alone with it."""
    case = reported(alice, "person", mona.pk, "rude")
    page = monas_page.get(f"/moderation?case={case.pk}").content.decode()
    assert "This is your own." in page
    assert "data-decide" not in page
    assert decide(monas, case, "dismissed", status=403)["code"] == "same-moderator"
    adam.is_active = False
    adam.save()
    decide(monas, case, "dismissed")


def test_after_five_minutes_nothing_is_offered(model, charlie, monas, monas_page):
    case = reported(charlie, "model", model.pk)
    decide(monas, case, "hidden")
    here = f"/moderation?state=decided&case={case.pk}"
    assert "data-undo" in monas_page.get(here).content.decode()
    Case.objects.update(decided_at=timezone.now() - timedelta(minutes=6))
    for address in (here, "/moderation"):
        assert "data-undo" not in monas_page.get(address).content.decode()
    monas("POST", f"/cases/{case.pk}/reopen", status=409)


def test_the_queue_as_a_page(model, bob, charlie, mona, monas_page):
    comment = comment_create(author=bob, target=model, text="<script>alert(1)</script>")
    reported(charlie, "model", model.pk)
    case = reported(charlie, "comment", comment.pk, "rude")
    page = monas_page.get("/moderation").content.decode()
    assert "Linocut" in page
    page = monas_page.get(f"/moderation?kind=comment&case={case.pk}").content.decode()
    assert "Linocut" not in page.split('class="queue"')[1].split("</form>")[0]
    assert "<script>alert" not in page
    assert 'data-number="1"' in page
    monas_page.post("/moderation/cases/claim", {"case": [case.pk]})
    assert "You look at this." in monas_page.get(f"/moderation?case={case.pk}").content.decode()
    said = {"decision": "hidden", "sentence": "It insults people.", "filters": "kind=comment"}
    answer = monas_page.post(f"/moderation/cases/{case.pk}/decide", said)
    assert answer.headers["Location"] == "/moderation?kind=comment"
    page = monas_page.get("/moderation?kind=comment").content.decode()
    assert "Nothing waits." in page
    assert "by mona" in page
    assert "It insults people." in monas_page.get("/moderation?state=decided").content.decode()


def test_only_moderators(model, alice, charlie, db):
    case = reported(charlie, "model", model.pk)
    api = Api(alice, "/api/v1/moderation")
    api("GET", "/cases", status=403)
    decide(api, case, "dismissed", status=403)
    page = signed_in(alice)
    assert page.get("/moderation").status_code == 403
    for name in ("claim", "decide", "reopen", "appeal"):
        assert page.post(f"/moderation/cases/{case.pk}/{name}").status_code == 403
    assert page.get(f"/decisions/{case.pk}").status_code == 404


@pytest.mark.parametrize("body", [{"sentence": ""}, {"decision": "hidden"}, {"decision": "gone", "sentence": WHY}])
def test_wrong_words(model, charlie, monas, body):
    case = reported(charlie, "model", model.pk)
    monas("POST", f"/cases/{case.pk}/decide", body, status=400)
    prompt = reported(charlie, "person", charlie.pk)
    decide(monas, prompt, "quarantined", status=422)
    assert Model.objects.get().status == "published"


def test_pages_in_german_and_one_log_for_all(model, charlie, mona):
    case = reported(charlie, "model", model.pk)
    asks = Client(headers={"accept": "text/html", "accept-language": "de"})
    asks.force_login(mona)
    assert (
        "Es gehört mir und steht ohne meine Erlaubnis hier" in asks.get(f"/moderation?case={case.pk}").content.decode()
    )
    asks.post(f"/moderation/cases/{case.pk}/decide", {"decision": "warned", "sentence": WHY})
    assert Entry.objects.get().subject == "model “Linocut”"
    assert "warnte den Besitzer von:" in asks.get("/moderation/log").content.decode()
