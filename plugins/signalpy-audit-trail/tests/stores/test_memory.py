from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.store import StoreBusy, StoreMissing
from signalpy_audit_trail.stores import open_reader, open_store
from signalpy_audit_trail.stores.memory import MemoryStore, driver


@pytest.fixture
def named(tmp_path: Path) -> str:
    return f"memory:{tmp_path}"


def test_without_a_name_each_is_a_fresh_one(make: Any) -> None:
    """Nobody else has a trail without a name, and none can be found by it."""
    first, second = open_store("memory:"), open_store("memory:")
    commit(first, [make()])
    assert (1, 0) == (first.size, second.size)
    assert first.origin != second.origin
    assert "<MemoryStore('memory:', size=1)>" == repr(first)
    with pytest.raises(StoreMissing, match="there is no trail of this name in this process"):
        open_reader("memory:")


def test_a_name_is_shared_within_the_process(named: str, make: Any) -> None:
    """All who name it have the same trail, whenever they open it."""
    first = open_store(named)
    commit(first, [make(actor="alice")])
    first.close()
    second = open_store(named)
    assert (1, first.origin) == (second.size, second.origin)
    reader = open_reader(named)
    commit(second, [make()])
    assert 2 == reader.size()
    assert f"<MemoryReader({named!r}, size=2)>" == repr(reader)


def test_a_turn_that_is_not_given_back_is_not_waited_for_without_end(named: str) -> None:
    """Another writer is told in bounded time, and has its turn once it is free."""
    first, second = open_store(named), open_store(named, wait=0.01)
    with first.turn(), pytest.raises(StoreBusy, match="another writer holds it") as caught, second.turn():
        pass
    assert 0.01 == caught.value.waited
    with second.turn() as turn:
        assert 0 == turn.size


def test_a_forked_process_begins_anew(named: str, make: Any) -> None:
    """What the parent keeps in memory is not continued in the child under the same origin."""
    store = open_store(named)
    commit(store, [make()])
    child = os.fork()
    if child == 0:
        other = open_store(named)
        os._exit(0 if other.size == 0 and other.origin != store.origin else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert 1 == open_store(named).size


def test_it_may_always_be_written() -> None:
    """There is no file, and so no right to it."""
    assert driver.writable("x")
    assert driver.path("x") is None
    assert isinstance(driver.open("x", guest=True), MemoryStore)
