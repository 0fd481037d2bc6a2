"""Markers that tell which writers of one host have a trail open, and which have stopped without closing it."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from signalpy_audit_trail.private import make_folder, open_private
from signalpy_audit_trail.stores.turns import try_lock


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer's marker file tells of it."""

    process: int
    started: str
    host: str = ""


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """The marker of a writer that ended without closing; locked by us, so that only one process reports it."""

    process: int
    started: str
    path: Path
    descriptor: int


class Markers:
    """The marker of one writer, and what others left. Made and searched while the turn is held.

    :param folder: holds a locked file for each writer; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_folder(self._folder, like_parent=True)
        self._leftovers = self._claim()
        self._path = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}.json"
        self._descriptor = open_private(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try_lock(self._descriptor)
        started = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        marker = Marker(process=os.getpid(), started=started, host=socket.gethostname())
        os.write(self._descriptor, msgspec.json.encode(marker) + b"\n")

    @property
    def leftovers(self) -> list[Leftover]:
        """Writers that stopped without closing, the longest gone first."""
        return list(self._leftovers)

    def settle(self) -> None:
        """Remove what others left."""
        for left in self._leftovers:
            left.path.unlink(missing_ok=True)
            os.close(left.descriptor)
        self._leftovers = []

    def close(self) -> None:
        """Remove our own marker: this writer stops cleanly. What was not settled is found again by the next one."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.abandon()

    def abandon(self) -> None:
        """Close the files and remove nothing."""
        for descriptor in (self._descriptor, *(left.descriptor for left in self._leftovers)):
            os.close(descriptor)
        self._leftovers = []

    def _claim(self) -> list[Leftover]:
        found = []
        for path in sorted(self._folder.glob("*.json")):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            if not try_lock(descriptor):
                os.close(descriptor)
                continue
            try:
                marker = msgspec.json.decode(path.read_bytes(), type=Marker)
            except (msgspec.DecodeError, OSError):
                marker = Marker(process=0, started=_modified(path))
            found.append(Leftover(process=marker.process, started=marker.started, path=path, descriptor=descriptor))
        return sorted(found, key=lambda left: left.started)


def _modified(path: Path) -> str:
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
