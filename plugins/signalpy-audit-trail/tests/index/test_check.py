"""The index held against the log, whole and in parts: what is said, and that nothing is said of what is right."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.index import check
from signalpy_audit_trail.stores import open_reader, open_store

SIZE = 40_000
EDGE = SIZE // 2 // 1024 * 1024
"""Where two spans meet."""


def body(number: int, **more: Any) -> bytes:
    record = {
        "id": f"00000000-0000-7000-8000-{number:012x}",
        "time": f"2026-01-01T00:00:00.{number:06}Z",
        "action": "x" if number % 2 else "y",
        "actor": "x",
        "subjects": ["b", "a", "b"],
        **more,
    }
    return json.dumps(record).encode()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checked") / "trail"
    with closing(open_store(f"file:{root}", guest=True)) as store:
        commit(store, [Draft(id=str(number), body=body(number)) for number in range(SIZE)])
    with closing(open_reader(f"file:{root}")) as reader:
        reader.reindex()
    return root


@pytest.fixture
def lying(made: Path, tmp_path: Path) -> Iterator[Any]:
    """Runs a statement on a copy of the index and returns what is found by each part, and by the whole."""
    place = tmp_path / "index"
    shutil.copy(made / "index.sqlite3", place)

    def found(statement: str) -> tuple[list[Any], Any]:
        with closing(sqlite3.connect(place, isolation_level=None)) as connection:
            connection.execute(statement)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with closing(open_reader(f"file:{made}", index=str(place))) as reader:
            parts = reader.index_parts(2)  # type: ignore[attr-defined]  # offered by this reader
            assert ["record", f"-{EDGE}", f"{EDGE}-", "concern", "block", "term"] == parts
            states = [reader.check_index_part(part, lambda _: None) for part in parts]  # type: ignore[attr-defined]  # likewise
            return [state for state in states if state.difference], reader.check_index()

    return found


def test_parts_of_what_is_right_find_nothing(lying: Any) -> None:
    """Each knows how many records there are."""
    different, whole = lying("SELECT 1")
    assert ([], (SIZE, "", None)) == (different, whole)


@pytest.mark.parametrize("at", [0, EDGE - 1, EDGE, SIZE - 1])
@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE record SET length = length + 1 WHERE seq = {}", "something else of record {}"),
        ("UPDATE record SET operation = x'00' WHERE seq = {}", "something else of record {}"),
        ("UPDATE record SET action = NULL WHERE seq = {}", "something else of record {}"),
        ("UPDATE record SET time = NULL WHERE seq = {}", "something else of record {}"),
        ("UPDATE record SET byte = byte + 1 WHERE seq = {}", "has record {} elsewhere"),
        ("UPDATE record SET segment = segment + 1 WHERE seq = {}", "has record {} elsewhere"),
        ("DELETE FROM concern WHERE seq = {}", "names other subjects of record {}"),
        ("INSERT INTO concern VALUES (1, {})", "names other subjects of record {}"),
    ],
)
def test_a_lie_at_the_edge_of_a_part_is_found(lying: Any, at: int, statement: str, what: str) -> None:
    """By one part as by the whole; the part behind may only say that its first record does not follow."""
    different, whole = lying(statement.format(at))
    first, *others = sorted(different, key=lambda state: int(state.seq))
    assert whole == first
    assert [f"the index has record {at + 1} elsewhere"] * len(others) == [state.difference for state in others]
    assert what.format(at) in whole.difference
    assert (SIZE, at) == (whole.size, whole.seq)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM record WHERE seq = {}", "does not know record {}"),
        ("INSERT INTO record (seq, segment, byte, length) VALUES ({}, 0, 0, 0)", "not there, from {} on"),
        ("INSERT INTO concern VALUES (1, {})", "record"),
    ],
)
def test_what_is_missing_or_too_much(lying: Any, statement: str, what: str) -> None:
    """A hole within, and records before the first or behind the last."""
    for at in (EDGE - 1, EDGE) if statement.startswith("DELETE") else (-1, SIZE):
        different, whole = lying(statement.format(at))
        assert what.format(at) in whole.difference
        assert whole.seq in (at, SIZE)
        assert whole.difference in {state.difference for state in different}
        lying(f"DELETE FROM record WHERE seq IN (-1, {SIZE})")
        lying(f"DELETE FROM concern WHERE seq IN (-1, {SIZE})")
        if statement.startswith("DELETE"):
            break


@pytest.mark.parametrize(
    "statement",
    [
        "DROP VIEW records",
        "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER forget AFTER INSERT ON record BEGIN DELETE FROM concern; END",
        "DROP INDEX record_actor",
    ],
)
def test_what_other_tools_would_read_and_what_runs_by_itself(lying: Any, statement: str) -> None:
    """Views and triggers are part of the file: none is missing, changed or added."""
    different, whole = lying(statement)
    assert [whole] == different
    assert "not those that the trail makes" in whole.difference


def test_a_text_of_another_field_is_another_text(lying: Any) -> None:
    """An action and an actor of the same name have two numbers; with the wrong one no search finds the record."""
    wrong = "(SELECT id FROM term WHERE text = 'x' AND field = 1)"
    different, whole = lying(f"UPDATE record SET actor = {wrong} WHERE seq = 5")
    assert [whole] == different
    assert "something else of record 5" in whole.difference


def test_a_text_that_the_index_does_not_have_is_not_nothing(lying: Any) -> None:
    """Taken out of both tables, it is missed all the same."""
    lying("DELETE FROM term WHERE text = 'x' AND field = 3")
    _different, whole = lying("UPDATE record SET actor = NULL")
    assert "something else of record 0" in whole.difference


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
def test_subjects_after_many_records_without_any_are_right(tmp_path: Path, scheme: str) -> None:
    """More records than are compared at a time are about nobody, and those behind them are: nothing is wrong."""
    url, count = f"{scheme}:{tmp_path}/trail", 3000
    with closing(open_store(url, guest=True)) as store:
        commit(
            store, [Draft(id=str(number), body=body(number, subjects=[], data="x" * 200)) for number in range(count)]
        )
        commit(store, [Draft(id=str(number), body=body(number)) for number in range(count, count + 10)])
    with closing(open_reader(url)) as reader:
        reader.reindex()
        assert (count + 10, "", None) == reader.check_index()


def test_an_index_of_sqlite_that_does_not_fit_the_rows(lying: Any, tmp_path: Path) -> None:
    """A row that one of SQLite's own indexes does not know would never be found by a search: said to be damage."""
    with closing(sqlite3.connect(tmp_path / "index", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE other (action)")
        connection.execute("PRAGMA writable_schema = 1")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'record_action'").fetchone()
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'ON record (action)', 'ON record (target)')")
        connection.execute("UPDATE sqlite_schema SET rootpage = ? WHERE name = 'record_action'", (page,))
    different, whole = lying("SELECT 1")
    assert "damaged" in whole.difference
    assert whole in different


@pytest.mark.parametrize(
    "fields",
    [
        {"actor": 5, "subjects": ["a", 5, None, "c"], "time": 7},
        {"actor": None, "subjects": "a", "time": "2026-01-01"},
        {"subjects": [], "time": "yesterday", "id": 9},
        {"time": "9999-12-31T23:59:59.999999Z"},
        {"time": "0001-01-01T00:00:00.000000Z"},
        {"correlation_id": "c", "operation_id": "c"},
        {"correlation_id": "c", "operation_id": "d", "duplicate_of": "01A20CB7-B885-774E-94E2-167A7A840C37"},
        {"correlation_id": "01a20cb7-b885-774e-94e2-167a7a840c37"},
        {"actor": "\0", "action": "é" * 300, "subjects": ["\0", "\x1f", ""]},
    ],
)
@pytest.mark.parametrize("scheme", ["file", "sqlite"])
def test_odd_records_are_indexed_as_they_are_expected(tmp_path: Path, scheme: str, fields: dict[str, Any]) -> None:
    """Values of other types, other times, texts of all kinds: what indexes them and what checks it agree."""
    url = f"{scheme}:{tmp_path}/trail"
    with closing(open_store(url, guest=True)) as store:
        commit(store, [Draft(id=str(n), body=body(n, **(fields if n == 1 else {}))) for n in range(3)])
    with closing(open_reader(url)) as reader:
        reader.reindex()
        assert (3, "", None) == reader.check_index()


def test_an_index_that_is_none_is_said_by_the_one_who_compares(tmp_path: Path) -> None:
    """Asking for parts never fails."""
    place = tmp_path / "index"
    assert [check.WHOLE] == check.parts_of(place, 2)
    place.write_bytes(b"no database" * 100)
    assert [check.WHOLE] == check.parts_of(place, 2)
    assert "cannot be read" in check.check_index(place, "x", lambda _start, _stop: ()).difference
