"""What goes between the side that makes records and the side that keeps them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A record that has everything but its position. Made once; what is stored is ``body`` with the position before it.

    ``body`` is one JSON object on one line without ``seq``, at least ``{"id":…}``, with newlines, control characters
    and lone surrogates escaped. The log keeps ``b'{"seq":7,' + body[1:]``, and those bytes are hashed and verified.
    """

    id: str
    body: bytes
    given: bool = False
    """The id came from a publisher. Only such ids are looked up, so that a repeated delivery is known."""
    renamed: Callable[[str, str], Draft] | None = None
    """``renamed(new_id, duplicate_of)`` is the same record for when the given id is held by another fact."""
    needs: Callable[[], None] | None = None
    """What is to be done before it may be written; a `StoreError` out of it means that it may not (yet)."""


class Receipt(msgspec.Struct, frozen=True):
    """Where a record is kept. It is durable when its receipt is given out."""

    seq: int
    """Position of the record; for a repeat, of the record that was there before."""
    id: str
    """The id under which it is kept: another than the publisher's where that was held by another fact."""
    repeat: bool = False
    """Nothing was written: the same fact is kept already."""


class GapFactory(Protocol):
    """Makes the record that tells of a time in which the log could not be written."""

    def __call__(self, start: datetime, end: datetime, cause: str, count: int, *, lost: int = 0) -> Draft:
        """Return the draft of a ``gap`` record.

        :param start: when the first record could not be written (aware, UTC).
        :param end: when the log could be written again.
        :param cause: one line.
        :param count: how many records were not durable when they should have been, the lost ones included.
        :param lost: how many of them are not in the log, because more waited than there was room for.
        """


class Fact(msgspec.Struct, frozen=True):
    """What tells one fact from another under the same id, and whether it was denied."""

    id: str | None = None
    caller: str | None = None
    action: str | None = None
    outcome: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


_decode_fact = msgspec.json.Decoder(Fact).decode
_decode_data: Callable[[msgspec.Raw], Any] = msgspec.json.Decoder().decode


def is_repeat(draft: Draft, kept: bytes) -> bool:
    """Tell whether ``draft`` is the fact that the leaf ``kept`` holds: same caller, action, data, and neither denied.

    Data may be encrypted, and are then bound to the id of their record: where the fact was kept under another id, it
    is compared as it would be under that one.

    A denied attempt is never a repeat: what was denied before may be allowed now, and each denial is a fact of its own.
    """
    try:
        old = _decode_fact(kept)
        body = draft.body
        if draft.renamed is not None and old.id is not None and old.id != draft.id:
            body = draft.renamed(old.id, draft.id).body
        new = _decode_fact(body)
        if "denied" in (new.outcome, old.outcome) or (new.caller, new.action) != (old.caller, old.action):
            return False
        return bytes(new.data) == bytes(old.data) or _decode_data(new.data) == _decode_data(old.data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False  # what is kept was damaged since; that must not stop the log


def rename(draft: Draft, new_id: str) -> Draft:
    """Return the same record under a fresh id, with ``duplicate_of`` the id that was given."""
    if draft.renamed is not None:
        return draft.renamed(new_id, draft.id)
    record = {**msgspec.json.decode(draft.body, type=dict[str, Any]), "id": new_id, "duplicate_of": draft.id}
    return Draft(id=new_id, body=msgspec.json.encode(record))


def leaf(seq: int, body: bytes) -> bytes:
    """Return the bytes that are kept for ``body`` at position ``seq``: a JSON object without a newline."""
    return b'{"seq":%d,%b' % (seq, body[1:])
