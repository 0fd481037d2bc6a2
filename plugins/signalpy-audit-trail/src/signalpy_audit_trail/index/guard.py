"""A lock beside a file: many may use the file, and one at a time may put another in its place."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signalpy_audit_trail.private import open_private


class Guard:
    """The lock ``<path>.lock`` (``flock``), for processes and threads alike; each `Guard` is a user of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._descriptor: int | None = None
        self._process = os.getpid()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Use the file; nobody replaces it meanwhile."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Replace the file; nobody uses it meanwhile."""
        with self._locked(fcntl.LOCK_EX):
            yield

    def close(self) -> None:
        """Close the lock's file; harmless when done twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        if self._process != os.getpid():  # a child shares the parent's lock until it opens the file itself
            self.close()
            self._process = os.getpid()
        if self._descriptor is None:
            self._descriptor = open_private(self._path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._descriptor, how)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
