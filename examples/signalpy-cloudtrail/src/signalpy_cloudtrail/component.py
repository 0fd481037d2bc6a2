"""The component: reads files in a thread and publishes what they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from signalpy import PolicyDenied, Runtime, acting_as, component, runnable
from signalpy_cloudtrail.files import find, read
from signalpy_cloudtrail.record import RecordError, read_record
from signalpy_cloudtrail.stream import Entry
from signalpy_cloudtrail.tally import Tally

TOGETHER: Final = 256
"""Records in memory, published side by side: whoever stores them durably can do so for many at once."""


@dataclass(frozen=True, slots=True)
class ReplayParams:
    """Parameters of ``cloudtrail.replay``.

    :param path: a file of CloudTrail records, or a folder with such files in it or below.
    """

    path: str | Path


@component("cloudtrail", version="0.1.0", emits=["aws.*"])
class CloudTrail:
    """Replays AWS CloudTrail files as events."""

    rt: Runtime

    @runnable("replay", params=ReplayParams, description="Publish CloudTrail records as aws.<service>.<EventName>")
    async def replay(self, params: ReplayParams) -> dict[str, Any]:
        """Publishes the records of the files at ``params.path``, by the files' names and in the order of each file.

        What cannot be read, and what the policy denies, is counted and told; the rest goes on.

        :returns: counts of ``records``, of those ``published`` and ``failed``, of ``files`` that were read, of those
            not read to their end (``unread``), and of files left out (``ignored``). If anything was not published,
            also ``error`` (one line) and ``problems`` (the first hundred, each ``{"file", "record", "reason"}``).
        :raises PathNotFoundError: if there is nothing to replay.
        :raises Exception: what else publishing raises, e.g. ``AuditUnavailable``; a note tells how far the replay came.
        """
        listing = await asyncio.to_thread(find, params.path)
        tally = Tally(ignored=listing.ignored)
        for file in listing.files:
            tally.files += 1
            await self._replay_file(file, tally)
        return tally.answer()

    async def _replay_file(self, file: Path, tally: Tally) -> None:
        source = read(file)
        while batch := await asyncio.to_thread(_take, source):
            replays = (self._replay_entry(file, entry, tally) for entry in batch)
            for failure in await asyncio.gather(*replays, return_exceptions=True):
                if failure is not None:
                    failure.add_note(f"The replay stopped in {file}, {tally.published} records published; repeat it.")
                    raise failure

    async def _replay_entry(self, file: Path, entry: Entry, tally: Tally) -> None:
        if entry.flaw is not None:
            note = tally.give_up if entry.last else tally.refuse
            note(str(file), entry.number, entry.flaw)
            return
        try:
            await self._publish(entry.value, fallback_id=f"{file.name}#{entry.number}")
        except (RecordError, PolicyDenied) as error:
            tally.refuse(str(file), entry.number, str(error))
        else:
            tally.published += 1

    async def _publish(self, value: object, *, fallback_id: str) -> None:
        fact = read_record(value, fallback_id=fallback_id)
        with acting_as(fact.actor, on_behalf_of=fact.on_behalf_of, client=fact.client):
            await self.rt.publish(
                fact.event_type,
                fact.data,
                subject=fact.subjects,
                outcome=fact.outcome,
                error=fact.error,
                occurred_at=fact.occurred_at,
                id=fact.id,
            )


def _take(source: Iterator[Entry]) -> list[Entry]:
    return list(islice(source, TOGETHER))
