"""CloudEvents 1.0 (CNCF), JSON format, an event in structured mode on each line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from signalpy_audit_trail.export.formats.contract import Entry, Lines, decoded


class CloudEvents(Lines):
    """The record is the event's ``data``; what brokers and collectors sort by is in its attributes.

    ``type`` is the action, ``source`` the log's application, ``subject`` the first of whom it concerns, ``time`` when
    it happened. Extensions: ``sequence`` (the position, twenty digits, so that texts sort as numbers do),
    ``recordedtime``, ``authtype`` and ``authid`` (who acted), ``outcome``, ``kind``, ``correlationid`` and
    ``causationid``.
    """

    name: ClassVar[str] = "cloudevents"
    media_type: ClassVar[str] = "application/cloudevents-batch+json"
    start: ClassVar[bytes] = b'{"specversion":"1.0","id":"'

    def row(self, entry: Entry) -> bytes:
        """One event and a line feed."""
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": entry["id"],
            "source": _source(entry),
            "type": entry["action"] or entry["kind"],
            "subject": next(iter(entry.get("subjects", ())), None) or entry.get("target"),
            "time": entry["time"],
            "datacontenttype": "application/json",
            "dataschema": f"urn:signalpy:event:{entry['schema']}" if entry.get("schema") else None,
            "sequence": f"{entry['seq']:020}",
            "recordedtime": entry.get("recorded_at"),
            "authtype": _authtype(entry),
            "authid": entry.get("actor"),
            "outcome": entry["outcome"],
            "kind": entry["kind"],
            "correlationid": entry.get("correlation_id"),
            "causationid": entry.get("causation_id"),
        }
        told = {name: value for name, value in attributes.items() if value not in (None, "")}
        return msgspec.json.encode({**told, "data": dict(entry)}) + b"\n"

    def told(self, row: bytes) -> Entry:
        """The record of an event."""
        return dict(decoded(row)["data"])

    def batch(self, rows: Sequence[bytes]) -> bytes:
        """Return several events as one JSON array (CloudEvents JSON format, section 4)."""
        return b"[" + b",".join(row.rstrip(b"\n") for row in rows) + b"]"


def _source(entry: Entry) -> str:
    """A URI reference (RFC 3986): ``/bank/accounts`` is the component ``accounts`` of the application ``bank``."""
    from urllib.parse import quote

    application = (entry.get("origin") or {}).get("application") or "signalpy"
    return f"/{quote(str(application), safe='')}/{quote(str(entry.get('caller') or 'kernel'), safe='')}"


def _authtype(entry: Entry) -> str:
    """As the CloudEvents extension ``authcontext`` names them."""
    if entry.get("actor"):
        return "app_user"
    return "system" if entry["kind"] in ("lifecycle", "gap", "policy") else "unauthenticated"
