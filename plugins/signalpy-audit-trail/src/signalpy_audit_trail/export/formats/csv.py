"""Comma-separated values (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final

import msgspec

from signalpy_audit_trail.export.formats.contract import Entry, Lines

COLUMNS: Final = (
    "seq",
    "id",
    "operation_id",
    "time",
    "recorded_at",
    "kind",
    "action",
    "actor",
    "on_behalf_of",
    "client",
    "caller",
    "target",
    "outcome",
    "error",
    "duration_us",
    "subjects",
    "schema",
    "level",
    "data",
    "truncated",
    "duplicate_of",
    "correlation_id",
    "causation_id",
    "origin",
)
"""The fields of a record, one column each; lists and objects as JSON."""

DOCUMENTS: Final = ("client", "error", "data")
"""Columns in which a reader may see something else than is stored."""

_COMMAND: Final = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*[=+@\uff1d\uff0b\uff0d\uff20-]|[\t\r\n]"
)
"""A cell that begins so is a formula to some spreadsheet, the full-width forms included (OWASP, CSV injection); what is
not seen in front of it some take away."""
_CELL: Final = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(?:,|\r\n\Z)')
"""One cell as it is written here. Python's reader has a limit on the length of cells, for the whole process."""


class Csv(Lines):
    """A head, a record on each row, rows ended by CR and LF (RFC 4180, section 2).

    A text that a spreadsheet would take for a formula gets an apostrophe in front, which spreadsheets do not show.
    """

    name: ClassVar[str] = "csv"
    media_type: ClassVar[str] = "text/csv"
    head: ClassVar[bytes] = (",".join(COLUMNS) + "\r\n").encode()

    def row(self, entry: Entry) -> bytes:
        """One row; in UTF-8, a text with a line feed in quotes."""
        line = io.StringIO(newline="")
        csv.writer(line).writerow([_cell(entry.get(column)) for column in COLUMNS])
        return line.getvalue().encode()

    def told(self, row: bytes) -> Entry:
        """The schema and what is stored as JSON, of a row."""
        found = dict(zip(COLUMNS, _cells(row.decode()), strict=True))
        documents = {name: msgspec.json.decode(found[name]) for name in DOCUMENTS if found[name]}
        return {**documents, **({"schema": found["schema"]} if found["schema"] else {})}


def _cells(row: str) -> Iterator[str]:
    at = 0
    while at < len(row):
        found = _CELL.match(row, at)
        if found is None:
            raise ValueError("no row of a CSV")
        yield found[2] if found[1] is None else found[1].replace('""', '"')
        at = found.end()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if _COMMAND.match(value) else value
    return msgspec.json.encode(value).decode()
