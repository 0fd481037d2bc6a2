"""Starting, stopping, adding, removing and replacing components."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from signalpy import (
    BootError,
    ComponentUnavailable,
    Kernel,
    LifecycleError,
    ShuttingDown,
    State,
    component,
    hookimpl,
    lifecycle,
    optional,
    provides,
    requires,
    runnable,
    subscribe,
)


def kernel_of(*classes: type, **config: Any) -> Kernel:
    kernel = Kernel(config)
    kernel.discover(classes)
    return kernel


def plain(name: str, order: list[str] | None = None, **keywords: Any) -> type:
    """A component that writes down when it starts and stops."""
    log: list[str] = order if order is not None else []

    @component(name, **{"version": "1.0", **keywords})
    class Plain:
        rt: Any

        @lifecycle.activate
        async def up(self) -> None:
            log.append(f"+{name}")

        @lifecycle.deactivate
        def down(self) -> None:
            log.append(f"-{name}")

        @runnable("version")
        def version(self) -> str:
            return self.rt.version  # type: ignore[no-any-return]

    return Plain


def states(kernel: Kernel) -> dict[str, State]:
    return {row.name: row.state for row in kernel.plugins() if row.name != "config"}


async def test_components_start_behind_what_they_need_and_stop_before_it() -> None:
    """depends and requirements decide; stopping is the reverse."""
    order: list[str] = []
    service = provides("IService")(plain("service", order))
    user = requires(it="IService")(plain("user", order, depends=["base>=1,<2"]))
    async with kernel_of(user, service, plain("base", order)):
        assert ["+service", "+base", "+user"] == order
    assert ["-user", "-base", "-service"] == order[3:]


async def test_recorders_and_interceptors_come_first_and_stop_last() -> None:
    """What stands around operations is there before all others, behind its own requirements, and stays longest."""
    order: list[str] = []

    class Ring:
        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            return await proceed()

    ring = plain("ring", order, depends=["base"])
    ring = component("ring", version="1.0", depends=["base"])(type("R", (Ring, ring), {}))
    async with kernel_of(plain("early", order), ring, plain("base", order)):
        assert ["+base", "+ring", "+early"] == order
    assert ["-early", "-ring", "-base"] == order[3:]


async def test_a_cycle_is_named_in_full_and_the_others_go_on() -> None:
    """Components that wait for each other are told so; nobody else suffers."""
    kernel = kernel_of(plain("a", depends=["b"]), plain("b", depends=["c"]), plain("c", depends=["a"]), plain("ok"))
    async with kernel:
        assert {"a": "waiting", "b": "waiting", "c": "waiting", "ok": "active"} == states(kernel)
        assert "a -> b -> c -> a" in kernel.why("a")


async def test_a_version_range_that_is_not_met_leaves_it_waiting() -> None:
    """depends with a range counts the other component's own version."""
    kernel = kernel_of(plain("a", depends=["b>=2"]), plain("b"))
    async with kernel:
        assert State.WAITING == states(kernel)["a"]
        assert "depends on b>=2, but b has version 1.0" in kernel.why("a")


async def test_what_is_misspelt_is_told_with_the_nearest_name() -> None:
    """A component and a contract that nobody has are told with those that come near."""
    user = requires(it="IServise")(plain("buyer"))
    kernel = kernel_of(provides("IService")(plain("service")), user, plain("third", depends=["servic"]))
    async with kernel:
        assert "requires IServise, which nothing installed provides. Did you mean 'IService'?" in kernel.why("buyer")
        assert "depends on servic, which is not installed. Did you mean 'service'?" in kernel.why("third")


async def test_two_providers_wait_for_a_preference() -> None:
    """One contract, two providers: the consumer waits and says how to settle it; prefer settles it."""
    one = provides("IOne")(plain("one"))
    two = provides("IOne")(plain("two"))
    user = requires(it="IOne", every=["IOne"], maybe=optional("INone"))(plain("user"))
    kernel = kernel_of(one, two, user)
    async with kernel:
        assert State.WAITING == states(kernel)["user"]
        assert "'one' and 'two' provide it" in kernel.why("user")
    kernel = kernel_of(one, two, user, plugins={"prefer": {"IOne": "two"}})
    async with kernel:
        rt = kernel.get("user").rt
        assert rt.it is kernel.get("two")
        assert rt.every == (kernel.get("one"), kernel.get("two"))
        assert rt.maybe is None


async def test_optional_services_and_tuples_follow_what_comes_and_goes() -> None:
    """rt attributes of optional and plural requirements are brought up to date as providers come and go."""
    user = requires(every=["IOne"], maybe=optional("IOne"))(plain("user"))
    one = provides("IOne")(plain("one"))
    kernel = kernel_of(user)
    async with kernel:
        rt = kernel.get("user").rt
        assert (rt.every, rt.maybe) == ((), None)
        await kernel.add(one)
        assert (rt.every, rt.maybe) == ((kernel.get("one"),), kernel.get("one"))
        await kernel.remove("one")
        assert (rt.every, rt.maybe) == ((), None)
        assert State.ACTIVE == states(kernel)["user"]


async def test_removing_a_provider_stops_its_dependents_which_come_back_with_it() -> None:
    """Dependents stop first and wait; when a provider is there again they start again."""
    order: list[str] = []
    service = provides("IService")(plain("service", order))
    user = requires(it="IService")(plain("user", order))
    third = plain("third", order, depends=["user"])
    kernel = kernel_of(service, user, third)
    async with kernel:
        order.clear()
        await kernel.remove("service")
        assert ["-third", "-user", "-service"] == order
        assert {"service": "stopped", "user": "waiting", "third": "waiting"} == states(kernel)
        assert "requires IService; its only provider 'service' is stopped: removed" in kernel.why("user")
        assert "depends on user, which is waiting: requires IService" in kernel.why("third")
        with pytest.raises(ComponentUnavailable):
            await kernel.bus.invoke("user.version")
        assert {} == kernel.ledger("user")
        await kernel.add(service)
        assert {"service": "active", "user": "active", "third": "active"} == states(kernel)
        assert kernel.get("user").rt.it is kernel.get("service")


async def test_an_essential_component_that_fails_stops_everything() -> None:
    """BootError carries the why; what had started is stopped again, the loop is left clean."""
    order: list[str] = []

    @component("vital", version="1", depends=["base"])
    class Vital:
        @lifecycle.activate
        def up(self) -> None:
            raise OSError("disk is gone")

    kernel = kernel_of(plain("base", order), Vital, plugins={"required": ["vital"]})
    with pytest.raises(BootError, match="disk is gone") as caught:
        await kernel.boot()
    assert "vital" == caught.value.component  # type: ignore[attr-defined]
    assert isinstance(caught.value.__cause__, OSError)
    assert ["+base", "-base"] == order
    kernel = kernel_of(plain("base"), plugins={"required": ["nowhere"]})
    with pytest.raises(BootError, match="nowhere"):
        await kernel.boot()


async def test_replace_takes_the_old_ones_place_everywhere() -> None:
    """Services, targets and the order of subscribers: the new one stands where the old one stood."""
    seen: list[str] = []

    def sub(name: str, version: str) -> type:
        @component(name, version=version)
        @provides(f"I{name}")
        class Sub:
            rt: Any

            @subscribe("e")
            def on(self, event_type: str, data: Any) -> None:
                seen.append(f"{name}{version}")

            @runnable("version")
            def version(self) -> str:
                return version

        return Sub

    user = requires(it="Ia")(plain("user"))
    kernel = kernel_of(sub("a", "1"), sub("b", "1"), user)
    async with kernel:
        rt = kernel.get("user").rt
        await kernel.replace(sub("a", "2"))
        await kernel.bus.publish("e", {})
        assert ["a2", "b1"] == seen
        assert "2" == await kernel.bus.invoke("a.version")
        assert rt.it is kernel.get("a")
        assert State.ACTIVE == states(kernel)["user"]
        assert {
            "runnables": 1,
            "subscriptions": 1,
            "hooks": 0,
            "services": 1,
            "tasks": 0,
            "threads": 0,
        } == kernel.ledger("a")


async def test_a_failing_replacement_leaves_the_old_one_as_it_was() -> None:
    """The old one never stopped; the error says so and has the cause."""
    order: list[str] = []

    @component("a", version="2")
    class Bad:
        @lifecycle.activate
        async def up(self) -> None:
            raise RuntimeError("no luck")

    kernel = kernel_of(plain("a", order))
    async with kernel:
        before = kernel.get("a")
        with pytest.raises(LifecycleError, match=r"no luck.*in force as before") as caught:
            await kernel.replace(Bad)
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert kernel.get("a") is before
        assert "1.0" == await kernel.bus.invoke("a.version")
        assert ["+a"] == order


async def test_a_replacement_that_offers_less_leaves_its_dependents_waiting() -> None:
    """Who needs a contract or a version that the new one does not give stops first, and is told why."""
    service = provides("IService")(plain("service"))
    user = requires(it="IService")(plain("user"))
    picky = plain("picky", depends=["service<2"])
    kernel = kernel_of(service, user, picky)
    async with kernel:
        await kernel.replace(plain("service", version="2.0"))
        assert {"service": "active", "user": "waiting", "picky": "waiting"} == states(kernel)
        assert "depends on service<2, but service has version 2.0" in kernel.why("picky")


async def test_operations_under_way_finish_with_the_handlers_they_started_with() -> None:
    """A call and an event that began before the swap end in the old instance, which stops only then."""
    gate, started, seen = asyncio.Event(), asyncio.Event(), []

    def slow(version: str) -> type:
        @component("slow", version=version)
        class Slow:
            stopped = False

            @lifecycle.deactivate
            def down(self) -> None:
                self.stopped = True

            @runnable("wait")
            async def wait(self) -> str:
                started.set()
                await gate.wait()
                assert not self.stopped
                return version

            @subscribe("e")
            def on(self, event_type: str, data: Any) -> None:
                seen.append(version)

        return Slow

    @component("blocker", version="1")
    class Blocker:
        @subscribe("e")
        async def on(self, event_type: str, data: Any) -> None:
            await gate.wait()

    kernel = kernel_of(Blocker, slow("1"))
    async with kernel:
        event = asyncio.create_task(kernel.bus.publish("e", {}))
        call = asyncio.create_task(kernel.bus.invoke("slow.wait"))
        await started.wait()
        old = kernel.get("slow")
        swap = asyncio.create_task(kernel.replace(slow("2")))
        await asyncio.sleep(0.01)
        assert kernel.get("slow") is not old
        assert not old.stopped
        gate.set()
        assert "1" == await call
        await event
        await swap
        assert old.stopped
        assert ["1"] == seen
        assert "2" == await kernel.bus.invoke("slow.wait")


async def test_an_exclusive_component_is_replaced_with_operations_held() -> None:
    """Two never live at once; new operations wait meanwhile and none is lost; on failure the old one starts again."""
    live: list[str] = []
    most = 0

    def exclusive(version: str, *, fail: bool = False) -> type:
        @component("log", version=version, exclusive=True)
        class Log:
            @lifecycle.activate
            async def up(self) -> None:
                nonlocal most
                live.append(version)
                most = max(most, len(live))
                await asyncio.sleep(0.01)
                if fail:
                    live.remove(version)
                    raise OSError("cannot open")

            @lifecycle.deactivate
            async def down(self) -> None:
                live.remove(version)

            @hookimpl
            async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
                assert [version] == live
                return await proceed()

            @runnable("version")
            async def version(self) -> str:
                await asyncio.sleep(0.001)
                return version

        return Log

    kernel = kernel_of(exclusive("1"))
    async with kernel:
        calls = [asyncio.create_task(kernel.bus.invoke("log.version")) for _ in range(20)]
        await asyncio.sleep(0)
        swap = asyncio.create_task(kernel.replace(exclusive("2")))
        await asyncio.sleep(0)
        calls += [asyncio.create_task(kernel.bus.invoke("log.version")) for _ in range(20)]
        await swap
        results = await asyncio.gather(*calls)
        assert ["1"] * 20 + ["2"] * 20 == results
        with pytest.raises(LifecycleError, match="cannot open"):
            await kernel.replace(exclusive("3", fail=True))
        assert "2" == await kernel.bus.invoke("log.version")
        assert State.ACTIVE == states(kernel)["log"]
    assert (1, []) == (most, live)


async def test_a_handler_cannot_replace_or_remove_its_own_component() -> None:
    """From a call and from an event alike it is a LifecycleError, and nothing has changed."""
    caught: list[BaseException] = []

    @component("a", version="1")
    class A:
        @runnable("swap")
        async def swap(self) -> None:
            await kernel.replace(plain("a"))

        @subscribe("gone")
        async def gone(self, event_type: str, data: Any) -> None:
            try:
                await kernel.remove("a")
            except LifecycleError as error:
                caught.append(error)

    kernel = kernel_of(A, plain("b"))
    async with kernel:
        before = kernel.get("a")
        with pytest.raises(LifecycleError, match="a handler of"):
            await kernel.bus.invoke("a.swap")
        await kernel.bus.publish("gone", {})
        assert 1 == len(caught)
        assert kernel.get("a") is before


async def test_a_drain_does_not_wait_for_the_operation_that_asked() -> None:
    """a.go calls admin.swap, which replaces a: neither waits for the other for ever."""

    @component("a", version="1")
    class A:
        rt: Any

        @runnable("go")
        async def go(self) -> str:
            await self.rt.invoke("admin.swap")
            return "went"

    @component("admin", version="1")
    class Admin:
        @runnable("swap")
        async def swap(self) -> None:
            await kernel.replace(plain("a", version="2.0"))

    kernel = kernel_of(A, Admin)
    async with kernel:
        assert "went" == await asyncio.wait_for(kernel.bus.invoke("a.go"), 5)
        assert "2.0" == await kernel.bus.invoke("a.version")


async def test_two_changes_that_would_wait_for_each_other_both_end() -> None:
    """Two operations, each of which replaces the component that the other one is in, do not block each other."""
    ready = asyncio.Barrier(2)

    def crossing(name: str, other: str) -> type:
        @component(name, version="1")
        class Crossing:
            @runnable("go")
            async def go(self) -> None:
                await ready.wait()
                await kernel.replace(plain(other, version="2.0"))

        return Crossing

    kernel = kernel_of(crossing("a", "b"), crossing("b", "a"))
    async with kernel:
        calls = asyncio.gather(kernel.bus.invoke("a.go"), kernel.bus.invoke("b.go"))
        await asyncio.wait_for(calls, 5)
        assert ["2.0", "2.0"] == [await kernel.bus.invoke(f"{name}.version") for name in "ab"]


@pytest.mark.parametrize("stage", ["activate", "deactivate"])
async def test_lifecycle_methods_cannot_change_the_kernel(stage: str) -> None:
    """A change asked for inside activate or deactivate would wait for itself, and is refused."""
    caught: list[BaseException] = []

    async def change(self: Any) -> None:
        try:
            await kernel.add(plain("x"))
        except LifecycleError as error:
            caught.append(error)

    body = {"change": getattr(lifecycle, stage)(change)}
    kernel = kernel_of(component("a", version="1")(type("A", (), body)))
    async with kernel:
        pass
    assert [True] == ["which it would wait for" in str(error) for error in caught]


async def test_deactivate_may_use_the_bus_while_the_rest_is_shut_out() -> None:
    """Operations of deactivate are admitted during shutdown; new root operations get ShuttingDown."""
    results: list[Any] = []

    @component("a", version="1", depends=["base"])
    class A:
        rt: Any

        @lifecycle.deactivate
        async def down(self) -> None:
            results.append(await self.rt.invoke("base.version"))
            task = asyncio.create_task(outside())
            await asyncio.wait([task])
            results.append(type(task.exception()))

    async def outside() -> None:
        from signalpy.operation import CURRENT

        CURRENT.set(None)
        await kernel.bus.invoke("base.version")

    kernel = kernel_of(A, plain("base"))
    async with kernel:
        pass
    assert ["1.0", ShuttingDown] == results


async def test_the_deadline_cancels_what_runs_and_recorders_see_it() -> None:
    """An operation that outlives the deadline is cancelled, and recorded as such, before its recorder stops."""
    seen: list[Any] = []

    @component("rec", version="1")
    class Recorder:
        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            try:
                return await proceed()
            except asyncio.CancelledError:
                seen.append(operation.name)
                raise

    @component("a", version="1")
    class A:
        @runnable("hang")
        async def hang(self) -> None:
            await asyncio.Event().wait()

    kernel = kernel_of(Recorder, A, kernel={"shutdown_deadline": 0.05})
    await kernel.boot()
    task = asyncio.create_task(kernel.bus.invoke("a.hang"))
    await asyncio.sleep(0.01)
    await kernel.shutdown()
    assert task.cancelled()
    assert ["a.hang"] == seen


async def test_operations_of_running_parents_are_admitted_during_shutdown() -> None:
    """What a running operation still needs is done; then it is over."""
    gate, started = asyncio.Event(), asyncio.Event()

    @component("a", version="1")
    class A:
        rt: Any

        @runnable("go")
        async def go(self) -> str:
            started.set()
            await gate.wait()
            return await self.rt.invoke("b.version")  # type: ignore[no-any-return]

    kernel = kernel_of(A, plain("b"))
    await kernel.boot()
    call = asyncio.create_task(kernel.bus.invoke("a.go"))
    await started.wait()
    stopping = asyncio.create_task(kernel.shutdown())
    await asyncio.sleep(0.01)
    gate.set()
    assert "1.0" == await call
    await stopping
    assert "stopped" in repr(kernel)


async def test_supervised_tasks_end_with_their_component(caplog: pytest.LogCaptureFixture) -> None:
    """rt.create_task: cancelled at stop, counted in the ledger, a failure logged."""
    ended: list[str] = []

    @component("a", version="1")
    class A:
        rt: Any

        @lifecycle.activate
        def up(self) -> None:
            self.rt.create_task(self.run())
            self.rt.create_task(self.fail(), name="failing one")

        async def run(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("run")

        async def fail(self) -> None:
            raise ValueError("task broke")

    kernel = kernel_of(A)
    async with kernel:
        await asyncio.sleep(0.01)
        assert 1 == kernel.ledger("a")["tasks"]
        await kernel.remove("a")
        assert ["run"] == ended
    assert "task broke" in caplog.text
    assert "failing one" in caplog.text


async def test_a_thousand_cycles_leave_nothing_behind() -> None:
    """Adding, calling and removing a component again and again does not grow the kernel."""
    import gc

    kernel = kernel_of(plain("base"))
    async with kernel:

        async def cycle() -> None:
            await kernel.add(plain("x"))
            await kernel.bus.invoke("x.version")
            await kernel.replace(plain("x", version="2.0"))
            await kernel.remove("x")

        for _ in range(20):
            await cycle()
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(300):
            await cycle()
        gc.collect()
        assert len(gc.get_objects()) < before + 1000


async def test_a_kernel_boots_once() -> None:
    """A second boot, a discover while running, and an add of what is active are refused with the way out."""
    kernel = kernel_of(plain("a"))
    async with kernel:
        with pytest.raises(LifecycleError, match="boots once"):
            await kernel.boot()
        with pytest.raises(LifecycleError, match=r"kernel\.add"):
            kernel.discover([])
        with pytest.raises(LifecycleError, match="replace"):
            await kernel.add(plain("a"))
        await kernel.remove("a")
        with pytest.raises(LifecycleError, match="Use add"):
            await kernel.replace(plain("a"))
    await kernel.shutdown()
    with pytest.raises(LifecycleError):
        await kernel.boot()


async def test_a_handler_cannot_remove_what_its_own_component_needs() -> None:
    """That would stop the component that the handler belongs to; nothing is stopped."""

    @component("user", version="1", depends=["base"])
    class User:
        @runnable("cut")
        async def cut(self) -> None:
            await kernel.remove("base")

    kernel = kernel_of(User, plain("base"))
    async with kernel:
        with pytest.raises(LifecycleError, match="a handler of 'user'"):
            await kernel.bus.invoke("user.cut")
        assert {"user": "active", "base": "active"} == states(kernel)


async def test_a_change_goes_on_to_its_end_when_its_caller_is_cancelled() -> None:
    """Nothing is left half done: the old one is drained and stopped although nobody waits any more."""
    gate, started, order = asyncio.Event(), asyncio.Event(), list[str]()

    @component("a", version="1")
    class A:
        @lifecycle.deactivate
        def down(self) -> None:
            order.append("-a1")

        @runnable("wait")
        async def wait(self) -> str:
            started.set()
            await gate.wait()
            return "done"

    kernel = kernel_of(A)
    async with kernel:
        call = asyncio.create_task(kernel.bus.invoke("a.wait"))
        await started.wait()
        swap = asyncio.create_task(kernel.replace(plain("a", version="2.0")))
        await asyncio.sleep(0.01)
        swap.cancel()
        with pytest.raises(asyncio.CancelledError):
            await swap
        assert [] == order
        gate.set()
        assert "done" == await call
        await kernel.add(plain("b"))  # takes its turn behind the replacement
        assert ["-a1"] == order
        assert "2.0" == await kernel.bus.invoke("a.version")


async def test_a_preferred_provider_is_waited_for_and_no_other() -> None:
    """A provider that is not preferred may need its own user without a circle."""
    other = requires(user="IUser")(provides("IThing")(plain("other")))
    user = requires(thing="IThing")(provides("IUser")(plain("user")))
    kernel = kernel_of(other, user, provides("IThing")(plain("best")), plugins={"prefer": {"IThing": "best"}})
    async with kernel:
        assert {"other": "active", "user": "active", "best": "active"} == states(kernel)
        assert kernel.get("user").rt.thing is kernel.get("best")
