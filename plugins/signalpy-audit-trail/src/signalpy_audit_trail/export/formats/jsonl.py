"""JSON Lines: a record on each line, as it is stored unless a reader sees it otherwise."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from signalpy_audit_trail.export.formats.contract import Entry, Lines, decoded


class JsonLines(Lines):
    """``{"seq":0,"id":…}`` and a line feed."""

    name: ClassVar[str] = "jsonl"
    media_type: ClassVar[str] = "application/x-ndjson"
    start: ClassVar[bytes] = b'{"seq":'
    verbatim: ClassVar[bool] = True

    def row(self, entry: Entry) -> bytes:
        """One line."""
        return msgspec.json.encode(dict(entry)) + b"\n"

    def told(self, row: bytes) -> Entry:
        """The record of a line."""
        return decoded(row)
