"""Transfers between accounts, with every event in an audit trail that no component knows of.

``python -m signalpy.examples.audit_trail`` finds three installed distributions through their entry points: accounts
moves money and publishes what it did, notifications tells the receivers, and the audit trail records both because it is
there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from signalpy.configuration import Configuration, load
from signalpy.discovery import scan
from signalpy.errors import SignalPyError
from signalpy.kernel import Kernel
from signalpy.logs import to_stderr
from signalpy.states import State

COMPONENTS: Final = ("accounts", "notifications", "audit-trail")
TRANSFERS: Final = (("alice", "bob", 150), ("bob", "charlie", 75))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the example; the exit code: 0, or 2 if it could not run."""
    parser = argparse.ArgumentParser(
        prog="python -m signalpy.examples.audit_trail", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--log-level", default=os.environ.get("SIGNALPY_LOG_LEVEL"), metavar="LEVEL", help="e.g. INFO")
    level = parser.parse_args(arguments).log_level
    to_stderr((level or "WARNING").upper(), tracebacks=bool(level))
    with tempfile.TemporaryDirectory(prefix="signalpy-") as folder:
        try:
            configuration = configured(Path(folder))
            problem = _absent(configuration)
            if not problem:
                asyncio.run(demonstrate(configuration))
        except SignalPyError as error:
            problem = " ".join(str(error).split())
    if problem:
        print(f"audit_trail: {problem}", file=sys.stderr)
    return 2 if problem else 0


def configured(folder: Path) -> Configuration:
    """Only the three distributions, the trail on disk below ``folder``, and policies that audit the business.

    The environment has no say, so that the example shows the same everywhere.
    """
    tree = {
        "plugins": {"allow": [f"signalpy-{name}" for name in COMPONENTS]},
        "policy": {"accounts": {"audit": True}, "notifications": {"audit": True}},
        "audit-trail": {"store": (folder / "trail").as_uri()},
    }
    return load(tree, environ={})


async def demonstrate(configuration: Configuration) -> None:
    """Makes the transfers and prints what the trail, the accounts and the notifications have of them."""
    async with Kernel(configuration) as kernel:
        for name in COMPONENTS:
            kernel.get(name)
        print("\n  === Transfers with audit trail ===")
        for sender, receiver, amount in TRANSFERS:
            transfer = {"from_account": sender, "to_account": receiver, "amount": amount}
            await kernel.bus.invoke("accounts.transfer", transfer, actor=sender)
            for fact in await recorded(kernel, order="desc", limit=1):
                print(f"    [audit] {json.dumps(fact)}")

        print("\n  === Audit trail ===")
        for fact in await recorded(kernel, order="asc"):
            print(f"    {fact}")

        print("\n  === Final balances ===")
        for account, balance in (await kernel.bus.invoke("accounts.balance", {})).items():
            print(f"    {account}: ${balance:.2f}")

        print("\n  === Notifications sent ===")
        for notification in kernel.get("notifications").sent:
            print(f"    {notification}")
        print("\n  Audit trail demo complete.")


async def recorded(kernel: Kernel, **how: Any) -> list[dict[str, Any]]:
    """The account events of the trail, by type and data."""
    found = await kernel.bus.invoke("audit-trail.query", {"kind": "event", "type": "account.*", **how})
    return [{"event": record["action"], "data": record["data"]} for record in found["entries"]]


def _absent(configuration: Configuration) -> str:
    """What keeps the three components from loading, by their metadata, and what to do; empty if nothing does."""
    found = scan(configuration.plugins)
    candidates = {name: found.candidate(name) for name in COMPONENTS}
    missing = [f"signalpy-{name}" for name, candidate in candidates.items() if candidate is None]
    if missing:
        return f"this example needs {' and '.join(missing)}: pip install {' '.join(missing)}"
    barred = [item for item in candidates.values() if item is not None and item.state is not State.DISCOVERED]
    return "; ".join(f"{item.name} cannot be loaded: {item.reason}" for item in barred)


if __name__ == "__main__":
    sys.exit(main())
