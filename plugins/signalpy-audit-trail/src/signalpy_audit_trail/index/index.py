"""The derived index of a log: brought up to it, asked, and begun anew when it does not fit."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from signalpy_audit_trail.index import answers
from signalpy_audit_trail.index.answers import Place
from signalpy_audit_trail.index.database import Database, StaleIndexError
from signalpy_audit_trail.index.rows import Leaf, Leaves, Terms, insert, make_batch
from signalpy_audit_trail.index.schema import key
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.store import StoreError

_log = logging.getLogger("signalpy.audit_trail.index")
_CHUNK = 4000
"""Records per transaction: others wait for no longer than this takes."""
_MOST_UNDONE = 50_000
_ANY = (1 << 63) - 1

T = TypeVar("T")
Holders: TypeAlias = dict[str, list[tuple[int, bytes]]]
"""By id the leaves whose ``id`` or ``duplicate_of`` it is, each after its position, in their order."""


class Log(Protocol):
    """What the index needs of the log that it is derived from."""

    @property
    def origin(self) -> str:
        """Name of the log."""

    def size(self) -> int:
        """Return the number of whole leaves."""

    def placed(self, seq: int, segment: int, offset: int, stop: int) -> Iterator[Leaf]:
        """Yield the leaves from ``seq``, which begins or follows at that place, to before ``stop``."""

    def lines(self, places: Iterable[Place]) -> list[bytes]:
        """Return the bytes of lines at places, each with its newline; other bytes, or fewer, when it is not there."""

    def segment_of(self, seq: int) -> int:
        """Return the segment that holds a position, by the position of its first leaf."""


class Known(NamedTuple):
    """What an index knows that may be behind its log.

    :param end: position, segment and byte of the first leaf that it does not know.
    :param holders: who holds the ids that were asked for, among the leaves before that.
    """

    end: tuple[int, int, int]
    holders: Holders


class _Id(msgspec.Struct):
    id: str | None = None


class Index:
    """Answers questions about a log, from any thread; each call but `known` brings it up to the head that it is given.

    :param chosen: a person gave the path; a file there that is no index is then left alone.
    :param lasting: only a file will do; where it cannot be kept, that is an error, and nothing is derived in memory.
    """

    def __init__(self, log: Log, path: Path, *, chosen: bool = False, lasting: bool = False) -> None:
        self._log = log
        self._lasting = lasting
        self._database = Database(path, log.origin, chosen=chosen)
        self._terms = Terms()
        self._opened = 0

    @property
    def path(self) -> Path:
        """Where the index is."""
        return self._database.path

    def catch_up(self, head: int) -> None:
        """Index every leaf below ``head``."""
        self._answer(head, lambda _connection: None)

    def advance(self, head: int) -> bool:
        """Index some leaves, and tell whether more are left below ``head``: the step of a worker in the background."""
        return self._with(lambda connection: self._step(connection, head))

    def rebuild(self, head: int) -> None:
        """Throw the index away and derive it anew."""
        self._database.renew("asked for")
        self.catch_up(head)

    def search(self, filters: Filters, *, head: int, after: int | None, descending: bool, limit: int) -> list[bytes]:
        """Return the leaves that pass, as `signalpy_audit_trail.store.StoreReader.search` says."""

        def find(connection: sqlite3.Connection) -> list[bytes]:
            places = answers.find(connection, filters, head=head, after=after, descending=descending, limit=limit)
            return self._leaves(places)

        return self._answer(head, find)

    def count(self, filters: Filters, by: str, *, head: int) -> dict[str | None, int]:
        """Count the leaves that pass, as `signalpy_audit_trail.store.StoreReader.count` says."""
        return self._answer(head, lambda connection: answers.count(connection, filters, by, head=head))

    def known(self, ids: Iterable[str], *, head: int) -> Known:
        """Return who holds ids, as far as the index has come, and how far that is. Nothing is derived or undone.

        :param head: leaves from here on do not count, since they may be gone again.
        :raises StoreError: it cannot be read. One that does not fit is thrown away.
        """
        error: Exception
        try:
            with self._database.connection() as connection:
                connection.execute("BEGIN")
                size = self._agreed(connection, head)
                holders = self._holders(connection, ids, size)
                return Known(_end(connection, size), holders)
        except sqlite3.OperationalError as caught:
            error = caught
        except (StaleIndexError, sqlite3.DatabaseError) as caught:
            error = caught
            self._database.renew(str(caught))
        raise self._unusable(error) from error

    def close(self) -> None:
        """Close the index's file; harmless when done twice."""
        self._database.close()

    def _answer(self, head: int, question: Callable[[sqlite3.Connection], T]) -> T:
        def work(connection: sqlite3.Connection) -> T:
            while self._step(connection, head):
                pass
            connection.execute("BEGIN")
            answer = question(connection)
            connection.execute("COMMIT")
            return answer

        return self._with(work)

    def _with(self, work: Callable[[sqlite3.Connection], T]) -> T:
        error: Exception
        for _attempt in range(3):
            try:
                with self._database.connection() as connection:
                    if self._opened != self._database.opened:
                        self._terms.forget()
                        self._opened = self._database.opened
                    return work(connection)
            except sqlite3.OperationalError as caught:
                error = caught
                if self._lasting:
                    raise self._unusable(caught) from caught
                self._database.use_memory(caught)
            except (StaleIndexError, sqlite3.DatabaseError) as caught:
                error = caught
                self._database.renew(str(caught))
        raise StoreError(f"{self.path}: the index cannot be derived from the log: {error}", path=self.path) from error

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(f"{self.path}: the index cannot be used: {error}", path=self.path)

    def _step(self, connection: sqlite3.Connection, head: int) -> bool:
        """Index one chunk; tell whether there are leaves below ``head`` left."""
        size, _segment, _offset = _end(connection)
        if size > 0 and not self._is_there(connection, size - 1):
            size = self._undo(connection)
        if size >= head:
            return False
        connection.execute("BEGIN IMMEDIATE")
        try:
            size, segment, offset = _end(connection)  # another may have been faster
            stop = min(head, size + _CHUNK)
            if size < stop:
                leaves = self._log.placed(size, segment, offset, stop)
                insert(connection, make_batch(connection, self._terms, Leaves.placed(leaves)))
                self._terms.flush(connection)
            connection.execute("COMMIT")
        except BaseException:
            self._terms.forget()
            raise
        return stop < head

    def _is_there(self, connection: sqlite3.Connection, seq: int) -> bool:
        """Tell whether the record that the index knows at a position is the one that the log has there."""
        row = connection.execute("SELECT segment, byte, length, id FROM record WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            raise StaleIndexError(f"it does not know record {seq}")
        segment, offset, length, held = row
        (line,) = self._log.lines([(seq, segment, offset, length)])
        if segment != self._log.segment_of(seq) or not _is_line(line, seq, length):
            return False
        try:
            found = msgspec.json.decode(line, type=_Id).id
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return False
        return bool((None if found is None else key(found)) == held)

    def _undo(self, connection: sqlite3.Connection) -> int:
        """Forget the last records: they were seen before they were durable, and the log has others in their place."""
        connection.execute("BEGIN IMMEDIATE")
        size = _end(connection)[0]
        keep = self._agreed(connection, size)
        _log.warning("%s forgets %d records that the log does not hold any more", self.path, size - keep)
        connection.execute("DELETE FROM record WHERE seq >= ?", (keep,))
        connection.execute("DELETE FROM concern WHERE seq >= ?", (keep,))
        connection.execute("COMMIT")
        return keep

    def _agreed(self, connection: sqlite3.Connection, most: int) -> int:
        """Return how many records, of the first ``most``, the index knows as the log has them."""
        size = keep = min(_end(connection)[0], most)
        while keep > 0 and not self._is_there(connection, keep - 1):
            keep -= 1
            if size - keep > _MOST_UNDONE:
                raise StaleIndexError("the log has other records than it knows")
        return keep

    def _holders(self, connection: sqlite3.Connection, ids: Iterable[str], size: int) -> Holders:
        found: Holders = {}
        held = [(name, place) for name, place in answers.holders(connection, ids) if place[0] < size]
        leaves = self._leaves([place for _, place in held])
        for (name, place), leaf in zip(held, leaves, strict=True):
            found.setdefault(name, []).append((place[0], leaf))
        return found

    def _leaves(self, places: Sequence[Place]) -> list[bytes]:
        leaves = []
        for (seq, _, _, length), line in zip(places, self._log.lines(places), strict=True):
            if not _is_line(line, seq, length):
                raise StaleIndexError(f"record {seq} is not where it says")
            leaves.append(line[:-1])
        return leaves


def _end(connection: sqlite3.Connection, most: int = _ANY) -> tuple[int, int, int]:
    """Return the number of records known, of the first ``most``, and the place where the next one is looked for."""
    sql = "SELECT seq + 1, segment, byte + length + 1 FROM record WHERE seq < ? ORDER BY seq DESC LIMIT 1"
    found: tuple[int, int, int] = connection.execute(sql, (most,)).fetchone() or (0, 0, 0)
    return found


def _is_line(line: bytes, seq: int, length: int) -> bool:
    return len(line) == length + 1 and line[-1:] == b"\n" and line.startswith(b'{"seq":%d,' % seq)
