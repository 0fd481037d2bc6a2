"""An application with a trail in the folder given: tells of each event that was published, until it is killed."""

from __future__ import annotations

import asyncio
import sys

from signalpy import Kernel
from signalpy_audit_trail import AuditTrail


async def main() -> None:
    kernel = Kernel(config={"audit-trail": {"store": f"file://{sys.argv[1]}", "application": "child"}})
    kernel.discover([AuditTrail])
    await kernel.boot()
    print("ready", flush=True)
    if sys.argv[2] == "wait":
        await asyncio.Event().wait()
    await asyncio.gather(*(publish(kernel, worker) for worker in range(20)))


async def publish(kernel: Kernel, worker: int) -> None:
    number = 0
    while True:
        await kernel.bus.publish("order.made", {"worker": worker, "number": number})
        print(worker, number, flush=True)
        number += 1


asyncio.run(main())
