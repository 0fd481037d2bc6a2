"""The bus against odd input, odd exceptions, threads, and cancellation at the wrong moment."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from signalpy import (
    ActorMissing,
    DefinitionError,
    InvalidParams,
    Kernel,
    LifecycleError,
    PolicyDenied,
    SignalPyError,
    TargetNotFound,
    acting_as,
    component,
    hookimpl,
    lifecycle,
    runnable,
    subscribe,
)


@component("echo", version="1.0")
class Echo:
    @runnable("say")
    async def say(self, params: Any) -> Any:
        return params


async def booted(*classes: type, **config: Any) -> Kernel:
    kernel = Kernel(config=config)
    kernel.discover(list(classes))
    await kernel.boot()
    return kernel


async def test_cancelling_a_publisher_that_waits_for_room_loses_no_delivery_in_silence() -> None:
    """The background subscriber whose queue was full was not reached: a dead letter, like those after it."""
    dead: list[tuple[str, int]] = []
    taken: list[int] = []
    go_on = asyncio.Event()

    @component("slow", version="1.0")
    class Slow:
        @subscribe("news", background=True)
        async def on_news(self, event_type: str, data: Any) -> None:
            await go_on.wait()
            taken.append(data["n"])

        @hookimpl
        def signalpy_dead_letter(self, event: Any, component: str, error: BaseException) -> None:
            dead.append((component, event.data["n"]))

    kernel = await booted(Slow, kernel={"queue_size": 1, "queue_wait": 30})
    await kernel.bus.publish("news", {"n": 1})
    await asyncio.sleep(0.01)
    await kernel.bus.publish("news", {"n": 2})
    waiting = asyncio.create_task(kernel.bus.publish("news", {"n": 3}))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    go_on.set()
    await kernel.shutdown()
    assert (taken, dead) == ([1, 2], [("slow", 3)])


async def test_a_thread_that_raises_stop_iteration_answers_its_caller() -> None:
    """`next()` of an empty iterator in a handler in a thread is an error like any other, and leaves nobody waiting."""

    @component("thread", version="1.0")
    class Thread:
        @runnable("first", thread=True)
        def first(self) -> Any:
            return next(iter(()))

    kernel = await booted(Thread)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(kernel.bus.invoke("thread.first"), 4)
    await kernel.shutdown()


@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError, StopAsyncIteration, ValueError])
async def test_what_a_handler_raises_reaches_a_thread_unchanged_and_the_loop_not(error: type[BaseException]) -> None:
    """A handler that calls `sys.exit` for a thread ends neither the loop nor turns into something else."""

    @component("bad", version="1.0")
    class Bad:
        @runnable("fail")
        async def fail(self) -> None:
            raise error("broken")

    kernel = await booted(Bad)

    def call() -> type[BaseException] | None:
        try:
            kernel.bus.invoke_sync("bad.fail")
        except BaseException as raised:  # noqa: BLE001 - its type is what is asked for
            return type(raised)
        return None

    assert await asyncio.to_thread(call) is error
    await kernel.shutdown()


async def test_an_empty_actor_is_none() -> None:
    """`require_actor` is not satisfied by an empty name."""
    kernel = await booted(Echo)
    kernel.set_policy("echo", {"require_actor": True})
    with acting_as(""), pytest.raises(ActorMissing):
        await kernel.bus.invoke("echo.say", {})
    with pytest.raises(ActorMissing):
        await kernel.bus.invoke("echo.say", {}, actor="")
    await kernel.shutdown()


async def test_a_hostile_name_breaks_no_error_message_into_lines() -> None:
    """Whatever a target or an event is called, an error about it is one line without control characters."""
    kernel = await booted(Echo)
    kernel.set_policy("kernel", {"invoke_deny": ["evil*"], "publish_deny": ["evil*"]})
    hostile = "evil\r\n\x1b[31m\u2028x"
    for operation in (
        kernel.bus.invoke(hostile, {}),
        kernel.bus.publish(hostile),
        kernel.bus.publish(hostile, outcome="odd"),
    ):
        with pytest.raises(SignalPyError) as caught:
            await operation
        assert str(caught.value).isprintable()
    await kernel.shutdown()


@pytest.mark.parametrize("target", [None, 5, ["echo.say"]])
async def test_a_target_that_is_no_text_is_told(target: Any) -> None:
    """A target of another type is refused in the words of the bus."""
    kernel = await booted(Echo)
    with pytest.raises(InvalidParams, match="expected a text"):
        await kernel.bus.invoke(target, {})
    await kernel.shutdown()


@pytest.mark.parametrize("subject", [None, 5, [1]])
async def test_a_subject_that_is_no_text_is_told(subject: Any) -> None:
    """A subject of another type is refused in the words of the bus."""
    kernel = await booted(Echo)
    with pytest.raises(InvalidParams, match="a text or several"):
        await kernel.bus.publish("news", {}, subject=subject)
    await kernel.shutdown()


@pytest.mark.parametrize("decorator", [runnable("x"), subscribe("x"), lifecycle.activate])
@pytest.mark.parametrize("odd", [functools.partial(print), len, 5, type("Callable", (), {"__call__": print})()])
def test_what_no_instance_binds_is_refused_where_it_is_decorated(decorator: Callable[[Any], Any], odd: Any) -> None:
    """A decorator on something that would be called without its `self` says so."""
    with pytest.raises(DefinitionError, match="Put it on a method"):
        decorator(odd)


def test_discovering_twice_finds_everything_once() -> None:
    """`discover()` accumulates, and what it has found already is not found again."""
    kernel = Kernel()
    kernel.discover()
    once = kernel.plugins()
    kernel.discover()
    assert kernel.plugins() == once


async def test_the_chain_of_a_kernel_event_is_that_of_what_it_tells() -> None:
    """`kernel.policy.changed` carries actor, correlation and cause of the operation that changed the policy."""
    seen: list[Any] = []

    @component("admin", version="1.0")
    class Admin:
        @runnable("allow")
        async def allow(self) -> None:
            kernel.set_policy("other", {"audit": True})

        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            seen.append(operation)
            return await proceed()

    kernel = Kernel()
    kernel.discover([Admin])
    with acting_as("boss", correlation_id="boot"):
        await kernel.boot()
    with acting_as("alice", client={"ip": "10.0.0.1"}):
        await kernel.bus.invoke("admin.allow")
    kernel.set_policy("another", {"audit": True})
    await kernel.shutdown()
    call, changed = [item for item in seen if item.name in ("admin.allow", "kernel.policy.changed")][:2]
    alone = [item for item in seen if item.name == "kernel.policy.changed"][1]
    assert (changed.actor, changed.client) == ("alice", {"ip": "10.0.0.1"})
    assert changed.causation_id == call.operation_id
    assert changed.correlation_id == call.correlation_id
    assert (alone.actor, alone.client, alone.causation_id) == (None, None, None)
    assert alone.correlation_id == alone.operation_id


async def test_nothing_is_caused_by_a_lifecycle_method() -> None:
    """What `activate` publishes begins a chain, also under `acting_as`: a cause is an operation that was recorded."""
    seen: list[Any] = []

    @component("early", version="1.0")
    class Early:
        rt: Any

        @lifecycle.activate
        async def activate(self) -> None:
            with acting_as("robot"):
                await self.rt.publish("early.up", {})

    class Records:
        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            seen.append(operation)
            return await proceed()

    kernel = Kernel()
    kernel.discover([Early])
    kernel.hooks.register(Records())
    await kernel.boot()
    await kernel.shutdown()
    assert (seen[0].name, seen[0].actor, seen[0].causation_id) == ("early.up", "robot", None)


async def test_the_id_of_an_operation_is_the_same_for_every_thread() -> None:
    """An id that several threads ask for at once is made once."""
    ids: list[set[str]] = []
    threads, barrier = 3, threading.Barrier(3)

    class Records:
        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            def read(_: int) -> str:
                barrier.wait()
                return str(operation.operation_id)

            ids.append(set(pool.map(read, range(threads))))
            return await proceed()

    kernel = await booted(Echo)
    kernel.hooks.register(Records())
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(2000):
                await kernel.bus.invoke("echo.say", {})
    finally:
        sys.setswitchinterval(interval)
    await kernel.shutdown()
    assert {len(found) for found in ids} == {1}


async def test_policies_may_be_set_from_other_threads_while_the_bus_is_in_use() -> None:
    """No change of a thread is lost, breaks an operation, or leaves one with a policy that is not in force."""
    kernel = await booted(Echo)
    ended = threading.Event()

    def change(name: str) -> None:
        while not ended.is_set():
            kernel.set_policy(name, {"audit": "metadata"})
            kernel.set_policy("shared", {"invoke_deny": []})
            kernel.set_policy(name, {"audit": None})
        kernel.set_policy(name, {"audit": "full", "invoke_deny": ["echo.*"]})

    threads = [threading.Thread(target=change, args=(name,)) for name in ("kernel", "other")]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 1
    at = 0
    while time.monotonic() < until:
        at += 1
        await kernel.bus.invoke("echo.say", {})
        with pytest.raises(TargetNotFound):
            await kernel.bus.invoke(f"echo.say{at % 500}", {})
        await asyncio.sleep(0)
    ended.set()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    with pytest.raises(PolicyDenied):
        await kernel.bus.invoke("echo.say", {})
    await kernel.shutdown()
    with pytest.raises(LifecycleError):
        await kernel.bus.invoke("echo.say", {})
