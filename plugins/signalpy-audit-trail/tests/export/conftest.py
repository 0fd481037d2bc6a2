"""Trails to export: one whose records make trouble for other formats, and larger plain ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from signalpy import upcast
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.stores.file import FileStore

ORIGIN: Final = {
    "application": "bank",
    "host": "h1",
    "process": 7,
    "distribution": "signalpy-accounts",
    "version": "1.0",
}

ODD: Final[tuple[dict[str, Any], ...]] = (
    {"action": "user.created", "actor": "alice", "subjects": ["bob"], "data": {"name": "Bob"}},
    {"action": "user.locked", "subjects": ["bob"]},
    {"action": "users.vanished"},
    {
        "action": "account.transfer",
        "actor": '=HYPERLINK("http://x")',
        "subjects": ["a", "b"],
        "schema": "account.transfer/v2",
    },
    {
        "action": 'a,b\n"c"',
        "actor": "@SUM(1)",
        "outcome": "failure",
        "error": {"type": "ValueError", "message": "=1+1"},
    },
    {"action": "x" * 300, "actor": "\u202eevil", "target": 'quo"te]and\\slash', "outcome": "denied"},
    {
        "action": "账户.转账",
        "actor": "ürsula",
        "data": {"ключ": ["значение", None, 1.5, True]},
        "client": {"ip": "192.0.2.1"},
    },
    {
        "kind": "invoke",
        "action": "accounts.balance",
        "target": "accounts.balance",
        "duration_us": 12345,
        "origin": ORIGIN,
        "correlation_id": "c1",
        "causation_id": "c0",
        "caller": "kernel",
        "data": {"params": {"account": "a"}},
    },
    {"kind": "lifecycle", "action": "kernel.started", "caller": "kernel"},
    {"action": "big", "data": {"number": 10**30, "text": "z" * 5000}},
    {"action": "", "outcome": "in_doubt", "actor": "\ttab"},
)


def draft(number: int, **fields: Any) -> Draft:
    """One record, in the order of the fields of the contract."""
    record = {
        "id": f"0198c0de-0000-7000-8000-{number:012d}",
        "time": f"2026-01-31T09:30:{number % 60:02d}.000001Z",
        "recorded_at": f"2026-01-31T09:30:{number % 60:02d}.001600Z",
        "kind": "event",
        "action": "account.transfer",
        "outcome": "success",
        **fields,
    }
    return Draft(id=str(record["id"]), body=msgspec.json.encode(record))


def make_trail(folder: Path, count: int = 0) -> FileStore:
    """A trail with the odd records, and plain ones up to ``count``."""
    store = FileStore(folder)
    drafts = [draft(number, **fields) for number, fields in enumerate(ODD)]
    drafts += [draft(n, actor=f"user{n % 3}", data={"amount": n}) for n in range(len(ODD), count)]
    for start in range(0, len(drafts), 500):
        append_sync(store, *drafts[start : start + 500])
    return store


@pytest.fixture
def odd_trail(tmp_path: Path) -> Iterator[FileStore]:
    store = make_trail(tmp_path / "trail")
    yield store
    store.close()


@pytest.fixture
def upcast_trail(tmp_path: Path) -> Iterator[FileStore]:
    """Its one record has a payload that the function below brings to the next version."""
    store = FileStore(tmp_path / "upcast")
    append_sync(store, draft(0, schema="export.summed/v1", data={"sum": 1}), draft(1))
    yield store
    store.close()


@upcast("export.summed", from_version=1)
def _next_version(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "new": True}


@pytest.fixture
def trail_of(tmp_path: Path) -> Iterator[Callable[[int], FileStore]]:
    """Makes a trail of so many records at ``tmp_path / "trail"``."""
    made: list[FileStore] = []

    def make(count: int) -> FileStore:
        made.append(make_trail(tmp_path / "trail", count))
        return made[-1]

    yield make
    for store in made:
        store.close()
