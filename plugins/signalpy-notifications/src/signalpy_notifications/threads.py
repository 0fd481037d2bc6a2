"""Blocking work in a daemon thread: a server that hangs delays neither the event loop nor the end of the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec

P = ParamSpec("P")


def in_thread(
    name: str, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs
) -> asyncio.Future[Exception | None]:
    """Starts ``work``; the future holds the error that it raised, or ``None`` when it returned."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Exception | None] = loop.create_future()

    def settle(outcome: Exception | None) -> None:
        if not future.done():
            future.set_result(outcome)

    def run() -> None:
        outcome = None
        try:
            work(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            outcome = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
