"""The leaves of a trail in SQLite by position, some at a time, so that no writer is hindered by who reads for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from signalpy_audit_trail.index import Place
from signalpy_audit_trail.store import StoreDamaged
from signalpy_audit_trail.stores.sqlite.reading import Reading
from signalpy_audit_trail.stores.sqlite.tables import Tables


class _Placed(NamedTuple):
    seq: int
    segment: int
    offset: int
    leaf: bytes


class SqliteLog:
    """`signalpy_audit_trail.index.Log` for an index that is kept elsewhere: a leaf's place is its position."""

    def __init__(self, reading: Reading, origin: str) -> None:
        self._reading = reading
        self.origin = origin

    def size(self) -> int:
        """Return the number of leaves."""
        return self._reading.ask(Tables.size)

    def leaves(self, start: int, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield positions and leaves."""
        end = self.size() if stop is None else min(stop, self.size())
        at = max(0, start)
        while at < end:
            batch = self._reading.ask(partial(Tables.leaves, start=at, stop=end))
            yield from batch
            at += len(batch)

    def placed(self, seq: int, segment: int, offset: int, stop: int) -> Iterator[_Placed]:
        """Yield the leaves from a position to before another."""
        return (_Placed(at, 0, at, leaf) for at, leaf in self.leaves(seq, stop))

    def lines(self, places: Iterable[Place]) -> list[bytes]:
        """Return the leaves at places as lines, nothing where there is none."""
        return self._reading.ask(lambda tables: [_line(tables, place) for place in places])

    def segment_of(self, seq: int) -> int:
        """Return 0: there is one piece."""
        return 0


def _line(tables: Tables, place: Place) -> bytes:
    _seq, _segment, number, _length = place
    try:
        return tables.leaf(number) + b"\n"
    except StoreDamaged:
        return b""
