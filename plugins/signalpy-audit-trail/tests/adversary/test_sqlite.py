"""What somebody with write access to a trail in a database can do, and what verification says of it."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.merkle import Edge, leaf_hash
from signalpy_audit_trail.signing import Keys
from signalpy_audit_trail.store import LogRolledBack
from signalpy_audit_trail.stores import open_reader, open_store
from signalpy_audit_trail.verification import Anchors, Report, Result, verify

SIZE = 40


def draft(n: int) -> Draft:
    body = (
        '{{"id":"id-{0}","time":"2026-01-01T00:00:00.000000Z","kind":"event","action":"a.b","actor":"u{1}","data":{0}}}'
    )
    return Draft(id=f"id-{n}", body=body.format(n, n % 3).encode())


@dataclass
class Victim:
    """A signed trail of 40 records, and what its auditor keeps elsewhere."""

    path: Path
    keys: Keys
    checkpoint: str

    @property
    def url(self) -> str:
        return f"sqlite://{self.path}"

    @contextmanager
    def sql(self) -> Iterator[sqlite3.Connection]:
        """The database with its guards taken off, as whoever owns the file can."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            guards = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            for name, _ in guards:
                connection.execute(f'DROP TRIGGER "{name}"')
            yield connection
            for _, statement in guards:
                connection.execute(statement)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def leaves(self) -> list[bytes]:
        with closing(sqlite3.connect(self.path)) as connection:
            return [body for (body,) in connection.execute("SELECT CAST(body AS BLOB) FROM leaf ORDER BY seq")]

    def rewrite(self, leaves: list[bytes], *, hashed: bool) -> None:
        """Puts other records in place of all, with the nodes of the old ones or with their own."""
        with self.sql() as connection:
            old = [nodes for (nodes,) in connection.execute("SELECT nodes FROM leaf ORDER BY seq")]
            connection.execute("DELETE FROM leaf")
            edge, levels = Edge(), list[list[bytes]]()
            for seq, leaf in enumerate(leaves):
                made = edge.extend([leaf_hash(leaf)])
                for level, nodes in enumerate(made):
                    levels += [[]] if level == len(levels) else []
                    levels[level] += nodes
                own = b"".join(nodes[0] for nodes in made)
                nodes_of = own if hashed or seq >= len(old) else old[seq]
                connection.execute("INSERT INTO leaf (seq, nodes, body) VALUES (?, ?, ?)", (seq, nodes_of, leaf))

    def report(self, *, anchored: bool = True, keyed: bool = True) -> Report:
        reader = open_reader(self.url)
        try:
            given = self.checkpoint if anchored else None
            anchors = Anchors(checkpoint=given, keys=self.keys.verifiers() if keyed else ())
            return verify(reader, anchors, index=False)
        finally:
            reader.close()


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    path = tmp_path / "trail.db"
    store = open_store(f"sqlite://{path}")
    append_sync(store, *(draft(n) for n in range(SIZE)))
    keys = Keys(tmp_path / "trail.db.keys")
    _, note = sign_head(store, keys.ensure(store.origin))
    store.close()
    return Victim(path, keys, note)


def broken(report: Report) -> set[str]:
    return {name for name, check in report.checks.items() if check.result is Result.BROKEN}


def test_an_honest_trail_holds(victim: Victim) -> None:
    """Everything that is asked for holds."""
    report = victim.report()
    assert (0, SIZE, set()) == (report.exit_code, report.size, broken(report))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE leaf SET body = replace(body, 'u1', 'u2')",
        "DELETE FROM leaf WHERE seq = 39",
        "DELETE FROM leaf",
        "UPDATE leaf SET nodes = x'00' WHERE seq = 3",
        "INSERT OR REPLACE INTO leaf (seq, nodes, body) VALUES (3, x'00', '{\"seq\":3,}')",
        "UPDATE trail SET origin = 'another'",
        "DELETE FROM trail",
    ],
)
def test_update_and_delete_are_refused(victim: Victim, statement: str) -> None:
    """SQL that does not take the guards off first changes nothing."""
    connection = sqlite3.connect(victim.path, isolation_level=None)
    with closing(connection), pytest.raises(sqlite3.DatabaseError):
        connection.execute(statement)
    assert 0 == victim.report().exit_code


@pytest.mark.parametrize("at", [0, 17, SIZE - 1])
def test_a_changed_record(victim: Victim, at: int) -> None:
    """Found without any anchor, and the record is named."""
    with victim.sql() as connection:
        connection.execute("UPDATE leaf SET body = replace(CAST(body AS TEXT), '\"u', '\"v') WHERE seq = ?", (at,))
    report = victim.report(anchored=False, keyed=False)
    assert "bytes" in broken(report)
    assert (1, at) == (report.exit_code, report.first_bad)


def test_a_flipped_bit_in_a_node(victim: Victim) -> None:
    """The records are good and the tree is not."""
    with victim.sql() as connection:
        (nodes,) = connection.execute("SELECT nodes FROM leaf WHERE seq = 31").fetchone()
        changed = bytes([*nodes[:40], nodes[40] ^ 1, *nodes[41:]])
        connection.execute("UPDATE leaf SET nodes = ? WHERE seq = 31", (changed,))
    assert {"tree"} == broken(victim.report())


def test_two_records_swapped(victim: Victim) -> None:
    """Positions are in the records; swapped back, the bytes are not those that were hashed."""
    leaves = victim.leaves()
    four = leaves[9].replace(b'{"seq":9,', b'{"seq":4,')
    nine = leaves[4].replace(b'{"seq":4,', b'{"seq":9,')
    victim.rewrite([*leaves[:4], four, *leaves[5:9], nine, *leaves[10:]], hashed=False)
    report = victim.report(anchored=False, keyed=False)
    assert ("bytes" in broken(report), report.first_bad) == (True, 4)


def test_a_record_removed_from_the_middle(victim: Victim) -> None:
    """A hole is out of order, at its place."""
    with victim.sql() as connection:
        connection.execute("DELETE FROM leaf WHERE seq = 10")
    report = victim.report(anchored=False, keyed=False)
    assert ("order" in broken(report), report.first_bad) == (True, 10)


def test_a_record_inserted(victim: Victim) -> None:
    """Renumbered throughout and hashed anew, the signed head is not of these records."""
    leaves = victim.leaves()
    forged = b'{"seq":5,' + draft(99).body[1:]
    tail = [leaf.replace(b'{"seq":%d,' % at, b'{"seq":%d,' % (at + 1)) for at, leaf in enumerate(leaves[5:], 5)]
    victim.rewrite([*leaves[:5], forged, *tail], hashed=True)
    assert {"signature"} == broken(victim.report(anchored=False))


def test_a_rewritten_suffix_re_hashed_but_not_re_signed(victim: Victim) -> None:
    """Bytes and tree fit each other, and the signed head is of other records."""
    leaves = victim.leaves()
    victim.rewrite([*leaves[:20], *(leaf.replace(b'"u', b'"x') for leaf in leaves[20:])], hashed=True)
    assert {"signature"} == broken(victim.report(anchored=False))
    assert {"signature", "tail"} == broken(victim.report())


def test_a_cut_tail_is_seen_with_a_checkpoint_kept_elsewhere_and_not_without(victim: Victim) -> None:
    """Cut together with the checkpoint in the database; and one who forgets that is found at once."""
    victim.rewrite(victim.leaves()[:30], hashed=True)
    assert {"signature"} == broken(victim.report(anchored=False, keyed=False))
    with pytest.raises(LogRolledBack):
        open_store(victim.url).close()
    with victim.sql() as connection:
        (table,) = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '%checkpoint%'"
        ).fetchone()
        connection.execute(f"DELETE FROM {table}")
    assert 0 == victim.report(anchored=False, keyed=False).exit_code
    report = victim.report()
    assert "tail" in broken(report)
    assert "the tail was cut off" in report.checks["tail"].detail


def test_a_log_re_signed_with_another_key(victim: Victim) -> None:
    """The key that the auditor knows did not sign it."""
    victim.rewrite([leaf.replace(b'"u', b'"x') for leaf in victim.leaves()], hashed=True)
    with victim.sql() as connection:
        connection.execute("DELETE FROM checkpoint")
    store = open_store(victim.url)
    sign_head(store, Keys(victim.path.with_name("forger.keys")).ensure(store.origin))
    store.close()
    assert {"signature", "tail"} == broken(victim.report())


def test_a_rollback_to_an_older_copy(victim: Victim, tmp_path: Path) -> None:
    """Only a later checkpoint from elsewhere shows what is gone."""
    shutil.copy(victim.path, tmp_path / "older.db")
    store = open_store(victim.url)
    append_sync(store, *(draft(n) for n in range(SIZE, SIZE + 5)))
    _, later = sign_head(store, victim.keys.signer())
    store.close()
    older = Victim(tmp_path / "older.db", victim.keys, later)
    assert 0 == older.report(anchored=False).exit_code
    assert {"tail"} == broken(older.report())


def test_nothing_of_a_key_is_in_the_database_and_reading_changes_no_byte(victim: Victim) -> None:
    """The file carries no key, and verification leaves it, and everything beside it, as it was."""
    secret = (victim.keys.folder / "signing.key").read_text().split("+", 4)[4].strip().encode()
    assert secret not in victim.path.read_bytes()
    victim.path.chmod(0o400)
    victim.path.parent.chmod(0o500)
    before = (hashlib.sha256(victim.path.read_bytes()).hexdigest(), sorted(victim.path.parent.iterdir()))
    assert 0 == victim.report().exit_code
    assert before == (hashlib.sha256(victim.path.read_bytes()).hexdigest(), sorted(victim.path.parent.iterdir()))
    victim.path.parent.chmod(0o700)
