"""Strict mode: no intent record, no call."""

from __future__ import annotations

import asyncio
from typing import Any

from signalpy import AuditUnavailable, Call, Publication
from signalpy.hookspecs import Proceed
from signalpy_audit_trail.draft import Draft, Receipt
from signalpy_audit_trail.handover import durable, hand
from signalpy_audit_trail.modes import Standard
from signalpy_audit_trail.outcome import Ending, returned
from signalpy_audit_trail.record import CANCELLED, INTENT, fresh_id
from signalpy_audit_trail.taken import Taken


class Strict(Standard):
    """Two records for each call that may run, one for each event.

    A call's intent is durable before anything runs, its outcome before the caller gets the result. An event is durable
    before it is delivered.

    Where the intent or the event cannot be made durable, nothing runs, and the log keeps nothing of it.
    """

    async def call(self, taken: Taken, proceed: Proceed) -> Any:
        """Runs it between its two records.

        :raises AuditUnavailable: the intent is not durable; nothing ran.
        :raises OutcomeUnrecorded: it ran, and its outcome is not durable.
        """
        operation = taken.operation
        if not operation.verdict.allowed or not isinstance(operation, Call) or not operation.known:
            return await super().call(taken, proceed)  # nothing will run
        await self._intend(taken)
        try:
            result = await proceed()
        except GeneratorExit:
            raise
        except BaseException as error:
            await self._recorded(taken.again(fresh_id()), self._raised(taken, error), error=error)
            raise
        await self._recorded(taken.again(fresh_id()), returned(result, taken.by), result=result)
        return result

    async def delivering(self, event: Publication) -> None:
        """Returns once the event is durable.

        :raises AuditUnavailable: it is not; nothing is delivered.
        """
        under_way = self._events.get(event.span)
        if under_way is None or under_way.handed is not None:
            return
        taken = under_way.taken
        handed = self._try(self._scribe.draft(taken, taken.fact))
        failure, interruption = await durable(handed)
        if failure is None:
            under_way.handed = handed
        under_way.refused = failure is not None
        if interruption is not None:
            raise interruption
        if failure is not None:
            self._refuse_for(taken, failure)

    async def _intend(self, taken: Taken) -> None:
        """Makes the intent durable. One whose caller is cancelled meanwhile does not run, and its record says so."""
        failure, interruption = await durable(self._try(self._scribe.draft(taken, Ending(INTENT))))
        if failure is None and interruption is not None:
            await self._durable(taken, self._hand(taken.again(fresh_id()), Ending(CANCELLED)), error=interruption)
        if interruption is not None:
            raise interruption
        if failure is not None:
            self._refuse_for(taken, failure)

    def _try(self, draft: Draft) -> asyncio.Future[Receipt]:
        """Hands over what is to be forgotten if it cannot be made durable."""
        return hand(self._log, draft, keep=False)

    def _refuse_for(self, taken: Taken, failure: BaseException) -> None:
        refusal = AuditUnavailable(
            f"{taken.action}: refused, nothing ran: {failure}", target=taken.action, cause=str(failure)
        )
        raise refusal from failure
