"""From a leaf to the row that the index keeps of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Any, NamedTuple, Protocol

import msgspec

from signalpy_audit_trail import moments
from signalpy_audit_trail.index.bulk import insert_rows
from signalpy_audit_trail.index.schema import BLOCK, SAME, Field, key, keys

_MOST_KEPT = 50_000
"""Interned texts kept in memory; a trail may have any number of them."""

_AT_ONCE = 200
_FIND_TERMS = f"SELECT text, id FROM term WHERE field = ? AND text IN ({', '.join('?' * _AT_ONCE)})"  # noqa: S608


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


class Keys(msgspec.Struct, gc=False):
    """What is searched of a record; what is absent or of another type than it should be is `None`."""

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


class Leaves(NamedTuple):
    """What the index takes of leaves whose positions follow each other, by column; not the leaves themselves."""

    seqs: Sequence[int]
    segments: Sequence[int]
    offsets: Sequence[int]
    lengths: Sequence[int]
    keys: Sequence[Keys]

    @classmethod
    def placed(cls, leaves: Iterable[Leaf]) -> Leaves:
        """Read leaves, one after the other."""
        rows = [(each.seq, each.segment, each.offset, len(each.leaf), search_keys(each.leaf)) for each in leaves]
        return cls(*zip(*rows, strict=True)) if rows else cls((), (), (), (), ())

    @classmethod
    def numbered(cls, first: int, leaves: Iterable[bytes]) -> Leaves:
        """Read leaves that have no place but their positions, one after the other."""
        rows = [(len(leaf), search_keys(leaf)) for leaf in leaves]
        nowhere = [0] * len(rows)
        lengths, keys = zip(*rows, strict=True) if rows else ((), ())
        return cls(range(first, first + len(rows)), nowhere, nowhere, lengths, keys)


_decode = msgspec.json.Decoder(Keys).decode


class Batch(NamedTuple):
    """What a number of leaves add to the tables."""

    records: list[tuple[Any, ...]]
    concerns: list[tuple[int | None, int]]
    blocks: list[tuple[int, int, int]]


class Terms:
    """The interned texts, by field; new ones are written at once, their uses by `flush`."""

    def __init__(self) -> None:
        self._known: dict[Field, dict[str | None, int]] = {field: {} for field in Field}
        self._uses: Counter[int | None] = Counter()

    @property
    def unsettled(self) -> bool:
        """Whether there are uses to add up."""
        return bool(self._uses)

    def forget(self) -> None:
        """Forget everything: a transaction that had added terms was undone, or the tables were made anew."""
        for known in self._known.values():
            known.clear()
        self._uses.clear()

    def numbers(self, connection: Connection, field: Field, texts: Sequence[str | None]) -> list[int | None]:
        """Return the numbers of texts, and count a use of each."""
        known = self._known[field]
        if len(known) > _MOST_KEPT:
            known.clear()
        numbers = list(map(known.get, texts))
        if None in numbers:
            unknown = [text for text in dict.fromkeys(texts) if text is not None and text not in known]
            if unknown:
                known.update(_interned(connection, field, unknown))
                numbers = list(map(known.get, texts))
        self._uses.update(numbers)
        return numbers

    def flush(self, connection: Connection, *, least: int = 0) -> None:
        """Add up the uses, from which the search chooses its way; it need not know them exactly.

        :param least: how many uses must have come together to be worth the trouble.
        """
        if self._uses.total() < least:
            return
        counts = [(count, number) for number, count in self._uses.items() if number is not None]
        connection.executemany("UPDATE term SET uses = uses + ? WHERE id = ?", counts)
        self._uses.clear()


def _interned(connection: Connection, field: Field, texts: Sequence[str]) -> dict[str, int]:
    """Return the numbers of different texts, interned if they are not; within a transaction that writes."""
    found: dict[str, int] = {}
    for at in range(0, len(texts), _AT_ONCE):
        some = [*texts[at : at + _AT_ONCE], *[None] * (_AT_ONCE - len(texts) + at)]  # always the same statement
        found.update(connection.execute(_FIND_TERMS, (field, *some)))
    new = [text for text in texts if text not in found]
    (highest,) = connection.execute("SELECT max(id) FROM term").fetchone()
    numbered = dict(zip(new, range(highest + 1, highest + 1 + len(new)), strict=True))
    insert_rows(connection, "term", [(number, int(field), text, 0) for text, number in numbered.items()])
    return found | numbered


def make_batch(connection: Connection, terms: Terms, given: Leaves) -> Batch:
    """Return the rows of leaves; new texts are interned through ``connection``.

    It is done column by column, which takes half the time of doing it row by row.
    """
    found = given.keys
    times = [None if each.time is None else moments.microseconds(each.time) for each in found]
    records = zip(
        given.seqs,
        given.segments,
        given.offsets,
        given.lengths,
        times,
        terms.numbers(connection, Field.KIND, [each.kind for each in found]),
        terms.numbers(connection, Field.ACTION, [each.action for each in found]),
        terms.numbers(connection, Field.ACTOR, [each.actor for each in found]),
        terms.numbers(connection, Field.CALLER, [each.caller for each in found]),
        terms.numbers(connection, Field.TARGET, [each.target for each in found]),
        terms.numbers(connection, Field.OUTCOME, [each.outcome for each in found]),
        keys([each.id for each in found]),
        keys([each.operation_id for each in found]),
        map(_correlation, found),
        keys([each.duplicate_of for each in found]),
        strict=True,
    )
    return Batch(list(records), _concerns(connection, terms, given.seqs, found), _blocks(given.seqs, times))


def _concerns(
    connection: Connection, terms: Terms, seqs: Sequence[int], found: Sequence[Keys]
) -> list[tuple[int | None, int]]:
    texts = [text for each in found for text in each.subjects]
    positions = [seq for seq, each in zip(seqs, found, strict=True) for _ in each.subjects]
    numbers = terms.numbers(connection, Field.SUBJECT, texts)
    return list(dict.fromkeys(zip(numbers, positions, strict=True)))


def _blocks(seqs: Sequence[int], times: Sequence[int | None]) -> list[tuple[int, int, int]]:
    blocks = []
    at = 0
    while at < len(seqs):
        block = seqs[at] // BLOCK
        beyond = at + (block + 1) * BLOCK - seqs[at]
        span = [time for time in times[at:beyond] if time is not None]
        if span:
            blocks.append((block, min(span), max(span)))
        at = beyond
    return blocks


def insert(connection: Connection, batch: Batch) -> None:
    """Write a batch into the tables; what cannot be written undoes the whole transaction."""
    insert_rows(connection, "record", batch.records)
    insert_rows(connection, "concern", batch.concerns)
    connection.executemany(
        "INSERT INTO block VALUES (?, ?, ?) ON CONFLICT (number) DO UPDATE SET "
        "earliest = min(earliest, excluded.earliest), latest = max(latest, excluded.latest)",
        batch.blocks,
    )


def _correlation(found: Keys) -> bytes | str | int | None:
    if found.correlation_id is None:
        return None
    return SAME if found.correlation_id == found.operation_id else key(found.correlation_id)


def search_keys(leaf: bytes) -> Keys:
    """Return the search keys; what has another type than it should is no key, and stops nothing."""
    try:
        return _decode(leaf)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _read_loosely(leaf)


def _read_loosely(leaf: bytes) -> Keys:
    try:
        found = msgspec.json.decode(leaf)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Keys()
    keys = Keys()
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


def _copy_text(found: dict[str, Any], keys: Keys, name: str) -> None:
    value = found.get(name)
    if isinstance(value, str):
        setattr(keys, name, value)
