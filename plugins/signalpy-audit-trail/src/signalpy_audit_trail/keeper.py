"""An open trail as the component holds it: the store, its writer and its reader, from the first record to the last."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from signalpy_audit_trail import search
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft, Receipt
from signalpy_audit_trail.handover import durable, hand
from signalpy_audit_trail.notices import Notices
from signalpy_audit_trail.store import Store, StoreReader
from signalpy_audit_trail.stores import open_store
from signalpy_audit_trail.writer import LogWriter

log = logging.getLogger("signalpy.audit_trail")


class Keeper:
    """The store with its writer; it takes drafts as a ``Log`` does.

    :param store: open, its first record written.
    """

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices
        self._writer = LogWriter(store, gap=notices.gap)
        self._reader: StoreReader | None = None
        self._reading = threading.Lock()

    @property
    def healthy(self) -> bool:
        """Whether the log can be written, as far as is known."""
        return self._writer.healthy

    def submit(self, draft: Draft) -> asyncio.Future[Receipt]:
        """Takes a draft; see ``LogWriter.submit``."""
        return self._writer.submit(draft)

    def status(self) -> dict[str, Any]:
        """How the log does; see ``LogWriter.status``."""
        return self._writer.status()

    def ask(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        """Answers a query; it reads files, so call it in a thread.

        :raises QueryError: a filter has a value that means nothing.
        :raises StoreError: the trail cannot be read.
        """
        with self._reading:
            if self._reader is None:
                self._reader = self._store.reader()
            reader = self._reader
        return search.ask(reader, filters)

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


async def open_keeper(url: str, notices: Notices, first: Callable[[Store], Draft]) -> Keeper:
    """Opens a trail and writes its first records: a gap for each writer that had stopped uncleanly, then ``first``.

    :raises StoreError: it cannot be opened or written; it is closed again.
    """
    opening = asyncio.ensure_future(asyncio.to_thread(_open, url, notices, first))
    failure, interruption = await durable(opening)
    if failure is not None:
        raise failure
    if interruption is not None:
        await asyncio.to_thread(opening.result().close)
        raise interruption
    return Keeper(opening.result(), notices)


def _open(url: str, notices: Notices, first: Callable[[Store], Draft]) -> Store:
    store = open_store(url)
    try:
        gaps = [notices.unclean(writer.process, writer.started) for writer in store.unclean]
        append_sync(store, *gaps, first(store))
        store.settle_unclean()
    except BaseException:
        store.close()
        raise
    return store
