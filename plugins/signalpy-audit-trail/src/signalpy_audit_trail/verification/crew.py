"""Processes that share the tasks of a verification; what they leave undone is done here.

They are plain child processes that are spoken to by lines of JSON: nothing of the program that asks is imported anew in
them, as `multiprocessing` would, so a script needs no guard, and no thread or connection of it is copied.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import IO, Final, Self

import msgspec

from signalpy_audit_trail.store import IndexInParts, StoreReader
from signalpy_audit_trail.verification.helper import Trail
from signalpy_audit_trail.verification.work import Found, Task

_COMMAND: Final = ("-P", "-m", "signalpy_audit_trail.verification.helper")
_PATIENCE: Final = 10.0
"""Seconds for a process to end by itself."""

_decode = msgspec.json.Decoder(int | Found).decode


def trail_of(reader: StoreReader) -> Trail:
    """What another process needs to open the trail of a reader."""
    return Trail(reader.url, reader.origin, reader.index_place if isinstance(reader, IndexInParts) else None)


class Crew:
    """A number of processes for one verification; used as a context manager, which ends them.

    :param trail: what they open.
    :param tasks: in the order in which they are to be begun.
    """

    def __init__(self, trail: Trail, tasks: Sequence[Task], count: int) -> None:
        self._trail = trail
        self._tasks = deque(tasks)
        self._found: SimpleQueue[int | Found | None] = SimpleQueue()
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._threads: list[Thread] = []
        self._count = count if sys.executable and not getattr(sys, "frozen", False) else 0

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
        for _ in range(self._count):
            try:
                helper = subprocess.Popen(
                    [sys.executable, *_COMMAND],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                )
            except OSError:  # too many processes, or no memory for another
                break
            self._helpers.append(helper)
            self._threads.append(Thread(target=self._attend, args=(helper,), daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._tasks.clear()
        for helper in self._helpers:
            if kind is not None:
                helper.terminate()
            try:
                helper.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                helper.kill()
                helper.wait()
        for thread in self._threads:
            thread.join()

    def left(self) -> list[Task]:
        """Return the tasks that nobody did, once `found` has ended."""
        return list(self._tasks)

    def found(self) -> Iterator[int | Found]:
        """Yield what comes in: how many records were looked at, and what was found by a task."""
        running = len(self._threads)
        while running:
            item = self._found.get()
            if item is None:
                running -= 1
            else:
                yield item

    def _attend(self, helper: subprocess.Popen[bytes]) -> None:
        """Give one process tasks and take what it finds, for as long as there are tasks and it lives."""
        task = self._next()
        try:
            with _pipe(helper.stdin) as asked, _pipe(helper.stdout) as answers:
                _ask(asked, self._trail)
                while task is not None:
                    _ask(asked, task)
                    while isinstance(item := _decode(answers.readline()), int):
                        self._found.put(item)
                    self._found.put(item)
                    task = self._next()
        except (OSError, msgspec.DecodeError):  # it has ended: an answer breaks off, or nothing can be asked any more
            if task is not None:
                self._tasks.append(task)
        finally:
            self._found.put(None)

    def _next(self) -> Task | None:
        try:
            return self._tasks.popleft()
        except IndexError:
            return None


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    assert end is not None  # noqa: S101 (it was asked for when the process was made)
    return end


def _ask(asked: IO[bytes], value: Trail | Task) -> None:
    asked.write(msgspec.json.encode(value) + b"\n")
    asked.flush()
