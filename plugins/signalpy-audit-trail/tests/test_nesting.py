"""Leaves that nobody writes and a tamperer may: nested deeper than a parser goes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.draft import is_repeat
from signalpy_audit_trail.search import ask
from signalpy_audit_trail.store import StoreDamaged
from signalpy_audit_trail.stores import open_reader, open_store
from signalpy_audit_trail.verification import verify

DEEP = (
    b'{"seq":1,"id":"given","caller":"accounts","action":"account.transfer","data":' + b"[" * 200_000 + b"]" * 200_000
)


def into_file(path: Path) -> None:
    segment = path / "00000000000000000000.jsonl"
    lines = segment.read_bytes().split(b"\n")
    lines[1] = DEEP + b"}"
    segment.write_bytes(b"\n".join(lines))


def into_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER leaf_update")
        connection.execute("UPDATE leaf SET body = ? WHERE seq = 1", (DEEP + b"}",))
        connection.commit()


@pytest.mark.parametrize(("scheme", "put"), [("file", into_file), ("sqlite", into_sqlite)])
def test_a_bottomless_record_is_an_error_where_it_is_asked_for(
    tmp_path: Path, make: Any, scheme: str, put: Any
) -> None:
    """Verification names it, reading it is an error of one line, and the other records are found."""
    url = f"{scheme}://{tmp_path}/trail"
    store = open_store(url, guest=True)
    commit(store, [make(actor="alice"), make(given=True, id="given"), make(actor="alice")])
    store.close()
    put(tmp_path / "trail")
    reader = open_reader(url)
    report = verify(reader, processes=1, index=False)
    assert (1, 1) == (report.exit_code, report.first_bad)
    reader.reindex()
    assert [2, 0] == [entry["seq"] for entry in ask(reader, {"actor": "alice"})["entries"]]
    with pytest.raises(StoreDamaged, match="record 1 is damaged"):
        ask(reader, {})
    reader.close()


def test_a_bottomless_record_is_no_repeat(make: Any) -> None:
    """What was put in the place of a record under a given id does not keep another from being recorded."""
    assert not is_repeat(make(given=True, id="given").body, DEEP + b"}")
