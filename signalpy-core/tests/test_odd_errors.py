"""Components that raise what nobody expects, wherever the kernel calls them: it stays with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from signalpy.kernel import Kernel, PluginInfo, component, hookimpl, lifecycle, runnable, subscribe
from signalpy.runtime import Runtime


class Watcher:
    """Keeps what the kernel says of dead letters."""

    def __init__(self) -> None:
        self.dead: list[tuple[str, str]] = []

    @hookimpl
    def signalpy_dead_letter(self, component: str, error: BaseException) -> None:
        self.dead.append((component, type(error).__name__))


def _strays() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_what_a_failed_component_had_begun_is_undone() -> None:
    """Tasks that ``activate`` had started end with it, and nothing that it declares is in force."""
    cancelled = asyncio.Event()

    @component("broken", version="1.0")
    class Broken:
        rt: Runtime

        async def work(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        @lifecycle.activate
        async def activate(self) -> None:
            self.rt.create_task(self.work())
            await asyncio.sleep(0)
            raise RuntimeError("boom")

        @subscribe("*")
        def on_event(self, event_type: str, data: Any) -> None:
            raise AssertionError("it is not active")

    kernel, watcher = Kernel({}), Watcher()
    kernel.hooks.register(watcher)
    kernel.discover([Broken])
    async with kernel:
        assert cancelled.is_set()
        await kernel.bus.publish("a.b", {})
        assert [] == watcher.dead


class OddError(BaseException):
    """An exception that is no ``Exception``."""


class MuteError(Exception):
    """An exception that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("cannot even say it")


ODDITIES = [RuntimeError("boom"), SystemExit(3), asyncio.CancelledError(), OddError(), MuteError()]


def _kernel(*classes: type) -> tuple[Kernel, Watcher]:
    kernel, watcher = Kernel({}), Watcher()
    kernel.hooks.register(watcher)
    kernel.discover(classes)
    return kernel, watcher


@pytest.mark.parametrize("error", ODDITIES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("background", [False, True])
async def test_whatever_a_subscriber_raises_is_a_dead_letter(error: BaseException, background: bool) -> None:
    """It reaches neither the publisher nor the other subscribers, and later events are delivered as before."""
    heard: list[str] = []

    @component("broken", version="1.0")
    class Broken:
        @subscribe("a.*", background=background)
        async def on_event(self, event_type: str, data: Any) -> None:
            heard.append("broken")
            raise error

    @component("other", version="1.0")
    class Other:
        @subscribe("a.*", background=background)
        def on_event(self, event_type: str, data: Any) -> None:
            heard.append("other")

    kernel, watcher = _kernel(Broken, Other)
    async with kernel:
        for _ in range(2):
            await kernel.bus.publish("a.b", {})
    assert ["broken", "broken", "other", "other"] == sorted(heard)
    assert [("broken", type(error).__name__)] * 2 == watcher.dead


@pytest.mark.parametrize("error", ODDITIES, ids=lambda error: type(error).__name__)
async def test_whatever_a_notice_raises_stops_nothing(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """A notice that fails is logged with its plugin; the kernel boots, works and stops, and other notices are told."""

    @component("broken", version="1.0")
    class Broken:
        @hookimpl
        def signalpy_component_activated(self, component: PluginInfo) -> None:
            raise error

        @hookimpl
        def signalpy_component_failed(self, component: PluginInfo) -> None:
            raise error

        @hookimpl
        def signalpy_policy_changed(self) -> None:
            raise error

        @hookimpl
        def signalpy_dead_letter(self) -> None:
            raise error

        @subscribe("a.*")
        def on_event(self, event_type: str, data: Any) -> None:
            raise ValueError

        @subscribe("a.*", background=True)
        def on_background(self, event_type: str, data: Any) -> None:
            raise ValueError

        @runnable("ping")
        def ping(self) -> str:
            return "pong"

    kernel, watcher = _kernel(Broken)
    async with kernel:
        kernel.set_policy("broken", {"audit": True})
        await kernel.bus.publish("a.b", {})
        assert "pong" == await kernel.bus.invoke("broken.ping")
    assert [("broken", "ValueError")] * 2 == watcher.dead
    told = [record.getMessage() for record in caplog.records if record.name == "signalpy.hooks"]
    assert {"signalpy_component_activated", "signalpy_policy_changed", "signalpy_dead_letter"} == {
        text.partition("(")[2].partition(")")[0] for text in told
    }


@pytest.mark.parametrize("error", ODDITIES, ids=lambda error: type(error).__name__)
async def test_whatever_a_supervised_task_raises_stops_nothing(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """A task that fails is logged with its component; neither the component nor the application ends with it."""

    @component("broken", version="1.0")
    class Broken:
        rt: Runtime

        async def work(self) -> None:
            await asyncio.sleep(0)
            raise error

        @runnable("start")
        async def start(self) -> None:
            self.rt.create_task(self.work(), name="the work")

    kernel, _ = _kernel(Broken)
    async with kernel:
        await kernel.bus.invoke("broken.start")
        await asyncio.sleep(0.01)
        assert 0 == kernel.ledger("broken")["tasks"]
        await kernel.bus.invoke("broken.start")
    if not isinstance(error, asyncio.CancelledError):
        told = [record for record in caplog.records if record.name == "signalpy.component.broken"]
        assert "task 'the work' failed" == told[0].getMessage()
        assert told[0].exc_info is not None
        assert type(error).__name__ in str(told[0].exc_text)


async def test_a_task_that_is_cancelled_before_it_began_leaves_no_warning() -> None:
    """Stopping a component whose task has not run yet is no mistake of anybody."""

    @component("hasty", version="1.0")
    class Hasty:
        rt: Runtime

        async def work(self) -> None: ...

        @lifecycle.deactivate
        def stop(self) -> None:
            self.rt.create_task(self.work())

    kernel, _ = _kernel(Hasty)
    async with kernel:
        pass
    assert [] == _strays()


@pytest.mark.parametrize(
    "error", [error for error in ODDITIES if isinstance(error, Exception)], ids=lambda e: type(e).__name__
)
async def test_whatever_a_handler_raises_reaches_its_caller_alone(error: BaseException) -> None:
    """The very exception comes out of ``invoke``, with an interceptor in between as well, and the kernel goes on."""

    @component("broken", version="1.0")
    class Broken:
        @runnable("fail")
        async def fail(self) -> None:
            raise error

        @runnable("ping")
        def ping(self) -> str:
            return "pong"

    class Watching:
        @hookimpl
        async def signalpy_invoke(self, call: Any, proceed: Callable[[], Any]) -> Any:
            return await proceed()

    kernel, _ = _kernel(Broken)
    async with kernel:
        for _ in range(2):
            with pytest.raises(type(error)) as found:
                await kernel.bus.invoke("broken.fail")
            assert error is found.value
            assert "pong" == await kernel.bus.invoke("broken.ping")
            kernel.hooks.register(Watching())


async def test_a_property_that_raises_is_nobodys_business() -> None:
    """The kernel reads what is declared and asks no attribute for anything."""

    @component("touchy", version="1.0")
    class Touchy:
        @property
        def secret(self) -> str:
            raise RuntimeError("do not look")

        @runnable("ping")
        def ping(self) -> str:
            return "pong"

    kernel, _ = _kernel(Touchy)
    async with kernel:
        assert "pong" == await kernel.bus.invoke("touchy.ping")
