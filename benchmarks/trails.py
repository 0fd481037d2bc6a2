"""Kernels with an audit trail, as the families and programs start them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.facts import facts
from signalpy import Kernel
from signalpy_audit_trail import AuditTrail

_MADE_BEFORE: Final = 50_000


@asynccontextmanager
async def trailed(folder: Path, *components: type, mode: str = "standard") -> AsyncIterator[Kernel]:
    """A booted kernel with a trail in a ``file:`` store, every call audited, and no installed component."""
    config = {"audit-trail": {"store": folder.as_uri(), "mode": mode}, "policy": {"*": {"audit": True}}}
    kernel = Kernel(config=config)
    kernel.discover([AuditTrail, *components])
    async with kernel:
        yield kernel


def publisher(kernel: Kernel, total: int) -> Callable[[int], Awaitable[Any]]:
    """Publishes the event of a number below ``total``; few enough are made before, so that only publishing is timed."""
    fact = facts(total)
    if total <= _MADE_BEFORE:
        fact = list(map(fact, range(total))).__getitem__
    bus = kernel.bus

    def publish(number: int) -> Awaitable[Any]:
        event_type, data, keywords = fact(number)
        return bus.publish(event_type, data, **keywords)

    return publish


def lines_of(folder: Path) -> list[bytes]:
    """The stored records of a small trail, without their newlines."""
    return [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


async def indexed(kernel: Kernel) -> None:
    """Return when the index knows all that is in the trail: a query brings it up first."""
    await kernel.bus.invoke("audit-trail.query", {"limit": 1})


async def each(do: Callable[[int], Awaitable[Any]], *, tasks: int, count: int) -> None:
    """Let tasks do ``count`` things in all, remembering nothing of them."""

    async def one(task: int) -> None:
        for number in range(task, count, tasks):
            await do(number)

    await asyncio.gather(*(one(task) for task in range(tasks)))
