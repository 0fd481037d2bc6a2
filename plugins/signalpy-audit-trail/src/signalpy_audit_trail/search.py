"""From a question to a page of entries: cursors and limits over what a store can search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from signalpy_audit_trail.query import (
    Cursor,
    Filters,
    Query,
    QueryError,
    decode_cursor,
    encode_cursor,
    parse_query,
)
from signalpy_audit_trail.store import StoreDamaged, StoreReader
from signalpy_audit_trail.versions import in_todays_form

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def ask(reader: StoreReader, given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a question whose filters are ``given`` by name; see `answer`.

    :raises QueryError: a filter has a value that means nothing.
    """
    return answer(reader, parse_query(given))


def answer(reader: StoreReader, query: Query) -> dict[str, Any]:
    """Return a page, ``{"entries": [record, …], "next": cursor or None}``, or counts; see `count`."""
    if query.count_by is not None:
        return count(reader, query)
    leaves, following = page(reader, query)
    return {"entries": [in_todays_form(entry) for entry in _entries(leaves, reader.url)], "next": following}


def page(reader: StoreReader, query: Query) -> tuple[list[bytes], str | None]:
    """Return the leaves of one page as they are stored, and the cursor of the next one, if there is one.

    :raises QueryError: the cursor does not belong to this question and this trail.
    """
    cursor = _start(reader, query)
    filters = msgspec.structs.replace(query.filters, since=cursor.since, until=cursor.until)
    found = reader.search(
        filters,
        head=cursor.head,
        after=cursor.last if cursor.last >= 0 else None,
        descending=query.descending,
        limit=query.limit + 1,
    )
    leaves = found[: query.limit]
    if len(found) <= query.limit:
        return leaves, None
    last = decoded(leaves[-1], reader.url)["seq"]
    pinned = msgspec.structs.replace(query, filters=filters)
    return leaves, encode_cursor(pinned, reader.origin, cursor.head, last)


def count(reader: StoreReader, query: Query) -> dict[str, Any]:
    """Return ``{"counts": {value: number, …}, "absent": number, "others": number}`` by the field ``query.count_by``.

    The largest come first, ``query.limit`` at most; ``absent`` counts records without the field, and ``others`` those
    of the values that are left out.
    """
    numbers = dict(reader.count(query.filters, query.count_by or "", head=reader.size()))
    absent = numbers.pop(None, 0)
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0] or ""))
    shown, rest = ordered[: query.limit], ordered[query.limit :]
    return {"counts": dict(shown), "absent": absent, "others": sum(number for _, number in rest)}


def _entries(leaves: Sequence[bytes], url: str) -> list[dict[str, Any]]:
    try:
        return list(map(_decode, leaves))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [decoded(leaf, url) for leaf in leaves]  # which tells of the first that cannot be read


def decoded(leaf: bytes, url: str) -> dict[str, Any]:
    """Return the record that a leaf holds.

    :raises StoreDamaged: it is no JSON object.
    """
    try:
        return _decode(leaf)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        seq = leaf[7:27].partition(b",")[0].decode("ascii", "replace")
        message = f"{url}: record {seq} is damaged: expected a JSON object; restore its segment from a copy"
        raise StoreDamaged(message, url=url, seq=seq) from None


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
