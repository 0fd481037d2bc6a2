"""When a record must be durable: what an operation waits for, and what it is told if that fails.

A mode stands around operations of which something was taken. `Standard` is the first; what the others share with it is
in `Mode`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NoReturn

from signalpy import AuditUnavailable, OutcomeUnrecorded, Publication
from signalpy.hookspecs import Proceed
from signalpy.span import Span
from signalpy_audit_trail.capture import Capture
from signalpy_audit_trail.draft import Receipt
from signalpy_audit_trail.handover import DURABLE, Log, durable, hand, leave
from signalpy_audit_trail.outcome import Denials, Ending, raised, returned
from signalpy_audit_trail.scribe import Scribe
from signalpy_audit_trail.taken import Captured, Taken, TakenAccess, TakenEvent


class Mode(ABC):
    """What stands around an operation, and what is the same in every mode."""

    def __init__(self, capture: Capture, scribe: Scribe, log: Log) -> None:
        self._capture = capture
        self._scribe = scribe
        self._log = log
        self._denials = Denials()

    @abstractmethod
    async def call(self, taken: Taken, proceed: Proceed) -> Any:
        """Around a call of which a record is wanted."""

    @abstractmethod
    async def event(self, taken: TakenEvent, proceed: Proceed) -> Any:
        """Around an event of which a record is wanted."""

    @abstractmethod
    async def delivering(self, event: Publication) -> None:
        """An event has passed every interceptor and is about to be delivered."""

    async def untaken(self, operation: Captured, proceed: Proceed) -> Any:
        """Around an operation of which nothing is wanted, unless an interceptor refuses it."""
        try:
            return await proceed()
        except Exception as error:
            if self._denials.is_new(error):
                taken = self._capture.refused(operation)
                await self._recorded(taken, raised(error, taken.by, denied=True), error=error)
            raise

    async def access(self, taken: TakenAccess, proceed: Proceed) -> Any:
        """Around a call of the trail's own: answered also while the log cannot be written, and recorded once it can."""
        try:
            result = await proceed()
        except GeneratorExit:
            raise
        except BaseException as error:
            await self._noted(taken, self._raised(taken, error))
            raise
        if not taken.tells_itself(result):
            await self._noted(taken, returned(result, taken.by))
        return result

    async def lifecycle(self, taken: TakenEvent, proceed: Proceed) -> Any:
        """Around an event of the kernel's own: published also while the log cannot be written, recorded once it can."""
        handed = self._hand(taken, taken.fact)
        result = await proceed()
        await self._wait_if_healthy(handed)
        return result

    def _raised(self, taken: Taken, error: BaseException) -> Ending:
        return raised(error, taken.by, denied=self._denials.is_new(error))

    def _hand(self, taken: Taken, ending: Ending) -> asyncio.Future[Receipt]:
        return hand(self._log, self._scribe.draft(taken, ending))

    async def _recorded(self, taken: Taken, ending: Ending, **outcome: Any) -> None:
        """Hands the record over and waits; see `_durable`."""
        await self._durable(taken, self._hand(taken, ending), **outcome)

    async def _durable(
        self, taken: Taken, handed: asyncio.Future[Receipt], *, result: Any = None, error: BaseException | None = None
    ) -> None:
        """Returns when the record is durable.

        :raises OutcomeUnrecorded: it is not; it carries what the operation returned or raised.
        :raises asyncio.CancelledError: the operation, or the waiting, was cancelled. That goes before everything else,
            and carries the other as its cause.
        """
        waited = await durable(handed)
        if waited is DURABLE and error is None:
            return
        failure, interruption = waited
        unrecorded = None
        if failure is not None:
            unrecorded = OutcomeUnrecorded(
                f"{taken.action} has ended, but its outcome could not be recorded: {failure}. "
                "Do not try it again before you know what it did.",
                result=result,
                error=error,
                target=taken.action,
                operation_id=taken.operation.operation_id,
            )
            unrecorded.__cause__ = failure
        if interruption is None and isinstance(error, asyncio.CancelledError):
            interruption = error
        if interruption is not None:
            raise interruption from unrecorded
        if unrecorded is not None:
            raise unrecorded

    async def _noted(self, taken: Taken, ending: Ending) -> None:
        await self._wait_if_healthy(self._hand(taken, ending))

    async def _wait_if_healthy(self, handed: asyncio.Future[Receipt]) -> None:
        """Waits for a record, but not for a log that cannot be written; that keeps it."""
        if not self._log.healthy:
            leave(handed)
        else:
            _, interruption = await durable(handed)
            if interruption is not None:
                raise interruption

    def _refuse(self, taken: Taken) -> NoReturn:
        status = self._log.status()
        cause, way_out = status.get("cause", "cause unknown"), status.get("way_out", "see audit-trail.status")
        raise AuditUnavailable(
            f"{taken.action}: refused, nothing ran: the audit log cannot be written: {cause}. What to do: {way_out}",
            target=taken.action,
            cause=cause,
            way_out=way_out,
        )


class Standard(Mode):
    """One record for each operation: of a call before its caller gets the result, of an event before ``publish`` ends.

    While the log cannot be written, captured operations are refused before they run.
    """

    def __init__(self, capture: Capture, scribe: Scribe, log: Log) -> None:
        super().__init__(capture, scribe, log)
        self._events: dict[Span, _UnderWay] = {}

    async def call(self, taken: Taken, proceed: Proceed) -> Any:
        """Runs it, and returns or raises once its record is durable."""
        if not self._log.healthy:
            self._refuse(taken)
        try:
            result = await proceed()
        except GeneratorExit:
            raise
        except BaseException as error:
            await self._recorded(taken, self._raised(taken, error), error=error)
            raise
        await self._recorded(taken, returned(result, taken.by), result=result)
        return result

    async def event(self, taken: TakenEvent, proceed: Proceed) -> Any:
        """Delivers it, while its record is being written since the moment at which nobody could refuse it any more."""
        if not self._log.healthy:
            self._refuse(taken)
        span = taken.operation.span
        under_way = self._events[span] = _UnderWay(taken)
        try:
            result = await proceed()
        except GeneratorExit:
            raise
        except BaseException as error:
            await self._undone(under_way, error)
            raise
        finally:
            del self._events[span]
        handed = under_way.handed if under_way.handed is not None else self._hand(taken, taken.fact)
        await self._durable(taken, handed, result=result)
        return result

    async def delivering(self, event: Publication) -> None:
        """Hands over the record: the fact is complete, since its outcome is what its publisher says."""
        under_way = self._events.get(event.span)
        if under_way is not None and under_way.handed is None:
            under_way.handed = self._hand(under_way.taken, under_way.taken.fact)

    async def _undone(self, under_way: _UnderWay, error: BaseException) -> None:
        """An event that raised: its delivery was cancelled, or it was refused before that, or even after."""
        taken, handed = under_way.taken, under_way.handed
        if under_way.refused:
            return
        if handed is None:
            await self._recorded(taken, self._raised(taken, error), error=error)
            return
        if self._denials.is_new(error):
            late = self._capture.refused(taken.operation)
            await self._recorded(late, raised(error, late.by, denied=True), error=error)
        await self._durable(taken, handed, error=error)


@dataclass(eq=False, slots=True)
class _UnderWay:
    """An event that is being published.

    :ivar handed: once its record was given to the log.
    :ivar refused: it was not delivered, since it could not be recorded; nothing is to be kept of it.
    """

    taken: TakenEvent
    handed: asyncio.Future[Receipt] | None = None
    refused: bool = False
