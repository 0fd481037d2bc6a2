"""Opening the database: what is there told apart first, then for writing, or for reading without leaving a trace."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from signalpy_audit_trail.legible import legible
from signalpy_audit_trail.private import may_write
from signalpy_audit_trail.store import StoreDamaged, StoreError, StoreForeign, StoreFormat
from signalpy_audit_trail.stores.sqlite.failures import translated
from signalpy_audit_trail.stores.sqlite.layout import Layout
from signalpy_audit_trail.stores.sqlite.schema import APPLICATION_ID, FORMAT

_MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100
_LOCKLESS: Final = "unix-none"
"""SQLite's way to files that takes no locks: with it, the index of a write-ahead log can be kept in memory."""
_opening = threading.Lock()
"""Held while a file is looked at and while it is opened, so that no descriptor is closed beside a new connection."""
os.register_at_fork(before=_opening.acquire, after_in_parent=_opening.release, after_in_child=_opening.release)

_unclosed: Final[list[Opened]] = []
"""Connections that must stay open; see `let_go`."""
_foreign: dict[tuple[int, int], int] = {}
"""Descriptors of files that are no trail, by device and inode; see `_header`."""


class Identity(NamedTuple):
    """What the header of a database says of it."""

    application: int
    version: int
    empty: bool
    """Nothing was ever put into it."""


class Opened(NamedTuple):
    """A connection for reading."""

    connection: sqlite3.Connection
    frozen: bool
    """Read as a file that nobody writes: to be opened anew when it changes."""
    lockless: bool = False
    """Opened without SQLite's locks, since it cannot make its files beside the database."""


def is_trail(layout: Layout) -> bool:
    """Tell whether a trail is there; `False` if nothing is, or an empty file. Changes nothing.

    :raises StoreForeign: something else is there.
    :raises StoreFormat: the trail is of a later version.
    :raises StoreDamaged: it was a trail.
    :raises StoreError: it cannot be read.
    """
    path = layout.database
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise StoreForeign(f"{path}: expected the database of a trail, found no file; give another path", path=path)
        if not status.st_size:
            return _is_new(layout)
        with legible():
            identity = _identity(layout)
    except FileNotFoundError:
        return _is_new(layout)
    except sqlite3.Error as error:
        raise translated(error, path, writing=False) from error
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path}: cannot be read: {error.strerror}", path=path, code=error.errno) from error
    return _judge(path, identity)


def connect_writing(layout: Layout, *, wait: float) -> sqlite3.Connection:
    """Open the database for writing; it is there, if only as an empty file.

    :raises sqlite3.Error: it cannot be opened.
    """
    with _opening:
        connection = _connect(layout.database, "mode=rw", wait)
    try:
        connection.execute("PRAGMA page_size = 8192")  # of no effect on a file that has pages
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            message = f"{layout.database}: its file system does not allow SQLite's write-ahead log; give another path"
            raise StoreError(message, path=layout.database)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -32768")
        connection.execute("PRAGMA wal_autocheckpoint = 2000")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reading(layout: Layout, *, wait: float) -> Opened:
    """Open the database for reading. Where it may not be written, no byte of it or beside it changes.

    :raises sqlite3.Error: it cannot be opened.
    """
    path = layout.database
    if may_write(path) and may_write(path.parent):
        with _opening:
            connection = _connect(path, "mode=rw", wait)
        connection.execute("PRAGMA query_only = 1")
        return Opened(connection, frozen=False)
    if not _has_content(layout.log_ahead):
        with _opening:
            return Opened(_connect(path, "mode=ro&immutable=1", wait), frozen=True)
    if layout.shared.exists():
        with _opening:
            return Opened(_connect(path, "mode=ro&readonly_shm=1", wait), frozen=False)
    return _connect_lockless(path, wait)


def let_go(layout: Layout, opened: Opened) -> None:
    """Close a connection. One without locks stays open if the database has come into use meanwhile.

    To close any descriptor of a file drops all POSIX locks that this process has on it, another connection's too.
    """
    with _opening:
        if opened.lockless and layout.shared.exists():
            _unclosed.append(opened)
            return
        with suppress(sqlite3.Error):
            opened.connection.close()


def _connect_lockless(path: Path, wait: float) -> Opened:
    """Read a database with a write-ahead log that nobody has open, where SQLite cannot make its index of that log.

    Without locks and held exclusively, the index is kept in memory (https://www.sqlite.org/wal.html, "Use of WAL
    Without Shared-Memory"). Whoever writes after all changes the files, which the caller watches.
    """
    try:
        with _opening:
            connection = _connect(path, f"mode=ro&vfs={_LOCKLESS}", wait)
    except sqlite3.OperationalError as error:
        if "no such vfs" not in str(error):
            raise
        message = (
            f"{path}: expected to be allowed to write beside it, as the SQLite of this system needs to read what a"
            " stopped writer left; read a copy that may be written"
        )
        raise StoreError(message, path=path) from error
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return Opened(connection, frozen=True, lockless=True)


def _connect(path: Path, how: str, wait: float) -> sqlite3.Connection:
    uri = f"file:{quote(os.fspath(path.absolute()))}?{how}"
    connection = sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA trusted_schema = 0")
    return connection


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _is_new(layout: Layout) -> bool:
    """Return false: there is no trail where nothing is.

    :raises StoreDamaged: there was one, and a part of it is left.
    """
    if _has_content(layout.log_ahead):
        path = layout.database
        message = f"{path}: expected a trail, found only {layout.log_ahead.name} of it; restore it from a copy"
        raise StoreDamaged(message, path=path)
    return False


def _judge(path: Path, identity: Identity) -> bool:
    if identity.application != APPLICATION_ID:
        if identity.empty and not identity.application and not identity.version:
            return False
        message = f"{path}: expected the database of a trail, found another database; give another path"
        raise StoreForeign(message, path=path)
    if identity.version != FORMAT:
        message = (
            f"{path}: expected format {FORMAT}, found {identity.version};"
            " use a version of signalpy-audit-trail that knows it"
        )
        raise StoreFormat(message, path=path, found=identity.version, known=FORMAT)
    return True


def _identity(layout: Layout) -> Identity:
    if layout.log_ahead.exists():  # it may be in use, and what its header says may be in the write-ahead log
        opened = connect_reading(layout, wait=1.0)
        try:
            values = [
                opened.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
            ]
            (tables,) = opened.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return Identity(values[0], values[1], not tables)
        finally:
            let_go(layout, opened)
    with _opening:
        header = _header(layout.database)
    if not header.startswith(_MAGIC) or len(header) < _HEADER:
        path = layout.database
        message = f"{path}: expected the database of a trail, found another file; give another path"
        raise StoreForeign(message, path=path)
    version, application, cookie = (int.from_bytes(header[at : at + 4], "big") for at in (60, 68, 40))
    return Identity(application, version, not cookie)


def _header(path: Path) -> bytes:
    """Return the first bytes of a file.

    To close any descriptor of a file drops all POSIX locks that this process has on it. On a trail there are none here,
    since nobody has it open; but a foreign database may be in use by the application: its descriptor stays open.
    """
    status = path.stat()
    place = (status.st_dev, status.st_ino)
    descriptor = _foreign.get(place)
    if descriptor is None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    header = os.pread(descriptor, _HEADER, 0)
    if place not in _foreign and int.from_bytes(header[68:72], "big") == APPLICATION_ID:
        os.close(descriptor)
    else:
        _foreign[place] = descriptor
    return header
