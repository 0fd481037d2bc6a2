"""The watch over the event loop: names code that keeps it busy, which no timeout can interrupt.

A thread looks a few times per limit at what step the loop runs. Where it finds one, it gives the loop a call to make as
soon as it goes round again. A loop that waits is left alone, and an operation costs nothing.

What does not let go of the interpreter, as some compiled code does, keeps the watch from looking too: it is told too
late or not at all.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from signalpy.kernel.culprit import Culprit, step_of

log = logging.getLogger("signalpy.watchdog")

LOOKS: Final = 4
"""How often it looks per limit; a duration is exact to that part of it."""

Who: TypeAlias = "tuple[str | None, str]"
SHORTEST: Final = 0.01
"""Seconds between two looks at least, also where the limit is next to nothing."""

QUIET: Final = 60.0
"""Seconds in which the same culprit is told once: whoever takes the telling may be the one who blocks."""

Find: TypeAlias = "Callable[[FrameType, asyncio.Task[Any] | None], Culprit]"
"""Who runs in a stack, and in a task if one runs."""


class Share(Struct, frozen=True):
    """What one of those took who kept the loop busy in one step.

    :param seconds: how long, as far as it was seen.
    """

    culprit: Culprit
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """As plain values: ``seconds``, and the fields of ``Culprit``."""
        return {"seconds": round(self.seconds, 3), **msgspec.to_builtins(self.culprit)}


class Blockage(Struct, frozen=True):
    """A step of the loop in which it served nobody else.

    :param seconds: how long the whole was.
    :param shares: who took what of it, the most first.
    :param untold: how many of the same there were before it that were not told, as too many came in a row.
    """

    seconds: float
    shares: tuple[Share, ...]
    untold: int = 0

    @property
    def who(self) -> Who:
        """What makes it the same as another."""
        return self.shares[0].culprit.component, self.shares[0].culprit.what

    def as_dict(self) -> dict[str, Any]:
        """As plain values: ``seconds``, the ``Culprit`` that took the most; ``others`` and ``untold`` if any."""
        first, *others = self.shares
        told = {**first.as_dict(), "seconds": round(self.seconds, 3)}
        more = {"others": [share.as_dict() for share in others], "untold": self.untold}
        return {**told, **{key: value for key, value in more.items() if value}}

    def __str__(self) -> str:
        first, *others = self.shares
        told = "".join(f"; also by {share.culprit}" for share in others)
        return f"{self.seconds:.3g} s by {first.culprit}{told}"


class Step:
    """One step of the loop, from when it was first seen.

    :ivar busy: for how many seconds it has been seen; what a stopped process or a starved thread missed is left out.
    :ivar find: finds who runs, once it has been seen twice.
    :ivar told: it has been named.
    :ivar answered: the loop has gone round since.
    """

    def __init__(self, which: weakref.ref[Any]) -> None:
        self.which = which
        self.since = time.monotonic()
        self.busy = 0.0
        self.find: Find | None = None
        self.told = False
        self.answered = False
        self._shares: dict[Who, Share] = {}

    def seen(self, culprit: Culprit, elapsed: float) -> None:
        """Somebody has run in it since the last look."""
        self.busy += elapsed
        key = (culprit.component, culprit.what)
        before = self._shares[key].seconds if key in self._shares else 0.0
        self._shares[key] = Share(culprit, before + elapsed)

    def so_far(self) -> Blockage:
        """What it comes to by now."""
        shares = sorted(self._shares.values(), key=lambda share: -share.seconds)
        return Blockage(time.monotonic() - self.since, tuple(shares))


class LoopWatch:
    """Watches the loop that it is started on.

    :param limit: seconds after which a step is named; 0 to watch nothing.
    :param finder: made anew for each step that is seen twice.
    :param tell: called with a blockage when it is over; of the same culprit once in ``QUIET`` seconds.
    """

    def __init__(self, limit: float, finder: Callable[[], Find], tell: Callable[[Blockage], None]) -> None:
        self.limit = limit
        self._finder = finder
        self._tell = tell
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._step: Step | None = None
        self._told: dict[Who, float] = {}
        self._untold: Counter[Who] = Counter()
        self.times = 0
        self.longest: Blockage | None = None
        self.last: Blockage | None = None

    def __repr__(self) -> str:
        return f"<LoopWatch(limit={self.limit:g} s, times={self.times})>"

    def as_dict(self) -> dict[str, Any]:
        """What it has seen so far: ``times``, and the ``longest`` and the ``last`` blockage if there was one."""
        told = {"longest": self.longest, "last": self.last}
        return {"times": self.times, **{key: item.as_dict() for key, item in told.items() if item is not None}}

    def start(self) -> None:
        """Begins to watch the running loop."""
        if self.limit <= 0:
            return
        self._process = os.getpid()
        arguments = (asyncio.get_running_loop(), threading.get_ident())
        self._thread = threading.Thread(target=self._run, args=arguments, name="signalpy loop watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread. In a process that was forked there is none, and its locks may be held for ever."""
        thread, self._thread = self._thread, None
        if thread is not None and os.getpid() == self._process:
            self._ending.set()
            thread.join(timeout=1)

    def _run(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        pause = max(self.limit / LOOKS, SHORTEST)
        before = time.monotonic()
        while not self._ending.wait(pause):
            now = time.monotonic()
            if loop.is_closed():  # that of a kernel which was never shut down
                return
            try:
                self._look(loop, ident, min(now - before, 2 * pause))
            except Exception:
                if not loop.is_closed():
                    log.exception("the event loop can no longer be watched")
                return
            before = now

    def _look(self, loop: asyncio.AbstractEventLoop, ident: int, elapsed: float) -> None:
        """Looks once.

        :param elapsed: seconds since it looked before, if nothing kept it from looking.
        :raises RuntimeError: if the loop is closed.
        """
        frame = sys._current_frames().get(ident)
        task = asyncio.current_task(loop)
        which = _which(frame, task)
        step = self._step
        if frame is None or which is None or step is None or step.answered or step.which is not which:
            self._step = Step(which) if which is not None else None
            if self._step is not None:
                loop.call_soon_threadsafe(self._answer, self._step)
            return
        if step.find is None:
            step.find = self._finder()
        step.seen(step.find(frame, task), elapsed)
        if step.busy >= self.limit and not step.told:
            self._name(step)

    def _name(self, step: Step) -> None:
        culprit = step.so_far().shares[0].culprit
        with self._lock:
            step.told = True
            answered = step.answered
        log.warning(
            "the event loop has been kept busy for more than %g s by %s; it cannot be interrupted", self.limit, culprit
        )
        if answered:
            self._over(step)

    def _answer(self, step: Step) -> None:
        with self._lock:
            step.answered = True
            told = step.told
        if told:
            self._over(step)

    def _over(self, step: Step) -> None:
        blockage = step.so_far()
        self.times += 1
        self.last = blockage
        if self.longest is None or blockage.seconds > self.longest.seconds:
            self.longest = blockage
        log.warning("the event loop was kept busy for %s", blockage)
        now = time.monotonic()
        if now - self._told.get(blockage.who, -QUIET) < QUIET:
            self._untold[blockage.who] += 1
        else:
            self._told[blockage.who] = now
            self._tell(replace(blockage, untold=self._untold.pop(blockage.who, 0)))


def _which(frame: FrameType | None, task: asyncio.Task[Any] | None) -> weakref.ref[Any] | None:
    """What tells the step that runs from any other, without keeping it: asyncio's handle; in another loop the task."""
    step = step_of(frame) if frame is not None else None
    subject = step.f_locals.get("self") if step is not None else task
    return weakref.ref(subject) if subject is not None else None
