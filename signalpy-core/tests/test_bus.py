"""Calls and events: who gets what, in which order, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from signalpy import (
    ComponentUnavailable,
    Event,
    InvalidParams,
    Kernel,
    LifecycleError,
    PolicyDenied,
    ShuttingDown,
    TargetNotFound,
    acting_as,
    component,
    hookimpl,
    lifecycle,
    requires,
    runnable,
    subscribe,
)
from signalpy.operation import current


class Amount(BaseModel):
    amount: int
    note: str = ""


@component("accounts", version="1.0")
class Accounts:
    rt: Any

    def __init__(self) -> None:
        self.calls: list[Any] = []

    @runnable("transfer", params=Amount)
    async def transfer(self, params: Amount) -> dict[str, Any]:
        self.calls.append(params)
        await self.rt.publish("account.transfer", {"amount": params.amount})
        return {"ok": True}

    @runnable("raw")
    def raw(self, params: Any) -> Any:
        return params

    @runnable("nothing")
    def nothing(self) -> str:
        return "nothing"

    @runnable("boom")
    async def boom(self) -> None:
        raise LookupError("boom")

    @runnable("leak")
    def leak(self) -> Any:
        return self.rt.publish("x", {})


class Watcher:
    """Collects dead letters."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str, BaseException]] = []

    @hookimpl
    def signalpy_dead_letter(self, event: Any, component: str, error: BaseException) -> None:
        self.letters.append((event.event_type, component, error))


def kernel_of(*classes: type, **config: Any) -> Kernel:
    kernel = Kernel(config)
    kernel.discover(classes)
    return kernel


async def test_a_handler_gets_an_instance_of_its_model() -> None:
    """Parameters arrive as a model instance, whether given as a mapping or as an instance."""
    async with kernel_of(Accounts) as kernel:
        assert {"ok": True} == await kernel.bus.invoke("accounts.transfer", {"amount": 5})
        given = Amount(amount=6)
        await kernel.bus.invoke("accounts.transfer", given)
        assert [Amount(amount=5), given] == kernel.get("accounts").calls
        assert kernel.get("accounts").calls[1] is given


async def test_handlers_without_a_model_get_the_mapping_or_nothing() -> None:
    """A handler without a model gets what was given; one without parameters refuses any."""
    async with kernel_of(Accounts) as kernel:
        assert {"a": 1} == await kernel.bus.invoke("accounts.raw", {"a": 1})
        assert {} == await kernel.bus.invoke("accounts.raw")
        assert "nothing" == await kernel.bus.invoke("accounts.nothing")
        with pytest.raises(InvalidParams, match="there are none"):
            await kernel.bus.invoke("accounts.nothing", {"a": 1})


async def test_a_handlers_exception_reaches_the_caller_unchanged() -> None:
    """The very exception that the handler raised comes out of invoke, without a note."""
    async with kernel_of(Accounts) as kernel:
        with pytest.raises(LookupError, match="boom") as caught:
            await kernel.bus.invoke("accounts.boom")
        assert not hasattr(caught.value, "__notes__")


async def test_an_unknown_target_names_near_matches() -> None:
    """A mistyped target is a KeyError that says what was meant."""
    async with kernel_of(Accounts) as kernel:
        with pytest.raises(KeyError) as caught:
            await kernel.bus.invoke("accounts.transfr", {})
        assert isinstance(caught.value, TargetNotFound)
        assert "accounts.transfer" in caught.value.near  # type: ignore[attr-defined]
        assert "Did you mean 'accounts.transfer'" in str(caught.value)


async def test_a_waiting_component_says_why_it_does_not_run() -> None:
    """A call of a component that waits carries its why."""

    @component("waiting", version="1.0")
    @requires(it="INever")
    class Waiting:
        @runnable("x")
        def x(self) -> None: ...

    async with kernel_of(Waiting) as kernel:
        with pytest.raises(ComponentUnavailable, match="INever") as caught:
            await kernel.bus.invoke("waiting.x")
        assert caught.value.why == kernel.why("waiting")  # type: ignore[attr-defined]
        assert caught.value.retry


async def test_a_plain_def_cannot_use_the_bus() -> None:
    """A def that returns a coroutine is an error that says what to write, and nothing is left unawaited."""
    async with kernel_of(Accounts) as kernel:
        with pytest.raises(TypeError, match="async def"):
            await kernel.bus.invoke("accounts.leak")


async def test_subscribers_are_served_in_order_of_activation_then_declaration() -> None:
    """Components in the order in which they became active, methods in the order in which they are written."""
    seen: list[str] = []

    @component("b", version="1", depends=["z"])
    class B:
        @subscribe("e.*")
        def second(self, event_type: str, data: Any) -> None:
            seen.append("b.second")

        @subscribe("*")
        async def first(self, event_type: str, data: Any) -> None:
            if event_type.startswith("e."):
                seen.append("b.first")

    @component("z", version="1")
    class Z:
        @subscribe("e.x")
        def only(self, event_type: str, data: Any, event: Any) -> None:
            seen.append(f"z.{event.event_type}")

        @subscribe("E.x")
        def case(self, event_type: str, data: Any) -> None:
            seen.append("never")

    async with kernel_of(B, Z) as kernel:
        await kernel.bus.publish("e.x", {})
    assert ["z.e.x", "b.second", "b.first"] == seen


async def test_a_failing_subscriber_reaches_neither_publisher_nor_others(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a subscriber raises, SystemExit too, is a logged dead letter, and the others are served."""
    seen: list[str] = []

    def failing(name: str, error: BaseException) -> type:
        @component(name, version="1")
        class Failing:
            @subscribe("e")
            def fail(self, event_type: str, data: Any) -> None:
                raise error

            @subscribe("e")
            async def go_on(self, event_type: str, data: Any) -> None:
                seen.append(name)

        return Failing

    errors = {"a": ValueError("no"), "b": SystemExit(3), "c": asyncio.CancelledError("mine")}
    kernel = kernel_of(*(failing(name, error) for name, error in errors.items()))
    watcher = Watcher()
    kernel.hooks.register(watcher)
    async with kernel:
        await kernel.bus.publish("e", {})
    assert ["a", "b", "c"] == seen
    assert [("e", name, error) for name, error in errors.items()] == watcher.letters
    assert "a.fail" in caplog.text
    assert "Traceback" in caplog.text


async def test_cancelling_the_publisher_dead_letters_those_not_reached() -> None:
    """The cancellation goes through, and every subscriber behind the one that ran is a dead letter."""
    started = asyncio.Event()

    @component("slow", version="1")
    class Slow:
        @subscribe("e")
        async def wait(self, event_type: str, data: Any) -> None:
            started.set()
            await asyncio.Event().wait()

    @component("late", version="1")
    class Late:
        @subscribe("e")
        def one(self, event_type: str, data: Any) -> None:
            raise AssertionError("must not run")

        @subscribe("e", background=True)
        def two(self, event_type: str, data: Any) -> None:
            raise AssertionError("must not run")

    kernel = kernel_of(Slow, Late)
    watcher = Watcher()
    kernel.hooks.register(watcher)
    async with kernel:
        task = asyncio.create_task(kernel.bus.publish("e", {}))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [("e", "late"), ("e", "late")] == [letter[:2] for letter in watcher.letters]
    assert all(isinstance(letter[2], asyncio.CancelledError) for letter in watcher.letters)


async def test_keywords_of_publish_reach_whoever_takes_the_event() -> None:
    """A third parameter gets the whole publication, with every keyword."""
    got: list[Any] = []

    @component("a", version="1")
    class A:
        @subscribe("e")
        def on(self, event_type: str, data: Any, event: Any) -> None:
            got.append(event)

    when = datetime(2026, 1, 2, tzinfo=UTC)
    told = {"actor": "alice", "schema": "e/v3", "outcome": "failure", "error": "E1", "occurred_at": when, "id": "i"}
    async with kernel_of(A) as kernel:
        await kernel.bus.publish("e", {"x": 1}, subject="s", **told)  # type: ignore[arg-type]
        await kernel.bus.publish("e", subject=["s", "t"])
    first, second = got
    assert told == {key: getattr(first, key) for key in told}
    assert ({"x": 1}, ("s",)) == (first.data, first.subject)
    assert ({}, ("s", "t"), "kernel", "success") == (second.data, second.subject, second.caller, second.outcome)


@pytest.mark.parametrize(
    ("keywords", "named"),
    [
        ({"occurred_at": datetime(2026, 1, 2)}, "occurred_at"),  # noqa: DTZ001 - the naive one is what is refused
        ({"outcome": "perhaps"}, "outcome"),
        ({"id": ""}, "id"),
        ({"subject": [1]}, "subject"),
    ],
)
async def test_keywords_that_make_no_sense_are_refused(keywords: dict[str, Any], named: str) -> None:
    """A wrong keyword is one clear error, before anybody is told anything."""
    async with kernel_of(Accounts) as kernel:
        with pytest.raises(InvalidParams, match=named):
            await kernel.bus.publish("e", {}, **keywords)


async def test_typed_events_arrive_as_instances_or_mappings() -> None:
    """@subscribe(Class) gets instances, also of mappings; others get mappings; the schema is stamped."""

    class Transfer(Event, type="account.transfer", version=2):
        amount: int

    got: list[Any] = []

    @component("a", version="1")
    class A:
        @subscribe(Transfer)
        def typed(self, event_type: str, data: Transfer) -> None:
            got.append(data)

        @subscribe("account.*")
        async def plain(self, event_type: str, data: Any, event: Any) -> None:
            got.append((data, event.schema))

    kernel = kernel_of(A)
    watcher = Watcher()
    kernel.hooks.register(watcher)
    event = Transfer(amount=3)
    async with kernel:
        await kernel.bus.publish(event)
        await kernel.bus.publish("account.transfer", {"amount": 4})
        await kernel.bus.publish("account.transfer", {"amount": "secret"})
    assert [event, ({"amount": 3}, "account.transfer/v2"), Transfer(amount=4), ({"amount": 4}, None)] == got[:4]
    assert got[0] is event
    [(_, _, error)] = watcher.letters
    assert "secret" not in str(error)


async def test_kernel_events_are_the_kernels_to_publish() -> None:
    """Nobody else may publish kernel.*; the refusal names the rule."""
    async with kernel_of(Accounts) as kernel:
        with pytest.raises(PolicyDenied, match=r"kernel\.\* is the kernel's"):
            await kernel.bus.publish("kernel.started", {})


async def test_policy_lines_come_before_execution_and_cannot_be_forged(caplog: pytest.LogCaptureFixture) -> None:
    """With audit on, each operation writes one JSON line before it executes; a hostile name stays inside its text."""
    seen_at_handler: list[int] = []

    @component("noisy", version="1")
    class Noisy:
        rt: Any

        @runnable("go")
        async def go(self) -> None:
            seen_at_handler.append(len(lines()))
            await self.rt.publish('x"}\n{"action":"forged', {})

    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "signalpy.audit"]

    caplog.set_level(logging.INFO)
    kernel = kernel_of(Noisy)
    kernel.set_policy("noisy", {"audit": True, "invoke_deny": ["x.*"]})
    async with kernel:
        await kernel.bus.invoke("noisy.go")
        with pytest.raises(PolicyDenied):
            await kernel.get("noisy").rt.invoke("x.y")
    assert [1] == seen_at_handler
    assert '{"action":"invoke","caller":"kernel","target":"noisy.go"}' == lines()[0]
    assert {"action": "publish", "caller": "noisy", "event": 'x"}\n{"action":"forged'} == json.loads(lines()[1])
    assert '{"action":"invoke","caller":"noisy","target":"x.y","denied":true}' == lines()[2]
    assert not any("\n" in line for line in lines())


async def test_policies_change_for_the_next_operation() -> None:
    """set_policy counts from the next operation on; the notice comes at once and the event follows."""
    notices: list[Any] = []
    events: list[Any] = []

    @component("watch", version="1")
    class Watch:
        @hookimpl
        def signalpy_policy_changed(self, before: Any, after: Any, actor: str | None) -> None:
            notices.append((before, after, actor))

        @subscribe("kernel.policy.*")
        def on(self, event_type: str, data: Any, event: Any) -> None:
            events.append((data["after"], event.actor))

    async with kernel_of(Accounts, Watch) as kernel:
        with acting_as("root"):
            kernel.set_policy("kernel", {"invoke_allow": []})
            assert [({}, {"kernel": {"invoke_allow": []}}, "root")] == notices
        with pytest.raises(PolicyDenied, match="not in invoke_allow"):
            await kernel.bus.invoke("accounts.nothing")
        kernel.set_policy("kernel", {"invoke_allow": None})
        assert "nothing" == await kernel.bus.invoke("accounts.nothing")
    assert [({"kernel": {"invoke_allow": []}}, "root"), ({}, None)] == events


async def test_operations_without_an_actor_are_refused_where_one_is_required() -> None:
    """require_actor refuses whoever did not say who acts, and nobody else."""
    async with kernel_of(Accounts, policy={"accounts": {"require_actor": True}}) as kernel:
        with pytest.raises(PolicyDenied, match="acting_as"):
            await kernel.bus.invoke("accounts.nothing")
        with acting_as("alice"):
            assert "nothing" == await kernel.bus.invoke("accounts.nothing")
        assert "nothing" == await kernel.bus.invoke("accounts.nothing", actor="bob")


async def test_threads_carry_the_context_and_use_the_bus() -> None:
    """A thread=True runnable runs off the loop, knows its actor, and may call back, however many do so at once."""
    off_loop: list[bool] = []

    @component("heavy", version="1")
    class Heavy:
        rt: Any

        @runnable("work", thread=True)
        def work(self, params: Any) -> Any:
            off_loop.append(threading.current_thread() is not threading.main_thread())
            return self.rt.invoke_sync("heavy.who", {"n": params["n"]})

        @runnable("who", thread=True)
        def who(self, params: Any) -> Any:
            here = current()
            return (params["n"], here.actor if here else None)

    async with kernel_of(Heavy) as kernel:
        calls = (kernel.bus.invoke("heavy.work", {"n": n}, actor=f"u{n}") for n in range(100))
        assert [(n, f"u{n}") for n in range(100)] == await asyncio.gather(*calls)
    assert [True] * 100 == off_loop


async def test_invoke_sync_works_from_a_thread_and_not_on_the_loop() -> None:
    """From a thread it returns the result; on the loop's own thread it says what to use instead."""
    async with kernel_of(Accounts) as kernel:

        def call() -> Any:
            with acting_as("eve"):
                return kernel.bus.invoke_sync("accounts.raw", {"a": 1})

        assert {"a": 1} == await asyncio.to_thread(call)
        with pytest.raises(LifecycleError, match="await bus"):
            kernel.bus.invoke_sync("accounts.raw", {})
    with pytest.raises(LifecycleError):
        await asyncio.to_thread(kernel.bus.invoke_sync, "accounts.raw", {})


def test_invoke_sync_does_not_wait_for_a_loop_that_is_closed() -> None:
    """A thread whose call was under way when somebody closed the loop learns it."""

    @component("slow", version="1")
    class Slow:
        @runnable("work")
        async def work(self, params: Any) -> None:
            under_way.set()
            await asyncio.Event().wait()

    under_way = asyncio.Event()
    loop = asyncio.new_event_loop()
    kernel = kernel_of(Slow)
    loop.run_until_complete(kernel.boot())
    with ThreadPoolExecutor(1) as pool:

        async def ask() -> Future[None]:
            asked = pool.submit(kernel.bus.invoke_sync, "slow.work")
            await under_way.wait()
            return asked

        asked = loop.run_until_complete(ask())
        loop.close()
        with pytest.raises(LifecycleError, match="was closed before it could answer"):
            asked.result(timeout=10)


async def test_nothing_runs_before_boot_or_after_shutdown() -> None:
    """Outside of its life a kernel refuses operations, and says so."""
    kernel = kernel_of(Accounts)
    with pytest.raises(LifecycleError, match="not running"):
        await kernel.bus.invoke("accounts.nothing")
    await kernel.boot()
    rt = kernel.get("accounts").rt
    await kernel.shutdown()
    with pytest.raises((LifecycleError, ShuttingDown)):
        await kernel.bus.invoke("accounts.nothing")
    with pytest.raises(LifecycleError, match="has stopped"):
        await rt.publish("e", {})


async def test_the_route_caches_are_bounded() -> None:
    """Ever new event types do not grow the kernel without end."""
    async with kernel_of(Accounts) as kernel:
        for n in range(10_000):
            await kernel.bus.publish(f"event.{n}", {})
        assert len(kernel.bus._routes.events) <= 4096


async def test_rt_offers_services_and_says_what_is_missing() -> None:
    """An attribute that is no service is an AttributeError that names those there are."""

    @component("a", version="1")
    @requires(config="IConfig")
    class A:
        rt: Any

        @lifecycle.activate
        def activate(self) -> None:
            assert 5 == self.rt.config.get("a.limit")
            assert "d" == self.rt.config.get("a.none", "d")

    async with kernel_of(A, a={"limit": 5}) as kernel:
        with pytest.raises(AttributeError, match="injected are: config"):
            _ = kernel.get("a").rt.cache
