"""Turns among the writers of one host, and the markers that tell which of them still live.

A turn is an advisory lock (``flock``) on the file ``lock``. Whoever waits for it holds ``lock.next`` meanwhile, so that
a writer that has just let go cannot come back before the one that waits: turns go round. A lock ends with its process,
however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from signalpy_audit_trail.private import make_folder, open_private
from signalpy_audit_trail.store import StoreBusy
from signalpy_audit_trail.stores.file.layout import Layout

_SHORTEST = 0.00005
_LONGEST = 0.005


class TurnLock:
    """The lock that a writer holds for one batch.

    :param wait: seconds after which the wait for another writer is given up.
    """

    def __init__(self, layout: Layout, *, wait: float) -> None:
        self._path = layout.lock
        self._wait = wait
        self.descriptor = open_private(layout.lock, os.O_RDWR | os.O_CREAT)
        try:
            self._next = open_private(layout.next_lock, os.O_RDWR | os.O_CREAT)
        except BaseException:
            os.close(self.descriptor)
            raise
        self.held = False

    def acquire(self) -> None:
        """Wait for the turn.

        :raises StoreBusy: another process, stopped perhaps, does not let go of it.
        """
        deadline = time.monotonic() + self._wait
        self._take(self._next, deadline)
        try:
            self._take(self.descriptor, deadline)
            self.held = True
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def release(self) -> None:
        """Let the next writer have its turn."""
        self.held = False
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the lock and its files; the files stay."""
        self.held = False
        os.close(self.descriptor)
        os.close(self._next)

    def _take(self, descriptor: int, deadline: float) -> None:
        began = time.monotonic()
        while not try_lock(descriptor):
            now = time.monotonic()
            if now >= deadline:
                message = (
                    f"{self._path}: expected the turn to write within {self._wait:g} s, but another process holds it; "
                    "end or resume that process"
                )
                raise StoreBusy(message, path=self._path, waited=self._wait)
            # An eighth of the time waited so far: little is lost when the turn is short, or burned when it is long.
            time.sleep(min(max(_SHORTEST, (now - began) / 8), _LONGEST))


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
    """The marker of one writer, and what others left. Made and searched while the turn is held."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.writers
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
