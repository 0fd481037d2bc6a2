"""The trail's notes and proofs, checked by a library that this project did not write."""

from __future__ import annotations

import base64
from contextlib import closing
from pathlib import Path

import pytest

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.proving import prove, prove_prefix
from signalpy_audit_trail.signing import Checkpoint, Keys, Note, Verifier
from signalpy_audit_trail.stores.file import FileStore

aics = pytest.importorskip(
    "aics_tlog", reason="aics-tlog needs Python 3.12 and an environment of its own: run tox -e interop"
)


def grown(store: FileStore, count: int) -> None:
    append_sync(store, *(Draft(id=f"{store.size + n}", body=b'{"id":"%d"}' % (store.size + n)) for n in range(count)))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "trail")


def test_it_opens_our_checkpoints(store: FileStore, tmp_path: Path) -> None:
    """Key, note and checkpoint are read and verified there; a changed one is not."""
    keys = Keys(tmp_path / "trail.keys")
    grown(store, 7)
    checkpoint, note = sign_head(store, keys.ensure(store.origin))
    vkey = aics.parse_vkey(str(keys.verifiers()[0]))
    parsed = aics.parse_note(note)
    assert aics.verify_note(parsed, [vkey])
    found = aics.parse_checkpoint(parsed.text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (found.origin, found.size, found.root)
    assert not aics.verify_note(aics.parse_note(note.replace("\n7\n", "\n8\n")), [vkey])
    store.close()


def test_our_proofs_verify_there(store: FileStore, tmp_path: Path) -> None:
    """The tree over the stored lines has our root; each inclusion and each consistency proof passes there."""
    keys = Keys(tmp_path / "trail.keys")
    grown(store, 37)
    checkpoint, _ = sign_head(store, keys.ensure(store.origin))
    lines = (tmp_path / "trail" / f"{0:020d}.jsonl").read_bytes().splitlines()
    theirs = aics.MerkleTree(lines)
    assert theirs.root() == checkpoint.root
    with closing(store.reader()) as reader:
        for seq, line in enumerate(lines):
            proof = prove(reader, seq)
            assert aics.verify_leaf_inclusion(line, seq, 37, list(proof.path), checkpoint.root)
        for old in range(1, 38):
            path = prove_prefix(reader, old, 37)
            assert aics.verify_consistency(old, 37, theirs.root(old), checkpoint.root, path)
    store.close()


def test_we_open_theirs(tmp_path: Path) -> None:
    """A checkpoint that they sign is read and verified here."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    theirs = aics.sign_checkpoint(aics.Checkpoint("log.example/1", 3, bytes(range(32))), private, "log.example/1")
    verifier = Verifier("log.example/1", private.public_key().public_bytes_raw())
    note = Note.parse(theirs.to_bytes())
    assert [verifier] == note.verified_by([verifier])
    assert Checkpoint("log.example/1", 3, bytes(range(32))) == Checkpoint.parse(note.text)
    assert base64.b64encode(bytes(range(32))).decode() in note.text
