"""`entry-list`: the audit log, which can be read and added to, and nothing else."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from hub.moderation import actions
from hub.moderation.models import Entry
from tests.hub.moderation.conftest import Api


def entry(**more) -> Entry:
    return actions.entry_add(**{"action": "released", "subject": "ink.safetensors", "reason": "It is sound."} | more)


def test_it_works(mona, monas, monas_page):
    entry(actor=mona, owner="alice", before="refused", after="accepted", sha256="ab" * 32)
    [told] = monas("GET", "/log")
    assert (told["actor"], told["action"], told["reason"]) == ("mona", "released", "It is sound.")
    page = monas_page.get("/moderation/log").content.decode()
    for words in ("mona", "released", "ink.safetensors", "of alice", "refused → accepted", "It is sound."):
        assert words in page, words


def test_what_was_and_what_is_stand_in_the_readers_words(monas_page, mona):
    """No codes: of a level which one it was, and nothing where nothing changed."""
    entry(actor=mona, action="rated", before="1", after="4", sha256="1" * 64)
    entry(actor=mona, action="upheld", before="taken-down", after="taken-down", sha256="2" * 64)
    entry(actor=mona, action="taken-down", before="open", after="taken-down", sha256="3" * 64)
    page = monas_page.get("/moderation/log").content.decode()
    assert "For everybody → Nudity, or violence" in page
    assert "open → taken down" in page
    assert "taken down → taken down" not in page
    monas_page.post("/settings/language", {"language": "de"})
    assert "offen → entfernt" in monas_page.get("/moderation/log").content.decode()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE moderation_entry SET reason = 'Nothing happened.'",
        "DELETE FROM moderation_entry",
        "TRUNCATE moderation_entry",
        "INSERT INTO moderation_entry (id, at, action, subject, owner, sha256, before, after, reason) "
        "SELECT id, at, action, 'forged', owner, sha256, before, after, reason FROM moderation_entry "
        "ON CONFLICT (id) DO UPDATE SET subject = excluded.subject",
    ],
)
def test_the_database_refuses_to_change_it(mona, statement):
    entry(actor=mona)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {statement}")
    assert [e.reason for e in Entry.objects.all()] == ["It is sound."]
    assert Entry.objects.get().subject == "ink.safetensors"


def test_not_through_this_program_either(mona):
    line = entry(actor=mona)
    for change in (line.delete, line.save, Entry.objects.all().delete, mona.delete):
        with pytest.raises(Exception, match=r"append-only|protected"), transaction.atomic():
            change()
    assert Entry.objects.count() == 1


def test_page_by_page_and_by_digest(monas, db):
    lines = [entry(sha256=f"{n:064x}") for n in range(105)]
    first = monas("GET", "/log")
    assert [line["id"] for line in first] == [line.id for line in reversed(lines)][:100]
    assert len(monas("GET", f"/log?before={first[-1]['id']}")) == 5
    assert [line["id"] for line in monas("GET", f"/log?sha256={7:064X}")] == [lines[7].id]
    monas("GET", "/log?before=abc", status=404)


def test_only_moderators_read_it(alice, monas_page):
    page = Client()
    page.force_login(alice)
    assert page.get("/moderation/log").status_code == 403
    Api(alice, "/api/v1/moderation")("GET", "/log", status=403)
    assert "Moderation" in monas_page.get("/moderation/log").content.decode()
    assert 'href="/moderation"' not in page.get("/models").content.decode()


def test_held_list_is_theirs_alone(alice, monas):
    Api(alice, "/api/v1/moderation")("GET", "/held", status=403)
    assert monas("GET", "/held") == {"files": [], "uploads": []}


def test_hostile_words_are_text(mona, monas_page):
    entry(actor=mona, reason="<script>alert(1)</script>", subject="<b>x</b>")
    page = monas_page.get("/moderation/log").content.decode()
    assert "<script>alert(1)" not in page
    assert "<b>x</b>" not in page
