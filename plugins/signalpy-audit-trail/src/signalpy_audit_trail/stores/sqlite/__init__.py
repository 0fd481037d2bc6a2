"""The store ``sqlite:``: one database, in which the log, its tree and what is searched are written together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from signalpy_audit_trail.private import may_write
from signalpy_audit_trail.store import Driver
from signalpy_audit_trail.stores.place import locate
from signalpy_audit_trail.stores.sqlite.reader import SqliteReader
from signalpy_audit_trail.stores.sqlite.store import SqliteStore

__all__ = ["SqliteReader", "SqliteStore", "driver"]


class SqliteDriver:
    """`signalpy_audit_trail.store.Driver` for ``sqlite:///absolute/file.db`` and ``sqlite:relative.db``."""

    def open(self, location: str, *, guest: bool = False, **options: Any) -> SqliteStore:
        """Open the trail in a database for writing; ``options`` are the keywords of `SqliteStore`."""
        return SqliteStore(self.path(location), guest=guest, **options)

    def read(self, location: str, *, index: str | None = None) -> SqliteReader:
        """Open the trail in a database for reading."""
        return SqliteReader(self.path(location), index=None if index is None else Path(index))

    def path(self, location: str) -> Path:
        """Return the trail's file."""
        return locate("sqlite", location)

    def writable(self, location: str) -> bool:
        """Tell whether this process may append to the trail in a database."""
        path = self.path(location)
        return path.exists() and may_write(path) and may_write(path.parent)


driver: Driver = SqliteDriver()
