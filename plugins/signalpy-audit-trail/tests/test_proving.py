"""Proofs and copies taken out of a trail."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.merkle import verify_consistency
from signalpy_audit_trail.proving import NotProvable, prove, prove_prefix
from signalpy_audit_trail.signing import Checkpoint, Keys, Note, Proof
from signalpy_audit_trail.snapshot import snapshot
from signalpy_audit_trail.store import StoreForeign
from signalpy_audit_trail.stores.file import FileReader, FileStore
from signalpy_audit_trail.verification import Anchors, verify


def grow(store: FileStore, count: int) -> None:
    append_sync(store, *(Draft(id=f"{store.size}-{n}", body=b'{"id":"%d-%d"}' % (store.size, n)) for n in range(count)))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "trail")


def test_every_signed_record_is_proved_without_the_trail(store: FileStore, tmp_path: Path) -> None:
    """Proofs are written, the trail is deleted, and each still leads to the signed head."""
    keys = Keys(tmp_path / "trail.keys")
    grow(store, 21)
    checkpoint, _ = sign_head(store, keys.ensure(store.origin))
    grow(store, 2)
    with closing(store.reader()) as reader:
        proofs = [prove(reader, seq).encode() for seq in range(21)]
        with pytest.raises(NotProvable, match="of 21 records, so record 21 cannot be proved yet"):
            prove(reader, 21)
        with pytest.raises(NotProvable, match="there is no record 23; it has 23"):
            prove(reader, 23)
    store.close()
    shutil.rmtree(tmp_path / "trail")
    for seq, text in enumerate(proofs):
        proof = Proof.parse(text)
        assert checkpoint == proof.check()
        assert (seq, True) == (proof.index, proof.record.startswith(b'{"seq":%d,' % seq))
        assert keys.verifiers() == Note.parse(proof.checkpoint).verified_by(keys.verifiers())


def test_a_head_is_proved_to_be_a_prefix_of_a_later_one(store: FileStore, tmp_path: Path) -> None:
    """Two signed heads and the proof between them."""
    signer = Keys(tmp_path / "trail.keys").ensure(store.origin)
    heads: list[Checkpoint] = []
    for count in (5, 8, 3):
        grow(store, count)
        heads.append(sign_head(store, signer)[0])
    with closing(store.reader()) as reader:
        for old in heads:
            proof = prove_prefix(reader, old.size, heads[-1].size)
            verify_consistency(old.size, heads[-1].size, proof, old.root, heads[-1].root)
    store.close()


def test_a_snapshot_is_a_whole_trail_without_keys(store: FileStore, tmp_path: Path) -> None:
    """Same origin, same records, verifiable against the same checkpoint; while the trail is being written."""
    keys = Keys(tmp_path / "trail.keys")
    grow(store, 5000)
    _, note = sign_head(store, keys.ensure(store.origin))
    seen: list[int] = []
    with closing(store.reader()) as reader:
        assert 5000 == snapshot(reader, tmp_path / "copy", progress=lambda done, _: seen.append(done))
        grow(store, 10)
        with pytest.raises(StoreForeign, match="empty folder"):
            snapshot(reader, tmp_path / "copy")
    assert 5000 == seen[-1]
    copy = FileReader(tmp_path / "copy")
    report = verify(copy, Anchors(checkpoint=note, keys=keys.verifiers()), index=False)
    assert (0, store.origin, 5000) == (report.exit_code, report.origin, report.size)
    assert not [path for path in (tmp_path / "copy").rglob("*") if "key" in path.name]
    copy.close()
    store.close()
