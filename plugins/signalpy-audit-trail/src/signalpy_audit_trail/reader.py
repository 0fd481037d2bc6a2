"""Reading a trail offline: no kernel, no event loop, no lock."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from signalpy_audit_trail import search
from signalpy_audit_trail.query import KINDS, OUTCOMES, Filters
from signalpy_audit_trail.store import StoreReader
from signalpy_audit_trail.stores import open_reader

_URL = re.compile(r"[a-z][a-z0-9+.-]+:")


class Trail:
    """A trail that is open for reading; use it as a context manager, from any thread."""

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader

    def __repr__(self) -> str:
        return f"<Trail({self._reader.url!r}, size={self._reader.size()})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._reader.size()

    @property
    def origin(self) -> str:
        """The name that was made once with the log; a copy has the same."""
        return self._reader.origin

    def query(self, **filters: Any) -> dict[str, Any]:
        """Return ``{"entries": [record, …], "next": cursor or None}``, or counts with ``count_by``.

        The filters are those of the runnable ``audit-trail.query``; see `signalpy_audit_trail.query`.

        :raises QueryError: a filter has a value that means nothing.
        :raises StoreError: the trail cannot be read.
        """
        return search.ask(self._reader, filters)

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield records by position, in order and in bounded memory."""
        for _seq, leaf in self._reader.leaves(start, stop):
            yield search.decoded(leaf, self._reader.url)

    def summary(self) -> dict[str, Any]:
        """Return what the trail is and holds: origin, size, first and last times, and counts by kind and outcome."""
        head = self._reader.size()
        ends: dict[str, Any] = {"first": None, "last": None}
        if head:
            for name, seq in (("first", 0), ("last", head - 1)):
                record = next(self.records(seq, seq + 1))
                ends[name] = record.get("recorded_at", record.get("time"))
        counts = {}
        for field, words in (("kind", KINDS), ("outcome", OUTCOMES)):
            found = self._reader.count(Filters(), field, head=head)
            order = {word: place for place, word in enumerate(words)}
            named = sorted((order.get(word, len(order)), word) for word in found if word is not None)
            counts[f"{field}s"] = {word: found[word] for _place, word in named}
        return {"url": self._reader.url, "origin": self.origin, "size": head, **ends, **counts}

    def close(self) -> None:
        """Close the trail; harmless when done twice."""
        self._reader.close()


def open_trail(trail: str | os.PathLike[str], *, index: str | os.PathLike[str] | None = None) -> Trail:
    """Open a trail for reading.

    :param trail: a URL such as ``file:///var/lib/bank/trail``, or the path of a ``file:`` store.
    :param index: where to keep what searching derives. A trail that may not be written keeps it in the user's cache.
    :raises StoreMissing: there is no trail.
    :raises StoreError: the trail cannot be read; the message is one line.
    """
    url = trail if isinstance(trail, str) and _URL.match(trail) else _file_url(Path(trail))
    return Trail(open_reader(url, index=None if index is None else os.fspath(index)))


def _file_url(path: Path) -> str:
    text = str(path).replace("%", "%25")
    return f"file://{text}" if path.is_absolute() else f"file:{text}"
