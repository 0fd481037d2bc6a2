"""Kills, full disks, and what was closed."""

from __future__ import annotations

import json
import time

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.store import StoreClosed
from signalpy_audit_trail.testing import reference
from signalpy_audit_trail.testing.child import NOTE
from signalpy_audit_trail.testing.records import draft
from signalpy_audit_trail.testing.suite import Place, Start, StoreSuite, acknowledged, go


class Failing(StoreSuite):
    """What an acknowledgement is worth."""

    @pytest.mark.parametrize("padding", [10, 30_000])
    def test_acknowledged_records_survive_a_kill(self, place: Place, start: Start, padding: int) -> None:
        """Killed amid appends, again and again: what was acknowledged is there, without a hole, and the tree fits."""
        self.needs(durable=True)
        seen: list[int] = []
        for delay in (0.05, 0.1, 0.2, 0.15):
            process = start("append", name="a", count=0, padding=padding)
            go(process)
            time.sleep(delay)
            process.kill()
            seen += acknowledged(process.communicate()[0])
            store = place.store(guest=True)
            leaves = place.leaves()
            assert set(seen) <= {*range(len(leaves))}
            assert (len(leaves), reference.root(leaves)) == store.head()
            assert b"".join(reference.nodes(leaves, 0)) == place.beside(store).nodes(0, 0, len(leaves))
            store.close()
        assert len(seen) == len(set(seen)) > 5

    @pytest.mark.parametrize("spare", [0, 1000, 20_000])
    def test_a_full_disk_loses_nothing(self, place: Place, start: Start, spare: int) -> None:
        """A turn that fails keeps nothing that counts, and says so; readers go on, and writers once there is room."""
        if self.full_disk is None:
            pytest.skip("the store says that its medium cannot fill")
        process = start("fill", full_disk=self.full_disk, spare=spare, place=place.url)
        go(process)
        told = json.loads(process.communicate(timeout=120)[0])
        assert told["error"], "the medium was never full"
        assert told["again"]
        assert "\n" not in told["error"]
        kept = told["kept"]
        assert [*range(len(kept))] == kept
        assert [*range(len(kept) - 18)] == told["readable"]
        assert len(kept) == told["size"]
        if self.durable:
            assert len(kept) == len(place.leaves())
            assert (len(kept), reference.root(place.leaves())) == place.store().head()

    def test_a_closed_store_takes_nothing(self, place: Place) -> None:
        """After closing, also twice, writing is an error of its own; nothing is appended."""
        store = place.store()
        commit(store, [draft()])
        store.close()
        store.close()
        for attempt in (lambda: commit(store, [draft()]), store.head, lambda: store.keep_checkpoint(NOTE)):
            with pytest.raises(StoreClosed) as caught:
                attempt()
            assert "\n" not in str(caught.value)
        if self.durable:
            assert 1 == len(place.leaves())

    def test_a_reader_outlives_the_store_that_gave_it(self, place: Place) -> None:
        """A reader goes on when its store is closed, and is closed as often as one likes."""
        store = place.store()
        commit(store, [draft(data=1)])
        reader = place.beside(store)
        store.close()
        assert 1 == len(list(reader.leaves()))
        reader.close()
        reader.close()
