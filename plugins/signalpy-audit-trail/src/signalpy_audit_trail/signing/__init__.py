"""Signed tree heads: C2SP signed-note and tlog-checkpoint, tlog-proof, and the keys that sign."""

from signalpy_audit_trail.signing.checkpoint import Checkpoint, signed_size
from signalpy_audit_trail.signing.keys import KeyFileError, Keys
from signalpy_audit_trail.signing.note import Note, NoteError, Signer, Verifier
from signalpy_audit_trail.signing.proof import Proof

__all__ = ["Checkpoint", "KeyFileError", "Keys", "Note", "NoteError", "Proof", "Signer", "Verifier", "signed_size"]
