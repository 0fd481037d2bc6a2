"""Changes of what runs: what is held, who may ask, and what a failed replacement leaves behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from signalpy import (
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


def made(*classes: type, **config: Any) -> Kernel:
    kernel = Kernel(config={"kernel": {"shutdown_deadline": 5}, **config})
    kernel.discover(list(classes))
    return kernel


def states(kernel: Kernel) -> dict[str, str]:
    return {item.name: str(item.state) for item in kernel.plugins()}


class Minutes:
    """What two versions of an exclusive component were asked to write, while they lived and while they did not."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.too_late: list[str] = []
        self.enough = asyncio.Event()

    def log(self, number: str) -> type:
        minutes = self

        @component("log", version=number, exclusive=True)
        class Log:
            alive = False

            @lifecycle.activate
            async def activate(self) -> None:
                await asyncio.sleep(0.02)
                self.alive = True

            @lifecycle.deactivate
            async def deactivate(self) -> None:
                self.alive = False
                await asyncio.sleep(0.02)

            @runnable("write")
            async def write(self) -> None:
                (minutes.served if self.alive else minutes.too_late).append(number)

        return Log

    def clock(self, *, from_activate: bool) -> type:
        minutes = self

        @component("clock", version="1.0")
        class Clock:
            rt: Any

            @lifecycle.activate
            async def activate(self) -> None:
                if from_activate:
                    self.rt.create_task(self.tick())

            @runnable("leave")
            async def leave(self) -> None:
                self.rt.create_task(self.tick())

            @runnable("tick")
            async def tick(self) -> None:
                while not minutes.enough.is_set():
                    await self.rt.invoke("log.write")
                    await asyncio.sleep(0.001)

            @subscribe("tick", background=True)
            async def on_tick(self, event_type: str, data: Any) -> None:
                await self.tick()

        return Clock


STARTS = {
    "task of activate": lambda bus: asyncio.sleep(0),
    "task of a handler": lambda bus: bus.invoke("clock.leave"),
    "background handler": lambda bus: bus.publish("tick"),
    "running handler": lambda bus: bus.invoke("clock.tick"),
}


@pytest.mark.parametrize("source", STARTS)
async def test_nothing_reaches_an_exclusive_component_between_its_stop_and_the_next_start(source: str) -> None:
    """Operations that begin while an exclusive component changes are held, wherever they come from; none is lost."""
    minutes = Minutes()
    clock = minutes.clock(from_activate=source == "task of activate")
    async with made(minutes.log("1.0"), clock) as kernel:
        running = asyncio.ensure_future(STARTS[source](kernel.bus))
        await asyncio.sleep(0.02)
        await asyncio.wait_for(kernel.replace(minutes.log("2.0")), 4)
        await asyncio.sleep(0.02)
        minutes.enough.set()
        await running
    assert minutes.too_late == []
    assert (minutes.served[0], minutes.served[-1]) == ("1.0", "2.0")


async def test_an_exclusive_component_may_use_the_bus_while_it_stops() -> None:
    """A task that `deactivate` waits for is not held, or the replacement would wait for itself."""
    written = []

    @component("paper", version="1.0")
    class Paper:
        @runnable("write")
        async def write(self) -> None:
            written.append(True)

    @component("log", version="1.0", exclusive=True)
    class Log:
        rt: Any

        @lifecycle.activate
        async def activate(self) -> None:
            self.stopping = asyncio.Event()
            self.last = self.rt.create_task(self.flush())

        @lifecycle.deactivate
        async def deactivate(self) -> None:
            self.stopping.set()
            await self.last

        async def flush(self) -> None:
            await self.stopping.wait()
            await self.rt.invoke("paper.write")

    async with made(Paper, Log) as kernel:
        await asyncio.wait_for(kernel.replace(Log), 4)
        assert written == [True]


async def test_a_background_handler_cannot_replace_its_own_component() -> None:
    """What is refused to an inline handler is refused to a background one: it would be cancelled half way."""
    told: list[str] = []
    done = asyncio.Event()

    @component("self", version="1.0")
    class Own:
        @subscribe("go", background=True)
        async def on_go(self, event_type: str, data: Any) -> None:
            try:
                await kernel.replace(Own)
            except LifecycleError as error:
                told.append(str(error))
            done.set()

    async with made(Own) as kernel:
        await kernel.bus.publish("go")
        await asyncio.wait_for(done.wait(), 4)
    assert "from a handler of 'self'" in told[0]


async def test_a_drain_spares_the_handler_that_asked_and_not_its_neighbour_of_the_same_event() -> None:
    """Of two background handlers of one event one replaces the other's component, which ends what it began."""
    ended: list[str] = []
    done = asyncio.Event()

    @component("worker", version="1.0")
    class Worker:
        @subscribe("go", background=True)
        async def on_go(self, event_type: str, data: Any) -> None:
            await asyncio.sleep(0.1)
            ended.append("worker")

    @component("changer", version="1.0")
    class Changer:
        @subscribe("go", background=True)
        async def on_go(self, event_type: str, data: Any) -> None:
            await asyncio.sleep(0.02)
            await kernel.replace(Worker)
            ended.append("changer")
            done.set()

    async with made(Worker, Changer) as kernel:
        await kernel.bus.publish("go")
        await asyncio.wait_for(done.wait(), 4)
    assert ended == ["worker", "changer"]


async def test_a_task_that_activate_started_may_change_the_kernel_later() -> None:
    """Only what runs while `activate` does would wait for itself; a server that it started serves for long."""
    told: list[str] = []
    done = asyncio.Event()

    @component("other", version="1.0")
    class Other:
        pass

    @component("admin", version="1.0")
    class Admin:
        rt: Any

        @lifecycle.activate
        async def activate(self) -> None:
            self.rt.create_task(self.change())
            await asyncio.sleep(0.02)

        async def change(self) -> None:
            try:
                await kernel.add(Other)
            except LifecycleError as error:
                told.append(str(error))
            await asyncio.sleep(0.04)
            await kernel.add(Other)
            done.set()

    kernel = made(Admin)
    async with kernel:
        await asyncio.wait_for(done.wait(), 4)
        assert states(kernel)["other"] == "active"
    assert "activate of component 'admin'" in told[0]


async def test_a_replacement_that_fails_last_leaves_the_dependents_running() -> None:
    """Dependents that were stopped for a new component come back when it cannot take its place after all."""

    @component("store", version="1.0")
    @provides("IStore")
    class Old:
        pass

    @component("store", version="2.0")
    class New:
        @hookimpl(before="watch", after="watch")
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            return await proceed()

    @component("shop", version="1.0")
    @requires(store="IStore")
    class Shop:
        rt: Any

    class Watch:
        @hookimpl
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            return await proceed()

    kernel = made(Old, Shop)
    kernel.hooks.register(Watch(), "watch")
    async with kernel:
        with pytest.raises(LifecycleError, match="contradict"):
            await kernel.replace(New)
        assert states(kernel) == {"config": "active", "shop": "active", "store": "active"}
        assert kernel.get("shop").rt.store is kernel.get("store")


async def test_dependents_wait_when_an_exclusive_component_cannot_be_brought_back() -> None:
    """When both the new and the old one fail, nobody goes on with the service of a component that is gone."""
    starts: list[str] = []

    @component("store", version="1.0", exclusive=True)
    @provides("IStore")
    class Old:
        @lifecycle.activate
        def activate(self) -> None:
            starts.append("old")
            if len(starts) > 1:
                raise ValueError("the disk is gone")

    @component("store", version="2.0", exclusive=True)
    @provides("IStore")
    class New:
        @lifecycle.activate
        def activate(self) -> None:
            raise ValueError("no disk")

    @component("shop", version="1.0")
    @requires(store="IStore")
    class Shop:
        pass

    async with made(Old, Shop) as kernel:
        with pytest.raises(LifecycleError, match="could not be started again"):
            await kernel.replace(New)
        assert states(kernel) == {"config": "active", "shop": "waiting", "store": "failed"}


async def test_what_the_configuration_denies_cannot_be_added_either() -> None:
    """`deny` holds for a class that is given while the kernel runs as for one that was given before."""

    @component("evil", version="1.0")
    class Evil:
        pass

    async with made(plugins={"deny": ["evil"]}) as kernel:
        with pytest.raises(LifecycleError, match="deny"):
            await kernel.add(Evil)
        assert "evil" not in states(kernel)


async def test_a_policy_that_is_set_while_a_reload_waits_for_its_turn_is_kept(tmp_path: Path) -> None:
    """Run-time entries outrank the file also if they come between the reading of the file and its coming into force."""
    file = tmp_path / "signalpy.toml"
    file.write_text("")
    going = asyncio.Event()

    @component("slow", version="1.0")
    class Slow:
        @lifecycle.activate
        async def activate(self) -> None:
            await going.wait()

        @runnable("ping")
        async def ping(self) -> str:
            return "pong"

    kernel = Kernel(file)
    kernel.discover([])
    async with kernel:
        adding = asyncio.create_task(kernel.add(Slow))
        await asyncio.sleep(0.01)
        file.write_text("[policy.slow]\naudit = true\n")
        reloading = asyncio.create_task(kernel.reload())
        await asyncio.sleep(0.01)
        kernel.set_policy("kernel", {"invoke_deny": ["slow.*"]})
        going.set()
        await asyncio.gather(adding, reloading)
        with pytest.raises(PermissionError):
            await kernel.bus.invoke("slow.ping")
