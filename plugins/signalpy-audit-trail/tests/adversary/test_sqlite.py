"""What somebody with write access to a trail's database can do, and what verification says of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.merkle import Edge
from signalpy_audit_trail.signing import Keys
from signalpy_audit_trail.store import LogRolledBack
from signalpy_audit_trail.stores.sqlite import SqliteReader, SqliteStore
from signalpy_audit_trail.stores.sqlite.tables import Tables
from signalpy_audit_trail.verification import Anchors, Report, Result, verify

SIZE = 40


def draft(n: int) -> Draft:
    body = {"id": f"id-{n}", "time": "2026-01-01T00:00:00.000000Z", "kind": "event", "action": "a.b"}
    return Draft(id=f"id-{n}", body=json.dumps({**body, "actor": f"u{n % 3}", "subjects": ["s"], "data": n}).encode())


@dataclass
class Victim:
    """A signed trail of 40 records, and what its auditor keeps elsewhere."""

    path: Path
    keys: Keys
    checkpoint: str

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What anyone can who has the file: the triggers are no obstacle to who may remove them."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            return connection.execute(statement, parameters).fetchall()

    def leaves(self) -> list[bytes]:
        return [body for (body,) in self.sql("SELECT body FROM leaf ORDER BY seq")]

    def rewrite(self, leaves: list[bytes]) -> None:
        """Put other records in their place, with the tree and the tables of searching that belong to them."""
        self.sql("DELETE FROM leaf")
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            Tables(connection, self.path).append(leaves, Edge())
        with closing(SqliteReader(self.path)) as reader:
            reader.reindex()

    def report(self, *, anchored: bool = True, keyed: bool = True) -> Report:
        with closing(SqliteReader(self.path)) as reader:
            given = self.checkpoint if anchored else None
            return verify(reader, Anchors(checkpoint=given, keys=self.keys.verifiers() if keyed else ()), processes=1)


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    path = tmp_path / "trail.db"
    with closing(SqliteStore(path)) as store:
        append_sync(store, *(draft(n) for n in range(SIZE)))
        keys = Keys(tmp_path / "trail.db.keys")
        _, note = sign_head(store, keys.ensure(store.origin))
    return Victim(path, keys, note)


def broken(report: Report) -> set[str]:
    return {name for name, check in report.checks.items() if check.result is Result.BROKEN}


def renumbered(leaf: bytes, old: int, new: int) -> bytes:
    return leaf.replace(b'{"seq":%d,' % old, b'{"seq":%d,' % new)


def test_an_honest_trail_holds(victim: Victim) -> None:
    """Everything is checked and holds; the exit code is 0."""
    report = victim.report()
    assert {Result.HOLDS} == {check.result for check in report.checks.values()}
    assert (0, SIZE, None) == (report.exit_code, report.size, report.first_bad)


@pytest.mark.parametrize("at", [0, 17, SIZE - 1])
@pytest.mark.parametrize("raw", [False, True])
def test_a_flipped_bit_in_a_record(victim: Victim, at: int, *, raw: bool) -> None:
    """Through SQL or in the bytes of the file: found without any anchor, and the record is named."""
    leaf = victim.leaves()[at]
    changed = leaf.replace(b'"actor": "u', b'"actor": "v')
    if raw:
        content = victim.path.read_bytes()
        assert 1 == content.count(leaf)
        victim.path.write_bytes(content.replace(leaf, changed))
    else:
        victim.sql("UPDATE leaf SET body = ? WHERE seq = ?", changed, at)
    report = victim.report(anchored=False, keyed=False)
    assert "bytes" in broken(report)
    assert (1, at) == (report.exit_code, report.first_bad)


@pytest.mark.parametrize(("level", "seq"), [(0, 0), (0, 33), (1, 1), (3, 7), (5, 31)])
def test_a_flipped_bit_in_a_node(victim: Victim, level: int, seq: int) -> None:
    """The records are good and the tree is not: said apart."""
    ((nodes,),) = victim.sql("SELECT nodes FROM leaf WHERE seq = ?", seq)
    changed = bytearray(nodes)
    changed[level * 32 + 5] ^= 1
    victim.sql("UPDATE leaf SET nodes = ? WHERE seq = ?", bytes(changed), seq)
    report = victim.report()
    assert {"tree"} == broken(report)
    assert 1 == report.exit_code


def test_a_node_that_was_taken_away(victim: Victim) -> None:
    """A tree with a hole is broken, and the records are good."""
    victim.sql("UPDATE leaf SET nodes = substr(nodes, 1, 32) WHERE seq = 31")
    assert {"tree"} == broken(victim.report())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET actor = (SELECT id FROM term WHERE text = 'u0') WHERE seq = 1",
        "DELETE FROM concern WHERE seq = 7",
        "DELETE FROM record WHERE seq = 12",
        "INSERT INTO record (seq, segment, byte, length) VALUES (40, 0, 0, 0)",
        "UPDATE block SET earliest = latest + 1",
    ],
)
def test_a_lie_in_the_tables_of_searching(victim: Victim, statement: str) -> None:
    """What serves queries is held against the records; the log itself holds."""
    victim.sql(statement)
    assert {"index"} == broken(victim.report())


@pytest.mark.parametrize("numbered", [False, True])
def test_two_records_swapped(victim: Victim, *, numbered: bool) -> None:
    """Out of order at the first of the two; with the numbers put right, not the bytes that were hashed."""
    four, nine = victim.leaves()[4], victim.leaves()[9]
    if numbered:
        four, nine = renumbered(four, 4, 9), renumbered(nine, 9, 4)
    victim.sql("UPDATE leaf SET body = CASE seq WHEN 4 THEN ? ELSE ? END WHERE seq IN (4, 9)", nine, four)
    report = victim.report(anchored=False, keyed=False)
    assert ("bytes" if numbered else "order") in broken(report)
    assert 4 == report.first_bad


@pytest.mark.parametrize("closed", [False, True])
def test_a_record_removed_from_the_middle(victim: Victim, *, closed: bool) -> None:
    """A hole is seen; closed up by moving the others, their bytes are not those of their places."""
    victim.sql("DELETE FROM leaf WHERE seq = 10")
    if closed:
        for seq in range(11, SIZE):
            victim.sql("UPDATE leaf SET seq = seq - 1 WHERE seq = ?", seq)
    report = victim.report(anchored=False, keyed=False)
    assert (1, 10) == (report.exit_code, report.first_bad)
    assert "order" in broken(report)


def test_a_record_inserted(victim: Victim) -> None:
    """One record more, renumbered throughout and re-hashed: the signed head is not of these records."""
    leaves = victim.leaves()
    forged = b'{"seq":5,' + draft(99).body[1:]
    victim.rewrite([*leaves[:5], forged, *(renumbered(leaf, seq, seq + 1) for seq, leaf in enumerate(leaves[5:], 5))])
    report = victim.report(anchored=False)
    assert {"signature"} == broken(report)
    assert "they were changed" in report.checks["signature"].detail


def test_a_cut_tail_is_seen_with_a_checkpoint_kept_elsewhere_and_not_without(victim: Victim) -> None:
    """The anchor carries the proof: both sides are shown."""
    victim.rewrite(victim.leaves()[:30])
    victim.sql("DELETE FROM checkpoint")
    report = victim.report(anchored=False, keyed=False)
    assert 0 == report.exit_code
    assert Result.NOT_CHECKED is report.checks["tail"].result
    report.require(["tail"])
    assert 2 == report.exit_code
    report = victim.report()
    assert ({"tail"}, 1) == (broken(report) - {"signature"}, report.exit_code)
    assert "there are 30: the tail was cut off" in report.checks["tail"].detail


def test_a_cut_tail_that_leaves_the_local_checkpoint(victim: Victim) -> None:
    """Whoever forgets the checkpoint in the trail is found without any anchor, and the trail refuses to be written."""
    victim.sql("DELETE FROM leaf WHERE seq >= 30")
    assert "signature" in broken(victim.report(anchored=False, keyed=False))
    with pytest.raises(LogRolledBack, match="at least 40 records"):
        SqliteStore(victim.path)


def test_a_rewritten_suffix_re_hashed_but_not_re_signed(victim: Victim) -> None:
    """Bytes and tree fit each other, and the signed head is of other records."""
    leaves = victim.leaves()
    victim.rewrite([*leaves[:20], *(leaf.replace(b'"u', b'"x') for leaf in leaves[20:])])
    assert {"signature"} == broken(victim.report(anchored=False))


def test_a_rewritten_log_re_signed_with_another_key(victim: Victim, tmp_path: Path) -> None:
    """Everything in the trail fits, but not the key that the auditor knows, nor the checkpoint that he kept."""
    victim.rewrite([leaf.replace(b'"u', b'"x') for leaf in victim.leaves()])
    forger = Keys(tmp_path / "forger.keys")
    with closing(SqliteStore(victim.path)) as store:
        sign_head(store, forger.ensure(store.origin))
    assert {"signature", "tail"} == broken(victim.report())
    with closing(SqliteReader(victim.path)) as reader:
        beside = verify(reader, Anchors(beside=forger.verifiers()), processes=1)
    assert 0 == beside.exit_code
    assert "proves little" in beside.checks["signature"].detail


def test_a_rollback_to_an_older_copy(victim: Victim, tmp_path: Path) -> None:
    """An older copy is whole in itself; only a later checkpoint from elsewhere shows what is gone."""
    shutil.copy(victim.path, tmp_path / "older.db")
    with closing(SqliteStore(victim.path)) as store:
        append_sync(store, *(draft(n) for n in range(SIZE, SIZE + 5)))
        _, later = sign_head(store, victim.keys.signer())
    older = Victim(tmp_path / "older.db", victim.keys, later)
    assert 0 == older.report(anchored=False).exit_code
    assert {"tail"} == broken(older.report())
    assert 0 == victim.report().exit_code


def test_another_origin(victim: Victim) -> None:
    """A trail that says to be another is not that of the checkpoint."""
    victim.sql("UPDATE trail SET origin = 'signalpy.audit/another'")
    assert {"tail", "signature"} == broken(victim.report())


def test_records_of_another_type_are_other_records(victim: Victim) -> None:
    """The same characters as a text, or another text in their place: bytes are compared, not types."""
    victim.sql("UPDATE leaf SET body = CAST(body AS TEXT) WHERE seq = 3")
    assert 0 == victim.report().exit_code
    victim.sql("UPDATE leaf SET body = 7 WHERE seq = 3")
    report = victim.report(anchored=False, keyed=False)
    assert (1, 3) == (report.exit_code, report.first_bad)


def test_nothing_of_a_key_is_in_the_trail(victim: Victim) -> None:
    """A copy of the database carries no key."""
    secret = (victim.keys.folder / "signing.key").read_text().split("+", 4)[4].strip().encode()
    content = victim.path.read_bytes()
    assert secret not in content
    assert b"PRIVATE" not in content


def test_verification_changes_no_byte(victim: Victim) -> None:
    """Before and after: the same files with the same bytes and times, also where they could be written."""

    def picture() -> dict[str, tuple[str, int]]:
        paths = sorted(path for path in victim.path.parent.rglob("*") if path.is_file())
        return {str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in paths}

    before = picture()
    assert 0 == victim.report().exit_code
    assert before == picture()
