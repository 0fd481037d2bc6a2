"""Components come, go and change places while thousands of calls and events are under way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from signalpy import (
    ComponentUnavailable,
    Kernel,
    LifecycleError,
    TargetNotFound,
    component,
    hookimpl,
    lifecycle,
    provides,
    runnable,
    subscribe,
)

CALLERS, EVENTS = 40, 20


@dataclass
class Paper:
    """What a call hands in."""

    number: int


class Office:
    """Makes versions of one component, and counts what its instances were handed."""

    def __init__(self) -> None:
        self.called: list[int] = []
        self.inline: list[int] = []
        self.behind: list[int] = []
        self.around = 0
        self.too_late = 0
        self.door = asyncio.Event()  # while it is shut, what has been begun does not end
        self.door.set()

    def desk(self, version: str, *, name: str = "desk", exclusive: bool = False, fails: bool = False) -> type:
        office = self

        @component(name, version=version, exclusive=exclusive)
        @provides("IDesk")
        class Desk:
            open = True

            @lifecycle.activate
            async def activate(self) -> None:
                await asyncio.sleep(0.001)
                if fails:
                    raise ValueError("the lamp is broken")

            @lifecycle.deactivate
            async def deactivate(self) -> None:
                self.open = False

            @runnable("take", params=Paper)
            async def take(self, paper: Paper) -> tuple[str, int]:
                office.called.append(paper.number)
                await self.work()
                return version, paper.number

            @subscribe("paper.filed")
            async def on_filed(self, event_type: str, data: Any) -> None:
                office.inline.append(data["number"])
                await self.work()

            @subscribe("paper.filed", background=True)
            async def later(self, event_type: str, data: Any) -> None:
                office.behind.append(data["number"])
                await self.work()

            @hookimpl(targets=[f"{name}.*"])
            async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
                office.around += 1
                return await proceed()

            async def work(self) -> None:
                await asyncio.sleep(0)
                await office.door.wait()
                office.too_late += not self.open

        return Desk


class Load:
    """Callers and publishers that go on until they are told to stop."""

    def __init__(self, kernel: Kernel, desk: str = "desk") -> None:
        self._kernel = kernel
        self._target = f"{desk}.take"
        self._on = True
        self.asked: list[int] = []
        self.answers: list[tuple[str, int]] = []
        self.refused: list[int] = []
        self.published: list[int] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for place in range(CALLERS):
                group.create_task(self._call(place))
            for place in range(EVENTS):
                group.create_task(self._publish(place))
            await asyncio.sleep(0.01)
            try:
                yield
            finally:
                self._on = False

    async def _call(self, number: int) -> None:
        while self._on:
            self.asked.append(number)
            try:
                self.answers.append(await self._kernel.bus.invoke(self._target, {"number": number}))
            except (ComponentUnavailable, TargetNotFound):
                self.refused.append(number)
                await asyncio.sleep(0)
            number += CALLERS

    async def _publish(self, number: int) -> None:
        while self._on:
            await self._kernel.bus.publish("paper.filed", {"number": number})
            self.published.append(number)
            number += EVENTS
            await asyncio.sleep(0)  # where nobody subscribes, publish has nothing to wait for


def _kernel(*classes: type, queue_size: int = 20) -> Kernel:
    kernel = Kernel({"kernel": {"queue_wait": 60, "queue_size": queue_size}})
    kernel.discover(classes)
    return kernel


@pytest.mark.parametrize("exclusive", [False, True])
async def test_a_replacement_loses_no_call_and_doubles_no_event(exclusive: bool) -> None:
    """Every call gets its own answer, every event comes once to each subscriber, nothing reaches a stopped one."""
    office = Office()
    kernel = _kernel(office.desk("0", exclusive=exclusive))
    load = Load(kernel)
    async with kernel, load.running():
        for version in range(1, 21):
            await kernel.replace(office.desk(str(version), exclusive=exclusive))
            await asyncio.sleep(0.005)
    assert 2_000 < len(load.answers)
    assert 500 < len(load.published)
    assert (0, []) == (office.too_late, load.refused)
    assert sorted(load.asked) == sorted(number for _, number in load.answers) == sorted(office.called)
    assert {str(version) for version in range(1, 21)} <= {version for version, _ in load.answers}
    assert len(load.asked) == office.around
    assert sorted(load.published) == sorted(office.inline) == sorted(office.behind)


@pytest.mark.parametrize("exclusive", [False, True])
async def test_a_replacement_that_fails_under_load_is_not_noticed(exclusive: bool) -> None:
    """While new ones fail again and again, the old version answers every call and takes every event once."""
    office = Office()
    kernel = _kernel(office.desk("0", exclusive=exclusive))
    load = Load(kernel)
    async with kernel, load.running():
        for _ in range(10):
            with pytest.raises(LifecycleError, match="as before"):
                await kernel.replace(office.desk("1", exclusive=exclusive, fails=True))
            await asyncio.sleep(0.005)
    assert 1_000 < len(load.answers)
    assert {"0"} == {version for version, _ in load.answers}
    assert (0, []) == (office.too_late, load.refused)
    assert sorted(load.asked) == sorted(number for _, number in load.answers) == sorted(office.called)
    assert sorted(load.published) == sorted(office.inline) == sorted(office.behind)


async def test_what_is_added_and_removed_under_load_answers_or_refuses_and_never_half() -> None:
    """A call is carried out and answered, or refused and not begun; no event comes twice; who stays has them all."""
    office, stays = Office(), Office()
    kernel = _kernel(office.desk("0"), stays.desk("1", name="counter"))
    load, beside = Load(kernel), Load(kernel, "counter")
    async with kernel, load.running(), beside.running():
        for version in range(1, 21):
            await kernel.remove("desk")
            await asyncio.sleep(0.002)
            await kernel.add(office.desk(str(version)))
            await asyncio.sleep(0.005)
    answered = sorted(number for _, number in load.answers)
    assert 2_000 < len(answered)
    assert 200 < len(load.refused)
    assert sorted(load.asked) == sorted([*load.refused, *answered])
    assert answered == sorted(office.called)
    assert {str(version) for version in range(1, 21)} <= {version for version, _ in load.answers}
    assert (0, 0) == (office.too_late, stays.too_late)
    published = Counter([*load.published, *beside.published])
    assert Counter(office.inline) == Counter(office.behind)
    assert Counter(office.inline) < published
    assert [] == beside.refused
    assert sorted(beside.asked) == sorted(number for _, number in beside.answers) == sorted(stays.called)
    assert published == Counter(stays.inline) == Counter(stays.behind)


async def _in_force(kernel: Kernel, change: str) -> None:
    """Returns when a change counts for what begins from now on, although what had begun keeps it from its end."""
    done = {"replace": lambda desk: "1" == desk.version, "remove": lambda desk: "stopped" == desk.state}.get(change)
    for turn in range(100_000):
        if turn > 100 and (done is None or done(next(item for item in kernel.plugins() if item.name == "desk"))):
            return  # one that is exclusive has nothing to wait for before it holds what comes
        await asyncio.sleep(0)
    raise AssertionError(f"the {change} did not begin")


@pytest.mark.parametrize("change", ["replace", "replace exclusive", "remove"])
async def test_thousands_are_in_flight_when_it_changes(change: str) -> None:
    """All that had begun ends in the old one, once; what begins meanwhile is the new one's, or is refused."""
    office, exclusive = Office(), change.endswith("exclusive")
    kernel = _kernel(office.desk("0", exclusive=exclusive), queue_size=500)

    def make() -> Coroutine[Any, Any, None]:
        return kernel.remove("desk") if change == "remove" else kernel.replace(office.desk("1", exclusive=exclusive))

    async with kernel, asyncio.TaskGroup() as group:
        office.door.clear()
        calls = [group.create_task(kernel.bus.invoke("desk.take", {"number": number})) for number in range(3_000)]
        events = [group.create_task(kernel.bus.publish("paper.filed", {"number": number})) for number in range(2_000)]
        await asyncio.sleep(0)
        changing = group.create_task(make())
        await _in_force(kernel, change)
        assert (3_000, 2_000) == (len(office.called), len(office.inline))
        later = asyncio.gather(
            *(kernel.bus.invoke("desk.take", {"number": number}) for number in range(3_000, 3_100)),
            return_exceptions=True,
        )
        await asyncio.sleep(0.02)
        assert not changing.done()
        assert not any(task.done() for task in (*calls, *events))
        office.door.set()
        await changing
        assert all(task.done() for task in (*calls, *events))
        answers = await later
    assert [("0", number) for number in range(3_000)] == [task.result() for task in calls]
    assert list(range(2_000)) == sorted(office.inline) == sorted(office.behind)
    assert 0 == office.too_late
    if change == "remove":
        assert {ComponentUnavailable} == {type(answer) for answer in answers}
        assert "stopped: removed" in str(answers[0])
    else:
        assert [("1", number) for number in range(3_000, 3_100)] == answers
