"""An export and its manifest: what they prove without the trail, and what is found when one of them was changed."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.export import FORMATS, ExportReport, ManifestError, Source, check_export, format_named
from signalpy_audit_trail.export.writing import write_export
from signalpy_audit_trail.privacy.view import View
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.signing import Keys
from signalpy_audit_trail.stores import open_reader
from signalpy_audit_trail.stores.file import FileStore
from signalpy_audit_trail.verification import Result

TrailOf = Callable[[int], FileStore]


class Exported:
    """The bytes of an export, of its manifest, and the key that signed it."""

    def __init__(self, store: FileStore, keys: Path, form: str = "csv", filters: Filters | None = None) -> None:
        checkpoint = sign_head(store, Keys(keys).ensure(store.origin))[1]
        self.key = Keys(keys).verifiers()[-1]
        rows, manifest = io.BytesIO(), io.BytesIO()
        with closing(store.reader()) as reader:
            source = Source(reader, View(reader), filters=filters, checkpoint=checkpoint)
            self.end = write_export(source, format_named(form), rows, manifest)
        self.rows, self.manifest = rows.getvalue(), manifest.getvalue()

    def check(self, rows: bytes | None = None, manifest: bytes | None = None, **more: Any) -> ExportReport:
        return check_export(
            io.BytesIO(self.rows if rows is None else rows),
            io.BytesIO(self.manifest if manifest is None else manifest),
            more.get("keys", [self.key]),
        )

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.manifest.splitlines()]


def results(report: ExportReport) -> dict[str, str]:
    return {name: str(check.result) for name, check in report.checks.items()}


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_whole_export_proves_itself(form: str, odd_trail: FileStore, tmp_path: Path) -> None:
    """In every format, with nothing but the file, the manifest and the key."""
    made = Exported(odd_trail, tmp_path / "keys", form)
    report = made.check()
    assert {"file": "holds", "rows": "holds", "proof": "holds", "signature": "holds"} == results(report)
    assert (Result.HOLDS, True, odd_trail.size) == (report.verdict, report.complete, report.rows)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_a_selection_is_proven_with_few_hashes(form: str, trail_of: TrailOf, tmp_path: Path) -> None:
    """What is left out costs a hash for each subtree; the check says that something is left out."""
    made = Exported(trail_of(3000), tmp_path / "keys", form, Filters(actor="user1"))
    report = made.check()
    assert (Result.HOLDS, False, 996) == (report.verdict, report.complete, report.rows)


def test_few_of_many_need_few_hashes(trail_of: TrailOf, tmp_path: Path) -> None:
    """One record of three thousand: some twenty lines."""
    made = Exported(trail_of(3000), tmp_path / "keys", "jsonl", Filters(type="user.locked"))
    report = made.check()
    assert (1, 3000, False) == (report.rows, report.size, report.complete)
    assert len(made.lines()) < 30
    assert "2999 of 3000 records are left out" in report.checks["proof"].detail


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_no_changed_byte_of_an_export_goes_unseen(exported_csv: Exported, data: st.DataObject) -> None:
    """Wherever it is."""
    at = data.draw(st.integers(0, len(exported_csv.rows) - 1))
    flipped = bytearray(exported_csv.rows)
    flipped[at] ^= data.draw(st.integers(1, 255))
    report = exported_csv.check(rows=bytes(flipped))
    assert Result.BROKEN is report.verdict
    assert "broken" == results(report)["file"]
    assert "broken" == results(report)["rows"]


@pytest.fixture
def exported_csv(odd_trail: FileStore, tmp_path: Path) -> Exported:
    return Exported(odd_trail, tmp_path / "keys")


def resealed(exported: Exported, lines: list[dict[str, Any]], rows: bytes) -> bytes:
    """A manifest whose end is made to fit, as one who tampers would."""
    end = {"line": "end", "rows": sum(line["line"] == "row" for line in lines), "bytes": len(rows)}
    lines = [line for line in lines if line["line"] != "end"] + [{**end, "sha256": hashlib.sha256(rows).hexdigest()}]
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def test_a_record_that_was_changed_together_with_its_row_is_not_the_logs(exported_csv: Exported) -> None:
    """Row, stored line and end fit each other, and the tree does not."""
    lines = exported_csv.lines()
    row = next(line for line in lines if '"alice"' in line.get("record", ""))
    row["record"] = row["record"].replace('"alice"', '"mallory"')
    rows = exported_csv.rows.replace(b",alice,", b",mallory,")
    report = exported_csv.check(rows, resealed(exported_csv, lines, rows))
    assert {"file": "holds", "rows": "holds", "proof": "broken", "signature": "holds"} == results(report)


def test_a_row_that_was_left_out_is_missed(exported_csv: Exported) -> None:
    """Together with its line of the manifest, or alone."""
    lines = exported_csv.lines()
    dropped = [line for line in lines if line.get("seq") != 1]
    rows = b"".join(line for line in exported_csv.rows.splitlines(keepends=True) if b"user.locked" not in line)
    report = exported_csv.check(rows, resealed(exported_csv, dropped, rows))
    assert "broken" == results(report)["proof"]
    assert 2 == report.first_bad
    report = exported_csv.check(rows, resealed(exported_csv, lines, rows))
    assert "broken" == results(report)["rows"]


def test_an_export_of_another_log_is_not_signed_by_this_ones_key(
    odd_trail: FileStore, exported_csv: Exported, tmp_path: Path
) -> None:
    """A forger can make log, tree and manifest fit, and not the signature."""
    forged = FileStore(tmp_path / "forged")
    forger = Exported(forged, tmp_path / "forger")
    report = check_export(io.BytesIO(forger.rows), io.BytesIO(forger.manifest), [exported_csv.key])
    assert "broken" == results(report)["signature"]
    forged.close()


def test_without_a_key_the_signature_is_not_checked(exported_csv: Exported) -> None:
    """And so the verdict is that something could not be checked."""
    report = exported_csv.check(keys=[])
    assert ("not_checked", Result.NOT_CHECKED) == (results(report)["signature"], report.verdict)


def test_a_checkpoint_of_another_size_is_told(exported_csv: Exported) -> None:
    """A manifest cannot borrow a signature."""
    lines = exported_csv.lines()
    lines[0]["size"] -= 1
    report = exported_csv.check(manifest=resealed(exported_csv, lines, exported_csv.rows))
    assert ("broken", "broken") == (results(report)["signature"], results(report)["proof"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: b"", "manifest is empty|no end"),
        (lambda m: m[: len(m) // 2], "line"),
        (lambda m: m.rpartition(b'{"line":"end"')[0], "breaks off after line"),
        (lambda m: m + b"{}\n", "goes on after its end|no line of a manifest"),
        (lambda m: b"\x00" + m, "line 1: no line of a manifest"),
        (lambda m: m.replace(b'"version":1', b'"version":2', 1), "reads version 1"),
        (lambda m: m.split(b"\n", 1)[1], "line 1: expected a head"),
    ],
)
def test_what_is_no_manifest_is_said_in_one_line(exported_csv: Exported, change: Any, told: str) -> None:
    """Foreign, cut off, or of a later release."""
    with pytest.raises(ManifestError, match=told) as raised:
        exported_csv.check(manifest=change(exported_csv.manifest))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "line",
    ['{"line":"skip","level":20000,"hash":"AA=="}', '{"line":"skip","level":-1,"hash":"AA=="}',
     '{"line":"row","seq":1' + "0" * 4000 + "}", '{"line":"row","seq":0,"length":-1,"sha256":""}'],
)  # fmt: skip
def test_numbers_that_cannot_be_are_said_in_one_line(exported_csv: Exported, line: str) -> None:
    """Nobody computes with them."""
    head, _, rest = exported_csv.manifest.partition(b"\n")
    with pytest.raises(ManifestError, match="line 2: no line of a manifest"):
        exported_csv.check(manifest=b"\n".join([head, line.encode(), rest]))


def test_a_row_that_is_said_to_be_huge_is_broken(exported_csv: Exported) -> None:
    """No more is read than there is."""
    lines = exported_csv.lines()
    lines[1] |= {"length": (1 << 63) - 1, "sha256": "00"}
    report = exported_csv.check(manifest=resealed(exported_csv, lines, exported_csv.rows))
    assert "broken" == results(report)["rows"]


def test_a_forged_row_is_never_said_to_hold(exported_csv: Exported) -> None:
    """Also not where the manifest is made to fit it, as for a value that was decrypted."""
    lines = exported_csv.lines()
    first = exported_csv.rows.splitlines(keepends=True)[1]
    rows = exported_csv.rows.replace(first, b"FORGED\r\n", 1)
    lines[1] |= {"length": 8, "sha256": hashlib.sha256(b"FORGED\r\n").hexdigest()}
    assert Result.HOLDS is not exported_csv.check(rows, resealed(exported_csv, lines, rows)).verdict


def test_rows_that_a_reader_saw_otherwise_are_told_apart(tmp_path: Path, upcast_trail: FileStore) -> None:
    """An upcast payload does not follow from the stored line: its row is held by a hash, its record by the tree."""
    made = Exported(upcast_trail, tmp_path / "keys", "jsonl")
    assert b'"data":{"sum":1,"new":true}' in made.rows
    [row] = [line for line in made.lines() if line.get("sha256") and line["line"] == "row"]
    assert '"data":{"sum":1}' in row["record"]
    report = made.check()
    assert ("not_checked", "holds") == (results(report)["rows"], results(report)["proof"])
    assert "1 of 2 rows show values that do not follow from their stored lines" in report.checks["rows"].detail
    changed = made.rows.replace(b'"sum":1,', b'"sum":2,')
    assert "broken" == results(made.check(changed, resealed(made, made.lines(), changed)))["rows"]


def test_memory_does_not_grow_with_the_trail(trail_of: TrailOf, tmp_path: Path) -> None:
    """Writing and checking twice as many records takes no more memory at once."""
    peaks = []
    for count in (20_000, 40_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        trail_of(count).close()  # nothing indexes beside what is measured
        reader = open_reader(f"file://{tmp_path / 'trail'}")
        tracemalloc.start()
        with (folder / "rows").open("w+b") as rows, (folder / "manifest").open("w+b") as manifest:
            write_export(Source(reader, View(reader)), format_named("csv"), rows, manifest)
            rows.seek(0)
            manifest.seek(0)
            assert count == check_export(rows, manifest).rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        reader.close()
        (tmp_path / "trail").rename(tmp_path / f"trail-{count}")
    assert peaks[1] < 1.4 * peaks[0]
