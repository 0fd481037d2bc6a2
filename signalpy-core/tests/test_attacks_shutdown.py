"""Shutting down against resistance: the kernel's own events, askers in every place, threads."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from signalpy import Kernel, component, hookimpl, lifecycle, runnable, subscribe


def made(*classes: type, deadline: float = 1.0) -> Kernel:
    kernel = Kernel(config={"kernel": {"shutdown_deadline": deadline}})
    kernel.discover(list(classes))
    return kernel


@pytest.mark.parametrize("kind", ["subscriber", "recorder"])
async def test_a_plugin_that_hangs_on_the_last_event_holds_shutdown_until_the_deadline(kind: str) -> None:
    """Neither a subscriber nor a recorder that never lets `kernel.stopping` go keeps the kernel from stopping."""
    stopped = []

    @component("hang", version="1.0")
    class Hang:
        @subscribe("kernel.stopping")
        async def on_stopping(self, event_type: str, data: Any) -> None:
            if kind == "subscriber":
                await asyncio.Event().wait()

        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            if kind == "recorder" and operation.name == "kernel.stopping":
                await asyncio.Event().wait()
            return await proceed()

        @lifecycle.deactivate
        def deactivate(self) -> None:
            stopped.append(True)

    kernel = made(Hang, deadline=0.2)
    await kernel.boot()
    await asyncio.wait_for(kernel.shutdown(), 5)
    assert stopped == [True]


@pytest.mark.parametrize("event_type", ["kernel.started", "kernel.policy.changed"])
async def test_a_subscriber_of_a_kernel_event_may_stop_the_kernel(event_type: str) -> None:
    """Shutdown does not wait for the kernel event whose subscriber asked for it, and still says that it stops."""
    heard: list[str] = []
    over = asyncio.Event()

    @component("quit", version="1.0")
    class Quit:
        @subscribe(event_type)
        async def on_event(self, event_type: str, data: Any) -> None:
            await kernel.shutdown()
            heard.append("asked")
            over.set()

        @subscribe("kernel.stopping")
        async def on_stopping(self, event_type: str, data: Any) -> None:
            heard.append("stopping")

    kernel = made(Quit, deadline=30)
    await asyncio.wait_for(kernel.boot(), 10)
    if event_type == "kernel.policy.changed":
        kernel.set_policy("other", {"audit": True})
    await asyncio.wait_for(over.wait(), 10)
    assert heard == ["stopping", "asked"]


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit, ValueError])
async def test_a_kernel_event_that_fails_does_not_silence_those_after_it(error: type[BaseException]) -> None:
    """Whatever a recorder raises for one of the kernel's events, the next are published and shutdown ends."""
    heard = []

    @component("bad", version="1.0")
    class Bad:
        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            if operation.name == "kernel.policy.changed":
                raise error("refused")
            return await proceed()

        @subscribe("kernel.*")
        def on_event(self, event_type: str, data: Any) -> None:
            heard.append(event_type)

    kernel = made(Bad)
    await kernel.boot()
    kernel.set_policy("other", {"audit": True})
    await asyncio.wait_for(kernel.shutdown(), 5)
    assert heard == ["kernel.started", "kernel.stopping"]


async def test_an_operation_that_ignores_its_cancellation_is_given_its_grace_once() -> None:
    """The time that shutdown takes does not grow with the components that a stuck event passes through."""
    let_go = asyncio.Event()

    def stubborn(name: str) -> type:
        @component(name, version="1.0")
        class Stubborn:
            @subscribe("news")
            async def on_news(self, event_type: str, data: Any) -> None:
                while not let_go.is_set():
                    with suppress(asyncio.CancelledError):
                        await let_go.wait()

        return Stubborn

    kernel = made(*(stubborn(f"stubborn{number}") for number in range(8)), deadline=0.1)
    await kernel.boot()
    publishing = asyncio.create_task(kernel.bus.publish("news"))
    await asyncio.sleep(0.01)
    before = time.monotonic()
    await kernel.shutdown()
    took = time.monotonic() - before
    let_go.set()
    await asyncio.wait([publishing])
    assert took < 10


async def test_a_thread_that_asks_for_shutdown_is_not_waited_for() -> None:
    """A handler in a thread may ask for shutdown and gets its answer before the deadline."""

    @component("thread", version="1.0")
    class Thread:
        @runnable("stop", thread=True)
        def stop(self) -> str:
            asyncio.run_coroutine_threadsafe(kernel.shutdown(), loop).result()
            return "stopped"

    kernel, loop = made(Thread, deadline=30), asyncio.get_running_loop()
    await kernel.boot()
    before = time.monotonic()
    assert await kernel.bus.invoke("thread.stop") == "stopped"
    assert time.monotonic() - before < 15


async def test_shutdown_while_the_kernel_boots_stops_it_when_it_has() -> None:
    """A signal that comes before boot is over is not lost."""
    done: list[str] = []
    go_on = asyncio.Event()

    @component("slow", version="1.0")
    class Slow:
        @lifecycle.activate
        async def activate(self) -> None:
            await go_on.wait()
            done.append("activated")

        @lifecycle.deactivate
        def deactivate(self) -> None:
            done.append("deactivated")

    kernel = made(Slow)
    booting = asyncio.create_task(kernel.boot())
    await asyncio.sleep(0.01)
    stopping = asyncio.create_task(kernel.shutdown())
    await asyncio.sleep(0.01)
    go_on.set()
    await asyncio.wait_for(asyncio.gather(booting, stopping), 5)
    assert done == ["activated", "deactivated"]


async def test_an_operation_that_is_closed_from_elsewhere_is_under_way_no_more() -> None:
    """A coroutine of the bus that is begun in one context and closed in another holds no shutdown up."""

    @component("slow", version="1.0")
    class Slow:
        @runnable("wait")
        async def wait(self) -> None:
            await asyncio.Event().wait()

    kernel = made(Slow, deadline=30)
    await kernel.boot()
    operation = kernel.bus.invoke("slow.wait")
    begun = asyncio.create_task(begin(operation))
    await begun
    with pytest.raises(ValueError, match="different Context"):
        operation.close()
    before = time.monotonic()
    await kernel.shutdown()
    assert time.monotonic() - before < 15


async def begin(operation: Any) -> None:
    operation.send(None)
