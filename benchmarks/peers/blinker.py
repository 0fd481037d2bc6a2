"""blinker: named signals; receivers are functions that are told apart by identity."""

from __future__ import annotations

import asyncio
from importlib import import_module
from time import perf_counter_ns
from typing import Any

from benchmarks.awaits import DATA, EVENT, Handler, Timed, awaits
from benchmarks.peers.serving import per_await, serve

_blinker: Any = import_module("blinker")


def _handler() -> Handler:
    async def handler(sender: str, data: Any) -> None:
        pass

    return handler


def _send(handlers: list[Handler]) -> Timed:
    signal = _blinker.Signal()
    for handler in handlers:
        signal.connect(handler, weak=False)

    async def timed(times: int) -> float:
        began = perf_counter_ns()
        for _ in range(times):
            await signal.send_async(EVENT, data=DATA)
        return (perf_counter_ns() - began) / times

    return timed


def main() -> None:
    """Serve."""
    handlers = [_handler() for _ in range(10)]
    with asyncio.Runner() as runner:
        serve(
            "blinker",
            {
                f"publish {count}": per_await("blinker", runner, _send(handlers[:count]), awaits(handlers[:count]))
                for count in (1, 10)
            },
        )


if __name__ == "__main__":
    main()
