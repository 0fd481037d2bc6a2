"""Many rows with few statements.

A statement of many rows takes three quarters of the time of one per row, and gives the interpreter's lock away, which
another busy thread may then keep for a while, once and not once a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain
from sqlite3 import Connection
from typing import Any, Final

ROWS: Final = 50
"""In one statement; with the 15 columns of ``record`` these are 750 parameters."""


def insert_rows(connection: Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows that have a value for each column; a row that cannot be inserted undoes the whole transaction.

    (Undoing the statement alone would have SQLite keep a copy of every page that it touches.)
    """
    if not rows:
        return
    columns = len(rows[0])
    whole = len(rows) - len(rows) % ROWS
    statement = _statement(table, columns, ROWS)
    for at in range(0, whole, ROWS):
        connection.execute(statement, list(chain.from_iterable(rows[at : at + ROWS])))
    if whole < len(rows):
        connection.executemany(_statement(table, columns, 1), rows[whole:])


@cache
def _statement(table: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"INSERT OR ROLLBACK INTO {table} VALUES {', '.join([row] * rows)}"  # noqa: S608 (our own names)
