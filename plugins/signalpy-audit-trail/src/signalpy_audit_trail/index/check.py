"""The index held against the log: read as it lies there, compared record by record, and left as it was.

The work can be done in parts: one for the structure of each table, which is where SQLite compares its own indexes with
the rows, and spans of records. A part needs nothing of the others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from signalpy_audit_trail.batching import batches
from signalpy_audit_trail.index.expected import COLUMNS, Expected, Numbers, expect
from signalpy_audit_trail.index.schema import BLOCK, TABLES
from signalpy_audit_trail.legible import legible
from signalpy_audit_trail.store import IndexState

WHOLE: Final = ""
"""The part that is everything."""

_TABLES: Final = ("record", "concern", "block", "term")
_LEAST: Final = 16 * BLOCK
"""Records of a span; for fewer it does not pay to go through the table of subjects once more."""
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
_ROWS: Final = f"SELECT {COLUMNS} FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq"  # noqa: S608 (our own names)
_CONCERNS: Final = "SELECT seq, subject FROM concern WHERE seq BETWEEN ? AND ? ORDER BY seq, subject"
_ELSEWHERE: Final = """
SELECT this.seq FROM record AS this LEFT JOIN record AS last ON last.seq = this.seq - 1
WHERE this.seq BETWEEN ? AND ? AND NOT (this.segment = this.seq AND this.byte = 0)
AND NOT coalesce(this.segment = last.segment AND this.byte = last.byte + last.length + 1, 0)
ORDER BY this.seq LIMIT 1
"""
"""Records that neither begin a segment nor follow upon the one before."""
_DEFINED: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql > '' AND name NOT GLOB 'sqlite_*'"

Leaves = Callable[[int, int], Iterable[tuple[int, bytes]]]
Told = Callable[[int], object]


def parts_of(path: Path, count: int) -> Sequence[str]:
    """Return the parts in which ``count`` processes compare the index at ``path``."""
    try:
        if path.exists():
            with legible(), closing(_open(path)) as connection:
                return parts_in(connection, count)
    except sqlite3.Error:
        pass  # why it cannot be read is found by who compares it
    return [WHOLE]


def parts_in(connection: sqlite3.Connection, count: int) -> Sequence[str]:
    """Return the parts in which ``count`` processes compare the tables of an index, what takes longest first."""
    size = _size(connection)
    count = max(1, min(count, size // _LEAST))
    edges = [size * at // count // BLOCK * BLOCK for at in range(1, count)]
    starts, stops = map(str, ["", *edges]), map(str, [*edges, ""])
    first, *others = _TABLES
    return [first, *map("-".join, zip(starts, stops, strict=True)), *others]


def check_index(
    path: Path, origin: str, leaves: Leaves, part: str = WHOLE, told: Told = lambda _: None, *, placed: bool = True
) -> IndexState:
    """Compares the index at ``path`` with the log.

    :param leaves: gives positions and leaves from a position to before another.
    :param part: one of `parts_of`, if not all is to be compared.
    :param told: called with the number of records compared since it was called last.
    :param placed: whether the log has segments, and the index says where in them the records lie.
    :returns: how many records it knows, and the first difference.
    """
    if not path.exists():
        return IndexState(None)
    try:
        with legible(), closing(_open(path)) as connection:
            connection.execute("BEGIN")
            if connection.execute("SELECT origin FROM state").fetchone() != (origin,):
                return IndexState(None, "the index is of another trail")
            state = compare_index(connection, leaves, part, told, placed=placed)
            if part in (WHOLE, _TABLES[-1]) and not state.difference and _definitions(connection) != _own_definitions():
                return IndexState(state.size, "tables or views of the index are not those that the trail makes")
            return state
    except (sqlite3.Error, TypeError, ValueError) as error:
        return IndexState(None, f"the index cannot be read: {error}")


def compare_index(
    connection: sqlite3.Connection,
    leaves: Leaves,
    part: str = WHOLE,
    told: Told = lambda _: None,
    *,
    placed: bool = False,
) -> IndexState:
    """Compares the tables of an index, through a connection to them and within its transaction, with the log."""
    tables, span = (_TABLES, "-") if part == WHOLE else ((part,), "") if part in _TABLES else ((), part)
    try:
        connection.execute("PRAGMA cache_size = -32768")  # looking up each row in each index needs them at hand
        size = _size(connection)
        for table in tables:
            (sound,) = connection.execute(f"PRAGMA integrity_check({table})").fetchone()
            if sound != "ok":
                return IndexState(size, f"the index is damaged: {sound}")
        first, _, stop = span.partition("-")
        return _Span(connection, size, first, stop, placed=placed).compare(leaves, told) if span else IndexState(size)
    except (sqlite3.Error, TypeError, ValueError) as error:
        return IndexState(None, f"the index cannot be read: {error}")


def _open(path: Path) -> sqlite3.Connection:
    """Opens the file without leaving a trace: where nobody writes it, not even SQLite's own files are made."""
    wal = path.with_name(path.name + "-wal")
    how = "mode=ro" if wal.exists() and wal.stat().st_size else "immutable=1"
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, isolation_level=None)


def _definitions(connection: sqlite3.Connection) -> set[tuple[Any, ...]]:
    return set(connection.execute(_DEFINED))


def _own_definitions() -> set[tuple[Any, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        return _definitions(connection)


def _size(connection: sqlite3.Connection) -> int:
    (size,) = connection.execute("SELECT coalesce(max(seq) + 1, 0) FROM record").fetchone()
    return int(size)


class _Span:
    """The records from ``first`` to before ``stop``; nothing says that it is the first or the last span of all.

    What lies before the first record, or behind the last, belongs to the first span or the last.
    """

    def __init__(self, connection: sqlite3.Connection, size: int, first: str, stop: str, *, placed: bool) -> None:
        self._connection = connection
        self._placed = placed
        self._size = size
        self._first, self._stop = int(first or 0), int(stop or size)
        self._between = between = (int(first or _LOWEST), int(stop) - 1 if stop else _HIGHEST)
        self._rows = connection.execute(_ROWS, between)
        self._concerns = connection.execute(_CONCERNS, between)

    def compare(self, leaves: Leaves, told: Told) -> IndexState:
        numbers = Numbers(self._connection)
        seq = self._first
        for _, lines in batches(leaves(self._first, self._stop)):
            expected = expect(seq, lines, numbers)
            difference = min(self._differences(expected), default=None)
            if difference is not None:
                seq, _, what = difference
                return IndexState(self._size, what, seq)
            seq += len(lines)
            told(len(lines))
        beyond = min((row[0] for row in (self._rows.fetchone(), self._concerns.fetchone()) if row), default=None)
        if beyond is not None:
            what = f"the index knows records that are not there, from {beyond} on"
            return IndexState(self._size, what, beyond)
        elsewhere = self._connection.execute(_ELSEWHERE, self._between).fetchone() if self._placed else None
        if elsewhere is not None:
            return IndexState(self._size, f"the index has record {elsewhere[0]} elsewhere", elsewhere[0])
        return IndexState(self._size)

    def _differences(self, expected: Expected) -> Iterator[tuple[int, int, str]]:
        """Yields positions, what comes first of several at one position, and the difference in words."""
        rows = _next(self._rows, len(expected.rows))
        if rows != expected.rows:
            seq, what = _in_rows(rows, expected.rows)
            yield seq, 0, what
        concerns = _next(self._concerns, len(expected.concerns))
        if concerns != expected.concerns:
            seq = min(seq for seq, _ in {*concerns} ^ {*expected.concerns})
            yield seq, 1, f"the index names other subjects of record {seq}"
        for block, earliest, latest in expected.spans:
            known = self._connection.execute("SELECT earliest, latest FROM block WHERE number = ?", (block,)).fetchone()
            if known is None or known[0] > earliest or known[1] < latest:
                seq = block * BLOCK
                yield seq, 2, f"the index says other times of the records from {seq} on"


def _next(cursor: sqlite3.Cursor, count: int) -> list[tuple[Any, ...]]:
    """The next ``count`` rows; asked for none, ``fetchmany`` would give all that are left."""
    return cursor.fetchmany(count) if count else []


def _in_rows(rows: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]]) -> tuple[int, str]:
    """The first position at which rows differ, and how."""
    at = next(at for at, wanted in enumerate(expected) if at >= len(rows) or rows[at] != wanted)
    seq = int(expected[at][0])
    found = rows[at][0] if at < len(rows) else seq + 1
    if found < seq:
        return found, f"the index knows records that are not there, from {found} on"
    if found > seq:
        return seq, f"the index does not know record {seq}"
    return seq, f"the index says something else of record {seq}"
