"""The contract of a format: what every format of an export can do. Pure but for the streams that it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, ClassVar, Final, Protocol, TypeAlias

import msgspec

Entry: TypeAlias = Mapping[str, Any]
"""A record as a reader has it: plain JSON values."""

_object: Final = msgspec.json.Decoder(dict[str, Any])


def decoded(text: bytes | str) -> dict[str, Any]:
    """Return a JSON object.

    :raises ValueError: it is none.
    """
    return _object.decode(text)


class RowWriter(Protocol):
    """Writes the rows of one export."""

    def add(self, row: bytes) -> None:
        """Write one row, as `Format.row` made it."""

    def close(self) -> None:
        """Write what comes after the last row. The stream stays open."""


class RowReader(Protocol):
    """Reads the rows of one export back."""

    def take(self, length: int) -> bytes:
        """Return the next row; ``length`` is what it is expected to have, and an empty one says that there is none."""

    def line(self) -> bytes:
        """Return the next row of a verbatim format, without its line feed."""

    def left(self) -> bool:
        """Tell whether anything follows that does not belong there."""


class Format(Protocol):
    """One format. A row follows from its record alone: the same record MUST give the same row in every process."""

    name: ClassVar[str]
    """What ``--format`` calls it."""
    media_type: ClassVar[str]
    """Of `batch`, for those who send rows (RFC 6838)."""
    linewise: ClassVar[bool]
    """Whether rows can be sent one by one."""
    verbatim: ClassVar[bool]
    """Whether the row of a record that is read as it was stored is its stored line."""

    def row(self, entry: Entry) -> bytes:
        """Return the row of a record."""

    def told(self, row: bytes) -> Entry:
        """Return of the record what a row tells of it: at least its ``data``, ``client``, ``error`` and ``schema``.

        :raises ValueError, LookupError: it is no row of this format.
        """

    def batch(self, rows: Sequence[bytes]) -> bytes:
        """Return several rows as one message, where they can be sent one by one."""

    def writer(self, out: BinaryIO) -> RowWriter:
        """Begin an export."""

    def reader(self, file: BinaryIO) -> RowReader:
        """Read an export back from its beginning."""


class Lines:
    """A format whose rows are lines of text; a base for these."""

    name: ClassVar[str]
    media_type: ClassVar[str]
    linewise: ClassVar[bool] = True
    verbatim: ClassVar[bool] = False
    head: ClassVar[bytes] = b""
    """What stands before the first row."""
    start: ClassVar[bytes] = b""
    """What every row begins with."""

    def batch(self, rows: Sequence[bytes]) -> bytes:
        """Return several rows as one message: one after the other."""
        return b"".join(rows)

    def writer(self, out: BinaryIO) -> RowWriter:
        """Write the head and return who writes the rows."""
        out.write(self.head)
        return _LineWriter(out)

    def reader(self, file: BinaryIO) -> RowReader:
        """Return who reads the rows; a head that is not there is left to be found as a wrong row."""
        return _LineReader(file, self.head)


class _LineWriter:
    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def add(self, row: bytes) -> None:
        self._out.write(row)

    def close(self) -> None:
        pass


class _LineReader:
    def __init__(self, file: BinaryIO, head: bytes) -> None:
        self._file = file
        self._broken = file.read(len(head)) != head

    def take(self, length: int) -> bytes:
        return b"" if self._broken else self._file.read(length)

    def line(self) -> bytes:
        return b"" if self._broken else self._file.readline().removesuffix(b"\n")

    def left(self) -> bool:
        return self._broken or bool(self._file.read(1))
