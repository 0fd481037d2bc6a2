"""What may be asked of a trail: filters, their values, and the cursors of pages. Pure: nothing here reads a trail."""

from __future__ import annotations

import base64
import difflib
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from signalpy.errors import SignalPyError
from signalpy_audit_trail import moments

KINDS = ("invoke", "event", "lifecycle", "policy", "access", "gap", "erasure")
OUTCOMES = ("intent", "success", "failure", "denied", "cancelled", "in_doubt")
ORDERS = ("desc", "asc")
COUNTABLE = ("type", "target", "kind", "actor", "subject", "caller", "outcome")
MAX_LIMIT = 1000
DEFAULT_LIMIT = 100

_TEXTS = ("type", "target", "actor", "subject", "caller", "correlation_id", "operation_id")
_CHOICES = {"kind": KINDS, "outcome": OUTCOMES, "order": ORDERS}
_MOMENTS = ("since", "until")
_OTHERS = ("intents", "limit", "cursor", "count_by", "max_bytes", "stored")
_KNOWN = (*_TEXTS, *_CHOICES, *_MOMENTS, *_OTHERS)


class QueryError(SignalPyError, ValueError):
    """A filter has a value that means nothing. ``field`` names it; the message says what is accepted."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a record must be to pass. `None` lets everything pass.

    ``type`` and ``target`` are patterns with the meaning of `fnmatch.fnmatchcase`, ``type`` on the record's ``action``;
    the other texts are compared as they are. ``since`` (inclusive) and ``until`` (exclusive) bound the record's
    ``time``, in microseconds since 1970. Without ``intents``, an intent whose operation has an outcome is left out.
    """

    type: str | None = None
    target: str | None = None
    kind: str | None = None
    actor: str | None = None
    subject: str | None = None
    caller: str | None = None
    outcome: str | None = None
    correlation_id: str | None = None
    operation_id: str | None = None
    since: int | None = None
    until: int | None = None
    intents: bool = True


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One question: filters, and how the answer is to come."""

    filters: Filters
    descending: bool = True
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    count_by: str | None = None
    max_bytes: int | None = None
    """The page ends before it has more bytes, as far as one record does not have them alone."""
    stored: bool = False
    """Whether entries come as the texts that are stored, where all of them is readable."""
    digest: str
    """Of the filters and the order as they were given; a cursor goes with one digest only."""


class Cursor(msgspec.Struct, frozen=True, array_like=True, tag="1"):
    """Where a page ended. It survives a rebuilt index, since it holds positions in the log."""

    digest: str
    head: int
    """Size of the trail at the first page; later pages see no more, so that paging ends under writes."""
    last: int
    since: int | None
    """The moments of the first page, so that an age does not move on between pages."""
    until: int | None


def parse_query(given: Mapping[str, Any], *, now: datetime | None = None) -> Query:
    """Check what was asked for and return it in one form; `None` is the same as not given.

    :raises QueryError: an unknown filter, or a value that the filter does not take.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    for name in asked:
        if name not in _KNOWN:
            near = difflib.get_close_matches(name, _KNOWN, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_KNOWN)}"
            raise QueryError(f"{name}: no such filter; {hint}", field=name)
    texts: dict[str, Any] = {name: _text(name, asked[name]) for name in _TEXTS if name in asked}
    choices: dict[str, Any] = {
        name: _choice(name, asked[name], known) for name, known in _CHOICES.items() if name in asked
    }
    order = choices.pop("order", ORDERS[0])
    present = now or datetime.now(UTC)
    bounds: dict[str, Any] = {name: _moment(name, asked[name], present) for name in _MOMENTS if name in asked}
    intents = _flag("intents", asked.get("intents", True))
    as_given = {name: _plain(asked[name]) for name in _MOMENTS if name in asked}
    query = Query(
        filters=Filters(**texts, **choices, **bounds, intents=intents),
        descending=order == ORDERS[0],
        limit=_limit(asked.get("limit", DEFAULT_LIMIT)),
        cursor=_text("cursor", asked["cursor"]) if "cursor" in asked else None,
        count_by=_countable(asked["count_by"]) if "count_by" in asked else None,
        max_bytes=_size(asked["max_bytes"]) if "max_bytes" in asked else None,
        stored=_flag("stored", asked.get("stored", False)),
        digest=_digest({**texts, **choices, **as_given, "intents": intents, "order": order}),
    )
    if query.cursor is not None and query.count_by is not None:
        raise QueryError("cursor: counts come on one page; leave out cursor or count_by", field="cursor")
    return query


def encode_cursor(query: Query, origin: str, head: int, last: int) -> str:
    """Return the text that continues ``query`` after position ``last``."""
    cursor = Cursor(_bound(query.digest, origin), head, last, query.filters.since, query.filters.until)
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def decode_cursor(query: Query, origin: str) -> Cursor:
    """Return where ``query.cursor`` stands.

    :raises QueryError: it is no cursor, or it belongs to other filters or to another trail.
    """
    text = query.cursor or ""
    try:
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (ValueError, msgspec.DecodeError):
        raise QueryError("cursor: expected the 'next' of an earlier page as it was given", field="cursor") from None
    if cursor.digest != _bound(query.digest, origin):
        message = "cursor: it belongs to another question; give the filters and the order of its first page"
        raise QueryError(message, field="cursor")
    return cursor


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # a lone surrogate is stored in this form, too
    raise QueryError(f"{name}: expected a text, found {type(value).__name__}", field=name)


def _choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in known:
        return value
    raise QueryError(f"{name}: expected one of {', '.join(known)}, found {_shown(value)}", field=name)


def _countable(value: Any) -> str:
    return _choice("count_by", "type" if value == "action" else value, COUNTABLE)


def _moment(name: str, value: Any, now: datetime) -> int:
    try:
        if isinstance(value, datetime):
            return moments.microseconds(value)
        if isinstance(value, str):
            return moments.parse_moment(value, now=now)
    except ValueError:
        pass
    raise QueryError(f"{name}: expected {moments.ACCEPTED}, found {_shown(value)}", field=name)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise QueryError(f"{name}: expected true or false, found {_shown(value)}", field=name)


def _limit(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_LIMIT:
        return value
    raise QueryError(f"limit: expected a whole number from 1 to {MAX_LIMIT}, found {_shown(value)}", field="limit")


def _size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise QueryError(f"max_bytes: expected a whole number from 1, found {_shown(value)}", field="max_bytes")


def _plain(value: Any) -> str | int:
    return moments.microseconds(value) if isinstance(value, datetime) else str(value).strip()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _digest(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(dict(parts), order="sorted")).hexdigest()


def _bound(digest: str, origin: str) -> str:
    return hashlib.sha256(f"{digest}\n{origin}".encode()).hexdigest()[:16]
