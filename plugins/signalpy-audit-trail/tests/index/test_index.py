from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.search import ask
from signalpy_audit_trail.store import StoreDamaged, StoreError, StoreForeign
from signalpy_audit_trail.stores.file import FileReader, FileStore

Put = Callable[..., list[int]]
CONTENT = [{"actor": "alice" if number % 2 else "bob", "subjects": [f"s{number % 3}"]} for number in range(60)]


@pytest.fixture
def filled(root: Path, make: Any) -> Path:
    store = FileStore(root, guest=True)
    commit(store, [make(**fields) for fields in CONTENT])
    store.close()
    reader = FileReader(root)
    assert reader.count(filters(reader), "actor", head=60) == {"alice": 30, "bob": 30}
    reader.close()
    return root


def filters(_reader: FileReader) -> Any:
    from signalpy_audit_trail.query import Filters

    return Filters()


@pytest.fixture
def reader(filled: Path) -> Iterator[FileReader]:
    reader = FileReader(filled)
    yield reader
    reader.close()


def right(reader: FileReader) -> bool:
    entries = ask(reader, {"actor": "alice", "subject": "s0", "limit": 1000})["entries"]
    return [*range(57, 0, -6)] == [entry["seq"] for entry in entries]


def test_it_holds_no_payload(reader: FileReader, filled: Path, make: Any) -> None:
    """Positions and search keys are kept, and nothing of what the records carry."""
    store = FileStore(filled, guest=True)
    commit(store, [make(data={"card": "4111-1111-1111-1111"}, error={"message": "s3cret"}, client={"ip": "10.9.8.7"})])
    store.close()
    assert len(ask(reader, {"limit": 1000})["entries"]) == 61
    content = b"".join(path.read_bytes() for path in filled.glob("index.sqlite3*"))
    assert b"alice" in content
    assert not any(secret in content for secret in (b"4111", b"s3cret", b"10.9.8.7"))


def no_index(path: Path) -> None:
    for file in path.parent.glob("index.sqlite3*"):
        file.unlink()


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192 : len(content) : 3] = b"\xa5" * len(range(8192, len(content), 3))
    path.write_bytes(bytes(content))


def no_text_in_the_schema(path: Path) -> None:
    content = path.read_bytes()
    assert b"CREATE TABLE concern" in content
    path.write_bytes(content.replace(b"CREATE TABLE concern", b"CREATE T\xc1BLE concern", 1))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def changed(sql: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.executescript(sql)
        connection.close()

    return change


@pytest.mark.parametrize(
    ("harm", "loud"),
    [
        (no_index, False),
        (emptied, False),
        (garbage, True),
        (damaged, True),
        (no_text_in_the_schema, True),
        (cut, True),
        (changed("UPDATE state SET origin = 'another'"), True),
        (changed("PRAGMA user_version = 99"), True),
        (changed("PRAGMA application_id = 7"), True),
        (changed("DROP TABLE concern"), True),
        (changed("UPDATE record SET byte = byte + 1"), True),
        (changed("UPDATE record SET byte = byte + 1 WHERE seq = 3"), True),
        (changed("UPDATE record SET byte = -1 WHERE seq = 3"), True),
        (changed("UPDATE record SET length = -1 WHERE seq = 3"), True),
        (changed("UPDATE record SET length = 1 << 60 WHERE seq = 3"), True),
        (changed("UPDATE record SET segment = 7 WHERE seq = 3"), True),
        (changed("DELETE FROM record WHERE seq = 59"), True),
        (changed("UPDATE record SET seq = 70 WHERE seq = 59"), True),
    ],
)
def test_an_index_that_does_not_fit_is_made_anew(
    filled: Path, harm: Callable[[Path], None], loud: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Deleted, cut, damaged, foreign, of another log or another version: answers are right, and it is said so."""
    harm(filled / "index.sqlite3")
    with caplog.at_level(logging.WARNING, "signalpy.audit_trail.index"):
        reader = FileReader(filled)
        everything = ask(reader, {"limit": 1000, "order": "asc"})["entries"]
        assert [*range(60)] == [entry["seq"] for entry in everything]
        assert right(reader)
        reader.close()
    assert loud is ("is made anew from the log" in caplog.text or "does not hold any more" in caplog.text)


def test_it_is_replaced_under_a_reader_that_has_it_open(reader: FileReader, filled: Path) -> None:
    """A reader notices that another has put a new index in its place, or that it was deleted."""
    assert right(reader)
    other = FileReader(filled)
    other.reindex()
    assert right(reader)
    no_index(filled / "index.sqlite3")
    assert right(reader)
    assert right(other)
    other.close()


def test_it_lags_and_catches_up(reader: FileReader, filled: Path, make: Any) -> None:
    """A reader that has answered before finds what several writers have appended since."""
    assert right(reader)
    one, two = FileStore(filled, guest=True), FileStore(filled, guest=True)
    for number in range(20):
        commit(one if number % 2 else two, [make(actor="carol", data={"n": number})])
    assert [*range(19, -1, -1)] == [entry["data"]["n"] for entry in ask(reader, {"actor": "carol"})["entries"]]
    one.close()
    two.close()


def test_records_that_were_never_durable_are_forgotten(
    reader: FileReader, filled: Path, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What was indexed before a failed sync took it back is replaced by what the log has there now."""
    segment = filled / "00000000000000000000.jsonl"
    durable = segment.read_bytes()
    segment.write_bytes(durable + b'{"seq":60,"id":"never","actor":"mallory"}\n{"seq":61,"id":"durable"}\n')
    assert [60] == [entry["seq"] for entry in ask(reader, {"actor": "mallory"})["entries"]]
    os.truncate(segment, len(durable))
    assert not ask(reader, {"actor": "mallory"})["entries"]
    store = FileStore(filled, guest=True, segment_bytes=1)
    commit(store, [make(actor="carol")])
    store.close()
    assert [60] == [entry["seq"] for entry in ask(reader, {"actor": "carol"})["entries"]]
    assert [60, 59] == [entry["seq"] for entry in ask(reader, {"limit": 2})["entries"]]
    assert "forgets 2 records" in caplog.text


def test_a_damaged_record_does_not_hide_the_others(filled: Path) -> None:
    """A leaf that is no JSON any more is an error where it is asked for, and only there."""
    segment = filled / "00000000000000000000.jsonl"
    content = segment.read_bytes()
    at = content.index(b'{"seq":30,') + 12
    segment.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    no_index(filled / "index.sqlite3")
    reader = FileReader(filled)
    assert len(ask(reader, {"actor": "alice", "limit": 1000})["entries"]) == 30
    with pytest.raises(StoreDamaged, match="record 30 is damaged: expected a JSON object"):
        ask(reader, {"limit": 1000})
    reader.close()


def test_fields_of_a_wrong_type_are_no_keys(root: Path, make: Any) -> None:
    """A record with strange members is found by those that are sound."""
    store = FileStore(root, guest=True)
    strange = {"actor": 7, "time": "soon", "subjects": ["x", 3, None], "target": ["t"], "operation_id": {"a": 1}}
    commit(store, [make(**strange), make(subjects="x"), make(actor="alice")])
    store.close()
    reader = FileReader(root)
    assert [0] == [entry["seq"] for entry in ask(reader, {"subject": "x"})["entries"]]
    assert [2] == [entry["seq"] for entry in ask(reader, {"actor": "alice"})["entries"]]
    assert [2, 1] == [entry["seq"] for entry in ask(reader, {"since": "9999d"})["entries"]]
    reader.close()


def test_an_index_elsewhere_leaves_the_trail_as_it_is(filled: Path, tmp_path: Path) -> None:
    """With a place given, the index is kept there and used again; the trail has none."""
    no_index(filled / "index.sqlite3")
    for _ in range(2):
        reader = FileReader(filled, index=tmp_path / "elsewhere.sqlite3")
        assert right(reader)
        reader.close()
    assert not list(filled.glob("index*"))
    assert (tmp_path / "elsewhere.sqlite3").stat().st_size > 0


@pytest.mark.parametrize("content", [b"precious", b"SQLite format 3\0" + b"\0" * 100])
def test_a_chosen_file_that_is_no_index_is_left_alone(filled: Path, tmp_path: Path, content: bytes) -> None:
    """A person's file is never thrown away for an index."""
    (tmp_path / "precious").write_bytes(content)
    reader = FileReader(filled, index=tmp_path / "precious")
    with pytest.raises(StoreForeign, match="expected an index or no file, found another file; give another path"):
        ask(reader, {})
    reader.close()
    assert content == (tmp_path / "precious").read_bytes()


def test_a_chosen_index_is_shared_by_the_readers_of_a_process(filled: Path, tmp_path: Path) -> None:
    """Who opens an index that others have open, and have just made, leaves them their locks on it."""
    path = tmp_path / "elsewhere.sqlite3"
    first, second = FileReader(filled, index=path), FileReader(filled, index=path)
    assert right(first)
    assert right(second)
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('PRAGMA journal_mode = DELETE')"
    result = subprocess.run([sys.executable, "-c", other, path], capture_output=True, text=True)
    assert "database is locked" in result.stderr
    first.close()
    assert right(second)
    second.close()


def foreign_in_use(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE accounts (name)")
    return connection


def test_a_chosen_database_of_the_application_keeps_its_locks(filled: Path, tmp_path: Path) -> None:
    """A database that this very process uses is refused, and neither it nor what is beside it changes."""
    path = tmp_path / "precious.db"
    own = foreign_in_use(path)
    own.execute("BEGIN IMMEDIATE")
    before = {file.name: file.read_bytes() for file in tmp_path.glob("precious.db-wal")}
    for _ in range(2):
        reader = FileReader(filled, index=path)
        with pytest.raises(StoreForeign, match="expected an index or no file, found another file"):
            ask(reader, {})
        reader.close()
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('PRAGMA journal_mode = DELETE')"
    result = subprocess.run([sys.executable, "-c", other, path], capture_output=True, text=True)
    assert "database is locked" in result.stderr
    assert before == {file.name: file.read_bytes() for file in tmp_path.glob("precious.db-wal")}
    own.execute("ROLLBACK")
    own.close()


@pytest.mark.parametrize(
    "harm", [no_index, emptied, damaged, no_text_in_the_schema, cut, changed("DROP TABLE concern")]
)
def test_a_chosen_index_that_does_not_fit_is_made_anew(
    filled: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """What is an index, in whatever state, may be thrown away where a person has put it, too."""
    path = tmp_path / "index.sqlite3"
    for _ in range(2):
        reader = FileReader(filled, index=path)
        assert right(reader)
        reader.close()
        harm(path)


def test_a_chosen_index_of_another_trail_is_made_anew(filled: Path, tmp_path: Path, make: Any) -> None:
    """An index may be thrown away wherever it is."""
    other = FileStore(tmp_path / "other", guest=True)
    commit(other, [make(actor="alice")])
    other.close()
    for root, expected in ((tmp_path / "other", 1), (filled, 30), (tmp_path / "other", 1)):
        reader = FileReader(root, index=tmp_path / "shared.sqlite3")
        assert expected == len(ask(reader, {"actor": "alice"})["entries"])
        reader.close()


def test_a_place_that_does_not_exist_is_an_error_of_one_line(filled: Path, tmp_path: Path) -> None:
    """A chosen place that cannot be used is told, not replaced by another."""
    reader = FileReader(filled, index=tmp_path / "missing" / "index")
    with pytest.raises(StoreError, match=r"the index cannot be kept: .*; give another path") as caught:
        ask(reader, {})
    assert len(str(caught.value).splitlines()) == 1
    reader.close()


def test_without_a_file_it_is_derived_in_memory(filled: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the index's own place cannot be used, answers are right all the same, and it is said so."""
    no_index(filled / "index.sqlite3")
    (filled / "index.sqlite3").mkdir()
    reader = FileReader(filled)
    assert right(reader)
    assert right(reader)
    reader.close()
    assert caplog.text.count("cannot be used") == 1


def test_a_forked_child_opens_its_own(reader: FileReader) -> None:
    """A reader goes on in a child of the process that opened it, and the parent's is not disturbed."""
    assert right(reader)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if right(reader) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert right(reader)


def test_the_view_for_other_tools(root: Path, make: Any) -> None:
    """``records`` and ``record_subjects`` tell what the log tells, and where it lies."""
    chain = "0191e1b2-0000-7000-8000-000000000001"
    store = FileStore(root, guest=True)
    own = make(operation_id=chain, correlation_id=chain, target="t", actor="alice", subjects=["a", "b"])
    before_1970 = make(time="1969-12-31T23:59:59.250000Z", correlation_id="given", duplicate_of="x")
    commit(store, [own, before_1970])
    store.close()
    reader = FileReader(root)
    ask(reader, {})
    reader.close()
    connection = sqlite3.connect(root / "index.sqlite3")
    connection.row_factory = sqlite3.Row
    first, second = (dict(row) for row in connection.execute("SELECT * FROM records ORDER BY seq"))
    subjects = connection.execute("SELECT seq, subject FROM record_subjects ORDER BY subject").fetchall()
    connection.close()
    assert {
        "seq": 0,
        "time": "2026-01-31T12:00:00.000000Z",
        "kind": "event",
        "action": "account.transfer",
        "actor": "alice",
        "caller": "accounts",
        "target": "t",
        "outcome": "success",
        "id": own.id,
        "operation_id": chain,
        "correlation_id": chain,
        "duplicate_of": None,
        "segment": "00000000000000000000.jsonl",
        "byte": 0,
        "length": len(own.body) + len('"seq":0,'),
    } == first
    assert {
        "time": "1969-12-31T23:59:59.250000Z",
        "correlation_id": "given",
        "duplicate_of": "x",
    }.items() <= second.items()
    assert [(0, "a"), (0, "b")] == [tuple(row) for row in subjects]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"type": "account.transfer", "actor": "alice", "since": "24h"}, "record_actor"),
        ({"subject": "s1"}, "PRIMARY KEY"),
        ({"outcome": "failure"}, "record_failed"),
        ({"kind": "gap"}, "record_rare"),
        ({"target": "t-19*"}, "record_target"),
        ({"type": "rare.*"}, "record_action"),
        ({"operation_id": "o"}, "record_operation"),
        ({"correlation_id": "o"}, "record_correlation"),
    ],
)
def test_the_usual_questions_are_index_look_ups(
    root: Path, make: Any, asked: dict[str, Any], index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No usual question reads through all records."""
    store = FileStore(root, guest=True)
    drafts = []
    for number in range(200):
        fields: dict[str, Any] = {"actor": f"u{number % 50}", "subjects": [f"s{number}"], "target": f"t-{number}"}
        fields["time"] = "2199-01-01T00:00:00.000000Z"
        if number % 20 == 0:
            fields |= {"outcome": "failure", "kind": "gap", "action": f"rare.{number}", "actor": "alice"}
        drafts.append(make(**fields))
    commit(store, drafts)
    store.close()
    reader = FileReader(root)
    ask(reader, {})
    statements: list[str] = []
    with reader._index._database.connection() as connection:
        connection.set_trace_callback(statements.append)
    ask(reader, asked)
    plans = []
    with reader._index._database.connection() as connection:
        connection.set_trace_callback(None)
        for statement in statements:
            if statement.startswith("SELECT record.seq"):
                plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    reader.close()
    assert plans
    assert any(index in step for step in plans)
    assert not any(step.startswith("SCAN") or "TEMP B-TREE" in step for step in plans), plans
