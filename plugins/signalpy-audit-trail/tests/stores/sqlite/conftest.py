from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.stores.sqlite import SqliteReader, SqliteStore

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trail.db"


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    found: list[Any] = []
    yield found
    for item in reversed(found):
        item.close()


@pytest.fixture
def writing(path: Path, opened: list[Any]) -> Callable[..., SqliteStore]:
    """Open the trail for writing; closed when the test ends."""

    def write(**options: Any) -> SqliteStore:
        opened.append(SqliteStore(path, **options))
        found: SqliteStore = opened[-1]
        return found

    return write


@pytest.fixture
def reading(path: Path, opened: list[Any]) -> Callable[..., SqliteReader]:
    """Open the trail for reading; closed when the test ends."""

    def read(**options: Any) -> SqliteReader:
        opened.append(SqliteReader(path, **options))
        found: SqliteReader = opened[-1]
        return found

    return read


@pytest.fixture
def filled(path: Path, make: Any) -> Path:
    """A closed trail of 60 records, half of them of alice."""
    store = SqliteStore(path, guest=True)
    for start in range(0, 60, 7):
        numbers = range(start, min(start + 7, 60))
        drafts = [make(actor="alice" if number % 2 else "bob", subjects=[f"s{number % 3}"]) for number in numbers]
        commit(store, drafts)
    store.close()
    return path


@pytest.fixture
def sql(path: Path) -> Sql:
    """Execute a statement as anyone with the file and SQLite can."""

    def execute(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return connection.execute(statement, parameters).fetchall()

    return execute


@pytest.fixture
def note() -> str:
    """A checkpoint of five records, as it is kept; its signature is nobody's."""
    signature = base64.b64encode(bytes(68)).decode()
    return f"signalpy.audit/x\n5\n{base64.b64encode(bytes(32)).decode()}\n\n— nobody {signature}\n"
