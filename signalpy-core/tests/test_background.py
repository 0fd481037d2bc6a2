"""Background subscribers: a bounded queue, back pressure, dead letters, drain."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine, Generator
from typing import Any

import pytest

from signalpy import Kernel, ShuttingDown, acting_as, component, hookimpl, runnable, subscribe
from signalpy.operation import current

REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")


class Letters:
    """Collects dead letters."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, BaseException]] = []

    @hookimpl
    def signalpy_dead_letter(self, event: Any, component: str, error: BaseException) -> None:
        self.all.append((event.data, error))


class Counted:
    """Awaits a coroutine, and counts how often that was taken up again."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self.resumed = -1

    def __await__(self) -> Generator[Any, None, Any]:
        inner = self._coroutine.__await__()
        while True:
            self.resumed += 1
            try:
                step = next(inner)
            except StopIteration as end:
                return end.value
            yield step


def kernel_of(*classes: type, **kernel: Any) -> tuple[Kernel, Letters]:
    made = Kernel({"kernel": kernel})
    made.discover(classes)
    letters = Letters()
    made.hooks.register(letters)
    return made, letters


def slow(**settings: Any) -> tuple[Kernel, Letters, asyncio.Event, list[Any]]:
    """A kernel with a subscriber that handles nothing before the event is set, and what it has handled."""
    gate, got = asyncio.Event(), []

    @component("a", version="1")
    class A:
        @subscribe("e", background=True)
        async def on(self, event_type: str, data: Any) -> None:
            await gate.wait()
            got.append(data)

    return *kernel_of(A, **settings), gate, got


async def test_publish_does_not_wait_and_order_is_kept() -> None:
    """A background subscriber gets every event in order, after publish has returned."""
    kernel, letters, gate, got = slow()
    async with kernel:
        for n in range(50):
            await kernel.bus.publish("e", n)
        assert [] == got
        gate.set()
    assert list(range(50)) == got
    assert [] == letters.all


async def test_the_publishers_context_is_there() -> None:
    """Actor, correlation, causation and the publisher's own context variables reach the background handler."""
    got: list[Any] = []

    @component("a", version="1")
    class A:
        @subscribe("e", background=True)
        async def on(self, event_type: str, data: Any) -> None:
            here = current()
            assert here is not None
            got.append((here.actor, here.correlation_id, REQUEST.get()))

    kernel, _ = kernel_of(A)
    async with kernel:
        REQUEST.set("r1")
        with acting_as("alice", correlation_id="c1"):
            await kernel.bus.publish("e", {})
        REQUEST.set("r2")
        await kernel.bus.publish("e", {}, actor="bob")
    assert [("alice", "c1", "r1"), ("bob", got[1][1], "r2")] == got


async def test_a_full_queue_is_waited_for_and_then_a_dead_letter() -> None:
    """A full queue holds the publisher for queue_wait; then the delivery is a dead letter, and it goes on."""
    gate = asyncio.Event()

    @component("a", version="1")
    class A:
        def __init__(self) -> None:
            self.got: list[Any] = []

        @subscribe("e", background=True)
        async def on(self, event_type: str, data: Any) -> None:
            await gate.wait()
            self.got.append(data)

    kernel, letters = kernel_of(A, queue_size=2, queue_wait=0.05)
    async with kernel:
        await kernel.bus.publish("e", 0)
        await asyncio.sleep(0)  # the worker takes the first, so that two more fit
        await asyncio.sleep(0)
        for n in (1, 2, 3):
            await kernel.bus.publish("e", n)
        assert [3] == [data for data, _ in letters.all]
        assert "stayed full" in str(letters.all[0][1])
        waiting = asyncio.create_task(kernel.bus.publish("e", 4))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.set()
        await waiting
        instance = kernel.get("a")
    assert [0, 1, 2, 4] == instance.got


async def test_publishers_get_room_in_the_order_in_which_they_came() -> None:
    """One that comes later does not go before those that wait, and each of these is woken once, in its turn."""
    kernel, letters, gate, got = slow(queue_size=2)
    async with kernel:
        waiting = [Counted(kernel.bus.publish("e", n)) for n in range(100)]
        tasks = [asyncio.ensure_future(each) for each in waiting]
        await asyncio.sleep(0)
        assert 3 == sum(task.done() for task in tasks)
        gate.set()
        for later in range(100, 120):
            await kernel.bus.publish("e", later)
    assert list(range(120)) == got
    assert {1} == {each.resumed for each in waiting[3:]}
    assert [] == letters.all


async def test_a_publisher_that_is_cancelled_while_it_waits_leaves_its_turn_to_the_next() -> None:
    """Its event is a dead letter; those behind it get room, and nobody gets an event twice."""
    kernel, letters, gate, got = slow(queue_size=1)
    async with kernel:
        tasks = [asyncio.create_task(kernel.bus.publish("e", n)) for n in range(6)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        gate.set()
        await tasks[2]
        tasks[4].cancel()  # it may have been given room by now
        await asyncio.wait(tasks)
    missed = [data for data, _ in letters.all]
    assert list(range(6)) == sorted([*got, *missed])
    assert 3 in missed
    assert sorted(got) == got


async def test_publishers_that_wait_when_the_component_is_cut_off_are_told() -> None:
    """At the deadline of a removal every event that waits, in the queue or before it, is a dead letter."""
    kernel, letters, _, got = slow(queue_size=1, shutdown_deadline=0.05)
    async with kernel:
        tasks = [asyncio.create_task(kernel.bus.publish("e", n)) for n in range(6)]
        await asyncio.sleep(0)
        await kernel.remove("a")
        await asyncio.wait(tasks, timeout=5)
        assert all(task.done() for task in tasks)
    assert [] == got
    assert list(range(6)) == sorted(data for data, _ in letters.all)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(2), asyncio.CancelledError("mine")])
async def test_a_failure_is_a_dead_letter_and_the_next_event_is_served(error: BaseException) -> None:
    """Whatever a background handler raises, the worker lives and the loop does too."""
    got: list[Any] = []

    @component("a", version="1")
    class A:
        @subscribe("e", background=True)
        def on(self, event_type: str, data: Any) -> None:
            if data == 0:
                raise error
            got.append(data)

    kernel, letters = kernel_of(A)
    async with kernel:
        await kernel.bus.publish("e", 0)
        await kernel.bus.publish("e", 1)
    assert [1] == got
    assert [0] == [data for data, _ in letters.all]
    assert type(error) is type(letters.all[0][1])


async def test_queued_work_may_still_use_the_bus_at_shutdown() -> None:
    """Shutdown drains the queues; what a queued handler does is admitted, while new root operations are not."""
    gate, done = asyncio.Event(), []

    @component("a", version="1")
    class A:
        rt: Any

        @subscribe("e", background=True)
        async def on(self, event_type: str, data: Any) -> None:
            await gate.wait()
            done.append(await self.rt.invoke("a.work"))

        @runnable("work")
        def work(self) -> str:
            return "worked"

    kernel, letters = kernel_of(A)
    await kernel.boot()
    await kernel.bus.publish("e", {})
    stopping = asyncio.create_task(kernel.shutdown())
    await asyncio.sleep(0.01)
    with pytest.raises(ShuttingDown):
        await kernel.bus.invoke("a.work")
    gate.set()
    await stopping
    assert ["worked"] == done
    assert [] == letters.all


async def test_what_the_deadline_cuts_off_becomes_dead_letters() -> None:
    """A handler that does not end is cancelled at the deadline, and it and all that waited are dead letters."""

    @component("a", version="1")
    class A:
        @subscribe("e", background=True)
        async def on(self, event_type: str, data: Any) -> None:
            await asyncio.Event().wait()

    kernel, letters = kernel_of(A, shutdown_deadline=0.05)
    async with kernel:
        for n in range(3):
            await kernel.bus.publish("e", n)
        await asyncio.sleep(0.01)
    assert [0, 1, 2] == sorted(data for data, _ in letters.all)
    assert all(isinstance(error, asyncio.CancelledError) for _, error in letters.all)


async def test_a_background_handler_may_replace_another_component() -> None:
    """A change asked for from a background handler does not wait for that handler, nor for what queues behind it."""
    order: list[Any] = []
    swapped = asyncio.Event()

    @component("plain", version="1")
    class Plain:
        @runnable("x")
        def x(self) -> int:
            return 1

    @component("plain", version="2")
    class Newer:
        @runnable("x")
        def x(self) -> int:
            return 2

    @component("admin", version="1")
    class Admin:
        rt: Any

        @subscribe("swap", background=True)
        async def swap(self, event_type: str, data: Any) -> None:
            if data == 0:
                await kernel.replace(Newer)
                swapped.set()
            order.append((data, await self.rt.invoke("plain.x")))

    kernel, letters = kernel_of(Plain, Admin)
    async with kernel:
        await kernel.bus.publish("swap", 0)
        await kernel.bus.publish("swap", 1)
        await swapped.wait()
    assert [(0, 2), (1, 2)] == order
    assert [] == letters.all
