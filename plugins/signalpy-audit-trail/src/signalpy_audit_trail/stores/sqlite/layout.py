"""What lies where: the database, SQLite's helpers while it is open, and a folder for those who write it.

::

    trail.db             the trail (see the module ``schema``)
    trail.db-wal, -shm   SQLite's own, while the trail is open or after a crash
    trail.db.writers/    who may append and who is next, and a locked marker for each writer that has the trail open
"""

from __future__ import annotations

from pathlib import Path

import msgspec


class Layout(msgspec.Struct, frozen=True):
    """The places around a trail's database."""

    database: Path

    @property
    def log_ahead(self) -> Path:
        """SQLite's write-ahead log."""
        return self._beside("-wal")

    @property
    def shared(self) -> Path:
        """SQLite's index of its write-ahead log."""
        return self._beside("-shm")

    @property
    def writers(self) -> Path:
        """The folder of locks and markers."""
        return self._beside(".writers")

    @property
    def lock(self) -> Path:
        """Held by the writer whose turn it is."""
        return self.writers / "lock"

    def _beside(self, suffix: str) -> Path:
        return self.database.with_name(self.database.name + suffix)
