"""Which records an export has: those of a query, all of them, in the order of the log and in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Final

from signalpy_audit_trail.leaves import position
from signalpy_audit_trail.privacy.view import View
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.search import in_all_forms
from signalpy_audit_trail.store import StoreReader

PAGE: Final = 500


def selected(
    reader: StoreReader, view: View, filters: Filters, *, start: int = 0, head: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield position and stored line of every record from ``start`` to before ``head`` that passes ``filters``.

    :param view: knows in which forms a subject may be stored.
    :param head: the size of the trail that counts; as it is now if not given.
    :raises StoreError: the trail cannot be read.
    """
    stop = reader.size() if head is None else head
    if filters == Filters():
        yield from reader.leaves(start, stop)
        return
    reached = start - 1
    for seq, leaf in merge(*(_paged(reader, form, start, stop) for form in in_all_forms(filters, view))):
        if seq > reached:
            yield seq, leaf
        reached = max(reached, seq)


def _paged(reader: StoreReader, filters: Filters, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    after = start - 1 if start else None
    while True:
        page = reader.search(filters, head=stop, after=after, descending=False, limit=PAGE)
        for leaf in page:
            after = position(leaf)
            yield after, leaf
        if len(page) < PAGE:
            return
