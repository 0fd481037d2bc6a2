"""What waits for a receipt, and how it is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

from signalpy_audit_trail.draft import Receipt


class Pending(asyncio.Future[Receipt]):
    """A receipt to come. It cannot be cancelled: whoever awaits it is cancelled once the record is durable.

    For a task that is cancelled while it awaits this, asyncio keeps the cancellation until there is an answer.
    """

    def cancel(self, msg: Any = None) -> bool:
        """Refuse: a record that was handed over belongs to the log."""
        return False
