"""mediatr: a request goes to the one handler of its class, validated by pydantic as ours is."""

from __future__ import annotations

import asyncio
from importlib import import_module
from time import perf_counter_ns
from typing import Any

from benchmarks.awaits import DATA, Timed
from benchmarks.peers.serving import per_await, serve
from benchmarks.transfer import Transfer, validated

_mediatr: Any = import_module("mediatr")


async def handle(request: Transfer) -> int:
    """The handler."""
    return request.amount


def _send() -> Timed:
    _mediatr.Mediator.register_handler(handle)
    mediator = _mediatr.Mediator()

    async def timed(times: int) -> float:
        began = perf_counter_ns()
        for _ in range(times):
            await mediator.send_async(Transfer.model_validate(DATA))
        return (perf_counter_ns() - began) / times

    return timed


def main() -> None:
    """Serve."""
    with asyncio.Runner() as runner:
        serve("mediatr", {"invoke": per_await("mediatr", runner, _send(), validated(handle))})


if __name__ == "__main__":
    main()
