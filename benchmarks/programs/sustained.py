"""Publishes many events through one kernel, waits for the index, and tells times and memory.

``python -m benchmarks.programs.sustained FOLDER EVENTS``
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.machine import resident
from benchmarks.trails import each, indexed, publisher, trailed

PUBLISHERS = 64
LOOKS = 50
"""How often the memory is looked at."""


async def main(folder: Path, events: int) -> dict[str, Any]:
    """Make the trail and return what was seen."""
    memory: list[float] = []
    step = max(events // LOOKS, 1)
    async with trailed(folder) as kernel:
        publish = publisher(kernel, events)

        def watched(number: int) -> Awaitable[Any]:
            if number % step == step - 1:
                memory.append(resident())
            return publish(number)

        began = perf_counter()
        await each(watched, tasks=PUBLISHERS, count=events)
        published = perf_counter()
        await indexed(kernel)
        ended = perf_counter()
    return {
        "events": events,
        "publish_seconds": published - began,
        "index_seconds": ended - published,
        "memory_mib": memory,
    }


if __name__ == "__main__":
    logging.disable()
    told = asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
    sys.stdout.write(json.dumps(told) + "\n")
