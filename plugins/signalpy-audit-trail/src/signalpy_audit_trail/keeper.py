"""An open trail as the component holds it: the store, its writer and its reader, from the first record to the last."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from signalpy_audit_trail import erasure
from signalpy_audit_trail.checkpoints import Checkpointer
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.doubts import doubtful
from signalpy_audit_trail.draft import Draft, Receipt
from signalpy_audit_trail.handover import durable, hand
from signalpy_audit_trail.notices import Notices
from signalpy_audit_trail.privacy.view import View
from signalpy_audit_trail.safe import greet
from signalpy_audit_trail.signing import Keys
from signalpy_audit_trail.store import Store, StoreReader
from signalpy_audit_trail.stores import Permit, keys_beside, open_store
from signalpy_audit_trail.writer import LogWriter

if TYPE_CHECKING:
    from signalpy_audit_trail.vault.vault import Vault

T = TypeVar("T")

log = logging.getLogger("signalpy.audit_trail")
PATIENCE: Final = 5.0
"""Seconds without any progress of the log after which a query is answered from what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Housing:
    """How a log is kept.

    :param permitted: which of the installed drivers may be loaded.
    :param keys: folder of the keys that sign its head; beside the trail, if not given.
    :param interval: seconds between two signed heads.
    :param capacity: records that may wait to be written.
    :param linger: seconds that they may wait for others to be written with them.
    :param vault: the keys of what is encrypted, if there are any.
    """

    permitted: Permit
    keys: Path | None
    interval: float
    capacity: int
    linger: float
    vault: Vault | None = None


class Keeper:
    """The store with its writer; it takes drafts as a ``Log`` does.

    :param store: open, its first record written.
    :param checkpoints: signs its head; nobody does, if not given.
    """

    def __init__(
        self, store: Store, notices: Notices, housing: Housing, checkpoints: Checkpointer | None = None
    ) -> None:
        self._store = store
        self._notices = notices
        self._checkpoints = checkpoints
        self._writer = LogWriter(
            store, gap=notices.gap, capacity=housing.capacity, housekeeping=checkpoints, linger=housing.linger
        )
        self._vault = housing.vault
        self._reader: StoreReader | None = None
        self._view: View
        self._reading = threading.Lock()

    @property
    def healthy(self) -> bool:
        """Whether the log can be written, as far as is known."""
        return self._writer.healthy

    def submit(self, draft: Draft, *, keep: bool = True) -> asyncio.Future[Receipt]:
        """Takes a draft; see ``LogWriter.submit``."""
        return self._writer.submit(draft, keep=keep)

    async def offer(self, draft: Draft, *, patience: float) -> bool:
        """Takes a draft that nobody waits for; see ``LogWriter.offer``."""
        return await self._writer.offer(draft, patience=patience)

    def status(self) -> dict[str, Any]:
        """How the log does; see ``LogWriter.status``; ``unsigned`` says why its head could not be signed."""
        failure = self._checkpoints.failure if self._checkpoints is not None else None
        return {**self._writer.status(), **({"unsigned": failure} if failure is not None else {})}

    async def ask(self, question: Callable[[StoreReader, View], T]) -> T:
        """Answers a question of the trail, which has what was handed over before, as far as the log can be written.

        :param question: is asked in a thread, and gets how what is protected is read.
        :raises StoreError: the trail cannot be read.
        """
        await self._writer.settle(patience=PATIENCE)
        return await asyncio.to_thread(self._ask, question)

    def _ask(self, question: Callable[[StoreReader, View], T]) -> T:
        with self._reading:
            if self._reader is None:
                self._reader = self._store.reader()
                self._view = View(self._reader, self._vault)
            reader, view = self._reader, self._view
        return question(reader, view)

    async def erase(self, subject: str, draft: Callable[[erasure.Begun], Draft]) -> dict[str, Any]:
        """Destroys the keys of a subject, and says what was done; see `signalpy_audit_trail.erasure.answer`.

        :param draft: makes the record that commits it.
        :raises AuditUnavailable: the record cannot be written; nothing is destroyed.
        :raises StoreError: the keys cannot be destroyed now; the next start does it.
        """
        vault = self._vault
        if vault is None:
            return erasure.answer(erasure.Begun(subject=""), None)
        begun = await asyncio.to_thread(self._begin, vault, subject)
        if not begun.keys:
            return erasure.answer(begun, None)
        receipt, interruption = None, None
        if not begun.recorded:
            handed = hand(self._writer, draft(begun), keep=False)
            failure, interruption = await durable(handed)
            if failure is not None:
                raise failure
            receipt = handed.result()
        failure, late = await durable(asyncio.ensure_future(asyncio.to_thread(vault.destroy, begun.keys)))
        if failure is not None:
            raise failure
        if (interruption or late) is not None:
            raise interruption or late  # type: ignore[misc]
        return erasure.answer(begun, None if receipt is None else receipt.seq)

    def _begin(self, vault: Vault, subject: str) -> erasure.Begun:
        reader = self._store.reader()
        try:
            return erasure.begin(vault, reader, subject)
        finally:
            reader.close()

    async def close(self) -> None:
        """Writes the last record and what waits, and closes the trail. What the log cannot take then is lost."""
        try:
            failure, _ = await durable(hand(self._writer, self._notices.stopped()))
            if failure is not None:
                log.error("the trail is closed without a last record: %s", failure)
            await self._writer.close()
        finally:
            if self._reader is not None:
                self._reader.close()
            self._store.close()


async def open_keeper(url: str, notices: Notices, first: Callable[[Store], Draft], housing: Housing) -> Keeper:
    """Opens a trail and writes its first records.

    These are a gap for each writer that had stopped uncleanly, a record for each call that such a one has left in
    doubt, and then ``first``.


    :raises StoreError: it cannot be opened or written; it is closed again.
    """
    opening = asyncio.ensure_future(asyncio.to_thread(_open, url, notices, first, housing))
    failure, interruption = await durable(opening)
    if failure is not None:
        raise failure
    if interruption is not None:
        await asyncio.to_thread(opening.result().close)
        raise interruption
    store = opening.result()
    folder = housing.keys or keys_beside(url)
    checkpoints = Checkpointer(store, Keys(folder), interval=housing.interval) if folder is not None else None
    return Keeper(store, notices, housing, checkpoints)


def _open(url: str, notices: Notices, first: Callable[[Store], Draft], housing: Housing) -> Store:
    store = open_store(url, allowed=housing.permitted)
    try:
        if housing.vault is not None:
            _meet(store, housing.vault)
        gaps = [notices.unclean(writer.process, writer.started) for writer in store.unclean]
        doubts = _doubts(store, notices) if gaps else []
        append_sync(store, *gaps, *doubts, first(store))
        store.settle_unclean()
    except BaseException:
        store.close()
        raise
    return store


def _meet(store: Store, vault: Vault) -> None:
    """What vault and log have to tell each other."""
    reader = store.reader()
    try:
        greet(vault, reader)
        erasure.finish(vault, reader)
    finally:
        reader.close()


def _doubts(store: Store, notices: Notices) -> list[Draft]:
    reader = store.reader()
    try:
        return [notices.in_doubt(intent) for intent in doubtful(reader, store.unclean)]
    finally:
        reader.close()
