"""The watchdog: names a step that takes too long, and lets it go on."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

log = logging.getLogger("signalpy.watchdog")

LIMIT: Final = 10.0
"""Seconds after which a step is named."""


class Watchdog:
    """Watches steps from a thread of its own, since a step may hold the event loop or the import lock.

    :param limit: seconds after which a step is named; once.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self.limit = limit
        self._steps: dict[int, tuple[float, str]] = {}
        self._ids = itertools.count()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def __repr__(self) -> str:
        return f"<Watchdog(limit={self.limit:g} s, steps={len(self._steps)})>"

    @contextmanager
    def watch(self, step: str) -> Iterator[None]:
        """Watches what is done inside the ``with`` block."""
        key = next(self._ids)
        with self._change:
            self._steps[key] = (time.monotonic() + self.limit, step)
            self._ensure_thread()
            self._change.notify()
        try:
            yield
        finally:
            with self._change:
                self._steps.pop(key, None)

    def stop(self) -> None:
        """Ends the thread."""
        with self._change:
            self._stopping = True
            self._change.notify()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(timeout=1)

    def _ensure_thread(self) -> None:
        if self._thread is None:
            self._stopping = False
            self._thread = threading.Thread(target=self._run, name="signalpy watchdog", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        with self._change:
            while not self._stopping:
                now = time.monotonic()
                for key in [key for key, (due, _) in self._steps.items() if due <= now]:
                    log.warning("%s takes more than %g s; it is not interrupted", self._steps.pop(key)[1], self.limit)
                next_due = min((due for due, _ in self._steps.values()), default=None)
                self._change.wait(None if next_due is None else max(next_due - time.monotonic(), 0.001))
