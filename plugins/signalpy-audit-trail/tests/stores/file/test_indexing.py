from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.stores.file import FileStore, indexing, repeats


def indexed(root: Path) -> int:
    try:
        connection = sqlite3.connect(f"file:{root / 'index.sqlite3'}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return 0
    try:
        return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_index_follows_in_the_background(store: FileStore, make: Any, root: Path) -> None:
    """Without any question, what was appended is indexed soon after."""
    commit(store, [make() for _ in range(50)])
    eventually(lambda: indexed(root) == 50)
    commit(store, [make()])
    eventually(lambda: indexed(root) == 51)


def test_a_busy_log_is_indexed_when_it_rests(
    store: FileStore, make: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While many records come, the index leaves the time to them; it has all of them soon after the last."""
    monkeypatch.setattr(indexing, "_MANY", 1)
    until = time.monotonic() + 4 * indexing._REST
    while time.monotonic() < until:
        commit(store, [make() for _ in range(5)])
    assert indexed(root) == 0
    eventually(lambda: indexed(root) == store.size)


def test_an_index_that_is_too_far_behind_catches_up_with_a_busy_log(
    store: FileStore, make: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that never rests is indexed all the same: no query has more to do than a bounded number of records."""
    monkeypatch.setattr(indexing, "_MANY", 0)
    monkeypatch.setattr(indexing, "_BEHIND", 500)

    def go_on() -> bool:
        commit(store, [make() for _ in range(50)])
        return indexed(root) > 1000

    eventually(go_on)


def test_an_index_that_cannot_be_kept_holds_no_append_up(
    root: Path, make: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Appends, repeats included, go on where the index has no place; it is said once, and closing does not wait."""
    monkeypatch.setattr(indexing, "_REST", 0.01)
    monkeypatch.setattr(indexing, "_AFTER_FAILURE", 0.01)
    monkeypatch.setattr(repeats, "_PAUSE", 0.0)
    root.mkdir(mode=0o700)
    store = FileStore(root)
    (root / "index.sqlite3").mkdir()
    for number in range(20):
        commit(store, [make(id=f"d{number}", given=True)])
        assert commit(store, [make(id=f"d{number}", given=True)])[0].repeat
        time.sleep(0.01)
    assert store.size == 20
    store.close()
    assert caplog.text.count("the index is not brought up to the log") == 1
    assert caplog.text.count("repeats are looked for in the log") == 1
