"""A kernel for a test that is no coroutine: it runs on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

from pytest_signalpy.rig import Rig


@contextmanager
def in_thread(rig: Rig) -> Iterator[None]:
    """Boots and shuts down there; in between the test calls ``kernel.bus.invoke_sync`` and ``kernel.proxy(…).sync``."""
    life = Life(rig)
    thread = Thread(target=life.run, name="pytest-signalpy loop")
    thread.start()
    try:
        life.started.result()
        yield
        life.end()
        life.stopped.result()
    finally:
        life.end()
        thread.join()


class Life:
    """From boot to shutdown, in whatever thread ``run`` is called.

    :ivar started: done when the kernel has booted, or has failed to.
    :ivar stopped: done when it has shut down, or left something behind.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._loop = asyncio.new_event_loop()
        self._over: Future[None] = Future()
        self.started: Future[None] = Future()
        self.stopped: Future[None] = Future()

    def run(self) -> None:
        """Runs the loop until ``end`` is called."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    def end(self) -> None:
        """Asks for the shutdown; harmless when done twice."""
        if not self._over.done():
            self._over.set_result(None)

    async def _live(self) -> None:
        try:
            await self._rig.start()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread of the test
            self.started.set_exception(error)
            return
        self.started.set_result(None)
        await asyncio.wrap_future(self._over)
        try:
            await self._rig.stop()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread of the test
            self.stopped.set_exception(error)
        else:
            self.stopped.set_result(None)
