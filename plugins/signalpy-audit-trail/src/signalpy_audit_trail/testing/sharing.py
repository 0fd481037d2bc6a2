"""Several writers, of one process or of many, and readers beside them."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from itertools import pairwise

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.search import ask
from signalpy_audit_trail.store import Store
from signalpy_audit_trail.testing.records import draft
from signalpy_audit_trail.testing.suite import Place, Start, StoreSuite, acknowledged, go


class Sharing(StoreSuite):
    """What happens when a trail is used by more than one."""

    def test_threads_write_one_trail(self, place: Place) -> None:
        """Writers of several threads: one row of positions, every record once, each writer's in its order."""
        stores = [place.store() for _ in range(4)]
        told: list[list[int]] = [[] for _ in stores]
        failures: list[BaseException] = []
        gate = threading.Barrier(len(stores))

        def write(number: int, store: Store) -> None:
            try:
                gate.wait()
                for step in range(40):
                    drafts = [draft(actor=f"t{number}", data=step) for _ in range(1 + step % 3)]
                    told[number] += [receipt.seq for receipt in commit(store, drafts)]
            except BaseException as error:
                failures.append(error)
                raise

        threads = [threading.Thread(target=write, args=item) for item in enumerate(stores)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        reader = place.beside(stores[0])
        records = ask(reader, {"order": "asc", "limit": 1000})["entries"]
        assert [*range(sum(map(len, told)))] == [record["seq"] for record in records]
        for number, seqs in enumerate(told):
            mine = [record for record in records if record["actor"] == f"t{number}"]
            assert seqs == [record["seq"] for record in mine]
            assert all(one["data"] <= two["data"] for one, two in pairwise(mine))
        reader.close()

    def test_processes_write_one_trail_fairly(self, place: Place, start: Start) -> None:
        """Several processes: one row of positions, every record once, nobody left behind."""
        self.needs(processes=True)
        count = 400
        processes = {name: start("append", name=name, count=count, padding=50) for name in ("a", "b", "c")}
        go(*processes.values())
        outputs = {name: process.communicate(timeout=120)[0] for name, process in processes.items()}
        assert {0} == {process.returncode for process in processes.values()}
        records = place.records()
        assert [*range(3 * count)] == [record["seq"] for record in records]
        for name, output in outputs.items():
            mine = [record for record in records if record["actor"] == name]
            assert [*range(count)] == [record["data"]["n"] for record in mine]
            assert acknowledged(output) == [record["seq"] for record in mine]
        # Until the first of them is done, all have had a fair part of the turns.
        last = min(max(record["seq"] for record in records if record["actor"] == name) for name in processes)
        shares = Counter(record["actor"] for record in records[:last])
        assert min(shares[name] for name in processes) * 2 > max(shares.values())

    def test_a_killed_writer_holds_nobody_up(self, place: Place, start: Start) -> None:
        """A writer that is killed in its turn is not waited for, and what it had been told is kept."""
        self.needs(processes=True)
        victim = start("append", name="victim", count=0, padding=5000)
        living = start("append", name="living", count=300, padding=50)
        go(victim, living)
        time.sleep(0.15)
        victim.kill()
        told = acknowledged(victim.communicate()[0])
        living.communicate(timeout=120)
        assert 0 == living.returncode
        records = place.records()
        assert set(told) <= {record["seq"] for record in records if record["actor"] == "victim"}
        assert [*range(300)] == [record["data"]["n"] for record in records if record["actor"] == "living"]

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
    def test_a_fork_is_noticed(self, place: Place, start: Start) -> None:
        """A forked child cannot write through its parent's store, and closing there does no harm to the parent."""
        process = start("fork")
        go(process)
        output = process.communicate(timeout=60)[0]
        assert ["forked forked forked", "1", "parent parent"] == output.splitlines()
        assert 0 == process.returncode

    def test_a_writer_that_was_killed_is_noticed(self, place: Place, start: Start) -> None:
        """It is reported to each next writer until that is settled; who closes, or is a guest, is not."""
        self.needs(durable=True, processes=True)
        place.store().close()
        guest = place.store(guest=True)
        assert [] == list(guest.unclean)
        process = start("append", name="a", count=0, padding=10)
        go(process)
        living = place.store()
        assert [] == list(living.unclean)
        living.close()
        process.kill()
        process.communicate()
        guest.close()
        for settled in (False, True):
            store = place.store()
            assert [process.pid] == [left.process for left in store.unclean]
            assert store.unclean[0].started.endswith("Z")
            if settled:
                store.settle_unclean()
                assert [] == list(store.unclean)
            store.close()
        assert [] == list(place.store().unclean)

    def test_a_reader_does_not_hold_up_the_writer(self, place: Place) -> None:
        """While a reader is in the middle of its reading, records are appended, and a later question finds them."""
        store = place.store()
        commit(store, [draft(data="x" * 5000) for _ in range(2500)])
        reader = place.beside(store)
        halfway = reader.leaves()
        for _ in range(10):
            next(halfway)
        for number in range(50):
            assert 2500 + number == commit(store, [draft(actor="late")])[0].seq
        found = reader.search(Filters(actor="late"), head=2550, after=None, descending=False, limit=100)
        assert 50 == len(found)
        assert 2490 <= sum(1 for _ in halfway)
        reader.close()

    def test_a_turn_does_not_hold_up_readers(self, place: Place) -> None:
        """While a writer holds its turn, what was acknowledged before can be read and searched by others."""
        store = place.store()
        commit(store, [draft(actor="alice") for _ in range(3)])
        reader = place.beside(store)
        answers: list[object] = []

        def read() -> None:
            answers.append(reader.size())
            answers.append(len(list(reader.leaves())))
            answers.append(len(reader.search(Filters(actor="alice"), head=3, after=None, descending=True, limit=9)))
            answers.append(reader.checkpoint())

        with store.turn():
            thread = threading.Thread(target=read, daemon=True)
            thread.start()
            thread.join(30)
            assert [3, 3, 3, None] == answers
        thread.join()
        reader.close()

    def test_readers_of_many_threads(self, place: Place) -> None:
        """One reader serves any number of threads at a time, while records are appended."""
        store = place.store()
        commit(store, [draft(actor=f"u{number % 5}") for number in range(200)])
        reader = place.beside(store)
        wrong: list[object] = []

        def read(number: int) -> None:
            try:
                for _ in range(15):
                    found = reader.search(
                        Filters(actor=f"u{number}"), head=200, after=None, descending=True, limit=1000
                    )
                    counted = reader.count(Filters(), "actor", head=200)
                    if (len(found), counted.get(f"u{number}"), len(list(reader.leaves(0, 200)))) != (40, 40, 200):
                        wrong.append((len(found), counted))
            except BaseException as error:
                wrong.append(error)
                raise

        threads = [threading.Thread(target=read, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for _ in range(40):
            commit(store, [draft(actor="u0")])
        for thread in threads:
            thread.join()
        assert [] == wrong
        reader.close()
