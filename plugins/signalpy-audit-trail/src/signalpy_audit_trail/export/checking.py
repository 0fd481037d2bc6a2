"""Checking an export by its manifest, with no access to the trail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import msgspec

from signalpy_audit_trail.export.claims import as_seen, asked_for
from signalpy_audit_trail.export.formats import Format, RowReader, format_named
from signalpy_audit_trail.export.manifest import End, Head, ManifestError, Row, Skip, decoded, read
from signalpy_audit_trail.export.spans import Fold
from signalpy_audit_trail.merkle import leaf_hash
from signalpy_audit_trail.signing import Checkpoint, Note, NoteError, Verifier
from signalpy_audit_trail.verification.report import Check, Result

CHECKS: Final = ("file", "rows", "proof", "signature")
"""``file``: the bytes are those that were written. ``rows``: each row says what its record says. ``proof``: the records
are those of the log, unchanged, at their positions. ``signature``: the log's key signed that log."""


@dataclass(slots=True)
class ExportReport:
    """What can be said of an export.

    :ivar complete: whether it has every record of the log up to ``size``.
    """

    origin: str
    size: int
    filters: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    complete: bool = False
    checks: dict[str, Check] = field(default_factory=lambda: {name: Check(name) for name in CHECKS})

    @property
    def verdict(self) -> Result:
        """``broken`` if anything is; else ``not_checked`` if anything could not be; else ``holds``."""
        found = {check.result for check in self.checks.values()}
        return next((each for each in (Result.BROKEN, Result.NOT_CHECKED) if each in found), Result.HOLDS)

    @property
    def first_bad(self) -> int | None:
        """Position of the first record of which something does not hold, if that is known."""
        bad = [check.first_bad for check in self.checks.values() if check.first_bad is not None]
        return min(bad, default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        told = {"verdict": str(self.verdict), "origin": self.origin, "size": self.size, "rows": self.rows}
        checks = [check.as_dict() for check in self.checks.values()]
        rest = {"complete": self.complete, "filters": self.filters, "checks": checks, "first_bad": self.first_bad}
        return {**told, **rest}


def check_export(export: BinaryIO, manifest: BinaryIO, keys: Sequence[Verifier] = ()) -> ExportReport:
    """Check an export, in bounded memory.

    :param export: the file, open at its beginning, seekable.
    :param keys: public keys that are known to be the log's.
    :raises ManifestError: the manifest is none.
    :raises ConfigError: its format is not known here, or needs a package that is not installed.
    """
    lines = read(manifest)
    head = next(lines, None)
    if not isinstance(head, Head):
        raise ManifestError("the manifest is empty", line=1)
    report = ExportReport(head.origin, head.size, filters=head.filters)
    digest, length = _digest(export)
    export.seek(0)
    form = format_named(head.format)
    walk = _Walk(report, form, form.reader(export), length, asked_for(head.filters))
    end = walk.through(lines)
    next(lines, None)  # nothing may follow
    if (end.sha256, end.bytes) != (digest, length):
        report.checks["file"].breaks(f"expected {end.bytes} bytes, SHA-256 {end.sha256}; found {length}, {digest}")
    walk.close(head, end)
    _check_signature(report.checks["signature"], head, keys)
    return report


class _Walk:
    """Goes through manifest and export side by side."""

    def __init__(
        self, report: ExportReport, form: Format, rows: RowReader, length: int, asked: Callable[[bytes], bool]
    ) -> None:
        self._report = report
        self._form = form
        self._rows = rows
        self._length = length
        self._asked = asked
        self._fold = Fold()
        self._opened = 0
        self._skipped = 0

    def through(self, lines: Iterator[Head | Skip | Row | End]) -> End:
        for number, line in enumerate(lines, 2):
            if isinstance(line, End):
                return line
            if isinstance(line, Skip):
                self._skip(line, number)
            elif isinstance(line, Row):
                self._row(line)
        raise ManifestError("the manifest has no end", line=None)

    def close(self, head: Head, end: End) -> None:
        """Say what can be said of the whole."""
        rows, proof, report = self._report.checks["rows"], self._report.checks["proof"], self._report
        if self._rows.left() or end.rows != report.rows:
            rows.breaks(f"the export has not the {report.rows} rows that its manifest names")
        elif self._opened:
            shown = "show values that do not follow from their stored lines (decrypted, erased, or of a later version)"
            rows.skips(f"{self._opened} of {report.rows} rows {shown}: a forged manifest could say anything there")
        elif rows.result is Result.HOLDS:
            rows.detail = f"{report.rows} rows"
        if self._fold.size != head.size or self._fold.root() != decoded(head.root, 1):
            proof.breaks(f"the rows do not belong to the tree of {head.size} records that the manifest names")
        elif self._skipped and not head.filters:
            proof.breaks("records are left out, and the manifest names no filter that could do that")
        elif proof.result is Result.HOLDS:
            report.complete = self._skipped == 0
            left_out = f"{head.size - report.rows} of {head.size} records are left out"
            whole = f"all {head.size} records of the log"
            proof.detail = (
                whole if report.complete else f"{left_out}; only the trail can say whether the filters do that"
            )

    def _skip(self, line: Skip, number: int) -> None:
        self._skipped += 1
        try:
            self._fold.add(decoded(line.hash, number), line.level)
        except ManifestError:
            raise
        except (ValueError, OverflowError, MemoryError) as error:
            self._report.checks["proof"].breaks(f"line {number} of the manifest: {error}")

    def _row(self, line: Row) -> None:
        self._report.rows += 1
        if line.seq != self._fold.size:
            self._report.checks["proof"].breaks(f"record {line.seq} stands at position {self._fold.size}", line.seq)
        stored, fits = self._compared(line)
        if not fits:
            problem = f"row {self._report.rows} is not what record {line.seq} says"
            self._report.checks["rows"].breaks(problem, line.seq)
        elif not self._asked(stored):
            problem = f"record {line.seq} does not pass the filters that the manifest names"
            self._report.checks["proof"].breaks(problem, line.seq)
        self._fold.add(leaf_hash(stored))

    def _compared(self, line: Row) -> tuple[bytes, bool]:
        """The stored line of a row, and whether the row is what it says."""
        if line.record is None:
            stored = self._rows.line() if self._form.verbatim else b""
            return stored, stored.startswith(b'{"seq":%d,' % line.seq)
        stored = line.record.encode("utf-8", "replace")
        try:
            entry = msgspec.json.decode(stored, type=dict[str, Any])
            fits = self._opened_row(line, entry) if line.sha256 is not None else self._plain_row(entry)
        except (msgspec.MsgspecError, ValueError, LookupError, TypeError, RecursionError):
            return stored, False
        return stored, fits and entry.get("seq") == line.seq

    def _plain_row(self, entry: dict[str, Any]) -> bool:
        expected = self._form.row(entry)
        return self._rows.take(len(expected)) == expected

    def _opened_row(self, line: Row, stored: dict[str, Any]) -> bool:
        """Whether a row is what a reader may have seen of a record; what of it is free, only the manifest tells."""
        length = line.length or 0
        row = self._rows.take(length) if length <= self._length else b""
        if hashlib.sha256(row).hexdigest() != line.sha256:
            return False
        entry = as_seen(stored, self._form.told(row))
        self._opened += entry is not None and entry != stored
        return entry is not None and self._form.row(entry) == row


def _digest(file: BinaryIO) -> tuple[str, int]:
    found, length = hashlib.sha256(), 0
    while block := file.read(1 << 20):
        found.update(block)
        length += len(block)
    return found.hexdigest(), length


def _check_signature(check: Check, head: Head, keys: Sequence[Verifier]) -> None:
    if head.checkpoint is None:
        check.skips("the manifest has no signed checkpoint: the trail could not sign one")
        return
    try:
        note = Note.parse(head.checkpoint)
        signed = Checkpoint.parse(note.text)
        found = note.verified_by(keys)
    except (NoteError, ValueError) as error:
        check.breaks(str(error))
        return
    if (signed.origin, signed.size, signed.root) != (head.origin, head.size, decoded(head.root, 1)):
        check.breaks("the checkpoint is of another log, or of another size of it")
    elif not keys:
        check.skips("no key was given (--key): anybody could have signed the checkpoint")
    elif not found:
        check.breaks("the checkpoint is not signed by a key that was given")
    else:
        check.detail = f"{head.size} records signed by a key that was given"
