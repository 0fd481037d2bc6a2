"""Leaves taken by the batch, each small enough for memory, so that what is done to them is done in tight loops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from signalpy_audit_trail.store import StoreDamaged

_MOST: Final = 1024
_MOST_BYTES: Final = 1 << 18


def batches(leaves: Iterable[tuple[int, bytes]]) -> Iterator[tuple[list[int], list[bytes]]]:
    """Yield positions and leaves in lists of many small ones or of a few that are large.

    :raises StoreDamaged: as ``leaves`` does, after those before it were given out.
    """
    seqs: list[int] = []
    lines: list[bytes] = []
    held = 0
    try:
        for seq, leaf in leaves:
            seqs.append(seq)
            lines.append(leaf)
            held += len(leaf)
            if held >= _MOST_BYTES or len(seqs) >= _MOST:
                yield seqs, lines
                seqs, lines, held = [], [], 0
    except StoreDamaged:
        if seqs:
            yield seqs, lines
        raise
    if seqs:
        yield seqs, lines
