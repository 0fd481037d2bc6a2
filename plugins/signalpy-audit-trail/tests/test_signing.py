"""Signed notes, checkpoints, proof files and keys."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signalpy_audit_trail.merkle import Edge, ProofError, inclusion_proof, leaf_hash
from signalpy_audit_trail.signing import Checkpoint, KeyFileError, Keys, Note, NoteError, Proof, Signer, Verifier

ORIGIN = "log.example/1f0c"


def signer(name: str = ORIGIN) -> Signer:
    return Signer(name, Ed25519PrivateKey.generate())


def test_the_published_note_of_the_specification_opens() -> None:
    """A note and key that others printed: ours reads the key, finds the signature, and holds it for true."""
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    note = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    verifier = Verifier.parse(vkey)
    assert vkey == str(verifier)
    assert [verifier] == Note.parse(note).verified_by([verifier])
    assert note == Note.parse(note).encode()


def test_a_checkpoint_is_signed_and_read_back() -> None:
    """Three lines, signed; the text is what the specification says, byte for byte."""
    checkpoint = Checkpoint(ORIGIN, 5, bytes(32))
    assert f"{ORIGIN}\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" == checkpoint.text()
    key = signer()
    note = Note.parse(key.sign(checkpoint.text()).encode().encode())
    assert [key.verifier] == note.verified_by([key.verifier, signer("other").verifier])
    assert checkpoint == Checkpoint.parse(note.text)
    assert checkpoint == Checkpoint.parse(note.text + "extension\n")


def test_a_false_signature_is_no_signature() -> None:
    """A changed text under a known key is an error; under unknown keys nothing is proved and nothing is said."""
    key = signer()
    note = key.sign(Checkpoint(ORIGIN, 5, bytes(32)).text()).encode()
    forged = Note.parse(note.replace("\n5\n", "\n6\n"))
    with pytest.raises(NoteError, match="is false"):
        forged.verified_by([key.verifier])
    assert [] == forged.verified_by([signer().verifier])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n",
        "a\n\n",
        "a\n\nb\n",
        "a\n\n— x\n",
        "a\n\n— x !!!\n",
        "a\n\n— x QUJD\n",
        "a\x00b\n\n— x QUJDREVGRw==\n",
        "a" * (2 << 20),
        b"\xff\n\n",
    ],
)
def test_what_is_no_note_is_refused(text: str | bytes) -> None:
    """Anything but a text, a blank line and signature lines is a NoteError."""
    with pytest.raises(NoteError):
        Note.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n",
        "o\n1\n",
        "o\n01\nAA==\n",
        "o\n-1\n" + "A" * 43 + "=\n",
        "o\n1\nAAAA\n",
        "o\n1\n!\n",
        "\n1\n" + "A" * 43 + "=\n",
        "o\n\u0661\n" + "A" * 43 + "=\n",
        "o\n18446744073709551616\n" + "A" * 43 + "=\n",
        "o\n" + "9" * 5000 + "\n" + "A" * 43 + "=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Bad sizes, bad hashes and missing lines are NoteErrors."""
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "vkey", ["", "x", "x+00+AA", "x y+00000000+AQ==", "x+00000000+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"]
)
def test_what_is_no_key_is_refused(vkey: str) -> None:
    """Damaged verifier keys say what is wrong."""
    with pytest.raises(NoteError):
        Verifier.parse(vkey)


def test_a_proof_file_proves_a_record_with_nothing_else() -> None:
    """Written, read back and checked; a changed record, index or path does not pass."""
    records = [f'{{"seq":{n}}}'.encode() for n in range(7)]
    edge = Edge()
    levels: list[list[bytes]] = [[], [], []]
    for record in records:
        for level, nodes in enumerate(edge.extend([leaf_hash(record)])):
            levels[level] += nodes
    key = signer()
    note = key.sign(Checkpoint(ORIGIN, 7, edge.root()).text()).encode()
    path = tuple(inclusion_proof(4, 7, lambda level, index: levels[level][index]))
    proof = Proof.parse(Proof(records[4], 4, path, note).encode())
    assert Checkpoint(ORIGIN, 7, edge.root()) == proof.check()
    for changed in (
        Proof(records[3], 4, path, note),
        Proof(records[4], 3, path, note),
        Proof(records[4], 4, path[1:], note),
    ):
        with pytest.raises(ProofError):
            changed.check()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x\n\ny",
        "c2sp.org/tlog-proof@v1\n\n",
        *(
            f"c2sp.org/tlog-proof@v1\nextra AA==\nindex {index}\n\n"
            for index in ("x", "03", "-1", "9" * 20, "9" * 5000)
        ),
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    """Anything else is a NoteError."""
    with pytest.raises(NoteError):
        Proof.parse(text)


def test_keys_are_made_rotated_and_kept_from_others(tmp_path: Path) -> None:
    """0700 and 0600; a rotation keeps the old public keys; the private one shows in no repr."""
    keys = Keys(tmp_path / "trail.keys")
    assert not keys.exists()
    first = keys.make(ORIGIN)
    second = keys.make(ORIGIN)
    assert [first.verifier, second.verifier] == keys.verifiers()
    assert second.verifier == keys.signer().verifier
    assert 0o700 == stat.S_IMODE(keys.folder.stat().st_mode)
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in keys.folder.iterdir()}
    secret = (keys.folder / "signing.key").read_text().split("+", 4)[4].strip()
    assert secret not in repr(second) + repr(keys) + repr(vars(keys))
    note = second.sign("x\n")
    assert [second.verifier] == note.verified_by(keys.verifiers())


@pytest.mark.parametrize("damage", ["missing", "open", "text", "seed", "id", "binary", "public"])
def test_a_damaged_key_is_one_clear_error_without_the_key(tmp_path: Path, damage: str) -> None:
    """The error names the file and what is wrong, and holds nothing of the key."""
    keys = Keys(tmp_path / "trail.keys")
    keys.make(ORIGIN)
    path = keys.folder / "signing.key"
    text = path.read_text()
    seed = text.strip().split("+", 4)[4]
    if damage == "missing":
        path.unlink()
    elif damage == "open":
        path.chmod(0o644)
    elif damage == "binary":
        path.write_bytes(b"\xff\xfe")
    elif damage == "public":
        (keys.folder / "public.keys").write_text("nonsense\n")
    else:
        changed = {
            "text": text[3:],
            "seed": text.replace(seed, seed[:-4]),
            "id": text.replace(f"{ORIGIN}+", f"{ORIGIN}x+"),
        }
        path.write_text(changed[damage])
    with pytest.raises(KeyFileError) as caught:
        keys.verifiers() if damage == "public" else keys.signer()
    assert str(keys.folder) in str(caught.value)
    assert seed not in str(caught.value)


@pytest.mark.parametrize("lost", ["missing", "empty", "open"])
def test_the_public_key_of_the_signing_key_is_known_where_the_list_is_lost(tmp_path: Path, lost: str) -> None:
    """It is told from the signing key, and a rotation writes it down for good."""
    keys = Keys(tmp_path / "trail.keys")
    first = keys.make(ORIGIN).verifier
    public = keys.folder / "public.keys"
    public.write_text("") if lost == "empty" else public.unlink()
    if lost == "open":
        (keys.folder / "signing.key").chmod(0o644)
    assert [first] == keys.verifiers()
    second = keys.make(ORIGIN).verifier
    assert f"{first}\n{second}\n" == public.read_text()


def test_rotations_at_once_keep_every_public_key(tmp_path: Path) -> None:
    """Each takes its turn: all keys are listed, and the last of them signs."""
    folder = tmp_path / "trail.keys"
    with ThreadPoolExecutor(8) as pool:
        made = [item.verifier for item in pool.map(lambda _: Keys(folder).make(ORIGIN), range(32))]
    known = Keys(folder).verifiers()
    assert {str(item) for item in made} == {str(item) for item in known}
    assert known[-1] == Keys(folder).signer().verifier


def test_a_file_in_the_place_of_the_folder_is_one_clear_error(tmp_path: Path) -> None:
    """Neither the first key nor a rotation can be made there, and the error says where."""
    (tmp_path / "trail.keys").write_text("")
    keys = Keys(tmp_path / "trail.keys")
    for make in (keys.make, keys.ensure):
        with pytest.raises(KeyFileError, match=r"trail\.keys: no key can be made \(File exists\)"):
            make(ORIGIN)
