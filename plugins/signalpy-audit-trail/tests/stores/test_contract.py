"""The contract of a store, held by each driver of this distribution."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from signalpy_audit_trail.testing import StoreContract
from signalpy_audit_trail.testing.suite import Place


class TestMemory(StoreContract):
    durable = False
    processes = False
    files = False
    indexed = False
    full_disk = None

    def location(self, tmp_path: Path) -> str:
        return f"memory:{tmp_path}"


class TestFile(StoreContract):
    options = {"segment_bytes": 100_000}

    def location(self, tmp_path: Path) -> str:
        return f"file://{tmp_path}/trail"

    def make_future(self, place: Place) -> bool:
        path = place.path / "trail.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
        return True


class TestSqlite(StoreContract):
    def location(self, tmp_path: Path) -> str:
        return f"sqlite://{tmp_path}/trail.db"

    def make_future(self, place: Place) -> bool:
        with closing(sqlite3.connect(place.path)) as connection:
            connection.execute("PRAGMA user_version = 2")
        return True
