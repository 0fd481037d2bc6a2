"""Questions to the database, from any thread, while others write it or where it may not be written."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from signalpy_audit_trail.legible import legible
from signalpy_audit_trail.store import StoreClosed, StoreMissing
from signalpy_audit_trail.stores.sqlite.failures import translated
from signalpy_audit_trail.stores.sqlite.layout import Layout
from signalpy_audit_trail.stores.sqlite.opening import Opened, connect_reading, is_trail, let_go
from signalpy_audit_trail.stores.sqlite.tables import Tables

T = TypeVar("T")
_ATTEMPTS: Final = 3
_of_parents: Final[list[Opened]] = []
"""Connections of a process that this one was forked from: SQLite forbids to use them here, or to close them."""


class Reading:
    """A connection for reading, lent to one thread at a time; each question sees the trail as it stands at one moment.

    :param wait: seconds after which the wait for another program is given up.
    """

    def __init__(self, layout: Layout, *, wait: float = 5.0) -> None:
        self.layout = layout
        self._wait = wait
        self._mutex = threading.RLock()
        self._opened: Opened | None = None
        self._signature: tuple[object, ...] = ()
        self._process = os.getpid()
        self._closed = False

    def ask(self, question: Callable[[Tables], T]) -> T:
        """Return the answer to a question.

        :raises StoreMissing: there is no trail.
        :raises StoreError: the trail cannot be read.
        """
        with self._mutex:
            for attempt in range(_ATTEMPTS):
                tables = self._current()
                try:
                    with legible():
                        answer = _answered(tables, question)
                except sqlite3.Error as error:
                    if attempt + 1 < _ATTEMPTS and self._changed():
                        continue
                    raise translated(error, self.layout.database, writing=False, wait=self._wait) from error
                if not self._changed():
                    break
            return answer

    def close(self) -> None:
        """Let go of the connection; harmless when done twice."""
        with self._mutex:
            self._leave_parent()
            self._disconnect()
            self._closed = True

    def _current(self) -> Tables:
        if self._closed:
            raise StoreClosed(f"{self.layout.database}: this reader is closed; open another")
        self._leave_parent()
        if self._opened is not None and self._changed():
            self._disconnect()
        if self._opened is None:
            self._opened = self._connect()
        return Tables(self._opened.connection, self.layout.database)

    def _connect(self) -> Opened:
        path = self.layout.database
        if not is_trail(self.layout):
            raise StoreMissing(f"{path}: there is no trail", path=path)
        signature = self._sign(frozen=True)
        try:
            with legible():
                opened = connect_reading(self.layout, wait=self._wait)
        except sqlite3.Error as error:
            raise translated(error, path, writing=False, wait=self._wait) from error
        self._signature = signature if opened.frozen else signature[:2]
        return opened

    def _changed(self) -> bool:
        """Tell whether another file is there, or one that was taken for frozen was written."""
        return self._signature != self._sign(frozen=self._opened is not None and self._opened.frozen)

    def _sign(self, *, frozen: bool) -> tuple[object, ...]:
        try:
            status = self.layout.database.stat()
        except OSError:
            return ()
        place = (status.st_dev, status.st_ino)
        if not frozen:
            return place
        return (*place, status.st_size, status.st_mtime_ns, *_content(self.layout.log_ahead))

    def _disconnect(self) -> None:
        if self._opened is not None:
            let_go(self.layout, self._opened)
            self._opened = None

    def _leave_parent(self) -> None:
        if self._process != os.getpid():
            self._process = os.getpid()
            if self._opened is not None:
                _of_parents.append(self._opened)
                self._opened = None


def _content(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is written, nothing if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _answered(tables: Tables, question: Callable[[Tables], T]) -> T:
    connection = tables.connection
    connection.execute("BEGIN")
    try:
        return question(tables)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
