"""Searching: the same answers as reading everything, page by page, while records arrive."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.query import COUNTABLE, Filters
from signalpy_audit_trail.search import ask
from signalpy_audit_trail.store import StoreReader
from signalpy_audit_trail.testing import reference
from signalpy_audit_trail.testing.records import bare, draft, questions, various
from signalpy_audit_trail.testing.suite import Place, StoreSuite


def pages(reader: StoreReader, asked: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """Return what all pages of an answer hold."""
    entries: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = ask(reader, {**asked, "limit": limit, "cursor": cursor})
        assert len(page["entries"]) <= limit
        entries += page["entries"]
        cursor = page["next"]
        if cursor is None:
            return entries


class Searching(StoreSuite):
    """What is found."""

    @pytest.mark.parametrize("seed", range(4))
    def test_answers_are_those_of_a_plain_scan(self, place: Place, seed: int) -> None:
        """Whatever is asked: entries, order, pages and counts equal those of reading every record."""
        store = place.store()
        given = various(seed, 150)
        for start in range(0, len(given), 17):
            commit(store, [bare(record) for record in given[start : start + 17]])
        records = [{"seq": seq, **record} for seq, record in enumerate(given)]
        reader = place.beside(store)
        for number, asked in enumerate(questions(seed, 80)):
            passing = reference.passing(records, asked)
            order, limit, by = ("asc", "desc")[number % 2], 1 + number % 13, COUNTABLE[number % len(COUNTABLE)]
            expected = passing if order == "asc" else passing[::-1]
            assert expected == pages(reader, {**asked, "order": order}, limit), asked
            counts, absent = reference.counted(passing, by)
            answer = ask(reader, {**asked, "count_by": by, "limit": 1000})
            assert (counts, absent, 0) == (answer["counts"], answer["absent"], answer["others"]), (asked, by)
        reader.close()

    def test_only_what_is_below_the_head_is_found(self, place: Place) -> None:
        """A head in the past shows the trail as it was, intents without their later outcome included."""
        store = place.store()
        commit(store, [draft(operation_id="o", outcome="intent"), draft(), draft(operation_id="o")])
        reader = place.beside(store)
        everything = Filters(intents=False)
        for head, expected in ((1, [0]), (2, [0, 1]), (3, [1, 2])):
            found = reader.search(everything, head=head, after=None, descending=False, limit=9)
            leaves = [leaf for _seq, leaf in reader.leaves()]
            assert [leaves[seq] for seq in expected] == found
            assert len(expected) == sum(reader.count(everything, "actor", head=head).values())
        reader.close()

    def test_a_search_knows_the_writes_before_it(self, place: Place) -> None:
        """However far an index lags, what was acknowledged is found, by readers that were open before, too."""
        store, other = place.store(), place.store()
        reader = place.beside(store)
        for number in range(20):
            commit((store, other)[number % 2], [draft(actor=f"u{number}", subjects=[f"s{number}"])])
            for asked in ({"actor": f"u{number}"}, {"subject": f"s{number}"}):
                assert [number] == [entry["seq"] for entry in ask(reader, asked)["entries"]]
        reader.close()

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_pages_are_stable_while_records_arrive(self, place: Place, order: str) -> None:
        """Paging under constant writes ends, and gives each record that stood at the first page exactly once."""
        store, busy = place.store(), place.store()
        commit(store, [draft(actor="alice" if number % 3 else "bob") for number in range(120)])
        reader = place.beside(store)
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                commit(busy, [draft(actor="alice")])

        thread = threading.Thread(target=write)
        thread.start()
        try:
            before = reader.size()
            asked = {"actor": "alice", "order": order}
            first = ask(reader, {**asked, "limit": 10})
            after = reader.size()
            rest, cursor = [], first["next"]
            while cursor is not None:
                page = ask(reader, {**asked, "limit": 10, "cursor": cursor})
                rest += page["entries"]
                cursor = page["next"]
        finally:
            stop.set()
            thread.join()
        seqs = [entry["seq"] for entry in [*first["entries"], *rest]]
        wanted = [seq for seq, leaf in reader.leaves(0, after) if b'"actor":"alice"' in leaf]
        assert sorted(set(seqs)) == (seqs if order == "asc" else seqs[::-1])
        assert [seq for seq in wanted if seq < before] == [seq for seq in sorted(seqs) if seq < before]
        assert set(seqs) <= set(wanted)
        reader.close()

    def test_an_index_can_be_thrown_away(self, place: Place) -> None:
        """Made anew, it gives the same answers; a cursor goes on where it was; writers are not disturbed."""
        self.needs(indexed=True)
        store = place.store()
        commit(store, [draft(actor=f"u{number % 3}", subjects=[f"s{number % 7}"]) for number in range(100)])
        reader = place.beside(store)
        whole = pages(reader, {"actor": "u1"}, 1000)
        first = ask(reader, {"actor": "u1", "limit": 5})
        for _ in range(2):
            assert 100 == reader.reindex()
            state = reader.check_index()
            assert (100, "") == (state.size, state.difference)
        assert whole == pages(reader, {"actor": "u1"}, 3)
        assert whole[5:] == ask(reader, {"actor": "u1", "limit": 1000, "cursor": first["next"]})["entries"]
        commit(store, [draft(actor="u1")])
        assert [100] == [entry["seq"] for entry in ask(reader, {"actor": "u1", "limit": 1})["entries"]]
        assert not reader.check_index().difference
        reader.close()

    def test_an_index_can_be_kept_elsewhere(self, place: Place, tmp_path: Path) -> None:
        """With a place given for what searching derives, answers are the same, and it is there."""
        self.needs(indexed=True, durable=True)
        self.filled(place, 30, actor="alice")
        index = tmp_path / "index-elsewhere"
        for _ in range(2):
            reader = place.reader(index=index)
            assert 30 == len(ask(reader, {"actor": "alice", "limit": 1000})["entries"])
            assert not reader.check_index().difference
            reader.close()
        assert index.exists()
