"""Delivery: a queue and a worker for each channel, so that a slow one delays neither the others nor whoever sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context as Variables
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from signalpy_notifications.channel import Channel
from signalpy_notifications.errors import DeliveryFailed
from signalpy_notifications.threads import in_thread
from signalpy_notifications.wording import Notice

Report: TypeAlias = Callable[[Notice, DeliveryFailed], Coroutine[Any, Any, None]]
Outcome: TypeAlias = asyncio.Future[DeliveryFailed | None]


@dataclass(eq=False, slots=True)
class Item:
    """A notice that waits, with the context of the operation that sent it."""

    notice: Notice
    outcome: Outcome
    variables: Variables = field(default_factory=copy_context)


class Line:
    """The way to one channel.

    :param timeout: seconds that the channel gets for one notice.
    :param size: notices that may wait.
    :param report: told of every notice that was accepted here and not delivered, in the context of whoever sent it.
    """

    def __init__(self, channel: Channel, *, timeout: float, size: int, report: Report) -> None:
        self._channel = channel
        self._timeout = timeout
        self._size = size
        self._report = report
        self._queue: asyncio.Queue[Item] = asyncio.Queue(size)
        self._current: Item | None = None
        self._sending: asyncio.Future[Exception | None] | None = None
        self._closing: Variables | None = None

    def __repr__(self) -> str:
        return f"<Line({self._channel.label}, waiting={self._queue.qsize()})>"

    def offer(self, notice: Notice) -> Outcome:
        """Queues a notice and returns at once; the future tells how it ended.

        :raises DeliveryFailed: if there is no room, or the line is closing.
        """
        if self._closing is not None:
            raise self._failed("notifications is stopping")
        item = Item(notice, asyncio.get_running_loop().create_future())
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            raise self._failed(f"{self._size} notifications wait already") from None
        return item.outcome

    async def run(self) -> None:
        """Delivers one notice after the other, until cancelled."""
        while True:
            self._current = item = await self._queue.get()
            await self._settle(item, await self._delivered(item.notice))
            self._current = None
            self._queue.task_done()

    async def close(self, worker: asyncio.Task[None], seconds: float) -> None:
        """Lets what waits be delivered, for at most ``seconds``, then ends the worker and reports the rest.

        From here on failures are reported in the caller's context, since the operations that sent are over.
        """
        self._closing = copy_context()
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            pass
        finally:
            worker.cancel()
            await asyncio.wait([worker])
        left = [self._current] if self._current is not None else []
        while not self._queue.empty():
            left.append(self._queue.get_nowait())
        for item in left:
            await self._settle(item, self._failed("notifications stopped before it was delivered"))

    async def _delivered(self, notice: Notice) -> DeliveryFailed | None:
        try:
            async with asyncio.timeout(self._timeout):
                # A thread cannot be stopped. While one hangs, there is no other for this channel.
                if self._sending is not None and not self._sending.done():
                    await asyncio.wait([self._sending])
                self._sending = in_thread(self._channel.label, self._channel.send, notice)
                error = await asyncio.shield(self._sending)
        except TimeoutError:
            return self._failed(f"no answer within {self._timeout:g} s")
        if error is None or isinstance(error, DeliveryFailed):
            return error
        return self._failed(f"failed with {type(error).__name__}")

    async def _settle(self, item: Item, failure: DeliveryFailed | None) -> None:
        if not item.outcome.done():
            item.outcome.set_result(failure)
        if failure is not None:
            await asyncio.create_task(self._report(item.notice, failure), context=self._closing or item.variables)

    def _failed(self, reason: str) -> DeliveryFailed:
        return DeliveryFailed(f"{self._channel.label}: {reason}", channel=self._channel.label)
