"""What a component leaves behind: tasks, threads, hooks and registrations that outlive the kernel."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final
from weakref import WeakKeyDictionary

from signalpy import Kernel
from signalpy.definition import spec_of
from signalpy.hookspecs import NOTICES, RINGS

GRACE: Final = 1.0
"""Seconds that tasks and threads get to end by themselves once the kernel has stopped."""
POOLS: Final = ("asyncio_", "AnyIO worker")
"""Threads that belong to the loop, which ends them itself."""


class Owners:
    """Tells whose code is running: that of which component.

    :param classes: the component classes.
    :param apart: files that are the test's own, in which only what stands in a component class is a component's.
    """

    def __init__(self, classes: Iterable[type], apart: Path | None) -> None:
        self._codes: dict[CodeType, str] = {}
        self._places: dict[str, str] = {}
        for cls in classes:
            name = spec_of(cls).name
            self._codes.update(dict.fromkeys(_codes_of(cls), name))
            place = _place(cls)
            if place is not None and (apart is None or not apart.is_relative_to(place)):
                self._places.setdefault(str(place), name)

    def of_code(self, code: CodeType) -> str | None:
        """The component that this code belongs to."""
        if code in self._codes:
            return self._codes[code]
        for place, name in self._places.items():
            if code.co_filename == place or code.co_filename.startswith(f"{place}/"):
                return name
        return None

    def of_frames(self, frame: FrameType | None) -> str | None:
        """The component that is the nearest on this stack."""
        while frame is not None:
            owner = self.of_code(frame.f_code)
            if owner is not None:
                return owner
            frame = frame.f_back
        return None


class Watch:
    """Remembers, while it is on, which component started which task and which thread."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self._tasks: WeakKeyDictionary[asyncio.Future[Any], str] = WeakKeyDictionary()
        self._threads: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()
        self._factory: Any = None
        self._start: Any = None

    def on(self) -> None:
        """Begins, on the running loop."""
        loop = asyncio.get_running_loop()
        self._factory = loop.get_task_factory()
        loop.set_task_factory(self._make)
        self._start = threading.Thread.start
        threading.Thread.start = self._starting()  # type: ignore[method-assign]

    def off(self) -> None:
        """Ends; what was seen stays."""
        asyncio.get_running_loop().set_task_factory(self._factory)
        threading.Thread.start = self._start  # type: ignore[method-assign]

    async def left(self, kernel: Kernel) -> list[str]:
        """What the components of a kernel that has stopped have left behind, a line for each."""
        ends = time.perf_counter() + GRACE
        while (self._pending() or self._alive()) and time.perf_counter() < ends:  # noqa: ASYNC110 - a thread that ends sets no event
            await asyncio.sleep(0.01)
        tasks = [f"{name}: task {_shown(task)} still runs" for task, name in self._pending().items()]
        threads = [f"{name}: thread {thread.name!r} still runs" for thread, name in self._alive().items()]
        return sorted([*tasks, *threads, *_hooks(kernel), *_registrations(kernel)])

    def _make(self, loop: asyncio.AbstractEventLoop, coro: Any, **keywords: Any) -> Any:
        factory = self._factory
        task = factory(loop, coro, **keywords) if factory is not None else asyncio.Task(coro, loop=loop, **keywords)
        owner = self._owners.of_frames(sys._getframe(1))
        if owner is not None:
            self._tasks[task] = owner
        return task

    def _starting(self) -> Any:
        start, watch = self._start, self

        def noted_start(thread: threading.Thread) -> None:
            owner = watch._owners.of_frames(sys._getframe(1))
            if owner is not None and not thread.name.startswith(POOLS):
                watch._threads[thread] = owner
            start(thread)

        return noted_start

    def _pending(self) -> dict[asyncio.Future[Any], str]:
        here = asyncio.current_task()
        return {task: name for task, name in list(self._tasks.items()) if not task.done() and task is not here}

    def _alive(self) -> dict[threading.Thread, str]:
        """Threads that a component started, and those of the kernel in which one of its handlers still is."""
        found = {thread: name for thread, name in list(self._threads.items()) if thread.is_alive()}
        frames = sys._current_frames()
        for thread in threading.enumerate():
            if thread.name.startswith("signalpy_") and thread.ident in frames:
                owner = self._owners.of_frames(frames[thread.ident])
                if owner is not None:
                    found[thread] = owner
                else:
                    found.pop(thread, None)
        return found


def _hooks(kernel: Kernel) -> Iterator[str]:
    for hook in (*RINGS, *NOTICES):
        for item in kernel.hooks.ordered(hook):
            if item.owner is not None:
                yield f"{item.plugin}: hook {hook} is still registered"


def _registrations(kernel: Kernel) -> Iterator[str]:
    for info in kernel.plugins():
        counts = {kind: count for kind, count in kernel.ledger(info.name).items() if count}
        if counts:
            yield f"{info.name}: still registered: {', '.join(f'{count} {kind}' for kind, count in counts.items())}"


def _shown(task: asyncio.Future[Any]) -> str:
    name = task.get_name() if isinstance(task, asyncio.Task) else ""
    coro = task.get_coro() if isinstance(task, asyncio.Task) else None
    return f"{name!r} ({getattr(coro, '__qualname__', type(coro).__name__)})"


def _codes_of(cls: type) -> Iterator[CodeType]:
    for base in cls.__mro__:
        for member in vars(base).values():
            code = getattr(getattr(member, "__func__", member), "__code__", None)
            if isinstance(code, CodeType):
                yield from _nested(code)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _place(cls: type) -> Path | None:
    """The folder of the top-level package that a class comes from, or the file of its top-level module."""
    module = sys.modules.get(cls.__module__.partition(".")[0])
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    path = Path(file)
    return path.parent if path.name == "__init__.py" else path
