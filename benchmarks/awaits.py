"""The limit of a bus: awaiting the handlers, which no bus can avoid. Standard library only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from time import perf_counter_ns
from typing import Any, Final, TypeAlias

EVENT: Final = "account.transfer"
DATA: Final = {"from": "a", "to": "b", "amount": 5}
"""What is published, and the parameters of what is invoked."""

Timed: TypeAlias = Callable[[int], Coroutine[Any, Any, float]]
"""Does something so many times and returns the nanoseconds that one took, the loop around it included."""
Handler: TypeAlias = Callable[[str, Any], Awaitable[Any]]


def awaits(handlers: Iterable[Handler]) -> Timed:
    """One handler awaited, or several one after the other."""
    several = tuple(handlers)

    async def timed(times: int) -> float:
        began = perf_counter_ns()
        for _ in range(times):
            for handle in several:
                await handle(EVENT, DATA)
        return (perf_counter_ns() - began) / times

    async def timed_one(times: int) -> float:
        (handle,) = several
        began = perf_counter_ns()
        for _ in range(times):
            await handle(EVENT, DATA)
        return (perf_counter_ns() - began) / times

    return timed_one if len(several) == 1 else timed


def calls(call: Callable[[str, Any], Awaitable[Any]], name: str = EVENT, data: Any = DATA) -> Timed:
    """``call`` awaited with a name and data: a publication, or an invocation."""

    async def timed(times: int) -> float:
        began = perf_counter_ns()
        for _ in range(times):
            await call(name, data)
        return (perf_counter_ns() - began) / times

    return timed


async def handler(event_type: str, data: Any) -> None:
    """What events are handed to."""
