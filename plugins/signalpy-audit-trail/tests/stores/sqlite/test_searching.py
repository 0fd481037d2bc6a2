from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.search import ask
from signalpy_audit_trail.stores.sqlite import SqliteReader, derived


def right(reader: SqliteReader) -> bool:
    entries = ask(reader, {"actor": "alice", "subject": "s0", "limit": 1000})["entries"]
    return [*range(57, 0, -6)] == [entry["seq"] for entry in entries if entry["seq"] < 60]


HARM = {
    "lost a table": ["DROP TABLE concern"],
    "lost the last": ["DELETE FROM record WHERE seq >= 57", "DELETE FROM concern WHERE seq >= 57"],
    "lost everything": ["DELETE FROM record", "DELETE FROM concern", "DELETE FROM block"],
    "has too many": ["INSERT INTO record (seq, segment, byte, length) SELECT max(seq) + 1, 0, 0, 5 FROM record"],
    "would not take more": ["INSERT INTO concern SELECT id, (SELECT max(seq) + 1 FROM record) FROM term"],
    "lacks one and would not take it": [
        "DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)",
        "INSERT OR IGNORE INTO concern SELECT id, (SELECT max(seq) + 1 FROM record) FROM term",
    ],
    "lost an index": ["DROP INDEX record_actor"],
}


@pytest.mark.parametrize("harm", HARM)
def test_tables_that_do_not_fit_are_mended(
    filled: Path, sql: Any, writing: Any, reading: Any, *, make: Any, harm: str
) -> None:
    """Whatever became of the tables of searching: the log goes on, and answers are right."""
    for statement in HARM[harm]:
        sql(statement)
    store = writing()
    commit(store, [make(actor="late", subjects=["s1"])])
    reader = reading()
    assert right(reader)
    assert [60] == [entry["seq"] for entry in ask(reader, {"actor": "late"})["entries"]]
    assert 61 == len(ask(reader, {"limit": 1000})["entries"])
    assert (61, "") == reader.check_index()[:2]


@pytest.mark.parametrize("harm", HARM)
def test_given_ids_are_known_whatever_became_of_the_tables(
    filled: Path, sql: Any, writing: Any, make: Any, harm: str
) -> None:
    """A writer that must know who holds an id mends the tables itself."""
    store = writing()
    facts = [make(given=True, id=f"given-{number}", data=number) for number in range(3)]
    commit(store, facts)
    for statement in HARM[harm]:
        sql(statement)
    assert [True] * 3 == [receipt.repeat for receipt in commit(store, facts)]
    assert not commit(store, [make(given=True, id="given-9")])[0].repeat


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("UPDATE record SET actor = (SELECT actor FROM record WHERE seq = 3) WHERE seq = 4", "else of record 4"),
        ("UPDATE record SET time = time + 1 WHERE seq = 5", "something else of record 5"),
        ("DELETE FROM concern WHERE seq = 6", "other subjects of record 6"),
        ("DELETE FROM record WHERE seq = 7", "does not know record 7"),
        ("INSERT INTO record (seq, segment, byte, length) VALUES (60, 0, 0, 5)", "that are not there, from 60 on"),
        ("UPDATE block SET latest = latest - 10000000", "other times of the records from 0 on"),
        ("DELETE FROM term", "something else of record 0"),
        ("DROP TABLE term", "cannot be read: no such table"),
    ],
)
def test_a_check_names_the_first_difference(
    filled: Path, sql: Any, reading: Any, statement: str, difference: str
) -> None:
    """What the tables of searching say otherwise than the log is found, and nothing is mended on the way."""
    assert (60, "") == reading().check_index()[:2]
    sql(statement)
    for _ in range(2):
        assert difference in reading().check_index().difference


def test_tables_are_made_anew_while_others_write(
    filled: Path, writing: Any, reading: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers go on in turns with the one that makes the tables anew, also those that remember the old ones."""
    monkeypatch.setattr(derived, "STEP", 7)
    store = writing()
    commit(store, [make(actor="alice", subjects=["s1"])])
    stop = threading.Event()
    counts = {"alice": 31, "bob": 30, "carol": 0}

    def write() -> None:
        number = 0
        while not stop.is_set():
            name = ("alice", "bob", "carol")[number % 3]
            commit(store, [make(actor=name, subjects=[f"new-{number}"])])
            counts[name] += 1
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    reader = reading()
    for _ in range(4):
        reader.reindex()
    stop.set()
    thread.join()
    assert counts == ask(reader, {"count_by": "actor"})["counts"]
    assert right(reader)
    assert not reader.check_index().difference


def test_another_writers_new_tables_are_noticed(filled: Path, writing: Any, reading: Any, make: Any) -> None:
    """Texts have other numbers in new tables; a writer that remembers the old numbers does not use them."""
    one, two = writing(), writing()
    for number in range(5):
        commit(one, [make(actor=f"u{number}")])
        commit(two, [make(actor=f"v{number}")])
    reading().reindex()
    for number in range(5):
        commit(one, [make(actor=f"u{number}")])
        commit(two, [make(actor=f"w{number}")])
    reader = reading()
    assert not reader.check_index().difference
    assert [2] * 5 == [len(ask(reader, {"actor": f"u{number}"})["entries"]) for number in range(5)]


def test_lagging_tables_of_a_trail_that_may_not_be_written(
    filled: Path, sql: Any, tmp_path: Path, reading: Any, *, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Where they cannot be mended, an index in the user's cache answers, and it is said so."""
    cache = tmp_path.with_name(f"{tmp_path.name}-cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    sql("DELETE FROM record WHERE seq > 30")
    filled.chmod(0o400)
    reader = reading()
    with caplog.at_level(logging.WARNING, "signalpy.audit_trail.sqlite"):
        assert right(reader)
    assert "searching does without the tables in it: they know 31 records" in caplog.text
    assert [f"{reader.origin.rpartition('/')[2]}.sqlite3"] == [path.name for path in cache.glob("signalpy/*.sqlite3")]
    assert 60 == reader.reindex()
    assert right(reader)


def test_the_usual_questions_are_index_look_ups(filled: Path, reading: Any) -> None:
    """The same planner as beside a ``file:`` store leads to the same look-ups."""
    reader = reading()
    statements: list[str] = []
    plans: list[str] = []

    def explain(tables: Any) -> None:
        for statement in statements:
            plans.extend(row[3] for row in tables.connection.execute(f"EXPLAIN QUERY PLAN {statement}"))

    reader._reading.ask(lambda tables: tables.connection.set_trace_callback(statements.append))
    ask(reader, {"operation_id": "o"})
    reader._reading.ask(lambda tables: tables.connection.set_trace_callback(None))
    statements[:] = [statement for statement in statements if statement.startswith("SELECT record.seq")]
    reader._reading.ask(explain)
    assert plans
    assert all("record_operation" in plan for plan in plans)
