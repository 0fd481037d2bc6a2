"""The file of a vault: SQLite in WAL mode, synced at each commit, with nothing left of what is overwritten."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from signalpy.errors import SignalPyError
from signalpy_audit_trail.legible import legible
from signalpy_audit_trail.private import make_file, may_write
from signalpy_audit_trail.store import StoreError, WriteFailed
from signalpy_audit_trail.stores.sqlite.failures import errno_of
from signalpy_audit_trail.vault.schema import APPLICATION_ID, TABLES, VERSION

WAIT: Final = 5.0
"""Seconds that another process may hold the file."""


class VaultError(StoreError):
    """The vault of keys cannot be opened or read. ``path`` tells where it is."""


class VaultWriteFailed(VaultError, WriteFailed):
    """The vault of keys cannot be written, so that no record can be stored that needs a new key. ``code``: errno."""


class Database:
    """One vault's file, for any thread. Reading waits for no writer, and not for the disk.

    :param path: is made if it is not there; ``None`` for one in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._begin()
        _open.add(self)

    def __repr__(self) -> str:
        return f"<Database({str(self.path)!r})>"

    def _begin(self) -> None:
        self._writing = threading.RLock()
        self._reading = threading.RLock() if self.path is not None else self._writing
        with self._told("opened"):
            self._writer = self._connect()
            self._reader = self._connect() if self.path is not None else self._writer
        if self.path is None:  # whoever holds it last does not know that he does
            weakref.finalize(self, self._writer.close)

    def read(self, sql: str, *parameters: Any) -> Any:
        """The first row, or ``None``.

        :raises VaultError: it cannot be read.
        """
        with self._told("read"), self._reading:
            return self._reader.execute(sql, parameters).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection that writes; what is written is durable when this ends, or nothing of it is there.

        :raises VaultWriteFailed: it cannot be written.
        """
        with self._told("written", VaultWriteFailed), self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def forget_traces(self) -> bool:
        """Take out of the write-ahead log what was overwritten since; tell whether no other program kept it."""
        deadline = time.monotonic() + WAIT
        with self._told("written", VaultWriteFailed), self._writing:
            while True:
                (busy, *_) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy or time.monotonic() > deadline:
                    return not busy
                time.sleep(0.02)

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        _open.discard(self)
        with self._reading, self._writing:
            self._reader.close()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        if self.path is None:
            connection = _connection(":memory:")
            connection.executescript(TABLES)
            return connection
        if not may_write(self.path.parent):
            connection = _connection(f"file:{quote(str(self.path))}?mode=ro&immutable=1")
            self._check(connection)
            return connection
        make_file(self.path)
        connection = _connection(f"file:{quote(str(self.path))}?mode=rw")
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
            for statement in TABLES.split(";"):
                connection.execute(statement)
        connection.execute("COMMIT")
        self._check(connection)

    def _check(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise VaultError(f"{self.path}: expected a vault of keys, found another database", path=self.path)
        if version != VERSION:
            problem = f"it has format {version}, and this version knows {VERSION}"
            raise VaultError(f"{self.path}: {problem}; update signalpy-audit-trail", path=self.path)

    @contextmanager
    def _told(self, what: str, kind: Callable[..., VaultError] = VaultError) -> Iterator[None]:
        try:
            with legible():
                yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, SignalPyError):  # told already
                raise
            code = errno_of(error) if isinstance(error, sqlite3.Error) else error.errno
            message = f"{self.path}: the vault of keys cannot be {what}: {error}"
            raise kind(message, path=self.path, code=code) from error


def _connection(name: str) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=WAIT, isolation_level=None, check_same_thread=False, uri=True)


_open: weakref.WeakSet[Database] = weakref.WeakSet()
_left: list[Sequence[sqlite3.Connection]] = []
"""Connections of the parent, in a forked child: closing them there would take the file from under the parent."""


def _begin_anew() -> None:
    for database in list(_open):
        if database.path is not None:
            _left.append((database._reader, database._writer))
        database._begin()


os.register_at_fork(after_in_child=_begin_anew)
