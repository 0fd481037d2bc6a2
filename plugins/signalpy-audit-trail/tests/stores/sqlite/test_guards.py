from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit

STATEMENTS = [
    "UPDATE leaf SET body = 'x' WHERE seq = 3",
    "UPDATE leaf SET nodes = x'00'",
    "UPDATE OR REPLACE leaf SET seq = 4 WHERE seq = 3",
    "DELETE FROM leaf",
    "DELETE FROM leaf WHERE seq = 59",
    "INSERT INTO leaf VALUES (59, x'00', 'x')",
    "INSERT OR REPLACE INTO leaf VALUES (59, x'00', 'x')",
    "REPLACE INTO leaf VALUES (0, x'00', 'x')",
    "INSERT INTO leaf VALUES (61, x'00', 'x')",
    "INSERT INTO leaf VALUES (-1, x'00', 'x')",
    "INSERT INTO leaf (nodes, body) VALUES (x'00', 'x')",
    "INSERT INTO leaf SELECT seq + 1, nodes, body FROM leaf WHERE seq = 59 UNION SELECT 3, x'00', 'x'",
    "INSERT INTO leaf VALUES (59, x'00', 'x') ON CONFLICT (seq) DO UPDATE SET body = 'x'",
    "UPDATE trail SET origin = 'another'",
    "DELETE FROM trail",
    "REPLACE INTO trail VALUES (0, 'another', 'now')",
    "INSERT INTO trail VALUES (1, 'another', 'now')",
    "UPDATE checkpoint SET size = 4",
    "UPDATE checkpoint SET only = 1",
    "DELETE FROM checkpoint",
    "REPLACE INTO checkpoint VALUES (0, 1, 'x')",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_was_written_cannot_be_changed_through_sql(
    filled: Path, sql: Any, writing: Any, note: str, statement: str
) -> None:
    """UPDATE, DELETE, REPLACE and INSERT out of order are refused, and nothing of them stays."""
    store = writing()
    store.keep_checkpoint(note)
    store.close()
    tables = ("leaf", "trail", "checkpoint")
    before = [sql(f"SELECT * FROM {table} ORDER BY 1") for table in tables]
    with pytest.raises(sqlite3.IntegrityError):
        sql(statement)
    assert before == [sql(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def test_a_checkpoint_may_grow(filled: Path, sql: Any, writing: Any, note: str) -> None:
    """What the trail itself does is allowed: a checkpoint of as many records or of more replaces another."""
    store = writing()
    assert store.keep_checkpoint(note)
    assert store.keep_checkpoint(note)
    assert store.keep_checkpoint(note.replace("\n5\n", "\n6\n"))
    assert [(0, 6)] == sql("SELECT only, size FROM checkpoint")


def test_the_views_for_other_tools(writing: Any, sql: Any, make: Any) -> None:
    """``lines`` holds the records as they were written, ``records`` and ``record_subjects`` what is searched."""
    draft = make(actor="alice", target="t", subjects=["a", "b"], data={"text": "ü"})
    commit(writing(), [draft])
    assert [(0, '{"seq":0,' + draft.body.decode()[1:])] == sql("SELECT seq, line FROM lines")
    assert [("ü",)] == sql("SELECT json_extract(line, '$.data.text') FROM lines")
    columns = "seq, time, kind, action, actor, caller, target, outcome, id"
    expected = (0, "2026-01-31T12:00:00.000000Z", "event", "account.transfer", "alice", "accounts", "t", "success")
    assert [(*expected, draft.id)] == sql(f"SELECT {columns} FROM records")
    assert [(0, "a"), (0, "b")] == sql("SELECT * FROM record_subjects ORDER BY subject")


def test_the_header_says_what_it_is(filled: Path, sql: Any) -> None:
    """``file`` and other tools can tell a trail from any other database, and its format."""
    assert [(0x53504154,)] == sql("PRAGMA application_id")
    assert [(1,)] == sql("PRAGMA user_version")
    assert [("wal",)] == sql("PRAGMA journal_mode")
    assert b"SQLite format 3\0" == filled.read_bytes()[:16]
