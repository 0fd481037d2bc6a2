"""aiosignal: a list of coroutine functions, awaited in order."""

from __future__ import annotations

import asyncio
from importlib import import_module
from time import perf_counter_ns
from typing import Any

from benchmarks.awaits import DATA, EVENT, Timed, awaits, handler
from benchmarks.peers.serving import per_await, serve

_aiosignal: Any = import_module("aiosignal")


def _send(handlers: int) -> Timed:
    signal = _aiosignal.Signal(None)
    signal.extend([handler] * handlers)
    signal.freeze()

    async def timed(times: int) -> float:
        began = perf_counter_ns()
        for _ in range(times):
            await signal.send(EVENT, DATA)
        return (perf_counter_ns() - began) / times

    return timed


def main() -> None:
    """Serve."""
    with asyncio.Runner() as runner:
        serve(
            "aiosignal",
            {
                f"publish {count}": per_await("aiosignal", runner, _send(count), awaits([handler] * count))
                for count in (1, 10)
            },
        )


if __name__ == "__main__":
    main()
