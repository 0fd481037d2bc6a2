"""The index held against the log: read as it lies there, compared record by record, and left as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from signalpy_audit_trail import moments
from signalpy_audit_trail.index.schema import BLOCK, SAME, key
from signalpy_audit_trail.store import IndexState

_COLUMNS = ("kind", "action", "actor", "caller", "target", "outcome")
_SELECT = f"SELECT seq, length, time, {', '.join(_COLUMNS)}, id, operation, correlation, duplicate_of FROM record ORDER BY seq"  # noqa: S608, E501
_TABLES = ("record", "concern", "block", "term")

Leaves = Callable[[int, int], Iterable[tuple[int, bytes]]]


def check_index(path: Path, origin: str, leaves: Leaves) -> IndexState:
    """Compares the index at ``path`` with the log.

    :param leaves: gives positions and leaves from a position to before another.
    :returns: how many records it knows, and the first difference.
    """
    if not path.exists():
        return IndexState(None)
    try:
        with closing(_open(path)) as connection:
            if connection.execute("SELECT origin FROM state").fetchone() != (origin,):
                return IndexState(None, "the index is of another trail")
            return compare_index(connection, leaves)
    except (sqlite3.Error, TypeError, ValueError) as error:
        return IndexState(None, f"the index cannot be read: {error}")


def compare_index(connection: sqlite3.Connection, leaves: Leaves) -> IndexState:
    """Compares the tables of an index, through a connection to them, with the log."""
    try:
        (size,) = connection.execute("SELECT coalesce(max(seq) + 1, 0) FROM record").fetchone()
        for table in _TABLES:
            (sound,) = connection.execute(f"PRAGMA integrity_check({table})").fetchone()
            if sound != "ok":
                return IndexState(size, f"the index is damaged: {sound}")
        return _compare(connection, size, leaves)
    except (sqlite3.Error, TypeError, ValueError) as error:
        return IndexState(None, f"the index cannot be read: {error}")


def _open(path: Path) -> sqlite3.Connection:
    """Opens the file without leaving a trace: where nobody writes it, not even SQLite's own files are made."""
    wal = path.with_name(path.name + "-wal")
    how = "mode=ro" if wal.exists() and wal.stat().st_size else "immutable=1"
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, isolation_level=None)


def _compare(connection: sqlite3.Connection, size: int, leaves: Leaves) -> IndexState:
    terms: dict[int | None, str | None] = dict(connection.execute("SELECT id, text FROM term"))
    terms[None] = None
    rows = iter(connection.execute(_SELECT))
    subjects = _by_record(connection)
    spans: dict[int, tuple[int, int]] = {}
    for seq, leaf in leaves(0, size):
        row = next(rows, None)
        if row is None or row[0] != seq:
            return IndexState(size, f"the index does not know record {seq}", seq)
        told = _told(row, terms)
        record = _record(leaf)
        expected = _expected(leaf, record)
        if told != expected:
            return IndexState(size, f"the index says something else of record {seq}", seq)
        if {terms.get(number) for number in subjects(seq)} != _subjects(record):
            return IndexState(size, f"the index names other subjects of record {seq}", seq)
        _widen(spans, seq // BLOCK, expected[1])
    beyond = next(rows, None)
    if beyond is not None:
        return IndexState(size, f"the index knows records that are not there, from {beyond[0]} on", beyond[0])
    return _compare_times(connection, size, spans)


def _widen(spans: dict[int, tuple[int, int]], block: int, time: int | None) -> None:
    if time is not None:
        earliest, latest = spans.get(block, (time, time))
        spans[block] = (min(earliest, time), max(latest, time))


def _compare_times(connection: sqlite3.Connection, size: int, spans: dict[int, tuple[int, int]]) -> IndexState:
    """Compares the times between which a search looks into a block of records; they may lie further apart."""
    known = {number: span for number, *span in connection.execute("SELECT number, earliest, latest FROM block")}
    for block, (earliest, latest) in spans.items():
        found = known.get(block)
        if found is None or found[0] > earliest or found[1] < latest:
            seq = block * BLOCK
            return IndexState(size, f"the index says other times of the records from {seq} on", seq)
    return IndexState(size)


def _by_record(connection: sqlite3.Connection) -> Callable[[int], list[int]]:
    """Gives the subjects of one record after the other."""
    rows: Iterator[tuple[int, int]] = iter(connection.execute("SELECT seq, subject FROM concern ORDER BY seq"))
    ahead = next(rows, None)

    def take(seq: int) -> list[int]:
        nonlocal ahead
        found: list[int] = []
        while ahead is not None and ahead[0] <= seq:
            found += [ahead[1]] if ahead[0] == seq else [-1]
            ahead = next(rows, None)
        return found

    return take


def _told(row: tuple[Any, ...], terms: dict[int | None, str | None]) -> tuple[Any, ...]:
    return (*row[1:3], *(terms.get(number, number) for number in row[3:9]), *row[9:])


def _record(leaf: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(leaf)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _expected(leaf: bytes, record: dict[str, Any]) -> tuple[Any, ...]:
    text = {name: value for name, value in record.items() if isinstance(value, str)}
    operation, correlation = text.get("operation_id"), text.get("correlation_id")
    same = correlation is not None and correlation == operation
    ids = (text.get("id"), operation, correlation, text.get("duplicate_of"))
    own, operation_key, correlation_key, duplicate = (None if item is None else key(item) for item in ids)
    words = tuple(text.get(name) for name in _COLUMNS)
    return (
        len(leaf),
        _time(text.get("time")),
        *words,
        own,
        operation_key,
        SAME if same else correlation_key,
        duplicate,
    )


def _time(text: str | None) -> int | None:
    try:
        return None if text is None else moments.from_rfc3339(text)
    except ValueError:
        return None


def _subjects(record: dict[str, Any]) -> set[str]:
    found = record.get("subjects")
    return {item for item in found if isinstance(item, str)} if isinstance(found, list) else set()
