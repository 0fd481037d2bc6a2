"""Turns among the writers of one host.

A turn is an advisory lock (``flock``) on a file. Whoever waits for it holds a second one meanwhile, so that a writer
that has just let go cannot come back before the one that waits: turns go round. A lock ends with its process, however
that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from signalpy_audit_trail.private import open_private
from signalpy_audit_trail.store import StoreBusy

_SHORTEST = 0.00005
_LONGEST = 0.005


class TurnLock:
    """The lock that a writer holds for one batch.

    :param path: of the file that is locked by the writer whose turn it is; made if it is not there.
    :param following: of the file that is locked by the writer that is next.
    :param wait: seconds after which the wait for another writer is given up.
    """

    def __init__(self, path: Path, following: Path, *, wait: float) -> None:
        self._path = path
        self._wait = wait
        self.descriptor = open_private(path, os.O_RDWR | os.O_CREAT)
        try:
            self._next = open_private(following, os.O_RDWR | os.O_CREAT)
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
