"""From a question to a page of entries: cursors and limits over what a store can search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, takewhile
from typing import Any, Final

import msgspec

from signalpy_audit_trail.leaves import decoded, position
from signalpy_audit_trail.privacy.view import View
from signalpy_audit_trail.query import (
    Cursor,
    Filters,
    Query,
    QueryError,
    decode_cursor,
    encode_cursor,
    parse_query,
)
from signalpy_audit_trail.store import StoreReader
from signalpy_audit_trail.versions import in_todays_form

BATCH: Final = 32
"""Records that are read at a time for a page whose bytes are bounded."""


def ask(reader: StoreReader, given: Mapping[str, Any], view: View | None = None) -> dict[str, Any]:
    """Answer a question whose filters are ``given`` by name; see `answer`.

    :raises QueryError: a filter has a value that means nothing.
    """
    return answer(reader, parse_query(given), view)


def answer(reader: StoreReader, query: Query, view: View | None = None) -> dict[str, Any]:
    """Return a page, ``{"entries": [record, …], "next": cursor or None}``, or counts; see `count`.

    :param view: how what is protected is read; without one, as far as that can be done without keys.
    """
    view = View(reader) if view is None else view
    if query.count_by is not None:
        return count(reader, query, view)
    leaves, following = page(reader, query, view)
    if query.stored:
        return {"entries": [_text(view.stored(leaf), reader.url) for leaf in leaves], "next": following}
    return {"entries": [in_todays_form(entry) for entry in view.entries(leaves)], "next": following}


def page(reader: StoreReader, query: Query, view: View | None = None) -> tuple[list[bytes], str | None]:
    """Return the leaves of one page as they are stored, and the cursor of the next one, if there is one.

    :param view: knows in which forms the subject that is asked for may be stored.
    :raises QueryError: the cursor does not belong to this question and this trail.
    """
    cursor = _start(reader, query)
    filters = msgspec.structs.replace(query.filters, since=cursor.since, until=cursor.until)
    found = _found(reader, in_all_forms(filters, view), query, cursor)
    leaves = _fitting(found[: query.limit], query.max_bytes)
    if len(leaves) == len(found):
        return leaves, None
    last = position(leaves[-1])
    pinned = msgspec.structs.replace(query, filters=filters)
    return leaves, encode_cursor(pinned, reader.origin, cursor.head, last)


def count(reader: StoreReader, query: Query, view: View | None = None) -> dict[str, Any]:
    """Return ``{"counts": {value: number, …}, "absent": number, "others": number}`` by the field ``query.count_by``.

    The largest come first, ``query.limit`` at most; ``absent`` counts records without the field, and ``others`` those
    of the values that are left out.
    """
    head, numbers = reader.size(), Counter[str | None]()
    for form in in_all_forms(query.filters, view):
        numbers.update(reader.count(form, query.count_by or "", head=head))
    absent = numbers.pop(None, 0)
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0] or ""))
    shown, rest = ordered[: query.limit], ordered[query.limit :]
    return {"counts": dict(shown), "absent": absent, "others": sum(number for _, number in rest)}


def in_all_forms(filters: Filters, view: View | None) -> list[Filters]:
    """Return the filters once for each form in which the subject may be stored; a record has it in one of them."""
    if filters.subject is None or view is None:
        return [filters]
    return [msgspec.structs.replace(filters, subject=form) for form in view.forms(filters.subject)]


def _text(leaf: bytes, url: str) -> str:
    try:
        return leaf.decode()
    except UnicodeDecodeError:
        return msgspec.json.encode(decoded(leaf, url)).decode()  # or rather: says which record is damaged


def _fitting(leaves: list[bytes], most: int | None) -> list[bytes]:
    """The first leaves that together have ``most`` bytes at most; one in any case."""
    if most is None:
        return leaves
    sums = accumulate(map(len, leaves))
    return leaves[: max(1, sum(1 for _ in takewhile(lambda size: size <= most, sums)))]


def _found(reader: StoreReader, forms: Sequence[Filters], query: Query, cursor: Cursor) -> list[bytes]:
    """The leaves behind ``cursor``: one more than go on the page, or as many as have more bytes than it may have.

    Where bytes are bounded few are read at a time, since those that do not fit were read for nothing.
    """
    after = cursor.last if cursor.last >= 0 else None
    found: list[bytes] = []
    size = 0
    while True:
        left = query.limit + 1 - len(found)
        wanted = left if query.max_bytes is None else min(BATCH, left)
        batch = [
            leaf
            for form in forms
            for leaf in reader.search(form, head=cursor.head, after=after, descending=query.descending, limit=wanted)
        ]
        if len(forms) > 1:
            batch = _ordered(batch, descending=query.descending)[:wanted]
        found += batch
        size += sum(map(len, batch))
        if len(batch) < wanted or len(found) > query.limit or size > (query.max_bytes or size):
            return found
        after = position(batch[-1])


def _ordered(leaves: Sequence[bytes], *, descending: bool) -> list[bytes]:
    by_position = {position(leaf): leaf for leaf in leaves}
    return [by_position[seq] for seq in sorted(by_position, reverse=descending)]


def _start(reader: StoreReader, query: Query) -> Cursor:
    size = reader.size()
    filters: Filters = query.filters
    if query.cursor is None:
        return Cursor(query.digest, size, -1, filters.since, filters.until)
    cursor = decode_cursor(query, reader.origin)
    if cursor.head > size:
        message = f"cursor: it was made when the trail had {cursor.head} records, and it has {size}; begin without it"
        raise QueryError(message, field="cursor")
    return cursor
