"""The task that runs on a loop, found cheaply: it is asked for at every operation."""

from __future__ import annotations

import sys

__all__ = ["current_task"]

if sys.version_info >= (3, 12):
    from asyncio import current_task
else:
    # Before Python 3.12 ``asyncio.current_task`` is written in Python; this is what it looks up.
    from _asyncio import _current_tasks  # type: ignore[attr-defined]

    current_task = _current_tasks.get
