"""The outbox: makes a change and tells of it, so that the event is published if and only if the change stands.

The ledger commits a change together with its announcement; the announcement is published after that and forgotten
once ``publish`` has returned. What a crash leaves in between is published by the next process, under the same id. An
event that is refused before anybody heard of it takes its change back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from signalpy import (
    AuditUnavailable,
    LifecycleError,
    OutcomeUnrecorded,
    PolicyDenied,
    Runtime,
    ShuttingDown,
    acting_as,
)
from signalpy_accounts.announcement import Announcement
from signalpy_accounts.book import Change, made
from signalpy_accounts.errors import LedgerError
from signalpy_accounts.ledger import Ledger

UNHEARD: Final = (PolicyDenied, AuditUnavailable, ShuttingDown, LifecycleError)
"""What ``publish`` raises, by its contract, when nothing ran and nobody heard."""

PATIENCE: Final = 30.0
"""Seconds that leftovers wait for ``kernel.started``, which does not come if the component joins later."""

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0


class Outbox:
    """Stands between the component and its ledger.

    :param rt: the component's runtime, on whose behalf events are published.
    """

    def __init__(self, ledger: Ledger, rt: Runtime) -> None:
        self._ledger = ledger
        self._rt = rt
        self._waiting: deque[Announcement] = deque()
        self._due = asyncio.Event()

    async def settle(self, change: Change) -> dict[str, Any]:
        """Commits a change and publishes its event; returns the result for whoever asked for it.

        :raises Rejected: if the rules refuse it; nothing happened.
        :raises LedgerError: if the ledger fails; nothing happened.
        :raises PolicyDenied, AuditUnavailable, ShuttingDown: if the event was refused; the change was taken back.
        :raises OutcomeUnrecorded: if the change stands, but its event is not on record, or not yet published;
            ``result`` holds the result.
        """
        announcement = Announcement.of(change)
        result = made(await self._ledger.commit(change, announcement))
        try:
            await self._publish(announcement)
        except UNHEARD as error:
            if await self._reverted(change, announcement):
                raise
            raise self._postponed(announcement, result) from error
        except OutcomeUnrecorded as error:
            await self._forget(announcement)
            told = f"{change.event_type} was made and published, but could not be recorded: do not repeat it"
            raise OutcomeUnrecorded(told, result=result) from error
        except Exception as error:
            raise self._postponed(announcement, result) from error
        await self._forget(announcement)
        return result

    def relay_soon(self) -> None:
        """Lets :meth:`relay` look for what waits."""
        self._due.set()

    async def relay(self) -> None:
        """Publishes, in order, what crashed processes have left and what failed here; runs until cancelled."""
        begin = asyncio.get_running_loop().call_later(PATIENCE, self._due.set)
        delay = FIRST_DELAY
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                if await self._relayed():
                    delay = FIRST_DELAY
                else:
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, LONGEST_DELAY)
                    self._due.set()
        finally:
            begin.cancel()

    async def _relayed(self) -> bool:
        try:
            self._waiting.extend(await self._ledger.adopt())
            while self._waiting:
                await self._republish(self._waiting[0])
                self._waiting.popleft()
        except Exception as error:  # noqa: BLE001 - whatever stands in the way is told, and tried again
            self._rt.log.warning("%d events of committed changes wait to be published: %s", len(self._waiting), error)
            return False
        return True

    async def _republish(self, announcement: Announcement) -> None:
        try:
            with acting_as(
                announcement.actor,
                on_behalf_of=announcement.on_behalf_of,
                client=announcement.client,
                correlation_id=announcement.correlation_id,
                causation_id=announcement.causation_id,
            ):
                await self._publish(announcement)
        except OutcomeUnrecorded:
            self._rt.log.warning(
                "%s %s was published, but could not be recorded", announcement.event_type, announcement.id
            )
        # Also when the component stops just now: what was delivered is not left for the next start.
        await asyncio.shield(self._ledger.published(announcement))

    async def _publish(self, announcement: Announcement) -> None:
        await self._rt.publish(
            announcement.event_type,
            dict(announcement.data),
            subject=announcement.subject,
            schema=announcement.schema,
            occurred_at=announcement.occurred_at,
            id=announcement.id,
        )

    async def _forget(self, announcement: Announcement) -> None:
        try:
            await self._ledger.published(announcement)
        except LedgerError as error:
            self._rt.log.warning(
                "%s %s was published and may be again: %s", announcement.event_type, announcement.id, error
            )

    async def _reverted(self, change: Change, announcement: Announcement) -> bool:
        try:
            return await self._ledger.revert(change, announcement)
        except LedgerError as error:
            self._rt.log.warning("%s %s could not be taken back: %s", announcement.event_type, announcement.id, error)
            return False

    def _postponed(self, announcement: Announcement, result: dict[str, Any]) -> OutcomeUnrecorded:
        self._waiting.append(announcement)
        self._due.set()
        told = f"{announcement.event_type} was made, its event is not published yet and will be: do not repeat it"
        return OutcomeUnrecorded(told, result=result)
