"""The tree, its head, and the checkpoint that is kept of it."""

from __future__ import annotations

import base64

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.signing.checkpoint import Checkpoint
from signalpy_audit_trail.store import LogRolledBack, Store
from signalpy_audit_trail.testing import reference
from signalpy_audit_trail.testing.records import draft
from signalpy_audit_trail.testing.suite import Place, Start, StoreSuite, go
from signalpy_audit_trail.verification import Result, verify


def note(store: Store, size: int, *, root: bytes = bytes(32), key: str = "nobody") -> str:
    """Return a checkpoint in the form in which signed ones are kept."""
    signature = base64.b64encode(bytes(68)).decode()
    return f"{Checkpoint(store.origin, size, root).text()}\n— {key} {signature}\n"


class Proving(StoreSuite):
    """What makes a trail provable."""

    def test_the_tree_is_that_of_the_definition(self, place: Place) -> None:
        """However the batches fall: each complete node of each level is as RFC 6962 defines it, and so is the root."""
        store = place.store()
        reader = place.beside(store)
        leaves: list[bytes] = []
        for count in (1, 1, 1, 2, 3, 8, 1, 15, 1, 32, 7, 60):
            commit(store, [draft(data=len(leaves) + step) for step in range(count)])
            leaves = [leaf for _seq, leaf in reader.leaves()]
            assert (len(leaves), reference.root(leaves)) == store.head()
            assert len(leaves) == reader.tree_size()
            for level in range(len(leaves).bit_length()):
                expected = reference.nodes(leaves, level)
                assert b"".join(expected) == reader.nodes(level, 0, len(expected))
                middle = len(expected) // 2
                assert b"".join(expected[middle:]) == reader.nodes(level, middle, len(expected))
        reader.close()

    def test_writers_grow_one_tree(self, place: Place) -> None:
        """Each writer goes on where the others were; the head is the same for all, and after opening again."""
        writers = [place.store() for _ in range(3)]
        for number in range(30):
            commit(writers[number % 3], [draft(data=number) for _ in range(1 + number % 4)])
        leaves = [leaf for _seq, leaf in place.beside(writers[0]).leaves()]
        expected = (len(leaves), reference.root(leaves))
        assert [expected] * 3 == [writer.head() for writer in writers]
        for writer in writers:
            writer.close()
        if self.durable:
            assert expected == place.store().head()

    def test_a_larger_tree(self, place: Place) -> None:
        """Thousands of records in one batch: nodes on all levels, over the bounds of whatever pieces they lie in."""
        store = place.store()
        for count in (5000, 3, 2200):
            commit(store, [draft(data=step) for step in range(count)])
        reader = place.beside(store)
        leaves = [leaf for _seq, leaf in reader.leaves()]
        assert (7203, reference.root(leaves)) == store.head()
        for level in range(13):
            expected = reference.nodes(leaves, level)
            assert b"".join(expected) == reader.nodes(level, 0, len(expected))
        reader.close()

    def test_a_checkpoint_is_kept(self, place: Place) -> None:
        """It is given back as it was, by readers that were open before and after, and after opening again."""
        store = place.store()
        commit(store, [draft()])
        reader = place.beside(store)
        assert reader.checkpoint() is None
        kept = note(store, *[1], root=store.head()[1])
        assert store.keep_checkpoint(kept)
        assert kept == reader.checkpoint()
        reader.close()
        store.close()
        if self.durable:
            place.store()
            assert kept == place.reader().checkpoint()

    def test_a_checkpoint_never_shrinks(self, place: Place) -> None:
        """One of fewer records is not kept, and that is said; one of as many, signed by another key, is."""
        first, second = place.store(), place.store()
        commit(first, [draft() for _ in range(9)])
        assert first.keep_checkpoint(note(first, 5))
        assert not second.keep_checkpoint(note(first, 4))
        assert second.keep_checkpoint(note(first, 5, key="another"))
        assert note(first, 5, key="another") == place.beside(first).checkpoint()
        assert first.keep_checkpoint(note(first, 9))
        assert not second.keep_checkpoint(note(first, 8))

    def test_a_head_is_durable(self, place: Place, start: Start) -> None:
        """Killed right after the head was asked for and its checkpoint kept: leaves, tree and checkpoint are there."""
        self.needs(durable=True)
        process = start("sign", count=37)
        go(process)
        assert process.stdout is not None
        size, root = process.stdout.readline().split()
        process.kill()
        process.wait()
        leaves = place.leaves()
        assert (37, reference.root(leaves).hex()) == (int(size), root)
        reader = place.reader()
        assert 37 == reader.tree_size()
        assert b"".join(reference.nodes(leaves, 0)) == reader.nodes(0, 0, 37)
        kept = reader.checkpoint()
        assert kept is not None
        assert kept.split("\n")[1] == size
        assert (37, reference.root(leaves)) == place.store().head()

    def test_a_log_that_lost_records_is_not_written(self, place: Place) -> None:
        """A log shorter than its own checkpoint is refused by writers, who are told by how much, and can be read."""
        self.needs(durable=True)
        store = place.store()
        commit(store, [draft() for _ in range(4)])
        # A checkpoint of more records than there are is what is left when the others are gone.
        assert store.keep_checkpoint(note(store, 7))
        store.close()
        for _ in range(2):
            with pytest.raises(LogRolledBack, match=r"expected at least 7 records.*found 4") as caught:
                place.store()
            assert (7, 4) == (getattr(caught.value, "expected", None), getattr(caught.value, "found", None))
        assert 4 == len(place.leaves())

    def test_a_trail_verifies(self, place: Place) -> None:
        """An auditor finds nothing, neither in the log nor in what is derived from it."""
        self.filled(place, 150, subjects=["a", "b"])
        report = verify(place.reader(), processes=1)
        assert Result.HOLDS == report.verdict, report.as_dict()
        assert {"bytes", "order", "tree"} <= {
            name for name, check in report.checks.items() if check.result is Result.HOLDS
        }
