"""The tree: growth and proofs against the definitions of RFC 6962, and against its published vectors."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.merkle import (
    EMPTY,
    Edge,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)

# The test data of RFC 6962 implementations: eight leaves and the roots of their prefixes.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + naive_root(leaves[:half]) + naive_root(leaves[half:])).digest()


class Kept:
    """All nodes of a tree, kept by level as the edge gave them out."""

    def __init__(self) -> None:
        self.levels: list[list[bytes]] = []
        self.edge = Edge()

    def extend(self, leaves: list[bytes]) -> None:
        for level, nodes in enumerate(self.edge.extend([leaf_hash(leaf) for leaf in leaves])):
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level] += nodes

    def node(self, level: int, index: int) -> bytes:
        return self.levels[level][index]


def tree_of(size: int) -> tuple[list[bytes], Kept]:
    leaves = [f"leaf {n}".encode() for n in range(size)]
    kept = Kept()
    kept.extend(leaves)
    return leaves, kept


def test_the_published_roots() -> None:
    """Every prefix of the published leaves has the published root."""
    kept = Kept()
    assert ROOTS[0] == kept.edge.root().hex() == EMPTY.hex()
    for leaf, root in zip(LEAVES, ROOTS[1:], strict=True):
        kept.extend([leaf])
        assert root == kept.edge.root().hex()


def test_published_paths() -> None:
    """Audit paths and consistency proofs of the published tree, as they are printed with it."""
    kept = Kept()
    kept.extend(LEAVES)
    assert [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ] == [item.hex() for item in inclusion_proof(0, 8, kept.node)]
    assert [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ] == [item.hex() for item in consistency_proof(6, 8, kept.node)]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129])
def test_every_proof_around_powers_of_two(size: int) -> None:
    """Each leaf of each tree is proved, and each prefix; roots equal the naive definition."""
    leaves, kept = tree_of(size)
    root = naive_root(leaves)
    assert root == kept.edge.root() == root_at(size, kept.node)
    for index, leaf in enumerate(leaves):
        verify_inclusion(leaf_hash(leaf), index, size, inclusion_proof(index, size, kept.node), root)
    for old in range(size + 1):
        proof = consistency_proof(old, size, kept.node)
        verify_consistency(old, size, proof, naive_root(leaves[:old]), root)


@given(st.lists(st.lists(st.binary(max_size=20), max_size=9), max_size=12))
def test_growing_in_batches_is_growing_leaf_by_leaf(batches: list[list[bytes]]) -> None:
    """However leaves come together, nodes and root are the same; an edge read back from kept nodes goes on."""
    kept, single = Kept(), Kept()
    for batch in batches:
        kept.extend(batch)
        kept.edge = Edge.read(kept.edge.size, kept.node)
        for leaf in batch:
            single.extend([leaf])
    assert single.levels == kept.levels
    assert naive_root([leaf for batch in batches for leaf in batch]) == kept.edge.root()


@given(st.data(), st.integers(1, 70))
def test_a_changed_proof_is_refused(data: st.DataObject, size: int) -> None:
    """A flipped bit in leaf, path or root, a wrong index, a path that is shorter or longer: all are found."""
    leaves, kept = tree_of(size)
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(index, size, kept.node), kept.edge.root()
    leaf = leaf_hash(leaves[index])
    what = data.draw(st.sampled_from(["leaf", "path", "root", "longer", "shorter", "index"]))
    if what == "leaf":
        leaf = _flipped(leaf)
    elif what == "path" and proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at] = _flipped(proof[at])
    elif what == "longer":
        proof.append(root)
    elif what == "shorter" and proof:
        proof.pop()
    elif what == "index" and size > 1:
        index = (index + 1) % size
    else:
        root = _flipped(root)
    with pytest.raises(ProofError):
        verify_inclusion(leaf, index, size, proof, root)


@given(st.integers(1, 70), st.integers(0, 69), st.sampled_from(["old", "new", "path", "longer", "shorter", "size"]))
def test_a_changed_consistency_proof_is_refused(size: int, old: int, what: str) -> None:
    """Another old root, new root or path does not pass."""
    old = max(1, min(old, size - 1))
    if old >= size:
        return
    leaves, kept = tree_of(size)
    proof, old_root, root = consistency_proof(old, size, kept.node), naive_root(leaves[:old]), kept.edge.root()
    if what == "old":
        old_root = _flipped(old_root)
    elif what == "new":
        root = _flipped(root)
    elif what == "path":
        proof[0] = _flipped(proof[0])
    elif what == "longer":
        proof.append(root)
    elif what == "shorter":
        proof.pop()
    else:
        old_root = naive_root([*leaves[: old - 1], b"other"])
    with pytest.raises(ProofError):
        verify_consistency(old, size, proof, old_root, root)


def test_what_no_tree_holds_is_refused() -> None:
    """Indexes and sizes beyond the tree, and peaks that do not fit a size, are errors."""
    _, kept = tree_of(5)
    for index in (-1, 5):
        with pytest.raises(ProofError):
            inclusion_proof(index, 5, kept.node)
        with pytest.raises(ProofError):
            verify_inclusion(EMPTY, index, 5, [], EMPTY)
    with pytest.raises(ProofError):
        consistency_proof(6, 5, kept.node)
    with pytest.raises(ProofError):
        verify_consistency(6, 5, [], EMPTY, EMPTY)
    with pytest.raises(ProofError):
        verify_consistency(0, 5, [], b"x" * 32, EMPTY)
    with pytest.raises(ValueError, match="peaks"):
        Edge(5, {0: EMPTY})


def test_a_proof_reads_few_nodes() -> None:
    """A proof reads at most two nodes a level, so it costs the same from a file however long the log is."""
    _, kept = tree_of(1000)
    read: list[tuple[int, int]] = []

    def node(level: int, index: int) -> bytes:
        read.append((level, index))
        return kept.node(level, index)

    inclusion_proof(333, 1000, node)
    assert len(read) <= 20
    assert all(one != other for one, other in pairwise(read))


def _flipped(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]
