"""`case-appeal`: the owner answers once, another moderator decides (`appeal-decide`), and it stands or is undone."""

import pytest
from django.test import Client

from hub.catalog.models import File, Model
from hub.community.actions import comment_create, review_write
from hub.community.models import Comment, Notice, Review
from hub.gallery.models import Picture
from hub.moderation.models import Case, Entry
from hub.prompts.actions import prompt_create
from hub.prompts.models import Prompt
from tests.hub.catalog.files import added
from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401  fixtures
from tests.hub.moderation.conftest import Api
from tests.hub.moderation.test_case_decide import WHY, decide, reported, signed_in

MINE = {"words": "I trained it on my own prints; here is the receipt of the press."}
RIGHT = {"upheld": False, "sentence": "The owner is right."}


@pytest.fixture
def model(alice):
    return added(alice, "Linocut").version.model


def test_it_works(model, alice, charlie, monas, adams, monas_page):
    case = reported(charlie, "model", model.pk)
    decide(monas, case, "taken-down")
    owner = signed_in(alice)
    answer = owner.post(f"/decisions/{case.pk}/answer", MINE, follow=True).content.decode()
    assert "Another moderator reads it." in answer
    assert [one["id"] for one in adams("GET", "/cases?state=appealed")] == [case.pk]
    own = {"upheld": True, "sentence": "It stands."}
    assert monas("POST", f"/cases/{case.pk}/appeal", own, status=403)["code"] == "same-moderator"
    assert MINE["words"] in monas_page.get(f"/moderation?state=appealed&case={case.pk}").content.decode()
    adams("POST", f"/cases/{case.pk}/appeal", RIGHT)
    assert Client().get(f"/models/{model.pk}/linocut").status_code == 200
    assert Model.objects.get().removed_for == ""
    shown = owner.get(f"/decisions/{case.pk}").content.decode()
    assert "<strong>Taken back</strong><p>The owner is right.</p>" in shown, "not why it was taken down"
    assert f"Taken down: {WHY}" in shown
    assert [line.action for line in Entry.objects.order_by("id")] == ["taken-down", "appealed", "restored"]
    assert Notice.objects.filter(user=alice, kind="decision").count() == 2


def test_it_stands(model, alice, charlie, monas, adams):
    case = reported(charlie, "model", model.pk)
    decide(monas, case, "hidden")
    Api(alice, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE)
    adams("POST", f"/cases/{case.pk}/appeal", {"upheld": True, "sentence": "The receipt is of another press."})
    assert Model.objects.get().status == "draft"
    told = Api(alice, "/api/v1/decisions")("GET", f"/{case.pk}")
    assert (told["upheld"], told["upheld_sentence"]) == (True, "The receipt is of another press.")
    adams("POST", f"/cases/{case.pk}/appeal", RIGHT, status=409)


def test_once_and_only_ones_own(model, alice, bob, charlie, monas):
    case = reported(charlie, "model", model.pk)
    Api(alice, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE, status=404)  # nothing was decided
    decide(monas, case, "warned")
    for person in (bob, charlie):
        Api(person, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE, status=404)
        Api(person, "/api/v1/decisions")("GET", f"/{case.pk}", status=404)
    assert signed_in(alice).post(f"/decisions/{case.pk}/answer", {"words": " "}).status_code == 422
    Api(alice, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE)
    Api(alice, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE, status=409)


def test_nobody_takes_back_what_was_decided_about_their_own(mona, charlie, adam, monas, adams, monas_page):
    hers = added(mona, "Hers").version.model
    case = reported(charlie, "model", hers.pk)
    decide(adams, case, "taken-down")
    monas_page.post(f"/decisions/{case.pk}/answer", MINE)
    assert monas("POST", f"/cases/{case.pk}/appeal", RIGHT, status=403)["code"] == "same-moderator"
    shown = monas_page.get(f"/moderation?state=appealed&case={case.pk}").content.decode()
    assert "This is your own." in shown
    assert 'name="upheld"' not in shown
    assert Model.objects.get(pk=hers.pk).status == "taken-down"


def test_who_decided_looks_again_where_only_the_owner_is_left(mona, charlie, adam, monas, adams, monas_page):
    """Two moderate, and the thing is one's own: the other decided, and looks again, or nobody could."""
    hers = added(mona, "Hers").version.model
    case = reported(charlie, "model", hers.pk)
    decide(adams, case, "taken-down")
    assert "a moderator reads it." in mona.notices.get().sentence, "no other is promised"
    shown = monas_page.post(f"/decisions/{case.pk}/answer", MINE, follow=True).content.decode()
    assert "Another moderator" not in shown
    assert monas("POST", f"/cases/{case.pk}/appeal", RIGHT, status=403)["code"] == "same-moderator"
    shown = signed_in(adam).get(f"/moderation?state=appealed&case={case.pk}").content.decode()
    assert "no other moderator is here whose own it is not" in shown
    assert 'name="upheld"' in shown
    adams("POST", f"/cases/{case.pk}/appeal", {"upheld": True, "sentence": "The prints are of another press."})
    assert "looked at it again, and it stands" in mona.notices.order_by("id").last().sentence
    assert Model.objects.get(pk=hers.pk).status == "taken-down"


def test_an_admin_who_neither_decided_nor_owns_comes_first(mona, bob, charlie, adam, monas, adams):
    bob.role = "moderator"
    bob.save()
    his = added(bob, "His").version.model
    case = reported(charlie, "model", his.pk)
    decide(monas, case, "hidden")
    Api(bob, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE)
    assert monas("POST", f"/cases/{case.pk}/appeal", RIGHT, status=403)["code"] == "same-moderator"
    adams("POST", f"/cases/{case.pk}/appeal", RIGHT)
    assert Model.objects.get(pk=his.pk).status == "published"


def test_who_moderates_alone_settles_what_they_decided(alice, charlie, mona, monas):
    model = added(alice, "Linocut").version.model
    case = reported(charlie, "model", model.pk)
    decide(monas, case, "hidden")
    Api(alice, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE)
    monas("POST", f"/cases/{case.pk}/appeal", RIGHT)
    assert Model.objects.get().status == "published"


def test_each_kind_comes_back(alice, bob, charlie, monas, adams, draw):  # noqa: F811
    model = added(alice, "Ink").version.model
    picture = draw(alice, visible=True)
    comment = comment_create(author=bob, target=model, text="Fine lines.")
    review = review_write(author=bob, model=model, recommends=False, text="Too thick.")
    prompt = prompt_create(owner=bob, fields={"title": "Cats", "prompt": "a cat"})
    bob.about = "I print."
    bob.save()
    things = [
        ("model", model.pk, "quarantined"), ("picture", picture.pk, "hidden"), ("comment", comment.pk, "hidden"),
        ("review", review.pk, "hidden"), ("prompt", prompt.pk, "hidden"), ("person", bob.pk, "hidden"),
    ]  # fmt: skip
    for kind, id, decision in things:
        case = reported(charlie, kind, id, "spam")
        decide(monas, case, decision)
        Api(Case.objects.get(pk=case.pk).owner, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE)
        adams("POST", f"/cases/{case.pk}/appeal", RIGHT)
    bob.refresh_from_db()
    assert File.objects.get(version__model=model).verdict == "accepted"
    assert not Picture.objects.get(pk=picture.pk).held
    assert Comment.objects.get().text == "Fine lines."
    assert Review.objects.get().text == "Too thick."
    assert not Prompt.objects.get().private
    assert bob.about == "I print."


def test_a_level_that_was_taken_back_is_its_owners_again(alice, charlie, monas, adams, draw):  # noqa: F811
    picture = draw(alice, visible=True)
    case = reported(charlie, "picture", picture.pk, "level")
    decide(monas, case, "rated", level=8)
    Api(alice, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE)
    adams("POST", f"/cases/{case.pk}/appeal", RIGHT)
    picture.refresh_from_db()
    assert (picture.level, picture.rated_by) == (1, "")
    owner = signed_in(alice)
    owner.post(f"/pictures/{picture.pk}/rate", {"level": "4"})
    assert owner.post(f"/pictures/{picture.pk}/rate", {"level": "1"}).status_code == 302, "up, and down again"
