"""pyee: an event emitter; each coroutine function becomes a task, and the tasks are waited for."""

from __future__ import annotations

import asyncio
from importlib import import_module
from time import perf_counter_ns
from typing import Any

from benchmarks.awaits import DATA, EVENT, Handler, Timed, awaits
from benchmarks.peers.serving import per_await, serve

_pyee: Any = import_module("pyee.asyncio")


def _handler() -> Handler:
    async def handler(event_type: str, data: Any) -> None:
        pass

    return handler


def _emit(handlers: list[Handler], runner: asyncio.Runner) -> Timed:
    emitter = _pyee.AsyncIOEventEmitter(loop=runner.get_loop())
    for handler in handlers:
        emitter.add_listener(EVENT, handler)

    async def timed(times: int) -> float:
        began = perf_counter_ns()
        for _ in range(times):
            emitter.emit(EVENT, EVENT, DATA)
            await emitter.wait_for_complete()
        return (perf_counter_ns() - began) / times

    return timed


def main() -> None:
    """Serve."""
    handlers = [_handler() for _ in range(10)]
    with asyncio.Runner() as runner:
        serve(
            "pyee",
            {
                f"publish {count}": per_await("pyee", runner, _emit(handlers[:count], runner), awaits(handlers[:count]))
                for count in (1, 10)
            },
        )


if __name__ == "__main__":
    main()
