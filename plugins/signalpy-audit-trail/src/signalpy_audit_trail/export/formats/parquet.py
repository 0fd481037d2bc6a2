"""Apache Parquet, through pyarrow (the extra ``parquet``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, ClassVar, Final

import msgspec

from signalpy.errors import ConfigError
from signalpy_audit_trail.export.formats.contract import Entry, RowReader, RowWriter, decoded

TEXTS: Final = (
    "id",
    "operation_id",
    "kind",
    "action",
    "actor",
    "on_behalf_of",
    "caller",
    "target",
    "outcome",
    "schema",
    "level",
    "duplicate_of",
    "correlation_id",
    "causation_id",
)
MOMENTS: Final = ("time", "recorded_at")
DOCUMENTS: Final = ("client", "error", "data", "truncated", "origin")
"""Columns that hold JSON as a text."""

GROUP: Final = 10_000
GROUP_BYTES: Final = 32 << 20
"""A row group ends at so many rows or bytes, whichever comes first: that bounds the memory."""


class Parquet:
    """A column for each field.

    Texts, ``seq`` and ``duration_us`` as integers, times as microseconds UTC, ``subjects`` as a list, and lists and
    objects as JSON texts.
    """

    name: ClassVar[str] = "parquet"
    media_type: ClassVar[str] = "application/vnd.apache.parquet"
    linewise: ClassVar[bool] = False
    verbatim: ClassVar[bool] = False

    def __init__(self) -> None:
        """:raises ConfigError: pyarrow is not installed."""
        try:
            import pyarrow as pa
        except ImportError:
            advice = "Run: pip install 'signalpy-audit-trail[parquet]'"
            raise ConfigError(f"the format parquet needs pyarrow, which is not installed. {advice}", key=None) from None
        self._arrow = pa

    def row(self, entry: Entry) -> bytes:
        """The cells of the row as a JSON object, in which two rows can be compared."""
        cells: dict[str, Any] = {"seq": entry["seq"], "duration_us": entry.get("duration_us")}
        cells |= {name: None if entry.get(name) is None else str(entry[name]) for name in (*TEXTS, *MOMENTS)}
        cells |= {"subjects": [str(subject) for subject in entry.get("subjects", ())]}
        cells |= {name: msgspec.json.encode(entry[name]).decode() if name in entry else None for name in DOCUMENTS}
        return msgspec.json.encode(cells, order="sorted")

    def told(self, row: bytes) -> Entry:
        """The schema and what is stored as JSON, of the cells of a row."""
        cells = decoded(row)
        documents = {name: msgspec.json.decode(cells[name]) for name in DOCUMENTS if cells.get(name) is not None}
        return {**documents, **({"schema": cells["schema"]} if cells.get("schema") else {})}

    def batch(self, rows: Sequence[bytes]) -> bytes:
        """Never called: its rows cannot be sent one by one."""
        raise TypeError("the rows of a Parquet file stand in the file only")

    def writer(self, out: BinaryIO) -> RowWriter:
        """Begin a file."""
        return _Writer(self._arrow, out)

    def reader(self, file: BinaryIO) -> RowReader:
        """Read a file back, a row group at a time."""
        return _Reader(file)


def _schema(arrow: Any) -> Any:
    text = arrow.string()
    moment = arrow.timestamp("us", tz="UTC")
    return arrow.schema(
        [
            ("seq", arrow.int64()),
            *((name, moment) for name in MOMENTS),
            *((name, text) for name in TEXTS),
            ("duration_us", arrow.int64()),
            ("subjects", arrow.list_(text)),
            *((name, text) for name in DOCUMENTS),
        ]
    )


class _Writer:
    def __init__(self, arrow: Any, out: BinaryIO) -> None:
        from pyarrow.parquet import ParquetWriter

        self._arrow = arrow
        self._schema = _schema(arrow)
        self._file = ParquetWriter(out, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, row: bytes) -> None:
        self._rows.append(_cells(row))
        self._bytes += len(row)
        if len(self._rows) >= GROUP or self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._bytes = [], 0


def _cells(row: bytes) -> dict[str, Any]:
    from datetime import datetime

    cells: dict[str, Any] = msgspec.json.decode(row)
    moments = {name: datetime.fromisoformat(cells[name]) for name in MOMENTS if cells[name] is not None}
    return {**cells, **moments}


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._rows = self._read(file)

    def take(self, length: int) -> bytes:
        return next(self._rows, b"")

    def line(self) -> bytes:
        return b""

    def left(self) -> bool:
        return next(self._rows, None) is not None

    @staticmethod
    def _read(file: BinaryIO) -> Iterator[bytes]:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        try:
            for batch in ParquetFile(file).iter_batches(batch_size=1000):
                for cells in batch.to_pylist():
                    yield _written(cells)
        except (pa.ArrowException, OSError, ValueError, OverflowError):  # each is what some damage of a file makes
            return


def _written(cells: dict[str, Any]) -> bytes:
    moments = {
        name: f"{cells[name].isoformat(timespec='microseconds')[:-6]}Z"
        for name in MOMENTS
        if cells.get(name) is not None
    }
    return msgspec.json.encode({**cells, **moments}, order="sorted")
