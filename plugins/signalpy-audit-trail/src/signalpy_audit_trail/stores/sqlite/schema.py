"""The tables of a trail in SQLite, and the triggers that refuse to change what was written.

A leaf's row also holds the nodes of the Merkle tree that it completes, one hash a level from 0 up: the leaf at position
``n`` completes one more for each bit at the end of ``n`` that is set. So leaf and nodes cannot come apart.

The tables of searching (`signalpy_audit_trail.index.schema`) are in the same database, follow from the leaves, and may
be made anew. Other tools read the views ``lines``, ``records`` and ``record_subjects``.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Final

from signalpy_audit_trail.index.schema import FIRST_TERM, SEARCHED, WORDS, views

APPLICATION_ID: Final = 0x53504154
"""In the file's header (``PRAGMA application_id``): this file is a trail."""

FORMAT: Final = 1
"""In the file's header (``PRAGMA user_version``)."""

_TABLES: Final = """
CREATE TABLE trail (
    only INTEGER PRIMARY KEY CHECK (only = 0),
    origin TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE TABLE leaf (
    seq INTEGER PRIMARY KEY,
    nodes BLOB NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE checkpoint (
    only INTEGER PRIMARY KEY CHECK (only = 0),
    size INTEGER NOT NULL,
    note TEXT NOT NULL
);
CREATE VIEW lines AS SELECT seq, CAST(body AS TEXT) AS line FROM leaf;
"""

# ``INSERT OR REPLACE`` removes a row without firing the trigger of DELETE: what is inserted is therefore guarded, too.
_GUARDS: Final = (
    ("leaf", "INSERT", "NEW.seq <> (SELECT coalesce(max(seq) + 1, 0) FROM leaf)", "a leaf comes at the end"),
    ("leaf", "UPDATE", "1", "a leaf never changes"),
    ("leaf", "DELETE", "1", "a leaf is never removed"),
    ("trail", "INSERT", "EXISTS (SELECT 1 FROM trail)", "a trail has one origin"),
    ("trail", "UPDATE", "1", "the origin never changes"),
    ("trail", "DELETE", "1", "the origin is never removed"),
    ("checkpoint", "INSERT", "EXISTS (SELECT 1 FROM checkpoint)", "there is one checkpoint"),
    ("checkpoint", "UPDATE", "NEW.only <> 0 OR NEW.size < OLD.size", "a checkpoint only grows"),
    ("checkpoint", "DELETE", "1", "the checkpoint is never removed"),
)

_DERIVED: Final = ("concern", "block", "record", "term")


def create(connection: Connection, *, origin: str | None = None) -> None:
    """Make the tables of a new trail, within a transaction of the caller.

    :param origin: of the log that this is to be a copy of.
    """
    _run(connection, _TABLES)
    for table, event, condition, rule in _GUARDS:
        connection.execute(
            f"CREATE TRIGGER {table}_{event.lower()} BEFORE {event} ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, 'the trail is append-only: {rule}'); END"
        )
    create_derived(connection)
    _run(connection, views())
    created = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    name = origin or f"signalpy.audit/{secrets.token_hex(16)}"
    connection.execute("INSERT INTO trail VALUES (0, ?, ?)", (name, created))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def create_derived(connection: Connection) -> None:
    """Make the tables of searching, empty; within a transaction of the caller."""
    _run(connection, SEARCHED)
    words = [(number, int(field), text, 0) for number, (field, text) in WORDS.items()]
    # SQLite numbers from the highest on; this keeps the low numbers for words to come.
    words.append((FIRST_TERM - 1, 0, "", 0))
    connection.executemany("INSERT INTO term VALUES (?, ?, ?, ?)", words)


def drop_derived(connection: Connection) -> None:
    """Throw the tables of searching away; within a transaction of the caller."""
    for table in _DERIVED:
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def _run(connection: Connection, statements: str) -> None:
    """Execute statements one by one: ``executescript`` would end the transaction."""
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)
