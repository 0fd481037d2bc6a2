"""Finding leaves by their position in segments that are too long to be read through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.stores.file import FileStore
from signalpy_audit_trail.stores.file import segments as places
from signalpy_audit_trail.stores.file.layout import Layout
from signalpy_audit_trail.stores.file.segments import Position


def test_every_leaf_of_a_long_segment_is_found(root: Path, make: Any) -> None:
    """Also those on which the halving comes to lie by chance: each is where reading through finds it."""
    store = FileStore(root)
    commit(store, [make(data={"n": number, "text": "x" * (number * 37 % 2_000)}) for number in range(2_500)])
    store.close()
    layout = Layout(root)
    placed = list(places.leaves_from(layout, Position(0, 0, 0), 2_500))
    assert [leaf.offset for leaf in placed] == [places.find(layout, leaf.seq).offset for leaf in placed]
