"""An application with one mail to zoe in its trail, which erases her and is killed after one of the steps of that."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from signalpy import Kernel
from signalpy_audit_trail import AuditTrail
from signalpy_audit_trail.keeper import Keeper
from signalpy_audit_trail.vault.vault import Vault

RULES = [{"type": "mail.*", "field": "text", "action": "encrypt", "subject": "to"}]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def prepare(step: str) -> None:
    retire, destroy = Vault.retire, Vault.destroy
    if step == "begin":
        Keeper._begin = lambda *_: die()  # type: ignore[method-assign, assignment, return-value]
    elif step == "retire":

        def retired(self: Vault, subject: str) -> Any:
            retire(self, subject)
            die()

        Vault.retire = retired  # type: ignore[method-assign]
    elif step == "record":
        Vault.destroy = lambda *_: die()  # type: ignore[method-assign, assignment, return-value]
    elif step == "destroy":
        Vault.forget_traces = lambda _: die()  # type: ignore[method-assign]
    elif step == "traces":

        def destroyed(self: Vault, ids: Any) -> Any:
            destroy(self, ids)
            die()

        Vault.destroy = destroyed  # type: ignore[method-assign]


async def main(url: str, step: str) -> None:
    kernel = Kernel(config={"audit-trail": {"store": url, "privacy": {"rules": RULES}}})
    kernel.discover([AuditTrail])
    async with kernel:
        if step != "all":
            await kernel.bus.publish("mail.sent", {"to": "zoe", "text": "text"}, subject="zoe")
        prepare(step)
        await kernel.bus.invoke("audit-trail.erase", {"subject": "zoe", "reason": "asked"})


asyncio.run(main(*sys.argv[1:]))
