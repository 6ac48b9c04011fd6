"""Statements that PostgreSQL plans once a connection: planning a large one takes many times what running it takes."""

from __future__ import annotations

import re
from typing import Any

from django.db import connection
from django.db.utils import DatabaseError

MISSING, THERE = "26000", "42P05"  # what PostgreSQL says of a name
_NAMED = re.compile(r"%\((\w+)\)s")


class Prepared:
    """``statement`` with its values as ``%(name)s``; ``types`` says the SQL type of each, in any order."""

    def __init__(self, name: str, statement: str, /, **types: str) -> None:
        self.name, self.statement = f"weightroom_{name}", statement
        places = {key: f"${n}" for n, key in enumerate(types, 1)}
        body = _NAMED.sub(lambda found: places[found[1]], statement)
        self._prepare = f"PREPARE {self.name} ({', '.join(types.values())}) AS {body}"
        self._execute = f"EXECUTE {self.name} ({', '.join(f'%({key})s' for key in types)})"

    def rows(self, /, **given: Any) -> list[tuple[Any, ...]]:
        """What the statement answers to these values. Behind a pooler that gives each statement another connection,
        a preparation may be missing or be there already: then it is planned anew this time."""
        connection.ensure_connection()
        with connection.cursor() as cursor:
            known = _known()
            try:
                if self.name not in known:
                    cursor.execute(self._prepare)
                    known.add(self.name)
                cursor.execute(self._execute, given)
            except DatabaseError as error:
                if getattr(error.__cause__, "pgcode", "") not in {MISSING, THERE} or connection.in_atomic_block:
                    raise
                known.discard(self.name)
                cursor.execute(self.statement, given)
            return cursor.fetchall()


def _known() -> set[str]:
    """Names of what this connection has prepared."""
    of, names = getattr(connection, "weightroom_prepared", (None, set()))
    if of is not connection.connection:
        names = set()
        connection.weightroom_prepared = (connection.connection, names)  # type: ignore[attr-defined]
    return names
