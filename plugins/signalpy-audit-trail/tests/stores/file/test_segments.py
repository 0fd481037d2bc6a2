"""Finding leaves by their position in segments that are too long to be read through."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.stores.file import FileReader, FileStore
from signalpy_audit_trail.stores.file import segments as places
from signalpy_audit_trail.stores.file.layout import Layout
from signalpy_audit_trail.stores.file.segments import Position


def test_every_leaf_of_a_long_segment_is_found(root: Path, make: Any) -> None:
    """Also those on which the halving comes to lie by chance: each is where reading through finds it."""
    store = FileStore(root)
    commit(store, [make(data={"n": number, "text": "x" * (number * 37 % 2_000)}) for number in range(2_500)])
    store.close()
    layout = Layout(root)
    placed = list(places.placed_from(layout, Position(0, 0, 0), 2_500))
    assert [leaf.offset for leaf in placed] == [places.find(layout, leaf.seq).offset for leaf in placed]


@pytest.mark.parametrize("lengths", [(10, 300_000), (3_000_000, 10, 10), (5_000,), (70_000,)])
def test_leaves_are_found_between_long_ones(root: Path, make: Any, lengths: tuple[int, ...]) -> None:
    """Lines that are much longer than what is read at once hide no leaf, neither before nor after them."""
    store = FileStore(root)
    count = 3 * len(lengths) + 40_000 // max(lengths)
    commit(store, [make(data="x" * lengths[number % len(lengths)]) for number in range(count)])
    store.close()
    layout = Layout(root)
    placed = list(places.placed_from(layout, Position(0, 0, 0), count))
    assert [leaf.offset for leaf in placed] == [places.find(layout, leaf.seq).offset for leaf in placed]
    reader = FileReader(root)
    assert [leaf.leaf for leaf in placed] == [leaf for seq in range(count) for _, leaf in reader.leaves(seq, seq + 1)]
    reader.close()


def settle(root: Path) -> None:
    """As if nothing had changed in a folder for an hour."""
    before = root.stat().st_mtime - 3600
    os.utime(root, (before, before))


def test_a_reader_sees_each_new_segment_and_each_new_leaf(root: Path, make: Any) -> None:
    """What it remembers of the folder and of the last segment holds for as long as they do not change."""
    store = FileStore(root, guest=True, segment_bytes=1000)
    commit(store, [make()])
    settle(root)
    reader = FileReader(root)
    for number in range(1, 12):
        assert number == reader.size() == reader.size()
        commit(store, [make()])
        assert number + 1 == len(list(reader.leaves()))
        settle(root)
    assert len(list(root.glob("*.jsonl"))) > 2
    reader.close()
    store.close()


def test_a_reader_sees_what_a_crash_has_left_and_what_comes_in_its_place(root: Path, make: Any) -> None:
    """Half a leaf does not count, and does not hide the whole one that comes in its place, of the same length."""
    store = FileStore(root, guest=True)
    commit(store, [make(), make()])
    store.close()
    segment = root / "00000000000000000000.jsonl"
    whole = segment.read_bytes()
    settle(root)
    reader = FileReader(root)
    at = whole.index(b'{"seq":1,')
    for _ in range(2):
        assert reader.size() == 2
        segment.write_bytes(whole[:at] + b"x" * (len(whole) - at - 1) + b"\n")
        assert reader.size() == 1
        segment.write_bytes(whole)
    assert reader.size() == 2
    os.truncate(segment, at)
    assert reader.size() == 1
    reader.close()
