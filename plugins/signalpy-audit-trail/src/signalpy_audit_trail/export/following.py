"""An export that goes on: rows are sent as the trail grows, at least once each, and a file tells how far it is."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec

from signalpy.errors import ConfigError
from signalpy_audit_trail.export.formats.contract import Format
from signalpy_audit_trail.export.seen import seen
from signalpy_audit_trail.export.selection import selected
from signalpy_audit_trail.export.sinks import NotTaken, Sink
from signalpy_audit_trail.privacy.view import View
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.store import StoreReader

BATCH: Final = 500
"""Rows in one message, at most."""
BATCH_BYTES: Final = 4 << 20
"""Bytes after which a message is full."""
POLL: Final = 0.5
"""Seconds between two looks at a trail that does not grow."""
LONGEST_WAIT: Final = 30.0
"""Seconds between two tries at a sink that does not take a batch, at most; the first wait is one second."""

Complain: TypeAlias = Callable[[str], None]


class Place(msgspec.Struct, frozen=True):
    """How far an export is: of which log, for which question, and the first position that was not sent."""

    origin: str
    question: str
    next: Annotated[int, msgspec.Meta(ge=0)] = 0


class CursorFile:
    """Keeps a place durably (mode 0600): it is replaced as a whole, so that a crash leaves the old or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def start(cls, cursor: CursorFile | None, origin: str, question: str, size: int) -> Place:
        """Return where an export begins: as `load`, or at the beginning of the log without a cursor."""
        return cursor.load(origin, question, size) if cursor is not None else Place(origin, question)

    def load(self, origin: str, question: str, size: int) -> Place:
        """Return the place that is kept, the beginning if there is none.

        :param size: records that the trail has.
        :raises ConfigError: the file is none, belongs to another trail or other filters, or stands behind the end of
            the trail; or there is no folder for it.
        """
        if not self._path.parent.is_dir():
            raise ConfigError(f"{self._path}: there is no folder {self._path.parent}; make it first", key="cursor-file")
        try:
            place = msgspec.json.decode(self._path.read_bytes(), type=Place)
        except FileNotFoundError:
            return Place(origin, question)
        except (OSError, msgspec.MsgspecError) as error:
            told = error.strerror if isinstance(error, OSError) else "expected what an earlier export wrote"
            raise ConfigError(f"{self._path}: the cursor cannot be read: {told}", key="cursor-file") from None
        if (place.origin, place.question) != (origin, question):
            whose = "another trail" if place.origin != origin else "other filters or another format"
            raise ConfigError(f"{self._path}: the cursor belongs to {whose}; give another file", key="cursor-file")
        if place.next > size:
            problem = f"the cursor stands at record {place.next}, and the trail has {size}: an older copy was put back"
            raise ConfigError(f"{self._path}: {problem}; give another file to begin anew", key="cursor-file")
        return place

    def save(self, place: Place) -> None:
        """Keep a place.

        :raises OSError: it could not be written; the old one stays.
        """
        beside = self._path.with_name(f"{self._path.name}.new")
        beside.unlink(missing_ok=True)  # what a crash left, or somebody else laid there: it is never followed
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(place))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Follower:
    """Sends what passes, in order. A batch counts as sent when the sink took it; then the cursor moves.

    A crash of either side between the two makes rows come twice, never not at all; receivers tell by ``id``.
    """

    def __init__(
        self,
        reader: StoreReader,
        view: View,
        form: Format,
        sink: Sink,
        *,
        filters: Filters,
        cursor: CursorFile | None,
        place: Place,
    ) -> None:
        self._reader = reader
        self._view = view
        self._form = form
        self._sink = sink
        self._filters = filters
        self._cursor = cursor
        self._place = place
        self.sent = 0

    def catch_up(self, stop: threading.Event, complain: Complain) -> None:
        """Send all that the trail has now, or until ``stop`` is set.

        :raises NotTaken: the sink refuses a batch for good.
        :raises OSError: the cursor cannot be written.
        """
        head = self._reader.size()
        for rows, upto in self._batches(head):
            if stop.is_set() or not self._deliver(rows, stop, complain):
                return
            self._move(upto)
        if not stop.is_set():
            self._move(max(head, self._place.next))

    def follow(self, stop: threading.Event, complain: Complain) -> None:
        """Send all that the trail has and gets, until ``stop`` is set."""
        while not stop.is_set():
            self.catch_up(stop, complain)
            stop.wait(POLL)

    def _batches(self, head: int) -> Iterator[tuple[list[bytes], int]]:
        rows: list[bytes] = []
        size = 0
        for seq, leaf in selected(self._reader, self._view, self._filters, start=self._place.next, head=head):
            entry, differs = seen(self._view, leaf, self._reader.url)
            rows.append(leaf + b"\n" if self._form.verbatim and not differs else self._form.row(entry))
            size += len(rows[-1])
            if len(rows) >= BATCH or size >= BATCH_BYTES:
                yield rows, seq + 1
                rows, size = [], 0
        if rows:
            yield rows, head

    def _deliver(self, rows: list[bytes], stop: threading.Event, complain: Complain) -> bool:
        """Send one batch, again and again while that may help; tell whether it was taken."""
        wait = 1.0
        while True:
            try:
                self._sink.send(rows)
            except NotTaken as refusal:
                if not refusal.retry:
                    raise
                complain(f"{refusal}; trying again in {wait:g} s")
            else:
                self.sent += len(rows)
                return True
            if stop.wait(wait):
                return False
            wait = min(2 * wait, LONGEST_WAIT)

    def _move(self, upto: int) -> None:
        if upto == self._place.next:
            return
        self._place = msgspec.structs.replace(self._place, next=upto)
        if self._cursor is not None:
            self._cursor.save(self._place)
