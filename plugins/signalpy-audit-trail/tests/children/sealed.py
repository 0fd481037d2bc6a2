"""An application in strict mode whose one call has encrypted parameters, and is killed while it runs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from signalpy import Kernel, component, runnable
from signalpy_audit_trail import AuditTrail

RULES = [{"type": "child.*", "field": "params.note", "action": "encrypt", "subject": "params.to"}]


@component("child", version="1.0")
class Child:
    @runnable("die")
    async def die(self, params: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    table = {"store": sys.argv[1], "mode": "strict", "privacy": {"rules": RULES}}
    kernel = Kernel(config={"audit-trail": table, "policy": {"child": {"audit": True}}})
    kernel.discover([AuditTrail, Child])
    async with kernel:
        await kernel.bus.invoke("child.die", {"note": "secret", "to": "zoe"})


asyncio.run(main())
