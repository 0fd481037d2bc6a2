"""Heads: a checkpoint held against the records, and its signatures against keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from signalpy_audit_trail.signing.checkpoint import Checkpoint
from signalpy_audit_trail.signing.note import Note, NoteError, Verifier
from signalpy_audit_trail.verification.report import Report

RootAt: TypeAlias = Callable[[int], bytes | None]


@dataclass(frozen=True, slots=True)
class Head:
    """A signed note and the checkpoint in it."""

    note: Note
    checkpoint: Checkpoint


def read_head(text: str) -> Head:
    """Reads a signed checkpoint.

    :raises NoteError: if it is none.
    """
    note = Note.parse(text)
    return Head(note, Checkpoint.parse(note.text))


def check_tail(report: Report, given: Head | None, keys: Sequence[Verifier], root_at: RootAt) -> None:
    """Whether the trail still has all that a checkpoint from elsewhere says it had."""
    check = report.checks["tail"]
    if given is None:
        check.asked = False
        check.skips("no checkpoint was given: a tail that was cut off together with the trail's own would not be seen")
        return
    fault = _against_records(given.checkpoint, report, root_at) or _false_signature(given, keys)
    if fault:
        check.breaks(f"the checkpoint that was given: {fault}")
    else:
        check.detail = f"the trail has the {given.checkpoint.size} records of the checkpoint that was given"


def check_signature(
    report: Report,
    kept: Head | None,
    given: Head | None,
    root_at: RootAt,
    *,
    keys: Sequence[Verifier],
    beside: Sequence[Verifier],
) -> None:
    """Whether the head was signed by a key, and is the head of these records."""
    check = report.checks["signature"]
    check.asked = bool(keys)
    head = kept or given
    if head is None:
        check.skips("there is no checkpoint in the trail, and none was given")
        return
    fault = _against_records(head.checkpoint, report, root_at)
    if fault:
        whose = "the trail's own checkpoint" if kept is not None else "the checkpoint that was given"
        check.breaks(f"{whose}: {fault}")
        return
    known = keys or beside
    if not known:
        check.skips("no key was given: whoever can change the trail could have signed it anew")
        return
    try:
        signed_by = head.note.verified_by(known)
    except NoteError as error:
        check.breaks(str(error))
        return
    if not signed_by:
        names = ", ".join(f"{item.name}+{item.key_id.hex()}" for item in known)
        check.breaks(f"the checkpoint is not signed by {names}")
        return
    whose = "the key that was given" if keys else "a key that lies beside the trail, which proves little"
    check.detail = (
        f"{head.checkpoint.size} records signed by {whose}: {signed_by[-1].name}+{signed_by[-1].key_id.hex()}"
    )


def _against_records(checkpoint: Checkpoint, report: Report, root_at: RootAt) -> str:
    if checkpoint.origin != report.origin:
        return f"it is of the log {checkpoint.origin!r}, and this is {report.origin!r}"
    if checkpoint.size > report.size:
        return f"it is of {checkpoint.size} records, and there are {report.size}: the tail was cut off"
    found = root_at(checkpoint.size)
    if found is None:
        return f"a record below {checkpoint.size} could not be read"
    if found != checkpoint.root:
        return f"its root hash is not that of the first {checkpoint.size} records: they were changed"
    return ""


def _false_signature(head: Head, keys: Sequence[Verifier]) -> str:
    try:
        return "" if not keys or head.note.verified_by(keys) else "it is not signed by a key that was given"
    except NoteError as error:
        return str(error)
