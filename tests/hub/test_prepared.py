"""Statements that are planned once, also where a pooler stands between."""

import pytest
from django.db import connection

from hub.prepared import Prepared

TWICE = Prepared("twice", "SELECT %(n)s * 2, %(words)s", n="int", words="text")


def test_it_works(db):
    assert TWICE.rows(n=21, words="it's 100 %") == TWICE.rows(words="it's 100 %", n=21) == [(42, "it's 100 %")]


@pytest.mark.django_db(transaction=True)
def test_a_pooler_forgets_it_or_knows_it_already():
    TWICE.rows(n=1, words="")
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert TWICE.rows(n=2, words="") == [(4, "")]
    assert TWICE.rows(n=3, words="") == [(6, "")]
    connection.weightroom_prepared = (connection.connection, set())
    assert TWICE.rows(n=4, words="") == [(8, "")]
