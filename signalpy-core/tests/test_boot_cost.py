"""What a start costs, in function calls and not in seconds: it grows with the number of components, no faster."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType
from typing import Any

import pytest

from signalpy import Kernel, component, lifecycle, provides, requires, runnable, subscribe


class Alone:
    @lifecycle.activate
    async def activate(self) -> None: ...

    @runnable("ping")
    async def ping(self) -> str:
        return "pong"


class Subscriber(Alone):
    @subscribe("some.*")
    async def on_event(self, event_type: str, data: Any) -> None: ...


def of_kind(base: type, count: int) -> list[type]:
    """So many components, each of which needs the one before."""

    def make(number: int) -> type:
        cls = type("Component", (base,), {})
        cls = provides(f"IService{number}")(cls)
        if number:
            cls = requires(before=f"IService{number - 1}")(cls)
        return component(f"part-{number}", version="1.0")(cls)

    return [make(number) for number in range(count)]


def calls_of_boot(classes: list[type]) -> int:
    """How many Python functions a boot calls."""
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    async def run() -> None:
        kernel = Kernel({})
        kernel.discover(classes)
        sys.setprofile(count)
        try:
            await kernel.boot()
        finally:
            sys.setprofile(None)
        assert {"active"} == {row.state for row in kernel.plugins()}
        await kernel.shutdown()

    asyncio.run(run())
    return calls


@pytest.mark.parametrize("base", [Alone, Subscriber])
def test_four_times_as_many_components_cost_four_times_as_much(base: type) -> None:
    """Nothing is gone through anew for each component that starts."""
    calls_of_boot(of_kind(base, 10))  # what is imported and cached at first use
    some, many = calls_of_boot(of_kind(base, 50)), calls_of_boot(of_kind(base, 200))
    assert many / 200 == pytest.approx(some / 50, rel=0.1)
