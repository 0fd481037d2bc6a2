"""What the tests of the log share: drafts, trails, and children that really die."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uuid_utils

from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.stores.file import FileReader, FileStore

CHILDREN = Path(__file__).parent / "children"
Make = Callable[..., Draft]


def draft(*, given: bool = False, **fields: Any) -> Draft:
    record = {
        "id": str(uuid_utils.uuid7()),
        "time": "2026-01-31T12:00:00.000000Z",
        "recorded_at": datetime.now(UTC).isoformat(),
        "kind": "event",
        "action": "account.transfer",
        "caller": "accounts",
        "outcome": "success",
        **fields,
    }

    def renamed(new_id: str, duplicate_of: str) -> Draft:
        return draft(**{**record, "id": new_id, "duplicate_of": duplicate_of})

    return Draft(id=record["id"], body=msgspec.json.encode(record), given=given, renamed=renamed if given else None)


def gap(start: datetime, end: datetime, cause: str, count: int, *, lost: int = 0) -> Draft:
    data = {"start": start.isoformat(), "end": end.isoformat(), "cause": cause, "count": count, "lost": lost}
    return draft(kind="gap", action="audit-trail.gap", outcome="failure", data=data)


def stored(reader: FileReader) -> list[dict[str, Any]]:
    return [msgspec.json.decode(leaf) for _seq, leaf in reader.leaves()]


@pytest.fixture(name="make")
def _make() -> Make:
    return draft


@pytest.fixture(name="gap")
def _gap() -> Callable[..., Draft]:
    return gap


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "trail"


@pytest.fixture
def store(root: Path) -> Iterator[FileStore]:
    with_closing = FileStore(root)
    yield with_closing
    with_closing.close()


@pytest.fixture
def records(root: Path) -> Callable[[], list[dict[str, Any]]]:
    """Every record that is in the trail now, by the read functions alone."""

    def read() -> list[dict[str, Any]]:
        reader = FileReader(root)
        try:
            return stored(reader)
        finally:
            reader.close()

    return read


@pytest.fixture
def put(store: FileStore) -> Callable[..., list[int]]:
    """Append records with these fields each, and return their positions."""
    from signalpy_audit_trail.commit import commit

    def put(*each: dict[str, Any]) -> list[int]:
        return [receipt.seq for receipt in commit(store, [draft(**fields) for fields in each])]

    return put


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a program of ``children/`` in a process of its own; it is gone when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, str(CHILDREN / f"{name}.py"), *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def moment() -> datetime:
    return datetime(2026, 1, 31, 12, tzinfo=UTC)
