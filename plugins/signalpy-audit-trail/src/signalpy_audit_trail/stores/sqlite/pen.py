"""One writer's hold on the database: its place in the row of writers, its connection, its transactions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES
from typing import Final

from signalpy_audit_trail.legible import legible
from signalpy_audit_trail.private import make_file, make_folder, sync_folder
from signalpy_audit_trail.store import StoreDamaged, StoreError, WriteFailed
from signalpy_audit_trail.stores.sqlite.derived import Derived
from signalpy_audit_trail.stores.sqlite.failures import translated
from signalpy_audit_trail.stores.sqlite.layout import Layout
from signalpy_audit_trail.stores.sqlite.opening import connect_writing, is_trail
from signalpy_audit_trail.stores.sqlite.reading import Reading
from signalpy_audit_trail.stores.sqlite.schema import create
from signalpy_audit_trail.stores.sqlite.tables import Tables
from signalpy_audit_trail.stores.turns import TurnLock

_of_parents: Final[list[sqlite3.Connection]] = []
"""Connections of a process that this one was forked from: SQLite forbids to use them here, or to close them."""


class Pen:
    """What it takes to write a trail's database. Not for use from several threads at once.

    :param wait: seconds after which the wait for another writer is given up.
    """

    def __init__(self, layout: Layout, *, wait: float) -> None:
        self._layout = layout
        self._wait = wait
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self.tables: Tables
        self.derived: Derived
        self._look()
        try:
            make_folder(layout.database.parent)
            make_folder(layout.writers, like_parent=True)
            self._lock = TurnLock(layout.lock, wait=wait)
        except OSError as error:
            raise self._unwritable(error) from error

    def _look(self) -> None:
        """Refuse what cannot be written or read, before anything is made beside it."""
        path = self._layout.database
        if not is_trail(self._layout):
            return
        if not os.access(path, os.W_OK):
            raise WriteFailed(
                f"{path}: the trail cannot be opened for writing: it may not be written", path=path, code=EACCES
            )
        reading = Reading(self._layout, wait=self._wait)
        try:
            reading.ask(lambda tables: (tables.origin(), tables.size()))
        finally:
            reading.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn and hold it.

        :raises StoreBusy: another writer does not let go of it.
        """
        self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def create(self) -> None:
        """Make the trail if there is none; the turn is held."""
        path = self._layout.database
        try:
            make_file(path)
            sync_folder(path.parent)
        except OSError as error:
            raise self._unwritable(error) from error
        if not is_trail(self._layout):
            with self.transaction() as tables:
                create(tables.connection)

    def open(self) -> Tables:
        """Return the tables, opened if they are not; the turn is held.

        :raises StoreDamaged: the database is not there any more, or another is in its place.
        """
        path = self._layout.database
        try:
            status = path.stat()
        except OSError as error:
            message = f"{path}: cannot be found any more: {error.strerror}; bring it back"
            raise StoreDamaged(message, path=path, code=error.errno) from error
        if self._identity not in (None, (status.st_dev, status.st_ino)):
            message = f"{path}: another file was put in its place; bring the trail back, or open it anew"
            raise StoreDamaged(message, path=path)
        if self._connection is None:
            with self._translating():
                self._connection = connect_writing(self._layout, wait=self._wait)
            self._identity = (status.st_dev, status.st_ino)
            self.tables = Tables(self._connection, path)
            self.derived = Derived(self.tables)
        return self.tables

    @contextmanager
    def transaction(self) -> Iterator[Tables]:
        """Change the tables, durably when it ends; the turn is held.

        :raises WriteFailed, StoreBusy, StoreDamaged: nothing was changed.
        """
        tables = self.open()
        with self._translating():
            try:
                tables.connection.execute("BEGIN IMMEDIATE")
                yield tables
                tables.connection.execute("COMMIT")
            except BaseException:
                self._undo()
                raise

    @contextmanager
    def looking(self) -> Iterator[Tables]:
        """Read the tables; the turn is held."""
        tables = self.open()
        with self._translating():
            yield tables

    def bring_up(self, *, anew: bool = False) -> bool:
        """Bring the tables of searching up by some leaves; tell whether more are left; the turn is held.

        :param anew: throw away first what they hold; that is done as well if they cannot take more.
        """
        try:
            with self.transaction():
                if anew:
                    self.derived.begin_anew()
                return self.derived.step()
        except StoreDamaged:
            if anew:
                raise
        return self.bring_up(anew=True)

    @property
    def unsettled(self) -> bool:
        """Whether something was put off that `settle` is to write."""
        return self._connection is not None and self.derived.unsettled

    def settle(self) -> None:
        """Write what was put off; the turn is held."""
        with self.transaction():
            self.derived.settle()

    def close(self) -> None:
        """Let go of everything; harmless when done twice."""
        self._disconnect()
        self._lock.close()

    def leave_parent(self) -> None:
        """In a child of the process that opened it: close the locks, or they would outlive the parent."""
        if self._connection is not None:
            _of_parents.append(self._connection)
            self._connection = None
        self._lock.close()

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            with legible():
                yield
        except sqlite3.Error as error:
            raise translated(error, self._layout.database, writing=True, wait=self._wait) from error

    def _undo(self) -> None:
        """Undo what was not committed; where even that fails, the next turn begins with another connection."""
        if self._connection is None:
            return
        self.derived.forget()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _unwritable(self, error: OSError) -> StoreError:
        if isinstance(error, StoreError):
            return error
        message = f"{self._layout.database}: the trail cannot be opened for writing: {error.strerror or error}"
        return WriteFailed(message, path=self._layout.database, code=error.errno)
