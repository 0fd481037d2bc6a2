"""The changes that callers ask a running kernel for: each in its turn, and each to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from signalpy.errors import LifecycleError
from signalpy.kernel.conductor import Conductor
from signalpy.kernel.stages import refuse_inside

if TYPE_CHECKING:
    from signalpy.kernel.kernel import Kernel


class Changes:
    """Makes them, as long as the kernel runs.

    :param kernel: whose state says whether it does.
    """

    def __init__(self, kernel: Kernel, conductor: Conductor) -> None:
        self._kernel = kernel
        self._conductor = conductor
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Changes(under_way={len(self._tasks)})>"

    async def make(self, action: str, change: Callable[[], Awaitable[None]]) -> None:
        """Makes one when its turn has come.

        :param action: what the caller asked for, as errors name it.
        :raises LifecycleError: if the kernel does not run, or it is asked from a lifecycle method of this kernel.
        """
        refuse_inside(self._kernel, action)
        await self.to_the_end(self._in_turn(action, change))

    async def to_the_end(self, change: Coroutine[Any, Any, None]) -> None:
        """Awaits a change that goes on to its end also if the caller is cancelled, so that none is left half done."""
        task = asyncio.create_task(change)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def _in_turn(self, action: str, change: Callable[[], Awaitable[None]]) -> None:
        if self._kernel.state != "running":
            raise LifecycleError(
                f"{action}: the kernel is {self._kernel.state}, not running. Boot it first: await kernel.boot()."
            )
        async with self._conductor.turn():
            if self._kernel.state != "running":
                raise LifecycleError(f"{action}: the kernel is {self._kernel.state}.")
            await change()
