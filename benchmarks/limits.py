"""The bare operations of the log, which nothing that keeps a promise can beat. Standard library only."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path


class GroupCommit:
    """Bytes handed by tasks to one thread that writes and syncs whatever has arrived: no record, no tree, no repair.

    :param path: of the file, which is made or emptied.
    """

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._queue: deque[tuple[bytes, asyncio.Future[None]]] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    async def append(self, line: bytes) -> None:
        """Return when the bytes are durable."""
        durable = self._loop.create_future()
        self._queue.append((line, durable))
        if not self._wake.is_set():
            self._wake.set()
        await durable

    async def close(self) -> None:
        """Write what waits, and end."""
        self._closing = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join)
        os.close(self._file)

    def _run(self) -> None:
        while not (self._closing and not self._queue):
            self._wake.wait()
            self._wake.clear()
            batch = [self._queue.popleft() for _ in range(len(self._queue))]
            if batch:
                data = b"\n".join(line for line, _ in batch) + b"\n"
                os.write(self._file, data)
                sync_data(self._file)
                self._loop.call_soon_threadsafe(_answer, [durable for _, durable in batch])


def _answer(waiting: Iterable[asyncio.Future[None]]) -> None:
    for durable in waiting:
        durable.set_result(None)


def sync_data(descriptor: int) -> None:
    """`fdatasync`, or the next best where there is none."""
    getattr(os, "fdatasync", os.fsync)(descriptor)


def hash_lines(files: Sequence[Path]) -> int:
    """Read files line by line, take the SHA-256 of each line, and return how many there were."""
    count = 0
    sha256 = hashlib.sha256
    for path in files:
        with path.open("rb") as file:
            for line in file:
                sha256(line).digest()
                count += 1
    return count
