"""Many tasks that do one thing after the other, and what they saw. Standard library only."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeAlias

from benchmarks.figures import percentile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Do: TypeAlias = Callable[[int], Awaitable[object]]
"""Does the thing of a number."""

SLICE = 0.001
"""Seconds of Python work that the busy task does between two turns of the loop."""
MOST = 3.0
"""Seconds for which things are begun on a busy loop."""


@dataclass(slots=True)
class Gaps:
    """How long the loop kept a task waiting that asked for it again at once, in seconds."""

    seen: list[float] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """The gap that 99 of 100 did not exceed, in milliseconds."""
        return percentile(self.seen, 0.99) * 1e3


@dataclass(slots=True)
class Seen:
    """What the tasks saw.

    :param seconds: from the first to the last, or to when time was up.
    :param count: how many ended within them.
    :param waits: seconds that each took, those that ended later too.
    :param gaps: those of the loop, if they were watched.
    """

    seconds: float
    count: int
    waits: list[float]
    gaps: Gaps | None = None

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds

    @property
    def p99(self) -> float:
        """The wait that 99 of 100 did not exceed, in milliseconds."""
        return percentile(self.waits, 0.99) * 1e3

    def named(self, subject: str) -> dict[str, float]:
        """Rate and p99 as samples of a subject, and the p99 of the gaps."""
        gap = {} if self.gaps is None else {f"gap: {subject}": self.gaps.p99}
        return {f"rate: {subject}": self.rate, f"p99: {subject}": self.p99, **gap}


class Run(Protocol):
    """`together`, or `together_busy`."""

    async def __call__(self, do: Do, *, tasks: int, count: int) -> Seen:
        """Run."""


async def together(do: Do, *, tasks: int, count: int, seconds: float = math.inf) -> Seen:
    """Let ``tasks`` tasks do ``count`` things in all; ``do`` is given the number of the thing, from 0.

    :param seconds: nothing is begun any more after so long.
    """
    waits: list[float] = []
    count_in_time = 0

    async def one(task: int) -> None:
        nonlocal count_in_time
        for number in range(task, count, tasks):
            began = perf_counter()
            if began > until:
                return
            await do(number)
            ended = perf_counter()
            waits.append(ended - began)
            count_in_time += ended <= until

    began = perf_counter()
    until = began + seconds
    await asyncio.gather(*(one(task) for task in range(tasks)))
    return Seen(min(perf_counter() - began, seconds), count_in_time, waits)


@asynccontextmanager
async def busy_loop() -> AsyncIterator[Gaps]:
    """Keep the event loop busy with pure Python work, and watch its gaps."""
    gaps = Gaps()
    tasks = [asyncio.create_task(_work()), asyncio.create_task(_watch(gaps))]
    try:
        yield gaps
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def together_busy(do: Do, *, tasks: int, count: int) -> Seen:
    """The same on a busy loop, its gaps watched. After `MOST` seconds the load ends: a log that starves would never."""
    running = asyncio.create_task(together(do, tasks=tasks, count=count, seconds=MOST))
    async with busy_loop() as gaps:
        await asyncio.wait([running], timeout=MOST)
    return replace(await running, gaps=gaps)


async def _work() -> None:
    while True:
        until = perf_counter() + SLICE
        while perf_counter() < until:
            pass
        await asyncio.sleep(0)


async def _watch(gaps: Gaps) -> None:
    last = perf_counter()
    while True:
        await asyncio.sleep(0)
        now = perf_counter()
        gaps.seen.append(now - last)
        last = now
