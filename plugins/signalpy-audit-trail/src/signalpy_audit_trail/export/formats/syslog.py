"""Syslog (RFC 5424): a message on each line."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import msgspec

from signalpy_audit_trail.export.formats.contract import Entry, Lines, decoded

FACILITY: Final = 13
"""Log audit (RFC 5424, table 1)."""
ELEMENT: Final = "signalpy@32473"
"""The name of the structured data. 32473 is the number kept for documentation (RFC 5612): this project has none."""

_SEVERITY: Final = {"denied": 4, "failure": 4, "in_doubt": 4, "cancelled": 5}
"""Warning, notice; all else is informational (RFC 5424, table 2)."""
_UNSAFE: Final = re.compile(r"[^!-~]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What moves the cursor of a terminal or ends a line for some receiver; the message has the value as it is."""
_ESCAPED: Final = re.compile(r'(["\\\]])')
_PARAMS: Final = ("id", "seq", "kind", "outcome", "actor", "caller", "target", "correlation_id")


class Syslog(Lines):
    """Facility 13, the application as APP-NAME, the action as MSGID, the record as the message.

    The structured data repeats ``id``, ``seq``, ``kind``, ``outcome``, ``actor``, ``caller``, ``target`` and
    ``correlation_id``. Over TCP, frame the lines as RFC 6587, section 3.4.2 has it: none has a line feed inside.
    """

    name: ClassVar[str] = "syslog"
    media_type: ClassVar[str] = "application/syslog"
    start: ClassVar[bytes] = b"<1"

    def row(self, entry: Entry) -> bytes:
        """One message and a line feed."""
        origin = entry.get("origin") or {}
        priority = FACILITY * 8 + _SEVERITY.get(entry["outcome"], 6)
        head = (
            f"<{priority}>1 {entry['time']} {_name(origin.get('host'), 255)} {_name(origin.get('application'), 48)} "
            f"{_name(origin.get('process'), 128)} {_name(entry['action'], 32)} {_structured(entry)} "
        )
        return head.encode() + b"\xef\xbb\xbf" + msgspec.json.encode(dict(entry)) + b"\n"

    def told(self, row: bytes) -> Entry:
        """The record of a message."""
        return decoded(row.partition(b"\xef\xbb\xbf")[2])


def _name(value: Any, longest: int) -> str:
    """A header field: printable ASCII without spaces, ``-`` for none."""
    return _UNSAFE.sub("_", str(value))[:longest] if value not in (None, "") else "-"


def _structured(entry: Entry) -> str:
    told = ((name, entry.get(name)) for name in _PARAMS)
    return f"[{ELEMENT}{''.join(_param(name, value) for name, value in told if value is not None)}]"


def _param(name: str, value: Any) -> str:
    escaped = _ESCAPED.sub(r"\\\1", _CONTROL.sub(" ", str(value)))
    return f' {name}="{escaped}"'
