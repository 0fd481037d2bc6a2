"""The file of the index: opened, checked, and thrown away when it is not what it should be."""

from __future__ import annotations

import logging
import math
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from signalpy_audit_trail.index.guard import Guard
from signalpy_audit_trail.index.schema import APPLICATION_ID, FIRST_TERM, TABLES, VERSION, WORDS
from signalpy_audit_trail.legible import legible
from signalpy_audit_trail.private import make_file
from signalpy_audit_trail.store import StoreError, StoreForeign

_log = logging.getLogger("signalpy.audit_trail.index")
_WAIT: Final = 30.0
"""Seconds to wait for another writer of the index."""
_PAUSE: Final = 300.0
_PASSING: Final = ("SQLITE_FULL", "SQLITE_BUSY", "SQLITE_IOERR")
_NAMES: Final = frozenset(re.findall(r"CREATE \w+ (\w+)", TABLES))


class StaleIndexError(Exception):
    """The index is not one of this log as it is now. It never leaves the package: a new index is made."""


class Database:
    """A connection to the index of one log, lent to one thread at a time.

    :param path: where the index is.
    :param origin: of the log that it must be of.
    :param chosen: a person gave the path; a file there that is no index is then left alone.
    """

    def __init__(self, path: Path, origin: str, *, chosen: bool = False) -> None:
        self.path = path
        self._origin = origin
        self._chosen = chosen
        self._guard: Guard | None = Guard(path)
        self._mutex = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._file_again = math.inf
        self._process = os.getpid()
        self._parents: list[sqlite3.Connection] = []
        self.opened = 0
        """How often a file was opened; what is remembered of the tables is good for one of them only."""

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection; what is not committed at the end is undone.

        :raises StaleIndexError, sqlite3.DatabaseError: the file is no index of this log; see `renew`.
        :raises StoreForeign: a file that was chosen by a person is no index at all.
        """
        with self._mutex:
            self._leave_parent()
            if self._guard is None and time.monotonic() > self._file_again:
                self._disconnect()
                self._guard = Guard(self.path)
            try:
                lock = self._guard.shared() if self._guard else nullcontext()
                with lock:
                    connection = self._current()
                    try:
                        yield connection
                    finally:
                        if connection.in_transaction:
                            connection.rollback()
            except OSError as error:
                if isinstance(error, StoreError) or self._guard is None:
                    raise
                raise sqlite3.OperationalError(str(error)) from error

    def renew(self, reason: str) -> None:
        """Throw the file away, and say so; the next use begins another."""
        with self._mutex:
            self._disconnect()
            if self._guard is None:
                return
            _log.warning("%s is made anew from the log: %s", self.path, reason)
            with self._guard.alone():
                for suffix in ("-wal", "-shm", ""):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def use_memory(self, error: sqlite3.OperationalError) -> None:
        """Go on without a file, and say so: searching must not fail because its help cannot be kept.

        What a full disk or a busy file hinders is tried again after a while.

        :raises StoreError: a person chose the place, or there is no memory either.
        """
        with self._mutex:
            if self._chosen or self._guard is None:
                raise StoreError(f"{self.path}: the index cannot be kept: {error}; give another path", path=self.path)
            _log.warning("%s cannot be used (%s); it is derived anew, for this process alone", self.path, error)
            self._disconnect()
            self._guard.close()
            self._guard = None
            passing = str(getattr(error, "sqlite_errorname", "")).startswith(_PASSING)
            self._file_again = time.monotonic() + _PAUSE if passing else math.inf

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        with self._mutex:
            self._leave_parent()
            self._disconnect()
            if self._guard is not None:
                self._guard.close()

    def _current(self) -> sqlite3.Connection:
        if self._connection is not None and (self._guard is None or self._identity == _identity(self.path)):
            return self._connection
        self._disconnect()
        self._connection = self._open()
        self._identity = _identity(self.path)
        self.opened += 1
        return self._connection

    def _open(self) -> sqlite3.Connection:
        if self._guard is not None:
            if self._chosen and not _may_replace(self.path):
                message = f"{self.path}: expected an index or no file, found another file; give another path"
                raise StoreForeign(message, path=self.path)
            make_file(self.path)
        place = "" if self._guard is None else self.path
        connection = sqlite3.connect(place, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            with legible():
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA page_size = 8192")  # of no effect on a file that has pages
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -32768")
        connection.execute("BEGIN IMMEDIATE")
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        if not names:
            self._create(connection)
        elif connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StaleIndexError("what was there is no index of a trail")
        elif not names >= _NAMES or connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            raise StaleIndexError("what was there has another form")
        elif connection.execute("SELECT origin FROM state").fetchone() != (self._origin,):
            raise StaleIndexError("what was there is of another trail")
        connection.execute("COMMIT")

    def _create(self, connection: sqlite3.Connection) -> None:
        for statement in TABLES.split(";\n"):
            connection.execute(statement)
        words = [(number, int(field), text, 0) for number, (field, text) in WORDS.items()]
        # SQLite numbers from the highest on; this keeps the low numbers for words to come.
        words.append((FIRST_TERM - 1, 0, "", 0))
        connection.executemany("INSERT INTO term VALUES (?, ?, ?, ?)", words)
        connection.execute("INSERT INTO state VALUES (0, ?)", (self._origin,))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _leave_parent(self) -> None:
        """Leave a connection of the process that we were forked from as it is: SQLite forbids to use or to close it."""
        if self._process != os.getpid():
            self._process = os.getpid()
            if self._connection is not None:
                self._parents.append(self._connection)
                self._connection = None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _may_replace(path: Path) -> bool:
    """Tell whether a file is an index, whatever state it is in, or an empty database, or not there."""
    try:
        if not path.stat().st_size:
            return True
    except FileNotFoundError:
        return True
    log_ahead = path.with_name(path.name + "-wal")
    whole = "mode=ro&readonly_shm=1" if log_ahead.exists() and log_ahead.stat().st_size else "immutable=1"
    try:
        application, changes = _identified(path, whole)
    except sqlite3.Error:
        return False
    return application == APPLICATION_ID or (application, changes) == (0, 0)


def _identified(path: Path, how: str) -> tuple[int, int]:
    """Return what a database is, and how often its tables changed; without a trace.

    It is asked through SQLite: to close a descriptor of the file would drop all POSIX locks of this process on it.

    :raises sqlite3.Error: it is none, or is damaged from its first bytes on.
    """
    uri = f"file:{quote(os.fspath(path.absolute()))}?{how}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = 1")  # else a file that was cut is not even looked at
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (changes,) = connection.execute("PRAGMA schema_version").fetchone()
    return application, changes
