"""Turns among the writers of one host.

A turn is an advisory lock (``flock``) on a file. Those who wait for it stand in a queue of further locked files, one
each: they enter at its far end and move up as the place before them is given free, so a writer that has just had its
turn comes behind all who wait already. A lock ends with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from signalpy_audit_trail.private import open_private
from signalpy_audit_trail.store import StoreBusy

PLACES: Final = 4
"""In the queue. Where more wait, those beyond have equal chances for the last place."""

_SHORTEST = 0.00005
_LONGEST = 0.005
_OUTSIDE = 0.0005


def lock_names(name: str) -> list[str]:
    """Return the names of the file that is locked by the writer whose turn it is, and of the places in its queue."""
    return [name, *(f"{name}.{place}" for place in range(1, PLACES + 1))]


class TurnLock:
    """The lock that a writer holds for one batch.

    :param path: of its file; this and those of the queue are made if they are not there.
    :param wait: seconds after which the wait for another writer is given up.
    """

    def __init__(self, path: Path, *, wait: float) -> None:
        self._path = path
        self._wait = wait
        self._descriptors: list[int] = []
        try:
            for name in lock_names(path.name):
                self._descriptors.append(open_private(path.with_name(name), os.O_RDWR | os.O_CREAT))
        except BaseException:
            self.close()
            raise
        self.held = False

    @property
    def descriptor(self) -> int:
        """Of the file that is locked by the writer whose turn it is."""
        return self._descriptors[0]

    def acquire(self) -> None:
        """Wait for the turn.

        :raises StoreBusy: another process, stopped perhaps, does not let go of it.
        """
        deadline = time.monotonic() + self._wait
        behind: int | None = None
        try:
            for descriptor in reversed(self._descriptors):
                self._take(descriptor, deadline, outside=behind is None)
                if behind is not None:
                    fcntl.flock(behind, fcntl.LOCK_UN)
                behind = descriptor
        except BaseException:
            if behind is not None:
                fcntl.flock(behind, fcntl.LOCK_UN)
            raise
        self.held = True

    def release(self) -> None:
        """Let the next writer have its turn."""
        self.held = False
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the lock and its files, which stay; harmless when done twice."""
        self.held = False
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _take(self, descriptor: int, deadline: float, *, outside: bool) -> None:
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
            time.sleep(_OUTSIDE if outside else min(max(_SHORTEST, (now - began) / 8), _LONGEST))


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
