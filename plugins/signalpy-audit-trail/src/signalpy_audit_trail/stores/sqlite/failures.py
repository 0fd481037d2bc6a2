"""SQLite's errors as those of a store."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from signalpy_audit_trail.store import StoreBusy, StoreDamaged, StoreError, WriteFailed

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_MEDIUM: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.ENOENT,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
}


def primary(error: sqlite3.Error) -> int:
    """Return the primary result code of an error, 0 if it has none."""
    code = getattr(error, "sqlite_errorcode", None)
    return 0 if code is None else code & 0xFF


def of_medium(error: sqlite3.Error) -> bool:
    """Tell whether an error says nothing of what is stored, but that it cannot be reached now."""
    return primary(error) in _BUSY | _MEDIUM.keys()


def errno_of(error: sqlite3.Error) -> int | None:
    """Return what the operating system would call an error of the medium."""
    return _MEDIUM.get(primary(error))


def translated(error: sqlite3.Error, path: Path, *, writing: bool, wait: float = 0.0) -> StoreError:
    """Return what a caller of a store is told.

    :param wait: seconds after which SQLite had given up.
    """
    code = primary(error)
    what = "written" if writing else "read"
    if code in _BUSY:
        message = f"{path}: expected it to be free within {wait:g} s, but another program holds it; end that program"
        return StoreBusy(message, path=path, waited=wait)
    if code in _MEDIUM:
        kind = WriteFailed if writing else StoreError
        return kind(f"{path}: the log cannot be {what}: {error}", path=path, code=_MEDIUM[code])
    return StoreDamaged(f"{path}: the log cannot be {what}: {error}; restore it from a copy", path=path)
