"""Many tasks that do one thing after the other, and what they saw. Standard library only."""

from __future__ import annotations

import asyncio
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

    :param seconds: from the first to the last.
    :param waits: seconds that each took.
    :param gaps: those of the loop, if they were watched.
    """

    seconds: float
    waits: list[float]
    gaps: Gaps | None = None

    @property
    def rate(self) -> float:
        """How many a second."""
        return len(self.waits) / self.seconds

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


async def together(do: Do, *, tasks: int, count: int) -> Seen:
    """Let ``tasks`` tasks do ``count`` things in all; ``do`` is given the number of the thing, from 0."""
    waits: list[float] = []

    async def one(task: int) -> None:
        for number in range(task, count, tasks):
            began = perf_counter()
            await do(number)
            waits.append(perf_counter() - began)

    began = perf_counter()
    await asyncio.gather(*(one(task) for task in range(tasks)))
    return Seen(perf_counter() - began, waits)


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
    """The same on a busy loop, its gaps watched."""
    async with busy_loop() as gaps:
        seen = await together(do, tasks=tasks, count=count)
    return replace(seen, gaps=gaps)


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
