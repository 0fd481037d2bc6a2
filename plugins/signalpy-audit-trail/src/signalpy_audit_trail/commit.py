"""One batch: positions given, repeats found, written in one turn. Without threads and without an event loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import uuid_utils

from signalpy_audit_trail.draft import Draft, Receipt, is_repeat, leaf, rename
from signalpy_audit_trail.store import Store


def commit(store: Store, drafts: Sequence[Draft]) -> list[Receipt]:
    """Make drafts durable, in their order and in one turn, and return a receipt for each.

    A draft whose given id is held by the same fact is not written again; another fact under a held id gets a fresh one.

    :raises StoreError: none of them counts as written.
    """
    for need in {draft.needs for draft in drafts if draft.needs is not None}:
        need()
    given = [draft.id for draft in drafts if draft.given]
    if given:
        store.prepare(given)
    with store.turn() as turn:
        first = turn.size
        if given:
            leaves, receipts = _admit(drafts, first, turn.held(given))
        else:
            leaves = [leaf(seq, draft.body) for seq, draft in enumerate(drafts, first)]
            receipts = [Receipt(seq, draft.id) for seq, draft in enumerate(drafts, first)]
        if leaves:
            turn.append(leaves)
    return receipts


def append_sync(store: Store, *drafts: Draft) -> list[Receipt]:
    """Make a few records durable from code without an event loop, such as a command's ``access`` record.

    :raises StoreError: none of them counts as written.
    """
    return commit(store, drafts)


def _admit(
    drafts: Sequence[Draft], first: int, held: Mapping[str, Sequence[tuple[int, bytes]]]
) -> tuple[list[bytes], list[Receipt]]:
    """Give positions to what is new. What comes earlier in the batch is held for what comes later."""
    holders = {name: list(found) for name, found in held.items()}
    leaves: list[bytes] = []
    receipts: list[Receipt] = []
    for draft in drafts:
        kept, receipt = _decide(draft, first + len(leaves), holders.get(draft.id, ()))
        receipts.append(receipt)
        if not receipt.repeat:
            line = leaf(receipt.seq, kept.body)
            leaves.append(line)
            for name in {draft.id, kept.id}:
                holders.setdefault(name, []).append((receipt.seq, line))
    return leaves, receipts


def _decide(draft: Draft, seq: int, holders: Sequence[tuple[int, bytes]]) -> tuple[Draft, Receipt]:
    if not draft.given or not holders:
        return draft, Receipt(seq, draft.id)
    for position, kept in holders:
        if is_repeat(draft, kept):
            return draft, Receipt(position, draft.id, repeat=True)
    other = rename(draft, str(uuid_utils.uuid7()))
    if other.needs is not None:
        other.needs()
    return other, Receipt(seq, other.id)
