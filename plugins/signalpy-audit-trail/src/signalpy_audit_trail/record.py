"""The record: what one fact looks like in the log. Pure.

A record is stored as one JSON object on one line, without spaces, its members in the order of the fields below, in
UTF-8 without a lone surrogate (RFC 7493, section 2.1). A field that has nothing to say is left out. Times are RFC 3339,
UTC, with microseconds and ``Z``. Stored bytes are for ever: a later version may add fields at the end, it renames and
moves none.

``seq`` comes first in what is stored; the log puts it there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from time import time_ns
from typing import Final

import msgspec
import uuid_utils
from msgspec import UNSET, Struct, UnsetType

from signalpy_audit_trail import ordinary
from signalpy_audit_trail.encoding import encode
from signalpy_audit_trail.fieldpath import Json

INVOKE: Final = "invoke"
EVENT: Final = "event"
LIFECYCLE: Final = "lifecycle"
POLICY: Final = "policy"
ACCESS: Final = "access"
GAP: Final = "gap"
ERASURE: Final = "erasure"

SUCCESS: Final = "success"
FAILURE: Final = "failure"
DENIED: Final = "denied"
CANCELLED: Final = "cancelled"
INTENT: Final = "intent"
IN_DOUBT: Final = "in_doubt"

_WITH_MICROSECONDS: Final = len("2026-01-31T09:30:00.000001")

SEQ_ROOM: Final = len('"seq":18446744073709551615,')
"""Bytes that the log may add to a body."""


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact, without its position.

    :param id: unique; a UUIDv7, or what the publisher gave.
    :param operation_id: UUIDv7 of the operation; shared by the records of one operation.
    :param time: when it happened.
    :param recorded_at: when the record was made and handed to the log.
    :param kind: ``invoke``, ``event``, ``lifecycle``, ``policy``, ``access``, ``gap`` or ``erasure``.
    :param action: the event type, or the target; of the trail's own records what happened.
    :param actor: who acted.
    :param on_behalf_of: for whom.
    :param client: where the request came from, as it was given to the context.
    :param caller: the component that asked for it, or ``kernel``.
    :param target: what was called or concerned: a runnable, a component, a policy entry.
    :param outcome: ``intent``, ``success``, ``failure``, ``denied``, ``cancelled`` or ``in_doubt``; of an event what
        its publisher said.
    :param error: ``{"type", "message", "by"}``, each where known.
    :param duration_us: microseconds from the start of an operation to its end.
    :param subjects: whom or what the fact concerns.
    :param schema: ``type/vN`` of the payload.
    :param level: how much of the operation ``data`` holds: ``metadata`` (nothing), ``request`` or ``full``.
    :param data: the payload of an event; ``{"params", "result"}`` of an invoke.
    :param truncated: paths, from the record's root, at which something was left out.
    :param duplicate_of: the id under which another fact is kept already.
    :param correlation_id: the first operation of the chain.
    :param causation_id: the operation that led to this one.
    :param origin: ``{"application", "host", "process", "distribution", "version"}``.
    """

    id: str
    operation_id: str | None = None
    time: str
    recorded_at: str
    kind: str
    action: str
    actor: str | None = None
    on_behalf_of: str | None = None
    client: Json = None
    caller: str | None = None
    target: str | None = None
    outcome: str
    error: dict[str, Json] | None = None
    duration_us: int | None = None
    subjects: tuple[str, ...] = ()
    schema: str | None = None
    level: str | None = None
    data: Json | UnsetType = UNSET
    truncated: tuple[str, ...] = ()
    duplicate_of: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    origin: dict[str, Json] | None = None

    def present(self) -> dict[str, Json]:
        """The fields that are stored, in their order."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values
            if value is not None and value is not UNSET and value != ()
        }


def opened(record: Record) -> Record:
    """The same record with its values as JSON types, for those who look into them.

    What was taken as bytes of JSON (``msgspec.Raw``) stands in ``data``, among its members, or in ``client``.
    """
    data, client = record.data, record.client
    read = {"data": ordinary.opened(data), "client": ordinary.opened(client)}
    return record if read["data"] is data and read["client"] is client else replaced(record, **read)


def body(record: Record) -> bytes:
    """The bytes of a record without ``seq``; they start with ``{"id":``."""
    return encode(record)


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


def fresh_id() -> str:
    """A new UUIDv7 (RFC 9562)."""
    return str(uuid_utils.uuid7())


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-01-31T09:30:00.000000Z``.

    :param moment: aware.
    :raises OverflowError: if it lies outside the years 1 to 9999 in UTC.
    """
    if moment.tzinfo is UTC and type(moment) is datetime:
        found = encode(moment)[1:-2].decode()  # the same in a third of the time, but for a full second
        return f"{found}Z" if len(found) == _WITH_MICROSECONDS else f"{found}.000000Z"
    utc = moment if moment.tzinfo is UTC else datetime.astimezone(moment, UTC)
    return datetime.isoformat(utc, timespec="microseconds")[:-6] + "Z"


def stamper(clock: Callable[[], datetime]) -> Callable[[], str]:
    """What gives the `stamp` of the moment.

    :param clock: tells the time; of `now`, the part down to the second is made once a second.
    """
    return _Seconds().stamp if clock is now else lambda: stamp(clock())


class _Seconds:
    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = (-1, "")

    def stamp(self) -> str:
        second, rest = divmod(time_ns(), 1_000_000_000)
        known, text = self._last
        if known != second:
            text = stamp(datetime.fromtimestamp(second, UTC))[: -len("000000Z")]
            self._last = (second, text)
        return f"{text}{rest // 1000:06}Z"


def identity(text: str, room: int) -> str:
    """``text`` as an id of at most ``room`` bytes of JSON: itself, or its digest if it is longer.

    The digest is the same for the same text, so that ids can be compared.
    """
    if len(text) <= room and len(encode(text)) <= room:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def replaced(record: Record, **fields: object) -> Record:
    """The same record with other fields."""
    return msgspec.structs.replace(record, **fields)
