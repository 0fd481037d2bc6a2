"""A thousand times added, replaced and removed, with operations under way: nothing of it stays behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import tracemalloc
import weakref
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from signalpy import (
    Event,
    Kernel,
    LifecycleError,
    component,
    hookimpl,
    lifecycle,
    provides,
    requires,
    runnable,
    subscribe,
)

CYCLES, TRACED, WARM = 1_000, 60, 20


@dataclass
class Paper:
    """What a call hands in."""

    number: int


class Filed(Event, type="paper.filed"):
    """What an event says."""

    number: int


def desk(version: str, *, exclusive: bool = False, fails: bool = False) -> type:
    """A new class of the component, which registers something of every kind."""

    @component("desk", version=version, exclusive=exclusive)
    @provides("IDesk")
    class Desk:
        rt: Any

        @lifecycle.activate
        def activate(self) -> None:
            self.rt.create_task(asyncio.Event().wait())
            if fails:
                raise ValueError("the lamp is broken")

        @runnable("take", params=Paper)
        async def take(self, paper: Paper) -> int:
            await asyncio.sleep(0)
            return paper.number

        @runnable("copy", thread=True)
        def copy(self) -> int:
            return 2

        @subscribe("paper.*")
        async def on_filed(self, event_type: str, data: Any) -> None:
            await asyncio.sleep(0)

        @subscribe(Filed, background=True)
        async def later(self, event_type: str, filed: Filed) -> None:
            await asyncio.sleep(0)

        @hookimpl(targets=["desk.*"])
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            return await proceed()

        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            return await proceed()

    return Desk


@component("clerk", version="1")
@requires(desk="IDesk")
class Clerk:
    """Waits whenever there is no desk."""

    rt: Any

    @subscribe("paper.filed")
    async def on_filed(self, event_type: str, data: Any) -> None:
        await self.rt.invoke("desk.take", {"number": data["number"]})


async def in_flight(kernel: Kernel, change: Awaitable[None]) -> None:
    """Makes a change while calls, one of them in a thread, and an event are under way."""
    async with asyncio.TaskGroup() as group:
        call = group.create_task(kernel.bus.invoke("desk.take", {"number": 1}))
        copy = group.create_task(kernel.bus.invoke("desk.copy"))
        group.create_task(kernel.bus.publish(Filed(number=3)))
        await asyncio.sleep(0)
        await change
    assert (1, 2) == (call.result(), copy.result())


class Traces:
    """What the component's instances and classes could leave behind."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.instances: weakref.WeakSet[Any] = weakref.WeakSet()
        self.classes: weakref.WeakSet[type] = weakref.WeakSet()
        self.seen = 0

    def follow(self) -> None:
        """Takes note of the instance in force."""
        self.instances.add(self._kernel.get("desk"))
        self.classes.add(type(self._kernel.get("desk")))
        self.seen += 1

    def registered(self) -> dict[str, Any]:
        """What is registered, and what the process has open."""
        kernel = self._kernel
        return {
            "bus": repr(kernel._dispatcher),
            "hooks": repr(kernel.hooks),
            "components": [(item.name, item.state) for item in kernel.plugins()],
            "ledgers": [kernel.ledger(item.name) for item in kernel.plugins()],
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "files": len(list(Path("/dev/fd").iterdir())),
        }


def objects() -> Counter[str]:
    """How many objects there are of each type, and blocks of memory."""
    gc.collect()
    found = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    found["blocks"] = sys.getallocatedblocks()
    return found


async def cycles(kernel: Kernel, traces: Traces, number: int) -> None:
    """So often the component comes, is not replaced by one that fails, is replaced, and goes; in turns exclusive."""
    for cycle in range(number):
        exclusive = bool(cycle % 2)
        await kernel.add(desk("1", exclusive=exclusive))
        traces.follow()
        with pytest.raises(LifecycleError, match="as before"):
            await kernel.replace(desk("2", exclusive=exclusive, fails=True))
        await in_flight(kernel, kernel.replace(desk("3", exclusive=exclusive)))
        traces.follow()
        await in_flight(kernel, kernel.remove("desk"))


async def test_a_thousand_cycles_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances and classes are gone; registrations, tasks, threads and files are as many as before; memory is flat."""
    monkeypatch.setattr("signalpy.kernel.kernel.THREADS", 1)  # all that there can be are there from the first
    kernel = Kernel()
    kernel.discover([Clerk])
    traces = Traces(kernel)
    async with kernel:
        await cycles(kernel, traces, WARM)  # what is made once is made
        registered, before = traces.registered(), objects()
        await cycles(kernel, traces, CYCLES)
        grown = {name: number - before[name] for name, number in objects().items()}
        assert {} == {name: more for name, more in grown.items() if more > 0.9 * CYCLES}
        assert registered == traces.registered()
        assert 2 * (CYCLES + WARM) == traces.seen
        assert set() == set(traces.instances)
        assert 1 == len(traces.classes)  # the last one, which can be added again
        assert 2048 * TRACED > await memory_grown(kernel, traces)


async def memory_grown(kernel: Kernel, traces: Traces) -> int:
    """How many bytes more are allocated after some more cycles; the table of all classes may double meanwhile."""
    tracemalloc.start()
    try:
        await cycles(kernel, traces, WARM)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        await cycles(kernel, traces, TRACED)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
