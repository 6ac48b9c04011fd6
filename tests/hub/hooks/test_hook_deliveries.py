"""Webhooks: told what their owner may see, signed, later again where nobody answers; and called nowhere private."""

import base64
import hashlib
import hmac
import http.server
import json
import threading

import pytest
from django.test import Client
from django.utils import timezone

from hub import outbound
from hub.catalog import actions as catalog
from hub.gallery.actions import picture_add, picture_keep
from hub.hooks import actions
from hub.hooks.models import Delivery, Event, Hook
from hub.moderation.reports import report_file
from hub.protocols.told import told
from tests.hub.catalog.files import added
from workers.messages import Drawn, Recipe


@pytest.fixture
def listener(settings):
    """A program that listens; ``answers`` is what it says next, ``heard`` what it was told."""

    class Listener(http.server.BaseHTTPRequestHandler):
        answers, heard = 200, []

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            type(self).heard.append((dict(self.headers), body))
            self.send_response(type(self).answers)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    Listener.heard = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Listener.url = f"http://127.0.0.1:{server.server_port}/hook"
    settings.HOOK_ORIGINS = ["http://127.0.0.1:*"]
    yield Listener
    server.shutdown()
    server.server_close()


def hook(owner, url, *events, everybody=False):
    return actions.hook_create(owner=owner, url=url, events=events or ["version.published"], everybody=everybody)


def tell():
    actions.events_take(told)
    return actions.deliveries_send(told)


def again():
    Delivery.objects.filter(status="waiting").update(due_at=timezone.now())
    return actions.deliveries_send(told)


def test_it_works(alice, listener):
    _, secret = hook(alice, listener.url)
    file = added(alice)
    assert tell() == 1
    [(headers, body)] = listener.heard
    said = json.loads(body)
    assert said["type"] == "version.published"
    assert said["data"]["id"] == file.version_id
    assert said["data"]["files"][0]["hashes"]["SHA256"] == file.blob_id.upper()
    headers = {name.lower(): value for name, value in headers.items()}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.answer, str(delivery.pk)) == ("delivered", 200, headers["webhook-id"])
    catalog.version_publish(version=file.version, by=alice)  # published already: nothing happened
    assert tell() == 0
    assert not Event.objects.exists()


def test_nobody_hears_of_what_they_may_not_see(alice, bob, mona, listener):
    for owner, everybody in ((bob, False), (bob, True), (mona, True)):
        hook(owner, listener.url, "version.published", "picture.added", "report.filed", everybody=everybody)
    draft = added(alice, "Secret", publish=False)
    recipe = Recipe(base=draft.blob_id, base_family="sd1", seed=7)
    drawn = Drawn(sha256="a" * 64, width=64, height=64, seed=7, bytes=1)
    picture = picture_add(owner=alice, drawn=drawn, recipe=recipe, seconds=1.0, visible=False)
    picture_keep(picture_id=picture.pk, by=alice)
    assert tell() == 0, "a picture of a draft is her own"
    public = added(alice)
    assert tell() == 2  # whoever asked to hear of everybody's
    report_file(by=bob, address="", kind="model", id=public.version.model_id, reason="spam")
    assert tell() == 1
    assert Delivery.objects.get(kind="report.filed").hook.owner == mona
    assert "bob" not in listener.heard[-1][1].decode()


def test_what_became_private_meanwhile_is_not_told(alice, bob, listener):
    hook(bob, listener.url, everybody=True)
    file = added(alice)
    actions.events_take(told)
    catalog.version_unpublish(version=file.version, by=alice)
    actions.deliveries_send(told)
    assert listener.heard == []
    assert Delivery.objects.get().status == "dropped"


@pytest.mark.parametrize("answer", [500, 301, 404])
def test_it_is_told_again_later_and_at_last_turned_off(alice, listener, answer):
    one, _ = hook(alice, listener.url)
    added(alice)
    listener.answers = answer
    tell()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempt, delivery.answer) == ("waiting", 1, answer)
    assert delivery.due_at > timezone.now()
    assert actions.deliveries_send(told) == 0, "not before its time"
    for _ in actions.PAUSES:
        again()
    one.refresh_from_db()
    assert Delivery.objects.get().status == "failed"
    assert (one.enabled, len(listener.heard)) == (False, 1 + len(actions.PAUSES))
    assert one.problem


def test_who_answers_gone_is_not_asked_again(alice, listener):
    one, _ = hook(alice, listener.url)
    added(alice)
    listener.answers = 410
    tell()
    one.refresh_from_db()
    assert not one.enabled


@pytest.mark.parametrize(
    "url",
    ["http://example.org/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "ftp://x.org/",
     "https://0x7f.1/", "https://2130706433/", "https://user@example.org/", "https://example.org:8443/",
     "https://10.0.0.1/", "http://localhost/", "nonsense", ""],
)  # fmt: skip
def test_addresses_that_are_not_called(alice, url):
    with pytest.raises(outbound.NotAsked):
        hook(alice, url)


def test_a_name_that_leads_inside_is_not_called(alice, monkeypatch):
    """As rebinding has it: a public name with a private address."""
    hook(alice, "https://inside.example.org/")
    monkeypatch.setattr(outbound.socket, "getaddrinfo", lambda *a, **k: [(2, 1, 6, "", ("10.0.0.1", 443))])
    added(alice)
    tell()
    assert "not a public host" in Delivery.objects.get().sentence


def test_the_pages(alice, bob, listener):
    """hook-list, hook-create, hook-detail, hook-set, hook-delete, delivery-again."""
    browser, other = Client(), Client()
    browser.force_login(alice)
    other.force_login(bob)
    fields = {"url": listener.url, "events": ["version.published"]}
    page = browser.post("/settings/webhooks/new", fields)
    assert "whsec_" in page.content.decode()
    one = Hook.objects.get()
    assert "whsec_" not in one.secret
    assert "whsec_" not in browser.get("/settings/webhooks").content.decode()
    assert "report.filed" not in page.content.decode()
    assert browser.post("/settings/webhooks/new", fields | {"url": "http://10.0.0.1/"}).status_code == 422
    added(alice)
    tell()
    where = f"/settings/webhooks/{one.pk}"
    assert "delivered" in browser.get(where).content.decode().lower()
    delivery = Delivery.objects.get()
    assert other.post(f"/settings/webhooks/deliveries/{delivery.pk}/again").status_code == 404
    browser.post(f"/settings/webhooks/deliveries/{delivery.pk}/again")
    again()
    assert len(listener.heard) == 2
    for path in (where, f"{where}/set", f"{where}/delete"):
        assert other.post(path).status_code in {404, 405}
    browser.post(f"{where}/set")
    one.refresh_from_db()
    assert not one.enabled
    browser.post(f"{where}/delete")
    assert not Hook.objects.exists()
