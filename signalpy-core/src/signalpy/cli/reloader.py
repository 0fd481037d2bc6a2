"""Reloading while ``signalpy run`` serves: when the configuration file changes, and when SIGHUP comes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Final

from signalpy.cli.notifier import Notifier
from signalpy.errors import SignalPyError
from signalpy.kernel import Kernel
from signalpy.operation import acting_as

ACTOR: Final = "file"
"""Who acts when the file is put in force: nobody but the file is known to have changed."""

LOOK: Final = 1.0
"""Seconds between two looks at the file where nothing tells of changes."""
SETTLED: Final = 0.1
"""Seconds that a changed file must have stayed the same: an editor may write it in parts."""

log = logging.getLogger("signalpy.cli")


class Reloader:
    """Puts the file of a kernel in force anew. Make it before the kernel boots, so that no change is missed.

    :param hangup: set by each SIGHUP.
    :param notifier: is told when a reload begins and ends.
    """

    def __init__(self, kernel: Kernel, hangup: asyncio.Event, notifier: Notifier) -> None:
        self._kernel = kernel
        self._notifier = notifier
        self._hangup = hangup
        self._file = kernel.configuration.source
        self._seen = _fingerprint(self._file) if self._file is not None else None

    async def run(self) -> None:
        """Reloads until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._on_hangup())
            if self._file is not None:
                group.create_task(self._on_change(self._file))

    async def _on_hangup(self) -> None:
        while True:
            await self._hangup.wait()
            self._hangup.clear()
            if self._file is None:
                with self._notifier.reloading():  # whoever sent it waits for the end
                    log.warning("SIGHUP: there is no configuration file to reload")
                continue
            self._seen = _fingerprint(self._file)
            await self._reload(self._file, "SIGHUP")

    async def _on_change(self, file: Path) -> None:
        async with aclosing(_ticks(file.parent)) as ticks:
            async for _ in ticks:
                now = _fingerprint(file)
                if now == self._seen:
                    continue
                now = await _settled(file, now)
                self._seen = now
                if now is None:
                    log.error("%s is gone or cannot be read; the old configuration stays in force", file)
                else:
                    await self._reload(file, "change")

    async def _reload(self, file: Path, trigger: str) -> None:
        with acting_as(ACTOR, client={"file": str(file), "trigger": trigger}), self._notifier.reloading() as told:
            try:
                changed = await self._kernel.reload()
            except SignalPyError as error:
                told.append(f"reload refused, what was in force stays: {error}")
                log.error("%s", told[-1])
            else:
                told.append(f"reloaded {file}: {changed}")
                log.info("%s", told[-1])


async def _ticks(folder: Path) -> AsyncGenerator[None]:
    """Whenever something in ``folder`` may have changed: told by the system through watchfiles, else once a second.

    The folder is watched, since an editor puts a new file in the place of the old one. What the system does not tell
    of (the target of a link elsewhere, a network file system) is looked for every second.
    """
    try:
        from watchfiles import awatch
    except ImportError:
        log.info(
            "watchfiles is not installed, so the file is looked at every %g s: pip install signalpy-core[watch]", LOOK
        )
    else:
        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of every change in the folder
        watch = awatch(
            folder, watch_filter=None, recursive=False, yield_on_timeout=True, rust_timeout=round(LOOK * 1000)
        )
        try:
            async with aclosing(watch) as changes:
                async for _ in changes:
                    yield
        except (OSError, RuntimeError) as error:
            log.warning("%s cannot be watched (%s); the file is looked at every %g s", folder, error, LOOK)
    while True:
        await asyncio.sleep(LOOK)
        yield


async def _settled(file: Path, last: bytes | None) -> bytes | None:
    """What the file is once it has stayed the same for a moment."""
    while True:
        await asyncio.sleep(SETTLED)
        now = _fingerprint(file)
        if now == last:
            return now
        last = now


def _fingerprint(file: Path) -> bytes | None:
    """What the file holds; ``None`` while there is none that can be read."""
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return None
