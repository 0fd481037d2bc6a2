"""Proof files (C2SP tlog-proof): a record, its place, its audit path and the checkpoint it leads to, in one text."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from signalpy_audit_trail.merkle.hashing import HASH_SIZE, leaf_hash
from signalpy_audit_trail.merkle.proofs import verify_inclusion
from signalpy_audit_trail.signing.checkpoint import Checkpoint
from signalpy_audit_trail.signing.note import Note, NoteError, number

HEADER: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """That ``record`` is at ``index`` of the log that ``checkpoint`` (a signed note) is of.

    The record's bytes are kept as the file's extra data, so that it can be checked with nothing else at hand.
    """

    record: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def encode(self) -> str:
        """The file's text."""
        lines = [HEADER, f"extra {base64.b64encode(self.record).decode()}", f"index {self.index}"]
        lines += [base64.b64encode(item).decode() for item in self.path]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Reads a proof file; says nothing of its truth.

        :raises NoteError: if it is none.
        """
        head, blank, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines[0] != HEADER:
            raise NoteError(f"no proof: expected a file that begins with {HEADER!r}")
        if len(lines) < 3 or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
            raise NoteError("no proof of a record: expected a line 'extra …' and a line 'index …'")
        index = number(lines[2].removeprefix("index "), "no proof: bad index")
        path = tuple(_decoded(line) for line in lines[3:])
        if any(len(item) != HASH_SIZE for item in path):
            raise NoteError("no proof: a line of the path is no SHA-256 in base64")
        return cls(_decoded(lines[1].removeprefix("extra ")), index, path, checkpoint)

    def check(self) -> Checkpoint:
        """Checks that the record is in the checkpoint's tree; the signatures are not looked at.

        :returns: the checkpoint.
        :raises ProofError: if it is not, and NoteError if the checkpoint is none.
        """
        checkpoint = Checkpoint.parse(Note.parse(self.checkpoint).text)
        verify_inclusion(leaf_hash(self.record), self.index, checkpoint.size, self.path, checkpoint.root)
        return checkpoint


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError(f"no base64: {text[:60]!r}") from None
