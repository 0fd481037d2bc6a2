"""The store ``file:``: append-only JSON-lines segments in a folder, with a derived index beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalpy_audit_trail.private import may_write
from signalpy_audit_trail.store import Driver
from signalpy_audit_trail.stores.file.layout import locate
from signalpy_audit_trail.stores.file.reading import FileReader

if TYPE_CHECKING:
    from signalpy_audit_trail.stores.file.writing import FileStore

__all__ = ["FileReader", "FileStore", "driver"]


class FileDriver:
    """`signalpy_audit_trail.store.Driver` for ``file:///absolute`` and ``file:relative``."""

    def open(self, location: str, *, guest: bool = False, **options: Any) -> FileStore:
        """Open the trail in a folder for writing; ``options`` are the keywords of `FileStore`."""
        from signalpy_audit_trail.stores.file.writing import FileStore

        return FileStore(locate(location), guest=guest, **options)

    def read(self, location: str, *, index: str | None = None) -> FileReader:
        """Open the trail in a folder for reading."""
        return FileReader(locate(location), index=None if index is None else Path(index))

    def path(self, location: str) -> Path:
        """Return the trail's folder."""
        return locate(location)

    def writable(self, location: str) -> bool:
        """Tell whether this process may append to the trail in a folder."""
        return may_write(locate(location))


driver: Driver = FileDriver()


def __getattr__(name: str) -> Any:
    if name != "FileStore":  # who reads does not pay for what writes
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from signalpy_audit_trail.stores.file.writing import FileStore

    return FileStore
