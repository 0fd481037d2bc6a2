"""Hooks that misuse `proceed`, raise what they should not, or tamper with what they are shown."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from signalpy import HookError, Kernel, Refused, component, hookimpl, runnable, subscribe


@component("echo", version="1.0")
class Echo:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    @runnable("say")
    async def say(self, params: Any) -> Any:
        self.calls.append(params)
        await asyncio.sleep(0.02)
        return params


async def booted(hook: object, *classes: type) -> Kernel:
    kernel = Kernel()
    kernel.discover([Echo, *classes])
    await kernel.boot()
    kernel.hooks.register(hook)
    return kernel


class Keeps:
    """Hooks that go on only when they have refused already."""

    def __init__(self) -> None:
        self.kept: list[Any] = []


class RecordsLate(Keeps):
    @hookimpl
    async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
        if operation.name != "echo.say":
            return await proceed()
        self.kept.append(proceed)
        return None


class RefusesAndGoesOn(Keeps):
    @hookimpl
    async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
        self.kept.append(proceed)
        raise Refused("no")


@pytest.mark.parametrize("make", [RecordsLate, RefusesAndGoesOn])
async def test_a_hook_that_has_ended_can_no_longer_proceed(make: type[Keeps]) -> None:
    """What was refused never runs, also if the hook kept `proceed` and calls it afterwards."""
    hook = make()
    kernel = await booted(hook)
    with pytest.raises((HookError, Refused)):
        await kernel.bus.invoke("echo.say", {})
    with pytest.raises(HookError, match="ended"):
        await hook.kept[0]()
    assert kernel.get("echo").calls == []
    await kernel.shutdown()


@pytest.mark.parametrize("seconds", [None, 5])
async def test_an_operation_lasts_as_long_as_what_its_hook_left_to_a_task(seconds: float | None) -> None:
    """A hook that fails while `proceed` runs in a task of its own does not cost the caller the result."""

    class Leaves:
        @hookimpl(on_error="isolate", timeout=seconds)
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            self.task = asyncio.create_task(proceed())
            await asyncio.sleep(0.005)
            raise ValueError("broken")

    kernel = await booted(Leaves())
    assert await kernel.bus.invoke("echo.say", {"word": 1}) == {"word": 1}
    assert kernel.get("echo").calls == [{"word": 1}]
    await kernel.shutdown()


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit])
@pytest.mark.parametrize("on_error", ["isolate", "deny"])
async def test_on_error_holds_for_whatever_a_hook_raises(error: type[BaseException], on_error: Any) -> None:
    """A cancellation that nobody asked for, or a `SystemExit`, of a hook is a failure of the hook."""

    class Raises:
        @hookimpl(on_error=on_error)
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            raise error("broken")

    kernel = await booted(Raises())
    if on_error == "isolate":
        assert await kernel.bus.invoke("echo.say", {"word": 1}) == {"word": 1}
    else:
        with pytest.raises(Refused):
            await kernel.bus.invoke("echo.say", {"word": 1})
    await kernel.shutdown()


async def test_cancelling_the_caller_passes_a_hook_that_is_isolated() -> None:
    """`isolate` does not swallow a cancellation that was asked for."""

    class Waits:
        @hookimpl(on_error="isolate")
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            await asyncio.Event().wait()

    kernel = await booted(Waits())
    calling = asyncio.create_task(kernel.bus.invoke("echo.say", {}))
    await asyncio.sleep(0.01)
    calling.cancel()
    await asyncio.wait([calling], timeout=4)
    assert calling.cancelled()
    assert kernel.get("echo").calls == []
    await kernel.shutdown()


async def test_an_exception_that_takes_no_note_comes_through_all_the_same() -> None:
    """A frozen exception out of a hook keeps its type."""

    @dataclasses.dataclass(frozen=True)
    class Frozen(Exception):
        code: int

    class Raises:
        @hookimpl
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            raise Frozen(7)

    kernel = await booted(Raises())
    with pytest.raises(Frozen):
        await kernel.bus.invoke("echo.say", {})
    await kernel.shutdown()


async def test_an_exception_that_is_raised_again_and_again_gets_one_note() -> None:
    """A hook that keeps one exception for all its refusals does not make it grow."""
    refusal = Refused("no")

    class Raises:
        @hookimpl
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            raise refusal

    kernel = await booted(Raises())
    for _ in range(3):
        with pytest.raises(Refused):
            await kernel.bus.invoke("echo.say", {})
    assert len(refusal.__notes__) == 1
    await kernel.shutdown()


class ByNameOnly:
    @hookimpl
    async def signalpy_invoke(self, *, call: Any, proceed: Any) -> Any:
        return await proceed()


class ByPlaceOnly:
    @hookimpl
    def signalpy_component_activated(self, component: Any, /) -> None:
        pass


@pytest.mark.parametrize("hook", [ByNameOnly(), ByPlaceOnly()])
def test_arguments_that_could_not_be_given_are_refused_at_registration(hook: object) -> None:
    """An implementation that every operation would fail at is refused before there is one."""
    with pytest.raises(HookError, match="one way only"):
        Kernel().hooks.register(hook)


async def test_a_recorder_can_change_nothing() -> None:
    """What runs, and under whose name, is not a recorder's to change."""

    class Forges:
        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            for name in ("params", "target", "actor", "caller", "verdict"):
                with pytest.raises(AttributeError):
                    setattr(operation, name, "forged")
            return await proceed()

    kernel = await booted(Forges())
    assert await kernel.bus.invoke("echo.say", {"word": 1}, actor="alice") == {"word": 1}
    await kernel.shutdown()


async def test_a_subscriber_cannot_pass_for_another_actor() -> None:
    """A subscriber that writes to the event leaves the context of those after it as it was."""
    seen = []

    @component("two", version="1.0")
    class Two:
        @subscribe("news")
        def first(self, event_type: str, data: Any, event: Any) -> None:
            event.actor = "mallory"

        @subscribe("news")
        def second(self, event_type: str, data: Any, event: Any) -> None:
            seen.append(event.actor)

    kernel = await booted(ByOthers(), Two)
    await kernel.bus.publish("news", {}, actor="alice")
    assert seen == ["alice"]
    await kernel.shutdown()


class ByOthers:
    @hookimpl
    async def signalpy_publish(self, event: Any, proceed: Any) -> None:
        await proceed()
