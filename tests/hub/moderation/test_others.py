"""Bytes are held whoever has them: everybody whose own they are is told what and why, and may answer once."""

import pytest
from django.core.management import call_command

from hub.catalog.models import File
from hub.community.models import Notice
from hub.gallery.models import Picture
from hub.moderation.models import Case, Entry
from tests.hub.catalog.files import added
from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401  fixtures
from tests.hub.moderation.conftest import Api
from tests.hub.moderation.test_case_appeal import MINE, RIGHT
from tests.hub.moderation.test_case_decide import WHY, decide, reported, signed_in


@pytest.fixture
def pictures(alice, bob, draw):  # noqa: F811
    """Alice's, and the same bytes twice of Bob's."""
    return [draw(alice, visible=True), draw(bob, visible=True), draw(bob)]


def held(pictures) -> list[bool]:
    return [Picture.objects.get(pk=one.pk).held for one in pictures]


def answer(person, case, status=200):
    return Api(person, "/api/v1/decisions")("POST", f"/{case.pk}/answer", MINE, status=status)


def test_it_works(pictures, alice, bob, charlie, monas, adams):
    """Bob reads what was held of his and why, answers, and gets back just his."""
    case = reported(charlie, "picture", pictures[0].pk)
    decide(monas, case, "taken-down")
    assert held(pictures) == [True] * 3
    notice = bob.notices.get()
    assert "A moderator took this picture down, whoever has it." in notice.sentence
    assert WHY in notice.sentence
    assert "mona" not in notice.sentence
    his = signed_in(bob)
    page = his.get(notice.address).content.decode()
    assert WHY in page
    assert "Nobody reported yours." in page
    assert notice.address in his.get(f"/pictures/{pictures[1].pk}").content.decode(), "its page leads there"
    told = Case.objects.get(owner=bob)
    assert told.held_with == case
    answer(alice, told, status=404)
    his.post(f"{notice.address}/answer", MINE)
    answer(bob, told, status=409)
    assert [one["id"] for one in adams("GET", "/cases?state=appealed")] == [told.pk]
    assert monas("POST", f"/cases/{told.pk}/appeal", RIGHT, status=403)["code"] == "same-moderator"
    case.refresh_from_db()
    queue = signed_in(case.decided_by)
    page = queue.get(f"/moderation?state=appealed&case={told.pk}").content.decode()
    assert f"?case={case.pk}" in page, "it says which decision held it"
    adams("POST", f"/cases/{told.pk}/appeal", RIGHT)
    assert held(pictures) == [True, False, False]
    assert bob.notices.count() == 2
    assert alice.notices.count() == 1
    assert [line.action for line in Entry.objects.order_by("id")] == ["taken-down", "appealed", "restored"]


def test_what_the_first_owner_gets_back_others_do(pictures, alice, bob, charlie, monas, adams):
    case = reported(charlie, "picture", pictures[0].pk)
    decide(monas, case, "taken-down")
    answer(alice, case)
    adams("POST", f"/cases/{case.pk}/appeal", RIGHT)
    assert held(pictures) == [False] * 3
    assert [notice.sentence.split("\n")[0].split(": ")[1] for notice in bob.notices.order_by("id")] == [
        "A moderator took this picture down, whoever has it.", "A moderator took it back.",
    ]  # fmt: skip
    told = Case.objects.get(owner=bob)
    answer(bob, told, status=409)
    page = signed_in(bob).get(f"/decisions/{told.pk}").content.decode()
    assert "Taken back" in page
    assert "Send the answer" not in page


def test_what_was_looked_at_by_itself_stays_as_it_was_decided(pictures, alice, bob, charlie, monas, adams):
    case = reported(charlie, "picture", pictures[0].pk)
    decide(monas, case, "taken-down")
    told = Case.objects.get(owner=bob)
    answer(bob, told)
    adams("POST", f"/cases/{told.pk}/appeal", {"upheld": True, "sentence": "It is Alice's own."})
    answer(alice, case)
    adams("POST", f"/cases/{case.pk}/appeal", RIGHT)
    assert held(pictures) == [False, True, True]


def test_a_slip_of_the_hand_is_told_to_nobody(pictures, charlie, monas):
    case = reported(charlie, "picture", pictures[0].pk)
    decide(monas, case, "taken-down")
    monas("POST", f"/cases/{case.pk}/reopen")
    assert held(pictures) == [False] * 3
    assert not Notice.objects.exists()
    assert Case.objects.count() == 1


def test_open_cases_of_the_same_bytes_are_told_once(pictures, alice, bob, charlie, monas, adams):
    first, second = (reported(charlie, "picture", one.pk) for one in pictures[:2])
    decide(monas, first, "taken-down", same_bytes=True)
    assert [alice.notices.count(), bob.notices.count(), Case.objects.count()] == [1, 1, 2]
    answer(bob, second)
    adams("POST", f"/cases/{second.pk}/appeal", RIGHT)
    assert held(pictures) == [True, False, False], "what its own case held comes back with it"


def test_a_file(alice, bob, charlie, monas, adams):
    """A verdict is of bytes: what is released for one is for all, and all are told."""
    files = added(alice, "Ink", seed="same"), added(bob, "Copy", seed="same")
    case = reported(charlie, "model", files[0].version.model_id)
    decide(monas, case, "quarantined")
    told = Case.objects.get(owner=bob)
    assert (told.thing, told.decision, told.sentence) == (files[1].version.model_id, "quarantined", WHY)
    page = signed_in(bob).get(f"/models/{told.thing}/copy").content.decode()
    assert f"/decisions/{told.pk}" in page
    answer(bob, told)
    adams("POST", f"/cases/{told.pk}/appeal", RIGHT)
    assert set(File.objects.values_list("verdict", flat=True)) == {"accepted"}
    case.refresh_from_db()
    assert case.upheld is False
    assert [alice.notices.count(), bob.notices.count()] == [2, 2]


def test_a_file_that_a_moderator_quarantined_unasked(alice, bob, monas, adams):
    files = added(alice, "Ink", seed="same"), added(bob, "Copy", seed="same")
    said = {"verdict": "refused", "reason": WHY}
    monas("POST", f"/files/{files[0].pk}/verdict", said)
    for person in (alice, bob):
        assert WHY in person.notices.get().sentence
    answer(alice, Case.objects.get(owner=alice))
    adams("POST", f"/files/{files[1].pk}/verdict", {"verdict": "accepted", "reason": "It is clean."})
    assert set(Case.objects.values_list("upheld", "upheld_sentence")) == {(False, "It is clean.")}
    assert not adams("GET", "/cases?state=appealed"), "nothing is left to decide"


def test_the_block_list(pictures, alice, bob, mona, monas, adams, monas_page):
    block = {"kind": "picture", "value": pictures[0].sha256, "sentence": WHY}
    monas("POST", "/blocks", block, status=201)
    for person in (alice, bob):
        notice = person.notices.get()
        assert "A moderator hid this picture, whoever has it." in notice.sentence
        assert WHY in notice.sentence
    told = Case.objects.get(owner=bob)
    answer(bob, told)
    page = monas_page.get(f"/moderation?state=appealed&case={told.pk}").content.decode()
    assert "It was held for its bytes, whoever has them." in page
    assert "data-undo" not in monas_page.get("/moderation").content.decode(), "there is no report to decide again"
    adams("POST", f"/cases/{told.pk}/appeal", RIGHT)
    assert held(pictures) == [True, False, False]


def test_at_the_command_line(alice, adam, adams):
    file = added(alice, "Ink")
    call_command("block", "add", file.blob_id, "--why", WHY)
    told = Case.objects.get()
    assert alice.notices.get().address == f"/decisions/{told.pk}"
    answer(alice, told)
    assert adams("GET", "/cases?state=appealed")[0]["decided_by"] is None
    page = signed_in(adam).get(f"/moderation?state=appealed&case={told.pk}").content.decode()
    assert "In quarantine, by the hub," in page
    adams("POST", f"/cases/{told.pk}/appeal", RIGHT)
    assert File.objects.get().verdict == "accepted"
