"""Publishes on a trail that other processes write too, from when it is told to, for so many seconds.

``python -m benchmarks.programs.publisher FOLDER TASKS SECONDS``; says ``ready``, waits for a line, and tells how many
events became durable in which time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.trails import publisher, trailed

_FACTS = 1_000_000


async def main(folder: Path, tasks: int, seconds: float) -> dict[str, Any]:
    """Publish and return what was seen."""
    async with trailed(folder) as kernel:
        publish = publisher(kernel, _FACTS)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        count = 0
        began = perf_counter()
        until = began + seconds

        async def one(task: int) -> None:
            nonlocal count
            number = task
            while perf_counter() < until:
                await publish(number)
                number += tasks
                count += 1

        await asyncio.gather(*(one(task) for task in range(tasks)))
        return {"count": count, "seconds": perf_counter() - began}


if __name__ == "__main__":
    logging.disable()
    told = asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
    sys.stdout.write(json.dumps(told) + "\n")
