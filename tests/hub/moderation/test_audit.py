"""`manage.py audit verify`: the log is a chain, and whoever changes it past the database's guard is found out."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from hub.moderation import chain
from hub.moderation.models import Entry
from tests.hub.moderation.test_entry_list import entry

OFF = "ALTER TABLE moderation_entry DISABLE TRIGGER USER; {}; ALTER TABLE moderation_entry ENABLE TRIGGER USER"


def tamper(statement):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(OFF.format(statement))


def test_it_works(mona, capsys):
    for n in range(3):
        entry(actor=mona, reason=f"Reason {n} – “with” signs\n and lines", sha256="ab" * 32)
    call_command("audit", "verify")
    said = capsys.readouterr().out
    last = Entry.objects.first().digest
    assert said == f"3 lines, each as it was written. Keep this digest elsewhere: {last}\n"
    call_command("audit", "verify", "--through", last)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE moderation_entry SET reason = 'Nothing.' WHERE reason = 'Reason 1'", "changed after it was written"),
        ("UPDATE moderation_entry SET at = at - interval '1 day' WHERE reason = 'Reason 1'", "changed after"),
        ("DELETE FROM moderation_entry WHERE reason = 'Reason 1'", "a line before it is missing"),
    ],
)
def test_whoever_changes_it_is_found_out(mona, statement, sentence):
    for n in range(3):
        entry(actor=mona, reason=f"Reason {n}")
    tamper(statement)
    with pytest.raises(CommandError, match=sentence):
        call_command("audit", "verify")


def test_lines_cut_off_the_end(mona):
    entry(actor=mona)
    last = entry(actor=mona).digest
    tamper(f"DELETE FROM moderation_entry WHERE digest = '{last}'")
    call_command("audit", "verify")
    with pytest.raises(CommandError, match="cut off the end"):
        call_command("audit", "verify", "--through", last)


def test_a_line_is_added_at_the_end_only(mona):
    first = entry(actor=mona)
    entry(actor=mona)
    forged = Entry(at=first.at, action="released", subject="x", previous=first.digest, digest="0" * 64)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        forged.save()
    assert chain.verify().lines == 2
