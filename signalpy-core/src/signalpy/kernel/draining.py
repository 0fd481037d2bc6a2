"""Waiting until what is under way has ended, and cancelling what has not by the deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakSet

from signalpy.bus import Dispatcher
from signalpy.bus.dispatcher import ancestors
from signalpy.kernel.unit import Roster, Unit
from signalpy.span import Span

log = logging.getLogger("signalpy.kernel")

GRACE: Final = 2.0
"""Seconds that a cancelled operation gets to end."""


class Drain:
    """Drains units, or the whole bus. Operations that themselves asked for a change are not waited for."""

    def __init__(self, dispatcher: Dispatcher, roster: Roster) -> None:
        self._dispatcher = dispatcher
        self._roster = roster
        self._asking: dict[object, frozenset[Span]] = {}
        self._given_up: WeakSet[asyncio.Task[Any]] = WeakSet()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Marks the operations that the caller is inside of as asking for a change."""
        key = object()
        self._asking[key] = ancestors()
        self._dispatcher.nudge()
        try:
            yield
        finally:
            del self._asking[key]

    def spared(self) -> frozenset[Span]:
        """The operations that are not waited for."""
        return frozenset().union(*self._asking.values())

    async def unit(self, unit: Unit, deadline: float) -> None:
        """Returns when nothing passes through ``unit`` any more.

        Cancels what still does at ``deadline`` (loop time).
        """
        if not await self._until(deadline, lambda: self._unit_idle(unit)):
            await self._cancel(unit)

    async def everything(self, deadline: float) -> None:
        """The same for all operations, queues and threads."""
        if not await self._until(deadline, self._all_idle):
            await self._cancel(None)

    async def _until(self, deadline: float, idle: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout_at(deadline):
                await idle()
        except TimeoutError:
            return False
        return True

    async def _unit_idle(self, unit: Unit) -> None:
        await self._dispatcher.drained(unit, self.spared)
        for queue in unit.ledger.queues():
            await queue.drain(self.spared())
        threads = [future for future, span in unit.ledger.threads.items() if span not in self.spared()]
        if threads:
            await asyncio.wait(threads)

    async def _all_idle(self) -> None:
        while True:
            await self._dispatcher.drained(None, self.spared)
            for unit in self._roster:
                await self._unit_idle(unit)
            spared = self.spared()
            queues = [queue for unit in self._roster for queue in unit.ledger.queues()]
            if not self._dispatcher.under_way(apart_from=spared) and not any(queue.busy(spared) for queue in queues):
                return

    async def _cancel(self, unit: Unit | None) -> None:
        """Cancels the operations under way; their recorders still see it. A task gets its time to end once."""
        left = self._dispatcher.under_way(unit, apart_from=self.spared())
        tasks = {task for task in left.values() if task is not None} - {asyncio.current_task(), *self._given_up}
        if tasks:
            whose = f"of component {unit.name!r} " if unit is not None else ""
            log.warning("%d task(s) in operations %sdid not end before the deadline; cancelled", len(tasks), whose)
            for task in tasks:
                task.cancel("the kernel's deadline has passed")
            _, stuck = await asyncio.wait(tasks, timeout=GRACE)
            self._given_up.update(stuck)
            for task in stuck:
                log.warning("task %r does not end when cancelled; it is left running", task.get_name())
        units = [unit] if unit is not None else list(self._roster)
        for queue in [queue for unit in units for queue in unit.ledger.queues()]:
            await queue.close()
        threads = [future for unit in units for future in unit.ledger.threads]
        if threads:
            log.warning("%d thread(s) still run a handler and cannot be stopped", len(threads))
