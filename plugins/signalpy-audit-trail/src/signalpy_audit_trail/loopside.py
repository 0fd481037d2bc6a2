"""The log as an event loop sees it: the thread that writes is roused, gives its answers, and is let run.

A thread that writes needs the interpreter a few dozen times for one batch, between its system calls. A loop that is
busy with Python code gives it away only when the thread has waited for the switch interval (5 ms), each time: a batch
then takes a hundred milliseconds, whatever the disk does. So the loop looks whether a batch is late, and if it has
been busy itself, it stands still for a moment and lets the thread have its way.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from signalpy.errors import AuditUnavailable
from signalpy_audit_trail.draft import Receipt
from signalpy_audit_trail.pending import Pending

_log = logging.getLogger("signalpy.audit_trail.writer")

Answer: TypeAlias = "tuple[Pending, Receipt | AuditUnavailable]"
Room: TypeAlias = "asyncio.Future[None]"

LATE: Final = 0.002
"""Seconds without an answer after which the loop looks whether it is to blame."""
MOST: Final = 0.003
"""Seconds that it stands still at once."""
_STEP: Final = 0.0005
"""Seconds after which it looks whether the thread makes use of it."""
_BUSY: Final = 0.1
"""Share of the time for which a loop that is to blame has computed; one that waits for the log computes far less."""


class LoopSide:
    """One loop's share in the log. All but `answer` is for the loop's own thread.

    :param rouse: wakes the thread that writes; from any thread.
    :param writer: that thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, rouse: Callable[[], None], writer: threading.Thread) -> None:
        self.loop = loop
        self._rouse = rouse
        self._writer = writer
        self._roused = False
        self._watched = False
        self._waiting = 0
        self._answers = 0
        """How many batches were answered; counted by the thread that writes."""
        self._answered = threading.Event()

    def expect(self) -> Pending:
        """What is to be answered; the thread is roused when the loop has come round, once for all that came till then.

        (Roused for the first of them, it would write that one alone, and fight with the loop for the interpreter.)
        """
        self._waiting += 1
        if not self._roused:
            self._roused = True
            self.loop.call_soon(self._come_round)
        return Pending(loop=self.loop)

    def answer(self, answers: Sequence[Answer], rooms: Sequence[Room]) -> None:
        """Answers all of a batch with one call into the loop. For the thread that writes."""
        self._answers += 1
        try:
            self.loop.call_soon_threadsafe(self._resolve, answers, rooms)
        except RuntimeError:  # the loop is closed: nobody waits any more, and the records are what they are
            _log.debug("a loop was closed before its records were acknowledged")
        self._answered.set()

    def _come_round(self) -> None:
        self._roused = False
        self._rouse()
        if not self._watched:
            self._watch()

    def _watch(self) -> None:
        self._watched = self._waiting > 0
        if self._watched:
            self.loop.call_later(LATE, self._look, self._answers, time.monotonic(), time.thread_time())

    def _look(self, answers: int, began: float, computed: float) -> None:
        if self._answers == answers and self._waiting:
            busy = (time.thread_time() - computed) / (time.monotonic() - began)
            if busy > _BUSY:
                self._stand_still(answers)
        self._watch()

    def _stand_still(self, answers: int) -> None:
        """Lets the thread run until it has answered, but not while it waits for the disk or for another process."""
        until = time.monotonic() + MOST
        used = _computed(self._writer)
        while time.monotonic() < until:
            self._answered.clear()
            if self._answers != answers or self._answered.wait(_STEP):
                return
            before, used = used, _computed(self._writer)
            if used == before:
                return

    def _resolve(self, answers: Sequence[Answer], rooms: Sequence[Room]) -> None:
        self._waiting -= len(answers)
        for pending, result in answers:
            if isinstance(result, Receipt):
                pending.set_result(result)
            else:
                pending.set_exception(result)
        for room in rooms:
            if not room.done():
                room.set_result(None)


def _computed(thread: threading.Thread) -> float:
    """Seconds that a thread has computed; where the system does not tell, a time that always moves."""
    if thread.ident is None or not thread.is_alive() or not hasattr(time, "pthread_getcpuclockid"):
        return time.monotonic()
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
