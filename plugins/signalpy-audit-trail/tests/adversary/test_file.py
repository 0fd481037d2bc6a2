"""What somebody with write access to a trail in a folder can do, and what verification says of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.signing import Keys, NoteError, Verifier
from signalpy_audit_trail.store import LogRolledBack, StoreError
from signalpy_audit_trail.stores.file import FileReader, FileStore
from signalpy_audit_trail.verification import Anchors, Report, Result, verifier, verify

SIZE = 40


def draft(n: int, **more: Any) -> Draft:
    body = {
        "id": f"id-{n}",
        "time": "2026-01-01T00:00:00.000000Z",
        "kind": "event",
        "action": "a.b",
        "actor": f"u{n % 3}",
    }
    return Draft(id=f"id-{n}", body=json.dumps({**body, "subjects": ["s"], "data": n, **more}).encode())


@dataclass
class Victim:
    """A signed trail of 40 records, indexed, and what its auditor keeps elsewhere."""

    root: Path
    keys: Keys
    checkpoint: str

    @property
    def segment(self) -> Path:
        return self.root / f"{0:020d}.jsonl"

    def lines(self) -> list[bytes]:
        return self.segment.read_bytes().splitlines(keepends=True)

    def write(self, lines: list[bytes]) -> None:
        self.segment.write_bytes(b"".join(lines))

    def report(self, *, anchored: bool = True, keyed: bool = True) -> Report:
        reader = FileReader(self.root)
        try:
            given = self.checkpoint if anchored else None
            return verify(reader, Anchors(checkpoint=given, keys=self.keys.verifiers() if keyed else ()))
        finally:
            reader.close()


def make(root: Path, count: int = SIZE) -> Victim:
    store = FileStore(root)
    append_sync(store, *(draft(n) for n in range(count)))
    keys = Keys(root.with_name(f"{root.name}.keys"))
    _, note = sign_head(store, keys.ensure(store.origin))
    reader = store.reader()
    reader.reindex()
    reader.close()
    store.close()
    return Victim(root, keys, note)


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    return make(tmp_path / "trail")


def results(report: Report) -> dict[str, str]:
    return {name: str(check.result) for name, check in report.checks.items() if check.result is not Result.HOLDS}


def rehash(victim: Victim) -> None:
    """What an attacker does who knows the format: derives tree and head anew from the changed records."""
    shutil.rmtree(victim.root / "tree")
    (victim.root / "lock").write_bytes(b"")
    (victim.root / "index.sqlite3").unlink()
    checkpoint = victim.root / "checkpoint"
    kept = checkpoint.read_bytes()
    checkpoint.unlink()
    FileStore(victim.root).close()
    checkpoint.write_bytes(kept)


def test_an_honest_trail_holds(victim: Victim) -> None:
    """Everything is checked and holds; the exit code is 0."""
    report = victim.report()
    assert {} == results(report)
    assert (0, SIZE, None) == (report.exit_code, report.size, report.first_bad)


@pytest.mark.parametrize("at", [0, 17, SIZE - 1])
def test_a_flipped_bit_in_a_record(victim: Victim, at: int) -> None:
    """Found without any anchor, and the record is named."""
    lines = victim.lines()
    lines[at] = lines[at].replace(b'"actor": "u', b'"actor": "v')
    victim.write(lines)
    report = victim.report(anchored=False, keyed=False)
    assert "broken" == results(report)["bytes"]
    assert (1, at) == (report.exit_code, report.first_bad)


@pytest.mark.parametrize("level", [0, 1, 3, 5])
def test_a_flipped_bit_in_a_node(victim: Victim, level: int) -> None:
    """The records are good and the tree is not: said apart."""
    path = victim.root / "tree" / f"{level:02d}"
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    report = victim.report()
    assert {"tree": "broken"} == results(report)
    assert 1 == report.exit_code


@pytest.mark.parametrize("what", ["row", "subject", "missing", "extra", "page"])
def test_a_lie_in_the_index(victim: Victim, what: str) -> None:
    """The index is held against the records: a changed, missing or extra row, and a damaged page."""
    path = victim.root / "index.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if what == "row":
            connection.execute("UPDATE record SET actor = (SELECT id FROM term WHERE text = 'u0') WHERE seq = 1")
        elif what == "subject":
            connection.execute("DELETE FROM concern WHERE seq = 7")
        elif what == "missing":
            connection.execute("DELETE FROM record WHERE seq = 12")
        elif what == "extra":
            connection.execute("INSERT INTO record (seq, segment, byte, length) VALUES (40, 0, 0, 0)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if what == "page":
        content = bytearray(path.read_bytes())
        content[len(content) // 2 : len(content) // 2 + 4096] = os.urandom(4096)
        path.write_bytes(content)
    assert {"index": "broken"} == results(victim.report())


def test_two_records_swapped(victim: Victim) -> None:
    """Positions are in the records, so a swap is out of order, at the first of the two."""
    lines = victim.lines()
    lines[4], lines[9] = lines[9], lines[4]
    victim.write(lines)
    report = victim.report(anchored=False, keyed=False)
    assert "broken" == results(report)["order"]
    assert 4 == report.first_bad


def test_two_records_swapped_and_renumbered(victim: Victim) -> None:
    """With the numbers swapped back, their bytes are not those that were hashed."""
    lines = victim.lines()
    four, nine = lines[4], lines[9]
    lines[4] = nine.replace(b'{"seq":9,', b'{"seq":4,')
    lines[9] = four.replace(b'{"seq":4,', b'{"seq":9,')
    victim.write(lines)
    report = victim.report(anchored=False, keyed=False)
    assert ("broken", 4) == (results(report)["bytes"], report.first_bad)


@pytest.mark.parametrize("renumbered", [False, True])
def test_a_record_removed_from_the_middle(victim: Victim, renumbered: bool) -> None:
    """A hole is seen; closed up by renumbering, the bytes and the count are not those of the tree."""
    lines = victim.lines()
    del lines[10]
    if renumbered:
        lines = [
            line.replace(b'{"seq":%d,' % (at + 1), b'{"seq":%d,' % at) if at >= 10 else line
            for at, line in enumerate(lines)
        ]
    victim.write(lines)
    report = victim.report(anchored=False, keyed=False)
    assert 1 == report.exit_code
    assert 10 == report.first_bad


def test_a_record_inserted(victim: Victim) -> None:
    """One record more, renumbered throughout and re-hashed: the signed head is not of these records."""
    lines = victim.lines()
    forged = b'{"seq":5,' + draft(99).body[1:] + b"\n"
    tail = [line.replace(b'{"seq":%d,' % at, b'{"seq":%d,' % (at + 1)) for at, line in enumerate(lines[5:], 5)]
    victim.write([*lines[:5], forged, *tail])
    assert 1 == victim.report(anchored=False, keyed=False).exit_code
    rehash(victim)
    report = victim.report(anchored=False)
    assert {"signature": "broken"} == {k: v for k, v in results(report).items() if v == "broken"}
    assert "they were changed" in report.checks["signature"].detail


def cut(victim: Victim, size: int) -> None:
    """Cuts the tail off everything that lies in the trail, as one would who wants it not to be seen."""
    victim.write(victim.lines()[:size])
    shutil.rmtree(victim.root / "tree")
    for name in ("checkpoint", "index.sqlite3", "lock"):
        (victim.root / name).unlink(missing_ok=True)
    FileStore(victim.root).close()


def test_a_cut_tail_is_seen_with_a_checkpoint_kept_elsewhere_and_not_without(victim: Victim) -> None:
    """The anchor carries the proof: both sides are shown."""
    cut(victim, 30)
    report = victim.report(anchored=False, keyed=False)
    assert 0 == report.exit_code
    assert Result.NOT_CHECKED is report.checks["tail"].result
    report.require(["tail"])
    assert 2 == report.exit_code
    report = victim.report()
    assert ("broken", 1) == (results(report)["tail"], report.exit_code)
    assert "there are 30: the tail was cut off" in report.checks["tail"].detail


def test_a_cut_tail_that_leaves_the_local_checkpoint(victim: Victim) -> None:
    """Whoever forgets the checkpoint in the trail is found without any anchor, and the trail refuses to be written."""
    victim.write(victim.lines()[:30])
    shutil.rmtree(victim.root / "tree")
    (victim.root / "lock").unlink()
    report = victim.report(anchored=False, keyed=False)
    assert "broken" == results(report)["signature"]
    with pytest.raises(LogRolledBack, match="at least 40 records"):
        FileStore(victim.root)


def test_a_rewritten_suffix_re_hashed_but_not_re_signed(victim: Victim) -> None:
    """Bytes and tree fit each other, and the signed head is of other records."""
    lines = victim.lines()
    victim.write([*lines[:20], *(line.replace(b'"u', b'"x') for line in lines[20:])])
    rehash(victim)
    report = victim.report(anchored=False)
    assert "broken" == results(report)["signature"]
    assert "bytes" not in results(report)


def test_a_rewritten_log_re_signed_with_another_key(victim: Victim) -> None:
    """Everything in the trail fits, but not the key that the auditor knows, nor the checkpoint that he kept."""
    victim.write([line.replace(b'"u', b'"x') for line in victim.lines()])
    rehash(victim)
    (victim.root / "checkpoint").unlink()
    store = FileStore(victim.root)
    forger = Keys(victim.root.with_name("forger.keys"))
    sign_head(store, forger.ensure(store.origin))
    store.close()
    report = victim.report()
    assert {"signature": "broken", "tail": "broken"} == {k: v for k, v in results(report).items() if v == "broken"}
    reader = FileReader(victim.root)
    beside = verify(reader, Anchors(beside=forger.verifiers()))
    assert 0 == beside.exit_code
    assert "proves little" in beside.checks["signature"].detail
    reader.close()


def test_a_rollback_to_an_older_copy(victim: Victim, tmp_path: Path) -> None:
    """An older copy is whole in itself; only a later checkpoint from elsewhere shows what is gone."""
    shutil.copytree(victim.root, tmp_path / "older")
    store = FileStore(victim.root)
    append_sync(store, *(draft(n) for n in range(SIZE, SIZE + 5)))
    _, later = sign_head(store, victim.keys.signer())
    store.close()
    older = Victim(tmp_path / "older", victim.keys, later)
    assert 0 == older.report(anchored=False).exit_code
    assert "broken" == results(older.report())["tail"]
    assert 0 == Victim(victim.root, victim.keys, victim.checkpoint).report().exit_code


def test_a_checkpoint_of_another_log(victim: Victim, tmp_path: Path) -> None:
    """A genuine checkpoint of another trail, put here or given, is not of this one."""
    other = make(tmp_path / "other")
    assert "broken" == results(Victim(victim.root, other.keys, other.checkpoint).report())["tail"]
    shutil.copy(other.root / "checkpoint", victim.root / "checkpoint")
    assert "is of the log" in victim.report(anchored=False, keyed=False).checks["signature"].detail


@pytest.mark.parametrize("damage", ["text", "signature"])
def test_a_forged_checkpoint(victim: Victim, damage: str) -> None:
    """A changed size under an old signature, and a changed signature, are false."""
    path = victim.root / "checkpoint"
    note = path.read_text()
    path.write_text(note.replace("\n40\n", "\n39\n") if damage == "text" else note.replace("— ", "— ")[:-6] + "AAA=\n")
    report = victim.report(anchored=False)
    assert ("broken", 1) == (results(report)["signature"], report.exit_code)


def test_nothing_of_a_key_is_in_the_trail(victim: Victim) -> None:
    """A copy of the trail carries no key: neither the file nor the bytes."""
    secret = (victim.keys.folder / "signing.key").read_text().split("+", 4)[4].strip().encode()
    for path in victim.root.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes()
            assert b"PRIVATE" not in path.read_bytes()


def test_verification_changes_no_byte(victim: Victim) -> None:
    """Before and after: the same files with the same bytes and times, also where they could be written."""

    def picture() -> dict[str, tuple[str, int]]:
        paths = sorted(path for path in victim.root.rglob("*") if path.is_file())
        return {str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in paths}

    before = picture()
    assert 0 == victim.report().exit_code
    assert before == picture()


def test_a_live_copy_may_end_within_a_record(victim: Victim) -> None:
    """What a copy caught half written is noted, and breaks nothing."""
    with victim.segment.open("ab") as file:
        file.write(b'{"seq":40,"id":"half')
    report = victim.report()
    assert 0 == report.exit_code
    assert "no whole record" in report.notes[0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: (root / "trail.json").write_text('{"format":99,"origin":"x","created":"y"}'),
        lambda root: (root / "trail.json").unlink(),
        lambda root: (root / "trail.json").write_bytes(b"\xff"),
        lambda root: (root / "zzz.jsonl").write_text("{}"),
        shutil.rmtree,
    ],
)
def test_what_cannot_be_checked_is_one_line_and_nothing_is_altered(
    victim: Victim, damage: Callable[[Path], Any]
) -> None:
    """A future format, a missing or foreign file, no trail: an error of one line."""
    damage(victim.root)
    before = sorted(victim.root.rglob("*")) if victim.root.exists() else []
    with pytest.raises(StoreError) as caught:
        victim.report()
    assert "\n" not in str(caught.value)
    assert before == (sorted(victim.root.rglob("*")) if victim.root.exists() else [])


def test_what_is_given_must_be_a_checkpoint(victim: Victim) -> None:
    """Nonsense for a checkpoint or a key is refused before anything is read."""
    with pytest.raises(NoteError):
        Victim(victim.root, victim.keys, "nonsense").report()
    with pytest.raises(NoteError):
        Verifier.parse("nonsense")


def test_shared_work_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With several processes and many runs the findings are those of one."""
    victim = make(tmp_path / "trail", 40_000)
    monkeypatch.setattr(verifier, "SHARED", 1)
    reader = FileReader(victim.root)
    anchors = Anchors(checkpoint=victim.checkpoint, keys=victim.keys.verifiers())
    done: list[int] = []
    report = verify(reader, anchors, processes=2, progress=lambda at, _: done.append(at))
    assert (0, 40_000) == (report.exit_code, done[-1])
    lines = victim.lines()
    lines[33_000] = lines[33_000].replace(b'"u', b'"x')
    victim.write(lines)
    report = verify(reader, anchors, processes=2, index=False)
    assert {"bytes": 33_000} == {
        name: check.first_bad for name, check in report.checks.items() if check.first_bad is not None
    }
    assert {"bytes", "tail", "signature"} == {name for name, value in results(report).items() if value == "broken"}
    reader.close()


def test_a_row_taken_from_the_index_is_healed_by_reindex(victim: Victim) -> None:
    """A query may miss what the index does not know; verifying says so, and the index made anew has it again."""
    with closing(sqlite3.connect(victim.root / "index.sqlite3", isolation_level=None)) as connection:
        connection.execute("DELETE FROM record WHERE seq = 12")
    assert {"index": "broken"} == results(victim.report())
    with closing(FileReader(victim.root)) as reader:
        reader.reindex()
    assert {} == results(victim.report())
