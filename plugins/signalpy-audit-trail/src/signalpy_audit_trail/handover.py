"""Where a record leaves the operation's hands: given to the log, and waited for whatever happens to those that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from signalpy.errors import AuditUnavailable
from signalpy_audit_trail.draft import Draft, Receipt
from signalpy_audit_trail.pending import Pending


class Log(Protocol):
    """What keeps drafts."""

    @property
    def healthy(self) -> bool:
        """Whether the log can be written, as far as is known."""

    def submit(self, draft: Draft, *, keep: bool = True) -> asyncio.Future[Receipt]:
        """Take a draft, in the order of the calls, and return what gives its receipt when it is durable.

        It gives `AuditUnavailable` if the record is not durable; the log keeps it then and tries again.

        :param keep: whether it does; otherwise the record is forgotten where it cannot be made durable at once.

        :raises AuditUnavailable: the log takes nothing.
        """

    async def offer(self, draft: Draft, *, patience: float) -> bool:
        """Take a draft that nobody waits for; wait for room as long as there is progress within ``patience`` seconds.

        :returns: whether it was taken; if not, it is counted in a gap record.
        """

    def status(self) -> Mapping[str, Any]:
        """Tell how the log does; in an outage with ``cause`` and ``way_out``."""


class Waited(NamedTuple):
    """What came of waiting.

    :param failure: why the record is not durable, if it is not.
    :param interruption: the first cancellation that came while it was waited for.
    """

    failure: BaseException | None
    interruption: asyncio.CancelledError | None


DURABLE: Final = Waited(None, None)
"""Nothing went wrong, and nobody was in a hurry."""


def hand(log: Log, draft: Draft, *, keep: bool = True) -> asyncio.Future[Receipt]:
    """Gives a draft to the log, which owns it from then on. To be called on the loop's own thread.

    :param keep: whether the log keeps it when it cannot make it durable.
    """
    try:
        return log.submit(draft, keep=keep)
    except AuditUnavailable as error:
        refused: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        refused.set_exception(error)
        return refused


async def offer(log: Log, draft: Draft, *, patience: float) -> asyncio.CancelledError | None:
    """Gives a draft to the log without waiting for the disk; see ``Log.offer``.

    :returns: the first cancellation that came while there was no room; the record was given all the same.
    """
    offering = asyncio.ensure_future(log.offer(draft, patience=patience))
    _, interruption = await durable(offering)
    return interruption


def leave(handed: asyncio.Future[Receipt]) -> None:
    """Waits for no answer: the log tells itself of what it cannot write."""
    handed.add_done_callback(_seen)


def acknowledged(handed: asyncio.Future[Receipt], recorder: str) -> asyncio.Future[dict[str, Any]]:
    """What gives, for a person, where a record is kept, or why it is not durable. It need not be waited for."""
    told: asyncio.Future[dict[str, Any]] = handed.get_loop().create_future()

    def tell(done: asyncio.Future[Receipt]) -> None:
        if told.done():
            return
        failure = asyncio.CancelledError("the log was closed") if done.cancelled() else done.exception()
        kept = {"seq": done.result().seq} if failure is None else {"unrecorded": str(failure)}
        told.set_result({"recorder": recorder, **kept})

    handed.add_done_callback(tell)
    return told


async def durable(handed: asyncio.Future[Any]) -> Waited:
    """Waits until there is an answer. A cancellation is kept until then: neither lost nor passed on to the log."""
    interruption = None
    if type(handed) is Pending:  # it answers for itself: one turn of the loop and no other future for each record
        try:
            await handed
            return DURABLE
        except asyncio.CancelledError as cancelled:
            interruption = cancelled
        except Exception:  # noqa: BLE001, S110 (it is read below, beside the interruption)
            pass
    while not handed.done():
        answered = handed.get_loop().create_future()
        handed.add_done_callback(partial(_answer, answered))
        try:
            await answered
        except asyncio.CancelledError as cancelled:
            interruption = interruption or cancelled
    failure = asyncio.CancelledError() if handed.cancelled() else handed.exception()
    return Waited(failure, interruption)


def _answer(answered: asyncio.Future[None], _: asyncio.Future[Any]) -> None:
    if not answered.done():
        answered.set_result(None)


def _seen(handed: asyncio.Future[Receipt]) -> None:
    """Reads the error, since nobody may be waiting for it."""
    if not handed.cancelled():
        handed.exception()
