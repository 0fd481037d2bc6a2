"""An application in strict mode whose one call runs until a line comes on standard input, or it is killed."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from signalpy import Kernel, component, runnable
from signalpy_audit_trail import AuditTrail


@component("child", version="1.0")
class Child:
    @runnable("hang", thread=True)
    def hang(self, params: Any) -> str:
        print("running", flush=True)
        sys.stdin.readline()
        return "done"


async def main() -> None:
    config = {"audit-trail": {"store": f"file://{sys.argv[1]}", "mode": "strict"}, "policy": {"child": {"audit": True}}}
    kernel = Kernel(config=config)
    kernel.discover([AuditTrail, Child])
    async with kernel:
        await kernel.bus.invoke("child.hang", {"n": 1}, actor="alice")


asyncio.run(main())
