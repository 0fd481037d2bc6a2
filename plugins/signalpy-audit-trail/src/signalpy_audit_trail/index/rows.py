"""From a leaf to the row that the index keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Any, NamedTuple, Protocol

import msgspec

from signalpy_audit_trail import moments
from signalpy_audit_trail.index.schema import BLOCK, SAME, Field, key

_MOST_KEPT = 50_000
"""Interned texts kept in memory; a trail may have any number of them."""


class Leaf(Protocol):
    """A leaf and where it lies."""

    @property
    def seq(self) -> int:
        """Its position in the log."""

    @property
    def segment(self) -> int:
        """The segment, by the position of its first leaf."""

    @property
    def offset(self) -> int:
        """Its first byte in the segment."""

    @property
    def leaf(self) -> bytes:
        """Its bytes."""


class _Keys(msgspec.Struct):
    id: str | None = None
    operation_id: str | None = None
    time: datetime | None = None
    kind: str | None = None
    action: str | None = None
    actor: str | None = None
    caller: str | None = None
    target: str | None = None
    outcome: str | None = None
    subjects: list[str] = msgspec.field(default_factory=list)
    duplicate_of: str | None = None
    correlation_id: str | None = None


_decode = msgspec.json.Decoder(_Keys).decode


class Batch(NamedTuple):
    """What a number of leaves add to the tables."""

    records: list[tuple[Any, ...]]
    concerns: list[tuple[int, int]]
    blocks: list[tuple[int, int, int]]


class Terms:
    """The interned texts, by field; new ones are written at once, their uses by `flush`."""

    def __init__(self) -> None:
        self._known: dict[tuple[Field, str], int] = {}
        self._uses: dict[int, int] = {}

    def forget(self) -> None:
        """Forget everything: a transaction that had added terms was undone, or the tables were made anew."""
        self._known.clear()
        self._uses.clear()

    def number(self, connection: Connection, field: Field, text: str | None) -> int | None:
        """Return the number of a text, and count one use of it."""
        if text is None:
            return None
        number = self._known.get((field, text))
        if number is None:
            number = self._intern(connection, field, text)
        self._uses[number] = self._uses.get(number, 0) + 1
        return number

    def _intern(self, connection: Connection, field: Field, text: str) -> int:
        found = connection.execute("SELECT id FROM term WHERE field = ? AND text = ?", (field, text)).fetchone()
        if found is None:
            insert = "INSERT INTO term (field, text, uses) VALUES (?, ?, 0) RETURNING id"
            found = connection.execute(insert, (field, text)).fetchone()
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        number: int = found[0]
        self._known[field, text] = number
        return number

    def flush(self, connection: Connection) -> None:
        """Add up the uses, from which the search chooses its way."""
        counts = [(count, number) for number, count in self._uses.items()]
        connection.executemany("UPDATE term SET uses = uses + ? WHERE id = ?", counts)
        self._uses.clear()


def make_batch(connection: Connection, terms: Terms, leaves: Iterable[Leaf]) -> Batch:
    """Decode leaves into rows; texts that are new are interned through ``connection``."""
    batch = Batch([], [], [])
    bounds: dict[int, tuple[int, int]] = {}
    for placed in leaves:
        found = _read(placed.leaf)
        time = None if found.time is None else moments.microseconds(found.time)
        operation = None if found.operation_id is None else key(found.operation_id)
        batch.records.append(
            (
                placed.seq,
                placed.segment,
                placed.offset,
                len(placed.leaf),
                time,
                terms.number(connection, Field.KIND, found.kind),
                terms.number(connection, Field.ACTION, found.action),
                terms.number(connection, Field.ACTOR, found.actor),
                terms.number(connection, Field.CALLER, found.caller),
                terms.number(connection, Field.TARGET, found.target),
                terms.number(connection, Field.OUTCOME, found.outcome),
                None if found.id is None else key(found.id),
                operation,
                _correlation(found),
                None if found.duplicate_of is None else key(found.duplicate_of),
            )
        )
        for subject in dict.fromkeys(found.subjects):
            number = terms.number(connection, Field.SUBJECT, subject)
            if number is not None:
                batch.concerns.append((number, placed.seq))
        if time is not None:
            block = placed.seq // BLOCK
            earliest, latest = bounds.get(block, (time, time))
            bounds[block] = (min(earliest, time), max(latest, time))
    batch.blocks.extend((block, *span) for block, span in bounds.items())
    return batch


def insert(connection: Connection, batch: Batch) -> None:
    """Write a batch into the tables."""
    connection.executemany(f"INSERT INTO record VALUES ({', '.join('?' * 15)})", batch.records)  # noqa: S608
    connection.executemany("INSERT INTO concern VALUES (?, ?)", batch.concerns)
    connection.executemany(
        "INSERT INTO block VALUES (?, ?, ?) ON CONFLICT (number) DO UPDATE SET "
        "earliest = min(earliest, excluded.earliest), latest = max(latest, excluded.latest)",
        batch.blocks,
    )


def _correlation(found: _Keys) -> bytes | str | int | None:
    if found.correlation_id is None:
        return None
    return SAME if found.correlation_id == found.operation_id else key(found.correlation_id)


def _read(leaf: bytes) -> _Keys:
    """Return the search keys; what has another type than it should is no key, and stops nothing."""
    try:
        return _decode(leaf)
    except (msgspec.MsgspecError, ValueError):
        return _read_loosely(leaf)


def _read_loosely(leaf: bytes) -> _Keys:
    try:
        found = msgspec.json.decode(leaf)
    except (msgspec.MsgspecError, ValueError):
        return _Keys()
    keys = _Keys()
    for name in ("id", "operation_id", "kind", "action", "actor", "caller", "target", "outcome"):
        _copy_text(found, keys, name)
    for name in ("duplicate_of", "correlation_id"):
        _copy_text(found, keys, name)
    try:
        keys.time = msgspec.convert(found.get("time"), datetime | None)
    except msgspec.ValidationError:
        keys.time = None
    subjects: Sequence[object] = found.get("subjects") if isinstance(found.get("subjects"), list) else ()
    keys.subjects = [subject for subject in subjects if isinstance(subject, str)]
    return keys


def _copy_text(found: dict[str, Any], keys: _Keys, name: str) -> None:
    value = found.get(name)
    if isinstance(value, str):
        setattr(keys, name, value)
