"""A trail in a SQLite database, open for writing."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from signalpy_audit_trail.index import answers
from signalpy_audit_trail.merkle import Edge
from signalpy_audit_trail.signing import NoteError, signed_size
from signalpy_audit_trail.store import LogRolledBack, StoreClosed, StoreDamaged, StoreError, StoreForked
from signalpy_audit_trail.stores.markers import Leftover, Markers
from signalpy_audit_trail.stores.place import url_of
from signalpy_audit_trail.stores.sqlite.derived import NotTakenError
from signalpy_audit_trail.stores.sqlite.layout import Layout
from signalpy_audit_trail.stores.sqlite.pen import Pen
from signalpy_audit_trail.stores.sqlite.reader import SqliteReader

_log = logging.getLogger("signalpy.audit_trail.sqlite")


class SqliteStore:
    """`signalpy_audit_trail.store.Store` of a trail in a SQLite database, which is made if nothing is there.

    :param guest: a short visit, which leaves no marker.
    :param wait: seconds after which the wait for another writer's turn is given up.
    """

    def __init__(self, path: Path, *, guest: bool = False, wait: float = 5.0) -> None:
        self._path = path
        self.url = url_of("sqlite", path)
        self._process = os.getpid()
        self._closed = False
        self._markers: Markers | None = None
        self._edge = Edge()
        layout = Layout(path)
        self._pen = Pen(layout, wait=wait)
        try:
            with self._pen.turn():
                self._pen.create()
                self._look(least=0)
                if not guest:
                    self._markers = Markers(layout.writers)
        except BaseException:
            self._let_go()
            raise
        _open_stores.add(self)

    def __repr__(self) -> str:
        return f"<SqliteStore({self.url!r}, size={self.size})>"

    @property
    def size(self) -> int:
        """Leaves known to this writer."""
        return self._edge.size

    @property
    def unclean(self) -> Sequence[Leftover]:
        """Writers that had stopped without closing when this one opened."""
        return self._markers.leftovers if self._markers is not None else []

    def settle_unclean(self) -> None:
        """Forget `unclean`."""
        if self._markers is not None:
            self._markers.settle()

    def prepare(self, ids: Sequence[str]) -> None:
        """Bring up the tables of searching, should they lag, so that little is left to do while the turn is held."""
        while ids:
            with self.turn():
                if not self._lags() or not self._pen.bring_up():
                    return

    @contextmanager
    def turn(self) -> Iterator[SqliteTurn]:
        """Wait for the turn of this writer and hold it."""
        if self._process != os.getpid():
            message = f"{self.url} was opened by process {self._process}; a forked process must open it anew"
            raise StoreForked(message, url=self.url, process=self._process)
        if self._closed:
            raise StoreClosed(f"{self.url} is closed; open it anew", url=self.url)
        with self._pen.turn():
            self._look(least=self.size)
            yield SqliteTurn(self)

    def head(self) -> tuple[int, bytes]:
        """Return size and root of the tree, which is durable with the leaves; takes a turn."""
        with self.turn():
            return self._edge.size, self._edge.root()

    def keep_checkpoint(self, note: str) -> bool:
        """Keep a signed head, if it is of as many records as the one that is kept, or more; takes a turn."""
        size = signed_size(note)
        with self.turn(), self._pen.transaction() as tables:
            if self._signed(tables.checkpoint()) > size:
                return False
            tables.keep_checkpoint(size, note)
        return True

    def reader(self) -> SqliteReader:
        """Return a reader of this trail."""
        return SqliteReader(self._path)

    def close(self) -> None:
        """Let go of everything; harmless when done twice."""
        if self._closed or self._process != os.getpid():
            return
        if self._pen.unsettled:
            with suppress(StoreError), self.turn():
                self._pen.settle()
        self._closed = True
        _open_stores.discard(self)
        self._let_go()

    def held(self, ids: Iterable[str]) -> dict[str, list[tuple[int, bytes]]]:
        """Return the leaves that hold ids; the turn is held."""
        wanted = list(ids)
        try:
            return self._held(wanted)
        except StoreDamaged:
            more = self._pen.bring_up(anew=True)
        while more:
            more = self._pen.bring_up()
        return self._held(wanted)

    def append(self, leaves: Sequence[bytes]) -> None:
        """Append leaves, durably; the turn is held."""
        try:
            self._append(leaves, searched=True)
        except NotTakenError as error:
            _log.warning("%s: the tables of searching lag behind the log: %s", self._path, error)
            self._append(leaves, searched=False)

    def leave_parent(self) -> None:
        """In a child of the process that opened it: close the files, or their locks would outlive the parent."""
        self._closed = True
        if self._markers is not None:
            self._markers.abandon()
        self._pen.leave_parent()

    def _look(self, *, least: int) -> None:
        """Learn what others have appended; the turn is held.

        :param least: how many leaves there must be.
        """
        with self._pen.looking() as tables:
            self.origin = tables.origin()
            size = tables.size()
            if size != self._edge.size or least == 0:
                expected = max(least, self._signed(tables.checkpoint()))
                if size < expected:
                    message = (
                        f"{self._path}: expected at least {expected} records, found {size};"
                        " restore the trail, or begin another"
                    )
                    raise LogRolledBack(message, path=self._path, expected=expected, found=size)
                self._edge = tables.edge(size)

    def _append(self, leaves: Sequence[bytes], *, searched: bool) -> None:
        edge = self._edge.copy()
        with self._pen.transaction() as tables:
            tables.append(leaves, edge)
            if searched:
                self._pen.derived.grow(self.size, leaves)
        self._edge = edge

    def _held(self, ids: Sequence[str]) -> dict[str, list[tuple[int, bytes]]]:
        found: dict[str, list[tuple[int, bytes]]] = {}
        while self._lags():
            self._pen.bring_up()
        with self._pen.looking() as tables:
            for name, (seq, *_) in answers.holders(tables.connection, ids):
                found.setdefault(name, []).append((seq, tables.leaf(seq)))
        return found

    def _lags(self) -> bool:
        with self._pen.looking() as tables:
            return answers.known(tables.connection) != tables.size()

    def _signed(self, note: str | None) -> int:
        try:
            return 0 if note is None else signed_size(note)
        except NoteError as error:
            message = f"{self._path}: expected a signed checkpoint: {error}; restore the trail from a copy"
            raise StoreDamaged(message, path=self._path) from error

    def _let_go(self) -> None:
        if self._markers is not None:
            self._markers.close()
        self._pen.close()


class SqliteTurn:
    """`signalpy_audit_trail.store.Turn` of a trail in a SQLite database."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    @property
    def size(self) -> int:
        """Position of the next leaf."""
        return self._store.size

    def held(self, ids: Iterable[str]) -> Mapping[str, Sequence[tuple[int, bytes]]]:
        """Return the leaves that hold ids."""
        return self._store.held(ids)

    def append(self, leaves: Sequence[bytes]) -> None:
        """Append leaves; they are durable when this returns."""
        self._store.append(leaves)


_open_stores: weakref.WeakSet[SqliteStore] = weakref.WeakSet()


def _after_fork() -> None:
    for store in list(_open_stores):
        with suppress(OSError):
            store.leave_parent()


os.register_at_fork(after_in_child=_after_fork)
