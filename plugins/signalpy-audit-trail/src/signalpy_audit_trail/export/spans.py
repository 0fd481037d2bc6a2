"""What lies between chosen leaves of a tree, as few complete subtrees as possible. Pure (RFC 6962, section 2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from signalpy_audit_trail.merkle import EMPTY, node_hash


@dataclass(frozen=True, slots=True)
class Span:
    """The complete subtree over the ``2**level`` leaves from ``index << level`` on."""

    level: int
    index: int


def spans(start: int, stop: int) -> Iterator[Span]:
    """Yield the complete subtrees that together stand over the leaves from ``start`` to before ``stop``, in order."""
    while start < stop:
        aligned = (start & -start).bit_length() - 1 if start else stop.bit_length()
        level = min(aligned, (stop - start).bit_length() - 1)
        yield Span(level, start >> level)
        start += 1 << level


class Fold:
    """Folds leaves and subtrees, given from left to right, into the root hash over all of them.

    :ivar size: the leaves that it stands over so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, digest: bytes, level: int = 0) -> None:
        """Take the hash of the next leaf, or of the complete subtree of ``level`` that comes next.

        :raises ValueError: no complete subtree of that level begins here.
        """
        if self.size & ((1 << level) - 1):
            raise ValueError(f"no subtree of {1 << level} leaves begins at {self.size}")
        self.size += 1 << level
        while self._peaks and self._peaks[-1][0] == level:
            digest = node_hash(self._peaks.pop()[1], digest)
            level += 1
        self._peaks.append((level, digest))

    def root(self) -> bytes:
        """Return the root hash over what was taken."""
        if not self._peaks:
            return EMPTY
        *rest, (_, digest) = self._peaks
        for _, left in reversed(rest):
            digest = node_hash(left, digest)
        return digest
