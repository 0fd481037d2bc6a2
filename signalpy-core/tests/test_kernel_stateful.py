"""A running kernel under any sequence of changes: nothing is lost, nothing is doubled, nothing stays behind."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from signalpy.errors import ComponentUnavailable, LifecycleError, PolicyDenied, TargetNotFound
from signalpy.kernel import Kernel, State, component, hookimpl, lifecycle, provides, requires, runnable, subscribe
from signalpy.kernel.unit import Unit
from signalpy.runtime import Runtime

T = TypeVar("T")

NAMES = ("alpha", "beta", "gamma")
NEEDS = {"beta": "alpha", "gamma": "beta"}
"""What a component needs if it needs anything: beta by ``depends``, gamma by contract."""


class BoomError(Exception):
    """What the components here fail with."""


@dataclass
class World:
    """What the components here do, told in one place."""

    heard: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    dead: Counter[tuple[str, int]] = field(default_factory=Counter)
    recorded: Counter[tuple[str, int]] = field(default_factory=Counter)
    intercepted: Counter[tuple[str, int]] = field(default_factory=Counter)
    alive: Counter[str] = field(default_factory=Counter)
    gate: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Traits:
    """What a component is like."""

    version: int
    needs: bool = False
    fails: bool = False
    rings: bool = False
    exclusive: bool = False


@dataclass(frozen=True)
class Held:
    """An operation that goes on: what it passes through, and the version that it began with."""

    through: set[str]
    version: int
    task: asyncio.Task[int]


def _make(world: World, name: str, traits: Traits) -> type:  # noqa: C901 - it is all one class
    class Member:
        rt: Runtime

        @lifecycle.activate
        async def activate(self) -> None:
            await asyncio.sleep(0)
            if traits.fails:
                raise BoomError
            world.alive[name] += 1

        @lifecycle.deactivate
        async def deactivate(self) -> None:
            world.alive[name] -= 1
            await asyncio.sleep(0)

        @runnable("version")
        async def version(self, params: Any) -> int:
            await asyncio.sleep(0)
            return traits.version

        @runnable("held")
        async def held(self, params: Any) -> int:
            await world.gate.wait()
            return traits.version

        @subscribe("tick.*")
        async def inline(self, event_type: str, data: Any) -> None:
            for _ in range(data["n"] % 3):
                await asyncio.sleep(0)
            world.heard[name, "inline", data["n"]] += 1

        @subscribe("tick.bad")
        def bad(self, event_type: str, data: Any) -> None:
            raise BoomError

        @subscribe("tick.[!x]*", background=True)
        async def background(self, event_type: str, data: Any) -> None:
            for _ in range(data["n"] % 4):
                await asyncio.sleep(0)
            world.heard[name, "background", data["n"]] += 1

    cls: type = Member
    if traits.rings:
        cls = type("Ring", (Member,), {"signalpy_record": _recorder(world, name)})
    if traits.needs and name == "gamma":
        cls = requires(beta="IBeta")(cls)
    if name == "beta":
        cls = provides("IBeta")(cls)
    depends = [NEEDS[name]] if traits.needs and name == "beta" else []
    return component(name, version=str(traits.version), depends=depends, exclusive=traits.exclusive)(cls)


def _recorder(world: World, name: str) -> Any:
    @hookimpl
    async def signalpy_record(self: object, operation: Any, proceed: Callable[[], Awaitable[Any]]) -> Any:
        number = _number(operation)
        if number is not None:
            world.recorded[name, number] += 1
        return await proceed()

    return signalpy_record


def _interceptor(world: World, name: str) -> Any:
    @hookimpl
    async def signalpy_invoke(self: object, call: Any, proceed: Callable[[], Awaitable[Any]]) -> Any:
        world.intercepted[name, call.params["n"]] += 1
        return await proceed()

    return signalpy_invoke


def _number(operation: Any) -> int | None:
    content = getattr(operation, "params", None) or getattr(operation, "data", None)
    return content.get("n") if isinstance(content, dict) else None


class DeadLetters:
    """Counts what was not taken."""

    def __init__(self, world: World) -> None:
        self._world = world

    @hookimpl
    def signalpy_dead_letter(self, event: Any, component: str) -> None:
        self._world.dead[component, event.data["n"]] += 1


class RunningKernel(RuleBasedStateMachine):
    """The kernel, and beside it a model of what has to be true."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = World()
        self.states: dict[str, State] = {}
        self.traits: dict[str, Traits] = {}
        self.once: set[tuple[str, str, int]] = set()
        self.at_most_once: set[tuple[str, str, int]] = set()
        self.letters: Counter[tuple[str, int]] = Counter()
        self.cut_off: dict[int, int] = {}
        self.units: list[Unit] = []
        self.hooks: dict[str, Any] = {}
        self.denied: set[str] = set()
        self.held: list[Held] = []
        self.next = 0
        self.kernel = Kernel({"kernel": {"queue_size": 3}})

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(20):
                return await coroutine

        return self.runner.run(bounded())

    def number(self) -> int:
        self.next += 1
        return self.next

    @initialize()
    def boot(self) -> None:
        self.kernel.discover([])
        self.kernel.hooks.register(DeadLetters(self.world))
        self.run(self.kernel.boot())

    # What the components are to be, by the rules of the contract.

    def active(self, name: str) -> bool:
        return self.states.get(name) is State.ACTIVE

    def met(self, name: str, traits: Traits) -> bool:
        return not traits.needs or name not in NEEDS or self.active(NEEDS[name])

    def settle_model(self) -> None:
        """Whatever waits and has what it needs starts."""
        for name in NAMES:  # each stands behind what it needs
            if self.states.get(name) is State.WAITING and self.met(name, self.traits[name]):
                self.states[name] = State.FAILED if self.traits[name].fails else State.ACTIVE

    def dependents(self, name: str) -> list[str]:
        """What stops when ``name`` goes, from the nearest on."""
        found: list[str] = []
        for other in NAMES:
            needs = self.active(other) and self.traits[other].needs and NEEDS.get(other)
            if needs in [name, *found]:
                found.append(other)
        return found

    def model_add(self, name: str, traits: Traits) -> None:
        self.traits[name] = traits
        self.states[name] = State.WAITING
        self.settle_model()

    def model_remove(self, name: str) -> None:
        for other in self.dependents(name):
            self.states[other] = State.WAITING
        self.states[name] = State.STOPPED
        self.settle_model()

    # What is done.

    @rule(
        name=st.sampled_from(NAMES),
        needs=st.booleans(),
        fails=st.integers(0, 4),
        rings=st.booleans(),
        alone=st.booleans(),
    )
    def add(self, name: str, needs: bool, fails: int, rings: bool, alone: bool) -> None:
        traits = Traits(self.number(), needs=needs, fails=fails == 0, rings=rings, exclusive=alone)
        cls = _make(self.world, name, traits)
        if self.active(name):
            with pytest.raises(LifecycleError, match="is active already"):
                self.run(self.kernel.add(cls))
            return
        starts = self.met(name, traits)
        self.model_add(name, traits)
        if starts and traits.fails:
            with pytest.raises(LifecycleError, match="failed on activate: BoomError"):
                self.run(self.kernel.add(cls))
        else:
            self.run(self.kernel.add(cls))

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        if name not in self.states:
            with pytest.raises(LifecycleError, match="unknown"):
                self.run(self.kernel.remove(name))
            return
        self.run(self.under_held_operations(self.kernel.remove(name), [name, *self.dependents(name)]))
        self.model_remove(name)

    @rule(name=st.sampled_from(NAMES), fails=st.integers(0, 4), rings=st.booleans(), alone=st.booleans())
    def exchange(self, name: str, fails: int, rings: bool, alone: bool) -> None:
        needs = name in self.traits and self.traits[name].needs
        traits = Traits(self.number(), needs=needs, fails=fails == 0, rings=rings, exclusive=alone)
        cls = _make(self.world, name, traits)
        if not self.active(name):
            with pytest.raises(LifecycleError):
                self.run(self.kernel.replace(cls))
            return
        exclusive = alone or self.traits[name].exclusive
        drained = [name] if exclusive or not traits.fails else []
        change = self.under_held_operations(
            self.kernel.replace(cls),
            drained,
            probe=(name, self.traits[name].version if traits.fails else traits.version),
            shut=exclusive,
        )
        if traits.fails:
            with pytest.raises(LifecycleError, match="failed on activate"):
                self.run(change)
        else:
            self.run(change)
            self.traits[name] = traits

    async def under_held_operations(
        self,
        change: Coroutine[Any, Any, None],
        names: list[str],
        *,
        probe: tuple[str, int] | None = None,
        shut: bool = False,
    ) -> None:
        """Makes a change; where operations under way pass through ``names``, it waits for them to end as they began.

        :param probe: what is called meanwhile, and the version that must answer.
        :param shut: whether that call has to wait for the end of the change.
        """
        running = asyncio.create_task(change)
        if any(held.through & set(names) for held in self.held):
            await self.steps(30)
            assert not running.done(), "the change did not wait for an operation under way"
            call = None
            if probe is not None and f"{probe[0]}.version" not in self.denied:
                call = asyncio.create_task(self.kernel.bus.invoke(f"{probe[0]}.version", {"n": self.unseen()}))
                await self.steps(30)
                assert call.done() is not shut, "what starts meanwhile runs, unless the change holds it"
            await self.let_go()
            if call is not None and probe is not None:
                assert probe[1] == await call
        await running

    async def steps(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    def unseen(self) -> int:
        """A number of an operation that is not counted."""
        return -self.number()

    @rule(name=st.sampled_from(NAMES))
    def hold(self, name: str) -> None:
        """Starts an operation that goes on until it is let go."""
        if not self.active(name) or f"{name}.held" in self.denied:
            return

        async def start() -> None:
            call = self.kernel.bus.invoke(f"{name}.held", {"n": self.unseen()})
            self.held.append(Held({name, *self.recorders()}, self.traits[name].version, asyncio.create_task(call)))
            await asyncio.sleep(0)

        self.run(start())

    @rule()
    def release(self) -> None:
        self.run(self.let_go())

    async def let_go(self) -> None:
        self.world.gate.set()
        results = await asyncio.gather(*(held.task for held in self.held))
        assert [held.version for held in self.held] == results
        self.held.clear()
        self.world.gate.clear()

    @rule(name=st.sampled_from([*NAMES, "nobody"]))
    def invoke(self, name: str) -> None:
        number = self.number()
        call = self.kernel.bus.invoke(f"{name}.version", {"n": number})
        if f"{name}.version" in self.denied:
            with pytest.raises(PolicyDenied):
                self.run(call)
        elif self.active(name):
            assert self.traits[name].version == self.run(call)
            self.expect(self.world.intercepted, number, [hook for hook in self.hooks if hook.startswith("interceptor")])
        else:
            with pytest.raises(ComponentUnavailable if name in self.states else TargetNotFound):
                self.run(call)
        self.expect(self.world.recorded, number, self.recorders())

    @rule(event_type=st.sampled_from(["tick.a", "tick.bad", "tick.x", "tock.a"]))
    def publish(self, event_type: str) -> None:
        number = self.number()
        event = self.kernel.bus.publish(event_type, {"n": number})
        if event_type in self.denied:
            with pytest.raises(PolicyDenied):
                self.run(event)
        else:
            self.run(event)
            self.expect_event(event_type, number, self.once, [name for name in NAMES if self.active(name)])
            for name in NAMES:
                if self.active(name) and event_type.startswith("tick."):
                    assert 1 == self.world.heard[name, "inline", number], (
                        "an inline subscriber is done when publish returns"
                    )
        self.expect(self.world.recorded, number, self.recorders())

    @precondition(lambda self: self.held)
    @rule()
    def cancel_a_call(self) -> None:
        """A caller that gives up gets its cancellation, and its operation is over."""
        held = self.held.pop()

        async def cancel() -> object:
            held.task.cancel()
            return (await asyncio.gather(held.task, return_exceptions=True))[0]

        assert asyncio.CancelledError is type(self.run(cancel()))

    @rule(after=st.integers(0, 8))
    def cancel_a_publisher(self, after: int) -> None:
        """Whoever had not been reached is told as a dead letter; at most one was interrupted."""
        number = self.number()
        names = [name for name in NAMES if self.active(name)]

        async def cancel() -> None:
            task = asyncio.create_task(self.kernel.bus.publish("tick.cut", {"n": number}))
            await self.steps(1 + after)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.run(cancel())
        self.expect_event("tick.cut", number, self.at_most_once, names)
        self.cut_off[number] = 2 * len(names)

    def recorders(self) -> list[str]:
        rings = [name for name in NAMES if self.active(name) and self.traits[name].rings]
        return [*rings, *(hook for hook in self.hooks if hook.startswith("recorder"))]

    def expect(self, counter: Counter[tuple[str, int]], number: int, who: list[str]) -> None:
        """Each of ``who`` has seen the operation once, and nobody else has."""
        assert dict.fromkeys(who, 1) == {name: count for (name, n), count in counter.items() if n == number}

    def expect_event(self, event_type: str, number: int, where: set[tuple[str, str, int]], names: list[str]) -> None:
        if not event_type.startswith("tick."):
            return
        for name in names:
            where.add((name, "inline", number))
            if not event_type.startswith("tick.x"):
                where.add((name, "background", number))
            if event_type == "tick.bad":
                self.letters[name, number] += 1

    @precondition(lambda self: "tick.a" not in self.denied)
    @rule(
        name=st.sampled_from(NAMES),
        way=st.sampled_from(["replace", "remove"]),
        delay=st.integers(0, 6),
        size=st.integers(1, 12),
        like=st.builds(Traits, st.just(0), needs=st.booleans(), rings=st.booleans(), exclusive=st.booleans()),
    )
    def storm(self, name: str, way: str, delay: int, size: int, like: Traits) -> None:
        """Events and calls at the same time as a change."""
        self.release()
        before = {other: self.traits[other].version for other in NAMES if self.active(other)}
        removes = name in before and way == "remove"
        gone = [name, *self.dependents(name)] if removes else []
        stable = [other for other in before if other not in gone]
        numbers = [self.number() for _ in range(size)]
        needs = self.traits[name].needs if name in before else like.needs
        traits = replace(like, version=self.number(), needs=needs)
        cls = _make(self.world, name, traits)
        if removes:
            change = self.kernel.remove(name)
        else:
            change = self.kernel.replace(cls) if name in before else self.kernel.add(cls)
        callable_ones = [other for other in stable if f"{other}.version" not in self.denied]
        results = self.run(self.all_at_once(numbers, callable_ones, change, delay))
        if removes:
            self.model_remove(name)
        elif name in before:
            self.traits[name] = traits
        else:
            self.model_add(name, traits)
        for number in numbers:
            self.expect_event("tick.a", number, self.once, stable)
            self.expect_event("tick.a", number, self.at_most_once, [other for other in NAMES if other not in stable])
        for other, version in results:
            assert version in (before[other], self.traits[other].version)

    async def all_at_once(
        self, numbers: list[int], names: list[str], change: Coroutine[Any, Any, None], delay: int
    ) -> list[tuple[str, int]]:
        """Publishes ``numbers`` and calls each of ``names`` some times, with a change somewhere in between."""
        results: list[tuple[str, int]] = []

        async def publish(number: int) -> None:
            await self.steps(number % 5)
            await self.kernel.bus.publish("tick.a", {"n": number})

        async def call(name: str) -> None:
            for _ in range(delay):
                version = await self.kernel.bus.invoke(f"{name}.version", {"n": self.unseen()})
                results.append((name, version))

        async def make() -> None:
            await self.steps(delay)
            await change

        await asyncio.gather(*map(publish, numbers), *map(call, names), make())
        return results

    @rule(what=st.sampled_from([*(f"{name}.version" for name in NAMES), "tick.a", "tick.bad"]), denied=st.booleans())
    def set_policy(self, what: str, denied: bool) -> None:
        (self.denied.add if denied else self.denied.discard)(what)
        invokes = sorted(item for item in self.denied if item.endswith(".version"))
        events = sorted(item for item in self.denied if item.startswith("tick."))
        self.kernel.set_policy("kernel", {"invoke_deny": invokes or None, "publish_deny": events or None})

    @rule(name=st.sampled_from(["recorder-1", "recorder-2", "interceptor-1", "interceptor-2"]))
    def register_or_unregister(self, name: str) -> None:
        held = self.hooks.pop(name, None)
        if held is not None:
            self.kernel.hooks.unregister(held)
            return
        is_recorder = name.startswith("recorder")
        method = (_recorder if is_recorder else _interceptor)(self.world, name)
        hook = type("Hook", (), {"signalpy_record" if is_recorder else "signalpy_invoke": method})()
        self.hooks[name] = hook
        self.kernel.hooks.register(hook, name)

    @rule(steps=st.integers(1, 20))
    def let_time_pass(self, steps: int) -> None:
        self.run(self.steps(steps))

    # What has to be true after each step.

    @invariant()
    def states_are_as_the_rules_say(self) -> None:
        found = {info.name: info.state for info in self.kernel.plugins() if info.name != "config"}
        assert self.states == found

    @invariant()
    def what_lives_is_what_was_started_and_not_stopped(self) -> None:
        assert {name for name in NAMES if self.active(name)} == {n for n, count in self.world.alive.items() if count}
        assert set(self.world.alive.values()) <= {0, 1}

    @invariant()
    def nothing_is_registered_of_what_is_gone(self) -> None:
        dispatcher = self.kernel._dispatcher
        units = list(self.kernel._roster)
        self.units += [unit for unit in units if unit not in self.units]
        for unit in self.units:
            if unit not in units:
                assert {0} == set(unit.ledger.counts().values()), f"{unit} is gone and has left something"
        tables = dispatcher.tables
        owners = [item.owner for item in tables.endpoints.values()] + [item.owner for item in tables._deliveries]
        assert set(owners) <= set(units)
        assert {f"{name}.{runnable}" for name in NAMES if self.active(name) for runnable in ("version", "held")} == {
            target for target in tables.endpoints if not target.startswith("config")
        }
        plugins = self.kernel.hooks._plugins.values()
        rings = {name for name in NAMES if self.active(name) and self.traits[name].rings}
        assert {"DeadLetters", *rings, *self.hooks} == {plugin.name for plugin in plugins}
        for name in NAMES:
            assert (self.kernel.ledger(name) != {}) is self.active(name)

    @invariant()
    def services_are_those_of_live_components(self) -> None:
        if self.active("gamma") and self.traits["gamma"].needs:
            assert self.kernel.get("beta") is self.kernel.get("gamma").rt.beta

    @invariant()
    def no_event_comes_twice(self) -> None:
        known = self.once | self.at_most_once
        assert {} == {key: count for key, count in self.world.heard.items() if count > 1 or key not in known}

    def taken_or_told(self, number: int) -> int:
        taken = sum(count for (_, _, n), count in self.world.heard.items() if n == number)
        return taken + sum(count for (_, n), count in self.world.dead.items() if n == number)

    def teardown(self) -> None:
        async def end() -> list[str]:
            await self.let_go()
            await self.kernel.shutdown()
            return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]

        try:
            left = self.run(end())
            assert [] == left, "tasks that outlive the kernel"
            assert [] == sorted(key for key in self.once if self.world.heard[key] != 1), "events that were lost"
            assert self.letters == {key: n for key, n in self.world.dead.items() if key[1] not in self.cut_off}
            for number, expected in self.cut_off.items():
                assert self.taken_or_told(number) in (expected, expected - 1)
            assert {0} >= set(self.world.alive.values())
            assert 0 == len(self.kernel._roster)
            assert {} == self.kernel._dispatcher.tables.endpoints
            assert {} == self.kernel._dispatcher.under_way()
        finally:
            self.runner.close()


RunningKernel.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRunningKernel = pytest.mark.filterwarnings("error")(RunningKernel.TestCase)
