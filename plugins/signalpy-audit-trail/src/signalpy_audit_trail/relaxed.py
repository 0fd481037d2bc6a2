"""Relaxed mode: nobody waits for the disk."""

from __future__ import annotations

from typing import Any, Final

from signalpy import Publication
from signalpy.hookspecs import Proceed
from signalpy.span import Span
from signalpy_audit_trail.capture import Capture
from signalpy_audit_trail.handover import Log, offer
from signalpy_audit_trail.modes import Standard
from signalpy_audit_trail.outcome import Ending, returned
from signalpy_audit_trail.scribe import Scribe
from signalpy_audit_trail.taken import Taken, TakenEvent

PATIENCE: Final = 5.0
"""Seconds without any progress of a full log after which a record is dropped, and counted."""


class Relaxed(Standard):
    """Records are queued in bounded memory and durable soon; nothing is refused.

    While the queue is full and the log makes progress, operations wait for room. Where it makes none for 5 s, their
    records are dropped; a gap record tells since when, until when, why and how many.
    """

    def __init__(self, capture: Capture, scribe: Scribe, log: Log) -> None:
        super().__init__(capture, scribe, log)
        self._pending: dict[Span, TakenEvent] = {}

    async def call(self, taken: Taken, proceed: Proceed) -> Any:
        """Runs it and queues its record."""
        try:
            result = await proceed()
        except GeneratorExit:
            raise
        except BaseException as error:
            await self._queue(taken, self._raised(taken, error))
            raise
        await self._queue(taken, returned(result, taken.by))
        return result

    async def event(self, taken: TakenEvent, proceed: Proceed) -> Any:
        """Delivers it; its record was queued before."""
        self._pending[taken.operation.span] = taken
        try:
            return await proceed()
        except GeneratorExit:
            raise
        except BaseException as error:
            if taken.operation.span in self._pending:
                await self._queue(taken, self._raised(taken, error))
            raise
        finally:
            self._pending.pop(taken.operation.span, None)

    async def delivering(self, event: Publication) -> None:
        """Queues the record: the fact is complete."""
        taken = self._pending.pop(event.span, None)
        if taken is not None:
            await self._queue(taken, taken.fact)

    async def _queue(self, taken: Taken, ending: Ending) -> None:
        interruption = await offer(self._log, self._scribe.draft(taken, ending), patience=PATIENCE)
        if interruption is not None:
            raise interruption
