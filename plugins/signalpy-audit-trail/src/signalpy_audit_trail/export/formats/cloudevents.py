"""CloudEvents 1.0 (CNCF), JSON format, an event in structured mode on each line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

import msgspec

from signalpy_audit_trail.export.formats.contract import Entry, Lines, decoded

_NONCHARACTERS: Final = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_FORBIDDEN: Final = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\\ufdd0-\\ufdef{_NONCHARACTERS}]")
"""Characters that no attribute may hold (CloudEvents 1.0, type system, String)."""


class CloudEvents(Lines):
    """The record is the event's ``data``; what brokers and collectors sort by is in its attributes.

    ``type`` is the action, ``source`` the log's application, ``subject`` the first of whom it concerns, ``time`` when
    it happened. Extensions: ``sequence`` (the position, twenty digits, so that texts sort as numbers do),
    ``recordedtime``, ``authtype`` and ``authid`` (who acted), ``outcome``, ``kind``, ``correlationid`` and
    ``causationid``. Characters that an attribute may not hold are replaced (U+FFFD); the data has them.
    """

    name: ClassVar[str] = "cloudevents"
    media_type: ClassVar[str] = "application/cloudevents-batch+json"
    start: ClassVar[bytes] = b'{"specversion":"1.0","id":"'

    def row(self, entry: Entry) -> bytes:
        """One event and a line feed."""
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": _id(entry["id"]),
            "source": _source(entry),
            "type": entry["action"] or entry["kind"],
            "subject": next(iter(entry.get("subjects", ())), None) or entry.get("target"),
            "time": entry["time"],
            "datacontenttype": "application/json",
            "dataschema": f"urn:signalpy:event:{quote(entry['schema'])}" if entry.get("schema") else None,
            "sequence": f"{entry['seq']:020}",
            "recordedtime": entry.get("recorded_at"),
            "authtype": _authtype(entry),
            "authid": entry.get("actor"),
            "outcome": entry["outcome"],
            "kind": entry["kind"],
            "correlationid": entry.get("correlation_id"),
            "causationid": entry.get("causation_id"),
        }
        told = {name: _FORBIDDEN.sub("\ufffd", value) for name, value in attributes.items() if value not in (None, "")}
        return msgspec.json.encode({**told, "data": dict(entry)}) + b"\n"

    def told(self, row: bytes) -> Entry:
        """The record of an event."""
        return dict(decoded(row)["data"])

    def batch(self, rows: Sequence[bytes]) -> bytes:
        """Return several events as one JSON array (CloudEvents JSON format, section 4)."""
        return b"[" + b",".join(row.rstrip(b"\n") for row in rows) + b"]"


def _source(entry: Entry) -> str:
    """A URI reference (RFC 3986): ``/bank/accounts`` is the component ``accounts`` of the application ``bank``."""
    application = (entry.get("origin") or {}).get("application") or "signalpy"
    return f"/{quote(str(application), safe='')}/{quote(str(entry.get('caller') or 'kernel'), safe='')}"


def _id(id: str) -> str:
    """An id that needs replacing stays another than all others: receivers tell events apart by it."""
    return quote(id, safe="") if _FORBIDDEN.search(id) else id


def _authtype(entry: Entry) -> str:
    """As the CloudEvents extension ``authcontext`` names them."""
    if entry.get("actor"):
        return "app_user"
    return "system" if entry["kind"] in ("lifecycle", "gap", "policy") else "unauthenticated"
