"""The call that is measured: a pydantic model of three fields, and its limit. Needs nothing but pydantic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any

from pydantic import BaseModel, Field

from benchmarks.awaits import DATA, Timed


class Transfer(BaseModel):
    """Parameters of a transfer."""

    giver: str = Field(alias="from")
    taker: str = Field(alias="to")
    amount: int


def validated(handle: Callable[[Transfer], Awaitable[Any]]) -> Timed:
    """The limit of an invocation: parameters validated, and the handler awaited."""

    async def timed(times: int) -> float:
        began = perf_counter_ns()
        for _ in range(times):
            await handle(Transfer.model_validate(DATA))
        return (perf_counter_ns() - began) / times

    return timed
