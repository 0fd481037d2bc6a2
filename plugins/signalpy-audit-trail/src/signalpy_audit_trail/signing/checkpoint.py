"""Checkpoints (C2SP tlog-checkpoint): the head of the log as a text that is signed."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from signalpy_audit_trail.merkle.hashing import HASH_SIZE
from signalpy_audit_trail.signing.note import Note, NoteError, number


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log ``origin`` had ``size`` records, and ``root`` is the root hash of the tree over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed: three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Reads a note's text; extension lines are passed over.

        :raises NoteError: if it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise NoteError("no checkpoint: expected origin, size and root hash, a line each")
        origin, size, root = lines[:3]
        count = number(size, "no checkpoint: bad size")
        try:
            decoded = base64.b64decode(root, validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        if len(decoded) != HASH_SIZE:
            raise NoteError("no checkpoint: the root hash is no SHA-256 in base64")
        return cls(origin, count, decoded)


def signed_size(note: str) -> int:
    """How many records a signed checkpoint is of; its signatures are not looked at.

    :raises NoteError: if it is no checkpoint.
    """
    return Checkpoint.parse(Note.parse(note).text).size
