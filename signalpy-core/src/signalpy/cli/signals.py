"""SIGINT and SIGTERM: the first asks to stop, the second to stop at once, the third kills as it always does.

SIGHUP, where there is one, asks to read the configuration again.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """What has been asked for.

    :ivar stop: somebody asked to stop.
    :ivar force: somebody asked again.
    :ivar hangup: somebody asked to read the configuration again; whoever does so clears it.
    :ivar last: the number of the latest signal.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.force = asyncio.Event()
        self.hangup = asyncio.Event()
        self.last: int | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Takes the signals inside the ``with`` block. Main thread only, inside a running loop."""
        loop = asyncio.get_running_loop()

        def take(number: int, _frame: FrameType | None) -> None:
            second, self.last = self.last is not None, number
            if second:
                for each in SIGNALS:
                    signal.signal(each, signal.SIG_DFL)
            loop.call_soon_threadsafe((self.force if second else self.stop).set)

        def hung_up(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.hangup.set)

        before = {number: signal.signal(number, take) for number in SIGNALS}
        if hasattr(signal, "SIGHUP"):
            before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hung_up)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, Any]) -> bool:
    """Does ``work`` unless ``event`` comes first, which cancels it; whether it was done."""
    task = asyncio.ensure_future(work)
    bell = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({task, bell}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        await asyncio.wait({task})
        if task.cancelled():
            return False
        task.result()
        return True
    finally:
        bell.cancel()
