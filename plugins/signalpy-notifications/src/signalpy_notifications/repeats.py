"""Known repeats: which events were told already, among the latest ones. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Recent:
    """The latest keys, at most ``size`` of them.

    Events that are delivered at least once, such as those of an outbox after a crash, carry an id; with it a repeat
    is known.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: OrderedDict[Hashable, None] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Recent({len(self._keys)} of {self._size})>"

    def add(self, key: Hashable) -> bool:
        """Notes a key; ``False`` if it was there."""
        if key in self._keys:
            return False
        self._keys[key] = None
        if len(self._keys) > self._size:
            self._keys.popitem(last=False)
        return True

    def discard(self, key: Hashable) -> None:
        """Forgets a key, so that its repeat counts as new."""
        self._keys.pop(key, None)
