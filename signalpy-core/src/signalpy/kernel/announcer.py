"""The kernel's own events, published one after the other in the order in which they arose."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from signalpy.bus import Bus
from signalpy.bus.dispatcher import ancestors
from signalpy.operation import CURRENT, Context, breaks_off, surroundings, under
from signalpy.span import Span

log = logging.getLogger("signalpy.kernel")

GRACE: Final = 2.0
"""Seconds that a cancelled publication gets to end."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that waits for its turn, with the context in which it arose and the keywords of ``publish``."""

    event_type: str
    data: Mapping[str, Any]
    outer: Context
    keywords: Mapping[str, Any]


class Announcer:
    """A queue of ``kernel.*`` events, filled from anywhere, also before the kernel runs, and emptied by a task."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: deque[Notice] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: dict[asyncio.Task[None], Span] = {}
        self._turn: Span | None = None

    def put(self, event_type: str, data: Mapping[str, Any], **keywords: Any) -> None:
        """Queues an event; safe from any thread."""
        self._waiting.append(Notice(event_type, data, surroundings(), keywords))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def start(self) -> None:
        """Starts publishing on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._begin()
        self._wake()

    async def flush(self) -> None:
        """Returns when everything queued so far has been published.

        Whoever asks for it while he handles one of these events is not waited for; a stand-in publishes the rest.
        """
        if self._turn is None:
            return
        if self._turn in ancestors():
            self._begin()
        self._wake()
        await self._idle.wait()

    async def stop(self) -> None:
        """Ends the task; what is queued afterwards is not published."""
        inside = ancestors()
        ending = [task for task, turn in self._tasks.items() if turn not in inside]
        self._turn = self._loop = None
        for task in ending:
            task.cancel("the kernel's deadline has passed")
        if ending:
            await asyncio.wait(ending, timeout=GRACE)

    def _begin(self) -> None:
        turn = self._turn = Span()
        task = asyncio.create_task(self._run(turn), name="signalpy announcer")
        self._tasks[task] = turn
        task.add_done_callback(self._tasks.pop)

    def _wake(self) -> None:
        if self._waiting:
            self._idle.clear()
            self._more.set()

    async def _run(self, turn: Span) -> None:
        while self._turn is turn:
            await self._more.wait()
            self._more.clear()
            while self._waiting and self._turn is turn:
                await self._publish(self._waiting.popleft(), turn)
            if self._turn is turn:
                self._idle.set()

    async def _publish(self, notice: Notice, turn: Span) -> None:
        token = CURRENT.set(under(turn, notice.outer))
        try:
            await self._bus.publish(notice.event_type, notice.data, **notice.keywords)
        except BaseException as error:
            if breaks_off(error):
                raise
            log.exception("event %s could not be published", notice.event_type)
        finally:
            CURRENT.reset(token)
