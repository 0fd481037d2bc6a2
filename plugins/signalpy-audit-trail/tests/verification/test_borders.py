"""Where runs, batches, blocks that are read and segments meet: nothing is lost or taken twice there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.stores import open_reader, open_store
from signalpy_audit_trail.stores.file import FileStore
from signalpy_audit_trail.verification import Anchors, Report, Result, verify
from signalpy_audit_trail.verification.verifier import RUN

SIZE = 2 * RUN + 9
EDGES = (0, 1023, 1024, RUN - 1, RUN, RUN + 1, 2 * RUN - 1, 2 * RUN, SIZE - 1)


def bad(report: Report) -> dict[str, int | None]:
    return {name: check.first_bad for name, check in report.checks.items() if check.result is Result.BROKEN}


def swap(lines: list[bytes], one: int, other: int) -> None:
    lines[one], lines[other] = lines[other], lines[one]


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("size", [RUN - 1, RUN, RUN + 1, 2 * RUN - 1, 2 * RUN, 2 * RUN + 1, SIZE])
@pytest.mark.usefixtures("few")
def test_a_head_of_any_size_is_that_of_the_records(honest: Any, scheme: str, processes: int, size: int) -> None:
    """A checkpoint that was signed just before, at and just after a border is held against that many records."""
    report = honest[scheme].report(processes, size=size)
    assert ({}, 0) == (bad(report), report.exit_code)
    assert f"the {size} records" in report.checks["tail"].detail
    assert f"it knows {SIZE} of {SIZE} records" == report.checks["index"].detail


@pytest.mark.parametrize("at", EDGES)
def test_a_changed_record_at_a_border_is_named(victim: Any, at: int) -> None:
    """One letter of the first or of the last record of a run, a batch or the trail."""
    victim.edit(lambda lines: lines.__setitem__(at, lines[at].replace(b'"actor": "u', b'"actor": "v')))
    report = victim.report(size=SIZE)
    assert {"bytes": at, "tail": None, "signature": None, "index": at} == bad(report)
    assert (1, at) == (report.exit_code, report.first_bad)


@pytest.mark.parametrize("at", EDGES)
def test_a_record_at_a_border_that_is_no_json_any_more_is_named(victim: Any, at: int) -> None:
    """What stands behind the position is cut in two; the others of its run are good, and it alone is named."""
    victim.edit(lambda lines: lines.__setitem__(at, lines[at][:-3] + b"\n"))
    if at == SIZE - 1:  # at the very end it is no whole record
        report = victim.report(index=False)
        assert "the tree covers" in report.checks["order"].detail
        assert SIZE - 1 == report.first_bad
        return
    report = victim.report(index=False)
    assert f"record {at} is no JSON" == report.checks["bytes"].detail
    assert at == report.first_bad


@pytest.mark.parametrize("at", [RUN - 1, RUN, 2 * RUN - 1])
def test_a_missing_record_at_a_border_is_named(victim: Any, at: int) -> None:
    """The last of a run, and the first of the next."""
    victim.edit(lambda lines: lines.pop(at))
    report = victim.report(index=False)
    assert "order" in bad(report)
    assert at == report.first_bad


def test_records_swapped_over_a_border_are_out_of_order(victim: Any) -> None:
    """The last record of a run and the first of the next."""
    victim.edit(lambda lines: swap(lines, RUN - 1, RUN))
    report = victim.report(index=False)
    assert ("broken", RUN - 1) == (report.checks["order"].result, report.first_bad)


@pytest.mark.parametrize("level", [0, 7, 13, 14, 15])
@pytest.mark.parametrize("last", [False, True])
def test_a_node_at_a_border_is_named(victim: Any, level: int, last: bool) -> None:
    """The first and the last complete node of a level, below a run's root, at it and above it."""
    path = victim.root / "tree" / f"{level:02d}"
    content = bytearray(path.read_bytes())
    content[-1 if last else 0] ^= 1
    path.write_bytes(content)
    report = victim.report(size=SIZE)
    at = (len(content) // 32 - 1) << level if last else 0
    alone = level == 0 and last  # with nothing above it, the record might as well be what was changed
    assert {"bytes" if alone else "tree": at} == bad(report)


@pytest.mark.parametrize(
    "tail", [b'{"seq":%d,"id":"half' % SIZE, b"\0" * 300_000, b"x" * 300_000 + b"\nnot a record\n"]
)
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.usefixtures("few")
def test_a_tail_that_is_no_record_is_noted_and_breaks_nothing(victim: Any, tail: bytes, processes: int) -> None:
    """As a copy of a live trail, or a crash, leaves it behind: shorter or longer than what is read at once."""
    with victim.segment.open("ab") as file:
        file.write(tail)
    report = victim.report(processes, size=SIZE)
    assert ({}, 0) == (bad(report), report.exit_code)
    assert [f"the last {len(tail)} bytes"] == [note.partition(" are")[0] for note in report.notes]


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
def test_an_empty_trail_holds(tmp_path: Path, scheme: str) -> None:
    """There is nothing to be broken; what is missing is said."""
    open_store(f"{scheme}:{tmp_path}/trail", guest=True).close()
    seen: list[tuple[int, int]] = []
    with closing(open_reader(f"{scheme}:{tmp_path}/trail")) as reader:
        report = verify(reader, progress=lambda *item: seen.append(item))
    assert (0, 0, {}) == (report.exit_code, report.size, bad(report))
    assert set(seen) <= {(0, 0)}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_segments_of_one_record(tmp_path: Path, make: Any, count: int) -> None:
    """Each record in a file of its own; one that is missing is named."""
    with closing(FileStore(tmp_path / "trail", guest=True, segment_bytes=1)) as store:
        for _ in range(count):
            commit(store, [make()])
    with closing(open_reader(f"file:{tmp_path}/trail")) as reader:
        reader.reindex()
        assert 0 == verify(reader).exit_code
        assert count == len(list((tmp_path / "trail").glob("*.jsonl")))
        (tmp_path / "trail" / f"{count // 2:020d}.jsonl").write_bytes(b"")
        report = verify(reader)
    assert (1, count // 2) == (report.exit_code, report.first_bad)


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.usefixtures("few")
def test_records_of_16_mib(tmp_path: Path, make: Any, scheme: str, processes: int) -> None:
    """Larger than what is read at once, between small ones: they hold, and a changed one is named."""
    url = f"{scheme}:{tmp_path}/trail"
    with closing(open_store(url, guest=True)) as store:
        for large in (False, True, True, False):
            commit(store, [make(data="x" * (16 << 20) if large else "x")])
        body = make(data="x" * (16 << 20)).body
    with closing(open_reader(url)) as reader:
        reader.reindex()
        assert 0 == verify(reader, Anchors(), processes=processes).exit_code
    path = tmp_path / "trail" / f"{0:020d}.jsonl"
    if scheme == "file":
        content = path.read_bytes()
        middle = len(content) // 2 + 1000
        assert len(body) < middle
        path.write_bytes(content[:middle] + b"y" + content[middle + 1 :])
        with closing(open_reader(url)) as reader:
            report = verify(reader, processes=processes)
        assert ({"bytes": 2}, 2) == (bad(report), report.first_bad)


def test_a_record_that_begins_otherwise_within_a_batch(victim: Any) -> None:
    """The members in another order are another record, though the same to a parser."""

    def change(lines: list[bytes]) -> None:
        lines[700] = b'{"id": "id-700", "seq":700,' + lines[700].split(b",", 2)[2]

    victim.edit(change)
    report = victim.report(index=False)
    assert ("broken", 700) == (report.checks["order"].result, report.first_bad)


def test_of_two_records_that_are_no_json_the_first_is_named(tmp_path: Path) -> None:
    """A reader that hands out anything is told what is wrong with it, at the first place."""
    with closing(open_store("memory:borders", guest=True)) as store:
        commit(store, [Draft(id=str(n), body=b'{"id":"%d"}' % n) for n in range(9)])
        with store.turn() as turn:
            turn.append([b'{"seq":9,"id":', b'{"seq":10,"id":'])
        with closing(store.reader()) as reader:
            report = verify(reader)
    assert {"bytes": 9} == bad(report)
