from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from signalpy_audit_trail.commit import append_sync, commit
from signalpy_audit_trail.store import WriteFailed
from signalpy_audit_trail.stores.file import FileStore

Records = Callable[[], list[dict[str, Any]]]


def test_positions_begin_at_zero_and_leave_no_hole(store: FileStore, make: Any, records: Records) -> None:
    """Records get positions in the order in which they are given, over any number of batches."""
    for size in (3, 1, 5):
        commit(store, [make(data={"n": n}) for n in range(size)])
    assert [*range(9)] == [record["seq"] for record in records()]
    assert [0, 1, 2, 0, 0, 1, 2, 3, 4] == [record["data"]["n"] for record in records()]


def test_a_repeated_delivery_is_not_recorded_again(store: FileStore, make: Any, records: Records) -> None:
    """The same given id, caller, action and data give the receipt of the record that is there."""
    first, again = (make(id="delivery-1", given=True, data={"n": 1}) for _ in range(2))
    kept = append_sync(store, first)[0]
    repeat = append_sync(store, again)[0]
    assert (kept.seq, "delivery-1", True, 1) == (repeat.seq, repeat.id, repeat.repeat, len(records()))


def test_another_fact_under_a_held_id_gets_a_fresh_one(store: FileStore, make: Any, records: Records) -> None:
    """A held id with other data is recorded under an id of its own, and says whose it had."""
    commit(store, [make(id="delivery-1", given=True, data={"n": 1})])
    receipt = commit(store, [make(id="delivery-1", given=True, data={"n": 2})])[0]
    assert not receipt.repeat
    assert {"id": receipt.id, "duplicate_of": "delivery-1", "data": {"n": 2}}.items() <= records()[1].items()


def test_repeats_are_found_within_one_batch(store: FileStore, make: Any, records: Records) -> None:
    """What comes earlier in a batch is held for what comes later in it."""
    receipts = commit(store, [make(id="d", given=True, data={"n": n}) for n in (1, 1, 2, 2)])
    assert [False, True, False, True] == [receipt.repeat for receipt in receipts]
    assert [0, 0, 1, 1] == [receipt.seq for receipt in receipts]
    assert [1, 2] == [record["data"]["n"] for record in records()]


def test_the_same_duplicate_is_a_repeat_of_its_record(store: FileStore, make: Any, records: Records) -> None:
    """A fact that was recorded under a fresh id is known by the id that its publisher gave."""
    for n in (1, 2, 2, 1, 2):
        commit(store, [make(id="d", given=True, data={"n": n})])
    assert [1, 2] == [record["data"]["n"] for record in records()]


def test_what_was_denied_is_recorded_each_time(store: FileStore, make: Any, records: Records) -> None:
    """A denial is no delivery: a later attempt with the same id is recorded, allowed or denied."""
    for outcome in ("denied", "denied", "success", "success"):
        commit(store, [make(id="d", given=True, outcome=outcome)])
    assert ["denied", "denied", "success"] == [record["outcome"] for record in records()]
    assert [None, "d", "d"] == [record.get("duplicate_of") for record in records()]


def test_a_given_id_may_be_one_that_the_trail_made(store: FileStore, make: Any, records: Records) -> None:
    """Ids are unique: an id of the trail's own is held like any other."""
    own = make(data={"n": 1})
    commit(store, [own])
    commit(store, [make(id=own.id, given=True, data={"n": 2})])
    assert own.id == records()[1]["duplicate_of"]


def test_ids_that_are_not_given_are_not_looked_up(store: FileStore, make: Any, root: Path) -> None:
    """Without given ids no index is made by an append."""
    commit(store, [make(), make()])
    assert not (root / "index.sqlite3").exists()


@pytest.mark.parametrize("id", ["", "ünï", "a\0b", "' OR 1=1 --", "x" * 5000, "0191E1B2-0000-7000-8000-000000000000"])
def test_given_ids_are_compared_as_they_are(store: FileStore, make: Any, id: str) -> None:
    """Any text can be an id, and letter case matters."""
    commit(store, [make(id=id, given=True)])
    assert commit(store, [make(id=id, given=True)])[0].repeat
    assert not commit(store, [make(id=id.swapcase() + "y", given=True)])[0].repeat


def test_repeats_are_found_over_processes(root: Path, make: Any) -> None:
    """An id that another writer has just recorded is held, indexed or not."""
    one, two = FileStore(root, guest=True), FileStore(root, guest=True)
    for number in range(5):
        first, second = (one, two) if number % 2 else (two, one)
        commit(first, [make(id=f"d{number}", given=True)])
        assert commit(second, [make(id=f"d{number}", given=True)])[0].repeat
    one.close()
    two.close()


def test_what_a_draft_needs_is_done_once_before_anything_is_written(
    store: FileStore, make: Any, records: Records
) -> None:
    """A key is durable before the first record that needs it; where it cannot be, nothing is written."""
    found: list[int] = []

    def pay() -> None:
        found.append(len(records()))

    def fail() -> None:
        raise WriteFailed("no room for keys")

    drafts = [msgspec.structs.replace(make(), needs=pay) for _ in range(3)]
    commit(store, drafts)
    with pytest.raises(WriteFailed):
        commit(store, [make(), msgspec.structs.replace(make(), needs=fail)])
    assert ([0], 3) == (found, len(records()))
