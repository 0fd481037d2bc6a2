"""Who holds an id: from the index as far as it has come, and from memory what the log has beyond that.

So an append neither waits for the index nor makes one. What the index does not know is read from the log once and kept
as a few numbers a record, never as texts: memory grows with what is not indexed, and not with the log.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from signalpy_audit_trail.index import Index, Known, Place
from signalpy_audit_trail.store import StoreError
from signalpy_audit_trail.stores.file.reading import FileLog
from signalpy_audit_trail.stores.file.segments import Placed, Position

_log = logging.getLogger("signalpy.audit_trail.file")
_FEW: Final = 1000
"""Records that may be left to be read while the turn is held."""
_MANY: Final = 50_000
"""Records that the index has learned meanwhile, after which they are forgotten here."""
_PAUSE: Final = 60.0
"""Seconds for which an index that could not be read is not asked again."""
_STEP: Final = 4000
_AT_ONCE: Final = 400
_START: Final = Position(0, 0, 0)


class Repeats:
    """Finds the leaves that hold ids, for the one who writes.

    :param index: the place of the index, which others bring up; it is only read here.
    """

    def __init__(self, log: FileLog, index: Path) -> None:
        self._log = log
        self._index = Index(log, index, lasting=True)
        self._ask_again = 0.0
        self._told = ""
        self._recent = _Recent()

    def prepare(self, head: int) -> None:
        """Read what is new below ``head``, if that is much. Leaves below it are there for good."""
        if head - self._recent.end.seq > _FEW:
            self._follow(self._known((), head), head)

    def held(self, ids: Iterable[str], *, head: int) -> Mapping[str, Sequence[tuple[int, bytes]]]:
        """Return for each id that is held the leaves below ``head`` whose ``id`` or ``duplicate_of`` it is.

        The turn is held: what is below ``head`` stays there.
        """
        wanted = list(dict.fromkeys(ids))
        known = self._known(wanted, head)
        self._follow(known, head)
        found = known.holders
        places = [(name, place) for name, place in self._recent.holders(wanted) if place[0] >= known.end[0]]
        lines = self._log.lines([place for _, place in places])
        for (name, place), line in zip(places, lines, strict=True):
            if name in _names(line):  # only a digest of it was compared so far
                found.setdefault(name, []).append((place[0], line[:-1]))
        return found

    def close(self) -> None:
        """Close the index's file; harmless when done twice."""
        self._index.close()
        self._recent.close()

    def _known(self, ids: Sequence[str], head: int) -> Known:
        if time.monotonic() >= self._ask_again:
            try:
                known = self._index.known(ids, head=head)
            except StoreError as error:
                if self._told != str(error):  # once, and not with every attempt
                    _log.warning("%s; repeats are looked for in the log, whose ids are kept in memory", error)
                self._told = str(error)
                self._ask_again = time.monotonic() + _PAUSE
            else:
                self._told = ""
                return known
        return Known(_START, {})

    def _follow(self, known: Known, head: int) -> None:
        """Know who holds ids from where the index ends, or from before that, to ``head``."""
        recent, end = self._recent, Position(*known.end)
        if not recent.first <= end.seq <= recent.end.seq <= head:
            recent.begin(end)
        elif end.seq - recent.first > _MANY:
            recent.forget(end.seq)
        if recent.end.seq < head:
            recent.extend(self._log.placed(*recent.end, head))


class _Recent:
    """Where the leaves of a part of the log lie, by a digest of their ids.

    :ivar first: position of the first of them.
    :ivar end: where the next one is.
    """

    def __init__(self) -> None:
        self._opened: sqlite3.Connection | None = None
        self.first = 0
        self.end = _START

    def begin(self, end: Position) -> None:
        """Know nothing but what comes after ``end``."""
        self._table.execute("DELETE FROM holder")
        self.first, self.end = end.seq, end

    def forget(self, first: int) -> None:
        """Forget what is before a position."""
        self._table.execute("DELETE FROM holder WHERE seq < ?", (first,))
        self.first = first

    def extend(self, leaves: Iterator[Placed]) -> None:
        """Learn leaves that follow those that are known."""
        while step := list(islice(leaves, _STEP)):
            self._table.execute("BEGIN")
            self._table.executemany(
                "INSERT OR IGNORE INTO holder VALUES (?, ?, ?, ?, ?)",
                [
                    (hash(name), seq, segment, offset, len(leaf))
                    for seq, segment, offset, leaf in step
                    for name in _names(leaf)
                ],
            )
            self._table.execute("COMMIT")
            seq, segment, offset, leaf = step[-1]
            self.end = Position(seq + 1, segment, offset + len(leaf) + 1)

    def holders(self, names: Sequence[str]) -> Iterator[tuple[str, Place]]:
        """Yield names with the places of leaves that may hold them, by name and position."""
        digests = {hash(name): name for name in names}
        rest = iter(digests)
        while some := list(islice(rest, _AT_ONCE)):
            marks = ", ".join("?" * len(some))
            sql = f"SELECT * FROM holder WHERE digest IN ({marks}) ORDER BY digest, seq"  # noqa: S608
            for digest, *place in self._table.execute(sql, some).fetchall():
                yield digests[digest], (place[0], place[1], place[2], place[3])

    def close(self) -> None:
        """Let go of the memory; harmless when done twice."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _table(self) -> sqlite3.Connection:
        """About 40 bytes a record; a dictionary would take five times as many, and twice that with the ids."""
        if self._opened is None:  # most writers are never given an id
            self._opened = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self._opened.execute(
                "CREATE TABLE holder (digest INTEGER, seq INTEGER, segment INTEGER, byte INTEGER, length INTEGER, "
                "PRIMARY KEY (digest, seq)) WITHOUT ROWID"
            )
        return self._opened


class _Ids(msgspec.Struct):
    id: str | None = None
    duplicate_of: str | None = None


_decode = msgspec.json.Decoder(_Ids).decode


def _names(leaf: bytes) -> set[str]:
    """Return what a leaf holds; of one that is damaged nothing, since that must not stop the log."""
    try:
        ids = _decode(leaf)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return set()
    return {name for name in (ids.id, ids.duplicate_of) if name is not None}
