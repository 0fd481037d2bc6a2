"""Subtrees between chosen leaves, and folding them back into the root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.export.spans import Fold, spans
from signalpy_audit_trail.merkle import EMPTY, leaf_hash, node_hash


def naive(leaves: list[bytes]) -> bytes:
    """The root as RFC 6962, section 2.1 defines it."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(naive(leaves[:split]), naive(leaves[split:]))


@given(st.integers(0, 400), st.data())
def test_spans_stand_over_exactly_what_lies_between(size: int, data: st.DataObject) -> None:
    """Aligned, in order, without a gap, and few."""
    start = data.draw(st.integers(0, size))
    reached = start
    found = list(spans(start, size))
    for span in found:
        assert reached == span.index << span.level
        reached += 1 << span.level
    assert size == reached
    assert len(found) <= 2 * max(1, (size - start).bit_length())


@given(st.sets(st.integers(0, 130)), st.integers(0, 131))
def test_chosen_leaves_and_the_spans_between_them_fold_into_the_root(chosen: set[int], size: int) -> None:
    """Whatever is chosen, the root is that of all leaves."""
    leaves = [str(number).encode() for number in range(size)]
    fold, reached = Fold(), 0
    for seq in [*sorted(number for number in chosen if number < size), size]:
        for span in spans(reached, seq):
            first = span.index << span.level
            fold.add(naive(leaves[first : first + (1 << span.level)]), span.level)
        if seq < size:
            fold.add(leaf_hash(leaves[seq]))
        reached = seq + 1
    assert (size, naive(leaves)) == (fold.size, fold.root())


def test_a_subtree_begins_where_one_can() -> None:
    """A manifest that says otherwise is refused."""
    fold = Fold()
    fold.add(leaf_hash(b"a"))
    with pytest.raises(ValueError, match="no subtree of 2 leaves begins at 1"):
        fold.add(leaf_hash(b"b"), 1)
