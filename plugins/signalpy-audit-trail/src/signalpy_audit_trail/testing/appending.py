"""Leaves: kept as they were appended, numbered without a hole, found by their ids."""

from __future__ import annotations

import tracemalloc

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.draft import Draft, Receipt, leaf
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.store import StoreDamaged
from signalpy_audit_trail.testing import reference
from signalpy_audit_trail.testing.records import ODD, draft
from signalpy_audit_trail.testing.suite import Place, StoreSuite


class Appending(StoreSuite):
    """What one writer does to a trail."""

    def test_what_is_appended_is_read_back(self, place: Place) -> None:
        """Leaves come back byte for byte, in order, whichever reader is asked."""
        store = place.store()
        before = place.beside(store)
        drafts = [draft(data={"n": number}) for number in range(20)]
        for start in (0, 1, 3, 10):
            commit(store, drafts[start : {0: 1, 1: 3, 3: 10, 10: 20}[start]])
        expected = [leaf(seq, each.body) for seq, each in enumerate(drafts)]
        after = place.beside(store)
        for reader in (before, after):
            assert list(enumerate(expected)) == list(reader.leaves())
            assert 20 == reader.size()
            reader.close()
        assert 20 == store.size

    def test_a_part_is_read_by_its_bounds(self, place: Place) -> None:
        """``start`` is included and ``stop`` is not; bounds beyond the end are no error."""
        leaves = list(enumerate(self.filled(place, 12)))
        reader = place.reader()
        for start, stop in ((0, 0), (0, 5), (4, 9), (11, 12), (5, None), (12, None), (3, 99), (99, 200), (9, 4)):
            assert leaves[start:stop] == list(reader.leaves(start, stop))

    def test_reading_does_not_grow_with_the_trail(self, place: Place) -> None:
        """Leaves are read some at a time: 48 MiB of them pass through less than a third of that."""
        store = place.store()
        for _ in range(12):
            commit(store, [draft(data="x" * (1 << 20)) for _ in range(4)])
        reader = place.beside(store)
        tracemalloc.start()
        try:
            assert 48 << 20 < sum(len(found) for _seq, found in reader.leaves())
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()

    def test_receipts_tell_positions(self, place: Place) -> None:
        """Positions follow each other from batch to batch, and from one opening to the next."""
        seqs = []
        for _ in range(3):
            store = place.store()
            for count in (1, 4, 2):
                seqs += [receipt.seq for receipt in commit(store, [draft() for _ in range(count)])]
            store.close()
        assert [*range(21)] == seqs
        assert 21 == len(place.leaves())

    def test_an_empty_trail(self, place: Place) -> None:
        """A trail without records can be asked anything."""
        store = place.store()
        reader = place.beside(store)
        assert (0, 0, 0, []) == (store.size, reader.size(), reader.tree_size(), list(reader.leaves()))
        assert (0, reference.root([])) == store.head()
        assert [] == reader.search(Filters(), head=0, after=None, descending=True, limit=10)
        assert {} == reader.count(Filters(), "actor", head=0)
        assert (b"", None, 0) == (reader.nodes(0, 0, 0), reader.checkpoint(), reader.torn())
        assert not reader.check_index().difference
        reader.close()

    def test_nothing_appended_changes_nothing(self, place: Place) -> None:
        """A turn that appends nothing, or no leaves, leaves the trail as it was."""
        store = place.store()
        commit(store, [draft()])
        with store.turn() as turn:
            assert 1 == turn.size
        with store.turn() as turn:
            turn.append([])
        assert [1] == [receipt.seq for receipt in commit(store, [draft()])]
        reader = place.beside(store)
        assert [0, 1] == [seq for seq, _leaf in reader.leaves()]
        reader.close()

    def test_a_turn_that_fails_appends_nothing(self, place: Place) -> None:
        """An error within a turn, of whatever kind, ends it; the next one is as if it had not been."""
        store = place.store()
        commit(store, [draft(data=0)])
        with pytest.raises(KeyError, match="stop"), store.turn():
            raise KeyError("stop")
        assert [1] == [receipt.seq for receipt in commit(store, [draft(data=1)])]

    @pytest.mark.parametrize("odd", ODD)
    def test_odd_records_are_kept_as_they_are(self, place: Place, odd: str) -> None:
        """Whatever is in a record: it comes back unchanged, does no harm to its neighbours, and stops no search."""
        store = place.store()
        body = ODD[odd].encode()
        around = [draft(actor="before"), Draft(id="odd", body=body), draft(actor="after")]
        commit(store, around)
        commit(store, [Draft(id="odd", body=body)])
        expected = [leaf(seq, each.body) for seq, each in enumerate([*around, around[1]])]
        reader = place.beside(store)
        assert expected == [found for _seq, found in reader.leaves()]
        assert reference.root(expected) == store.head()[1]
        for actor, seq in (("before", 0), ("after", 2)):
            found = reader.search(Filters(actor=actor), head=4, after=None, descending=True, limit=10)
            assert [expected[seq]] == found
        assert expected[::-1] == reader.search(Filters(), head=4, after=None, descending=True, limit=10)
        assert not reader.check_index().difference
        reader.close()
        store.close()
        if self.durable:
            assert expected == place.leaves()

    def test_a_node_that_is_not_there_is_an_error(self, place: Place) -> None:
        """What the tree does not have is not made up."""
        self.filled(place, 5)
        reader = place.reader()
        for level, start, stop in ((0, 4, 6), (0, 9, 10), (1, 2, 3), (2, 1, 2), (3, 0, 1), (60, 0, 1)):
            with pytest.raises(StoreDamaged):
                reader.nodes(level, start, stop)

    def test_a_given_id_is_known_to_every_writer(self, place: Place) -> None:
        """The same fact under the same id is a repeat, whoever had appended it; another fact gets another id."""
        first, second = place.store(), place.store()
        fact = draft(given=True, id="order-1", data={"n": 1})
        assert (0, "order-1", False) == _told(commit(first, [draft(given=True, id="order-1", data={"n": 1})])[0])
        assert (0, "order-1", True) == _told(commit(second, [fact])[0])
        seq, fresh, repeat = _told(commit(second, [draft(given=True, id="order-1", data={"n": 2})])[0])
        assert (1, False) == (seq, repeat)
        assert fresh != "order-1"
        third = commit(first, [draft(given=True, id="order-1", data={"n": 2}), fact, draft(given=True, id=fresh)])
        assert [(1, True), (0, True), (2, False)] == [(receipt.seq, receipt.repeat) for receipt in third]
        first.close()
        second.close()

    def test_what_holds_an_id_is_found(self, place: Place) -> None:
        """Records that have an id, or are its duplicates, are found by position; ids that nobody has are left out."""
        store = place.store()
        commit(store, [draft(id="a"), draft(id="b"), draft(id="c", duplicate_of="a"), draft(id="ü\0*")])
        commit(store, [draft(id="a")])
        with store.turn() as turn:
            held = turn.held(["a", "x", "b", "a", "ü\0*", "c", "A"])
            leaves = [found for _seq, found in place.beside(store).leaves()]
            expected = {"a": [0, 2, 4], "b": [1], "c": [2], "ü\0*": [3]}
            assert {name: [(seq, leaves[seq]) for seq in seqs] for name, seqs in expected.items()} == {
                name: list(found) for name, found in held.items()
            }

    def test_many_ids_are_looked_up_at_once(self, place: Place) -> None:
        """A batch may bring thousands of given ids, and repeats within itself."""
        store = place.store()
        batch = [draft(given=True, id=f"id-{number}", data=number) for number in range(2500)]
        assert [False] * 2500 == [receipt.repeat for receipt in commit(store, batch)]
        again = commit(store, [*batch, *batch[:10], draft(given=True, id="new"), draft(given=True, id="new")])
        assert [*[True] * 2510, False, True] == [receipt.repeat for receipt in again]
        assert [*range(2500), *range(10), 2500, 2500] == [receipt.seq for receipt in again]


def _told(receipt: Receipt) -> tuple[int, str, bool]:
    return receipt.seq, receipt.id, receipt.repeat
