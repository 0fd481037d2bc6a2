"""The kernel's own events, published one after the other in the order in which they arose."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Any

from signalpy.bus import Bus
from signalpy.operation import acting_as

log = logging.getLogger("signalpy.kernel")


class Announcer:
    """A queue of ``kernel.*`` events, filled from anywhere, also before the kernel runs, and emptied by a task."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: deque[tuple[str, Mapping[str, Any], str | None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def put(self, event_type: str, data: Mapping[str, Any], actor: str | None = None) -> None:
        """Queues an event; safe from any thread."""
        self._waiting.append((event_type, data, actor))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def start(self) -> None:
        """Starts publishing on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name="signalpy announcer")
        self._wake()

    async def flush(self) -> None:
        """Returns when everything queued so far has been published."""
        if self._task is not None:
            self._wake()
            await self._idle.wait()

    async def stop(self) -> None:
        """Ends the task; what is queued afterwards is not published."""
        task, self._task, self._loop = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _wake(self) -> None:
        if self._waiting:
            self._idle.clear()
            self._more.set()

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                event_type, data, actor = self._waiting.popleft()
                try:
                    with acting_as(actor):
                        await self._bus.publish(event_type, data)
                except Exception:
                    log.exception("event %s could not be published", event_type)
            self._idle.set()
