"""The page of imports: a form, what is on its way, cancel and retry."""

from django.test import Client, TestCase

from hub.imports.models import Import
from tests.hub.imports.conftest import begin, imported, step, work


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_it_works(there, alice):
    browser = signed_in(alice)
    assert "Nothing was imported yet" in browser.get("/import").content.decode()
    form = {"link": f"{there.origin}/models/12", "pictures": "on", "publish": "on"}
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert browser.post("/import", form).status_code == 302
    assert "Asking its server" in browser.get("/import").content.decode()
    work()
    page = browser.get("/import").content.decode()
    assert "Done: 1 of 1 file and 2 of 2 pictures." in page
    assert "Videos among the pictures were left out." in page
    assert Import.objects.get().publish


def test_a_link_that_cannot_be_followed_comes_back_with_its_reason(alice, db):
    answer = signed_in(alice).post("/import", {"link": "https://unknown.example/models/1", "token": "hush"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "unknown.example is not on this hub’s list" in page.replace("&#x27;", "’")
    assert "https://unknown.example/models/1" in page
    assert "hush" not in page


def test_import_detail_is_polled_until_it_ends(there, alice):
    browser, made = signed_in(alice), begin(alice, f"{there.origin}/models/12", pictures=False)
    row = {"headers": {"HX-Request": "true"}}
    assert b"every 2s" in browser.get(f"/import/{made.pk}", **row).content
    step()
    step()
    assert b"<progress" in browser.get(f"/import/{made.pk}", **row).content
    work()
    last = browser.get(f"/import/{made.pk}", **row)
    assert (last.status_code, b"every 2s" in last.content) == (286, False)
    assert browser.get(f"/import/{made.pk}").status_code == 200


def test_import_cancel_and_import_retry(there, alice, charlie):
    browser, made = signed_in(alice), begin(alice, f"{there.origin}/models/12", pictures=False)
    assert signed_in(charlie).post(f"/import/{made.pk}/cancel").status_code == 404
    assert browser.post(f"/import/{made.pk}/cancel", headers={"HX-Request": "true"}).status_code == 200
    work()
    made.refresh_from_db()
    assert made.status == Import.Status.CANCELLED
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert browser.post(f"/import/{made.pk}/retry").status_code == 302
    work()
    made.refresh_from_db()
    assert made.status == Import.Status.DONE
    assert str(made.pk) not in signed_in(charlie).get("/import").content.decode()


def test_a_shelf_becomes_its_models_in_turn(there, alice):
    there.says("/api/v1/models", {"items": [{"id": 12}, {"id": 13}], "metadata": {}})
    made = imported(alice, f"{there.origin}/user/ada", pictures=False)
    assert made.status == Import.Status.DONE
    assert sorted(made.children.values_list("status", flat=True)) == ["done", "failed"]
    page = signed_in(alice).get("/import").content.decode()
    assert "Done: 2 of 2 models, 1 could not be imported." in page
    (told,) = alice.notices.all()
    assert "has ended. Done: 2 of 2 models, 1 could not be imported." in told.sentence, "once, of all of it"
    assert f'id="{told.address.partition("#")[2]}"' in page
