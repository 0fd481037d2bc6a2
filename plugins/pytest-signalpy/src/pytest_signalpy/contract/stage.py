"""Where a check puts the component on: a kernel of its own, with a bystander beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pytest_signalpy.contract.subject import Subject, fails, samples_of
from pytest_signalpy.mark import Wanted
from pytest_signalpy.rig import Rig
from signalpy import Kernel, State, component, runnable, subscribe

T = TypeVar("T")

LIMIT: Final = 60.0
"""Seconds after which a check is given up: far more than any needs, so that what hangs is told and not waited for."""
ACTOR: Final = "contract"


@component("bystander", version="1.0")
class Bystander:
    """Another component of the same kernel, with which the one under examination has nothing to do."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @runnable("echo", description="Return the parameters")
    async def echo(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """What it was given."""
        return params

    @subscribe("*", description="Keeps what it hears")
    def on_event(self, event_type: str, data: Any) -> None:
        """Keeps the type."""
        self.heard.append(event_type)


@dataclass(frozen=True, slots=True)
class Stage:
    """What the author said that the component needs.

    :param beside: classes and names of the components that it needs.
    :param params: samples by runnable.
    """

    subject: Subject
    beside: Sequence[type | str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    stubs: Mapping[str, Any] = field(default_factory=dict)

    def run(self, act: Callable[[Play], Awaitable[T]], *, config: Mapping[str, Any] | None = None) -> T:
        """Runs a check on a kernel that boots before it and shuts down after it, without leaving anything behind."""

        async def play() -> T:
            async with asyncio.timeout(LIMIT), self.played(config) as on:
                return await act(on)

        return finished(play)

    @asynccontextmanager
    async def played(self, config: Mapping[str, Any] | None = None) -> AsyncIterator[Play]:
        """The kernel while it runs."""
        rig = Rig(self._wanted(config))
        await rig.start()
        try:
            yield Play(rig, self)
        finally:
            await rig.stop()

    def samples(self) -> list[tuple[str, Any]]:
        """Target and parameters of each call that is to succeed."""
        return samples_of(self.subject.spec, self.params)

    def _wanted(self, config: Mapping[str, Any] | None) -> Wanted:
        components = (*self.beside, self.subject.name, Bystander)
        return Wanted(components, self.config if config is None else config, self.stubs)


@dataclass(frozen=True, slots=True)
class Play:
    """A kernel that runs with the component on it."""

    rig: Rig
    stage: Stage

    @property
    def kernel(self) -> Kernel:
        """The kernel."""
        return self.rig.kernel

    async def call(self, target: str, params: Any) -> Any:
        """Calls from outside, with an actor."""
        return await self.kernel.bus.invoke(target, params, actor=ACTOR)

    async def call_all(self) -> list[tuple[str, Any]]:
        """Makes every sample call; targets and results.

        :raises pytest.fail.Exception: if one raises.
        """
        answers = []
        for target, params in self.stage.samples():
            try:
                answers.append((target, await self.call(target, params)))
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is what is looked for
                fails(f"{target}: the sample raises {type(error).__name__}: {error}. Give one that succeeds in params.")
        return answers

    async def attempt_all(self) -> None:
        """Makes every sample call; what these raise is not looked at."""
        for target, params in self.stage.samples():
            await self.attempt(target, params)

    async def attempt(self, target: str, params: Any, *, actor: str | None = ACTOR) -> None:
        """Makes a call; what it raises is not looked at."""
        with suppress(Exception):
            await self.kernel.bus.invoke(target, params, actor=actor)

    async def is_well(self, after: str) -> None:
        """Whether component and bystander are active and answer.

        :raises pytest.fail.Exception: if not, naming what came before.
        """
        name = self.stage.subject.name
        if (name, State.ACTIVE) not in {(info.name, info.state) for info in self.kernel.plugins()}:
            fails(f"after {after} the component is {self.kernel.why(name)}")
        if await self.call("bystander.echo", {"well": True}) != {"well": True}:
            fails(f"after {after} the kernel no longer answers for others")


def finished(play: Callable[[], Awaitable[T]]) -> T:
    """What a check returns, on a loop and in a thread of its own: the loop that a plugin of pytest has set stays set.

    :raises pytest.fail.Exception: if it takes too long.
    """

    async def guarded() -> T:
        return await play()

    try:
        with ThreadPoolExecutor(1, "pytest-signalpy contract") as thread:
            return thread.submit(lambda: asyncio.run(guarded())).result()
    except TimeoutError:
        fails(f"it was not over after {LIMIT:g} s: something waits for ever")
