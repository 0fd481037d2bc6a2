"""The tree in its folder: grown in turns, read by others, mended after crashes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.merkle import HASH_SIZE, Edge, inclusion_proof, leaf_hash, verify_inclusion
from signalpy_audit_trail.store import LogRolledBack, StoreDamaged
from signalpy_audit_trail.stores.file.tree import TreeReader, TreeWriter


class Leaves:
    """A log of numbered leaves."""

    def __init__(self, size: int) -> None:
        self.all = [b'{"seq":%d}' % seq for seq in range(size)]
        self.read = 0

    def __call__(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        for seq in range(start, stop):
            self.read += 1
            yield seq, self.all[seq]

    def root(self, size: int) -> bytes:
        edge = Edge()
        edge.extend([leaf_hash(leaf) for leaf in self.all[:size]])
        return edge.root()


def opened(folder: Path, leaves: Leaves, size: int, trusted: int | None = None) -> TreeWriter:
    tree = TreeWriter(folder)
    tree.open(leaves, size, trusted=trusted)
    return tree


@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_it_grows_in_turns_and_is_read_without_its_state(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    """Appended by several writers in turn, the tree has the root of its leaves, and every leaf is proved from it."""
    folder = tmp_path_factory.mktemp("trail") / "tree"
    leaves = Leaves(sum(sizes))
    size = 0
    writers = [opened(folder, leaves, 0), opened(folder, leaves, 0)]
    for turn, count in enumerate(sizes):
        writer = writers[turn % 2]
        writer.catch_up(leaves, size)
        writer.append(leaves.all[size : size + count])
        size += count
        assert (size, leaves.root(size)) == writer.head()
    reader = TreeReader(folder)
    assert size == reader.size()
    for seq in range(size):
        verify_inclusion(
            leaf_hash(leaves.all[seq]), seq, size, inclusion_proof(seq, size, reader.node), reader.root(size)
        )
    for tree in (*writers, reader):
        tree.close()


def test_what_a_crash_left_behind_is_caught_up_from_the_leaves(tmp_path: Path) -> None:
    """Leaves beyond the tree are added on opening, and no other leaf is read."""
    leaves = Leaves(1000)
    opened(tmp_path / "tree", leaves, 990).close()
    leaves.read = 0
    tree = opened(tmp_path / "tree", leaves, 1000)
    assert (1000, leaves.root(1000)) == tree.head()
    assert 10 == leaves.read
    tree.close()


@given(data=st.data())
def test_a_torn_tree_is_mended(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever length each level has after a crash, the tree is that of its leaves again."""
    folder = tmp_path_factory.mktemp("trail") / "tree"
    leaves = Leaves(100)
    opened(folder, leaves, 100).close()
    for path in sorted(folder.iterdir()):
        os.truncate(path, data.draw(st.integers(0, path.stat().st_size)))
    tree = opened(folder, leaves, 100)
    assert (100, leaves.root(100)) == tree.head()
    assert leaves.root(77) == tree.root(77)
    tree.close()


@pytest.mark.parametrize("writes", range(6))
def test_it_is_whole_below_its_size_wherever_an_append_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Readers find every node, and a writer that lives goes on, where one was killed or had no room between levels."""
    leaves = Leaves(40)
    tree, living = opened(tmp_path / "tree", leaves, 7), opened(tmp_path / "tree", leaves, 7)
    reader, left, write = TreeReader(tmp_path / "tree"), iter(range(writes)), os.pwrite

    def cut_off(descriptor: int, data: bytes, offset: int) -> int:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "no room")
        return write(descriptor, data, offset)

    with monkeypatch.context() as patched, suppress(OSError):
        patched.setattr(os, "pwrite", cut_off)
        tree.append(leaves.all[7:33])
    size = reader.size()
    for level in range(size.bit_length()):
        assert (size >> level) * HASH_SIZE == len(reader.nodes(level, 0, size >> level))
    assert leaves.root(size) == reader.root(size)
    living.catch_up(leaves, 40)
    assert (40, leaves.root(40)) == living.head()
    for found in (tree, living, reader):
        found.close()


def test_what_was_not_synced_is_made_anew_after_a_crash(tmp_path: Path) -> None:
    """Beyond the trusted size nothing of the tree is believed, as when the machine lost power."""
    leaves = Leaves(64)
    opened(tmp_path / "tree", leaves, 64).close()
    for path in (tmp_path / "tree").iterdir():
        content = path.read_bytes()
        half = len(content) // HASH_SIZE // 2 * HASH_SIZE
        path.write_bytes(content[:half] + bytes(len(content) - half))
    tree = opened(tmp_path / "tree", leaves, 64, trusted=32)
    assert (64, leaves.root(64)) == tree.head()
    tree.close()


def test_a_log_shorter_than_its_tree_was_rolled_back(tmp_path: Path) -> None:
    """The tree is written after the leaves, so a longer tree means that leaves are gone."""
    leaves = Leaves(10)
    opened(tmp_path / "tree", leaves, 10).close()
    with pytest.raises(LogRolledBack, match="at least 10 records, which the tree covers, found 9"):
        opened(tmp_path / "tree", leaves, 9)


def test_a_missing_node_is_named(tmp_path: Path) -> None:
    """Reading what is not there is one clear error."""
    opened(tmp_path / "tree", Leaves(3), 3).close()
    for level, index in ((0, 3), (5, 0)):
        with pytest.raises(StoreDamaged, match="of the tree is missing"):
            TreeReader(tmp_path / "tree").node(level, index)


def test_its_files_are_its_owners_alone(tmp_path: Path) -> None:
    """0700 and 0600."""
    tree = opened(tmp_path / "tree", Leaves(9), 9)
    tree.sync()
    tree.close()
    assert 0o700 == stat.S_IMODE((tmp_path / "tree").stat().st_mode)
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tree").iterdir()}
