from __future__ import annotations

import sqlite3
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.search import ask
from signalpy_audit_trail.store import WriteFailed
from signalpy_audit_trail.stores.file import FileReader, FileStore, indexing
from signalpy_audit_trail.stores.file.layout import segment_name
from signalpy_audit_trail.testing.disk import limited

IO = Path("/proc/thread-self/io")
BATCH = 500
MOST_READ = 2 << 20
"""Bytes that one append may read: some times the length of its batch, and a tenth of the log."""


def indexed(root: Path) -> int:
    with closing(sqlite3.connect(f"file:{root / 'index.sqlite3'}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def bytes_read() -> int:
    """What this thread has read so far, be it of the log or of the index."""
    return int(dict(line.split(": ") for line in IO.read_text().splitlines())["rchar"])


@contextmanager
def peak_of_memory() -> Iterator[list[int]]:
    """Tell in the end by how much memory grew at most."""
    found: list[int] = []
    traced = tracemalloc.is_tracing()
    tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    yield found
    found.append(tracemalloc.get_traced_memory()[1] - before)
    if not traced:
        tracemalloc.stop()


class Publisher:
    """Gives ids: nine in ten are new, each tenth is of a record that is there, from the first on or just before."""

    def __init__(self, store: FileStore, make: Callable[..., Draft]) -> None:
        self.store = store
        self.make = make
        self.count = 0
        self.most_read = 0

    def publish(self, batches: int) -> None:
        for _ in range(batches):
            numbers = list(range(self.count, self.count + BATCH * 9 // 10))
            again = [self.count * step // 25 for step in range(25)] if self.count else numbers[:25]
            again += numbers[-25:]
            drafts = [self.make(id=f"delivery-{number}", given=True, data={"n": number}) for number in numbers + again]
            self.count += len(numbers)
            before = bytes_read()
            receipts = commit(self.store, drafts)
            self.most_read = max(self.most_read, bytes_read() - before)
            assert [receipt.repeat for receipt in receipts] == [False] * len(numbers) + [True] * len(again)
            assert [receipt.seq for receipt in receipts] == numbers + again


@pytest.mark.skipif(not IO.exists(), reason="only Linux tells how much a thread has read")
def test_on_a_full_disk_repeats_are_found_and_no_index_is_made(
    root: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the index cannot grow, an append reads little more than its batch; with room again, the index follows."""
    monkeypatch.setattr(indexing, "_AFTER_FAILURE", 0.2)
    store = FileStore(root, segment_bytes=1 << 20)
    publisher = Publisher(store, make)
    publisher.publish(40)
    eventually(lambda: indexed(root) == store.size)
    with limited(store.url, 1):
        publisher.publish(100)
        assert store.size == 63_000
        assert indexed(root) < store.size - 20_000, "the disk was not full for the index"
        assert sum(file.stat().st_size for file in root.glob("*.jsonl")) > 6 * MOST_READ
        assert publisher.most_read < MOST_READ
    eventually(lambda: indexed(root) == store.size)
    publisher.publish(1)
    assert publisher.most_read < MOST_READ
    store.close()


@pytest.mark.skipif(not IO.exists(), reason="only Linux tells how much a thread has read")
def test_without_any_index_the_log_is_read_once(root: Path, make: Any) -> None:
    """Where a trail is opened and no index can be, the first look-up reads the log, in little memory, and no other."""
    store = FileStore(root, guest=True)
    first = Publisher(store, make)
    first.publish(112)
    store.close()
    for file in root.glob("index.sqlite3*"):
        file.unlink()
    (root / "index.sqlite3").mkdir()
    length = sum(file.stat().st_size for file in root.glob("*.jsonl"))
    store = FileStore(root)
    publisher = Publisher(store, make)
    publisher.count = first.count
    with peak_of_memory() as peak:
        publisher.publish(1)
    assert length < publisher.most_read < 2 * length
    assert peak[0] < length / 2
    publisher.most_read = 0
    publisher.publish(10)
    assert publisher.most_read < MOST_READ
    assert store.size == 55_350
    store.close()


def test_what_could_not_be_written_holds_no_id(store: FileStore, make: Any) -> None:
    """A batch that failed for want of room is no repeat of itself when it is tried again."""
    commit(store, [make(id="a", given=True)])
    again = [make(id="b", given=True), make(id="b", given=True), make(id="a", given=True, data=1)]
    with limited(store.url, 0), pytest.raises(WriteFailed):
        commit(store, again)
    receipts = commit(store, again)
    assert [False, True, False] == [receipt.repeat for receipt in receipts]
    assert [1, 1, 2] == [receipt.seq for receipt in receipts]
    assert "a" != receipts[2].id
    assert commit(store, again)[0].repeat


@pytest.mark.parametrize("known", [True, False], ids=["with-index", "without-index"])
def test_an_id_that_was_cut_off_again_is_free(root: Path, make: Any, known: bool) -> None:
    """A reader has indexed what another writer had not acknowledged and has cut off; a given id of it is new."""
    store = FileStore(root, guest=True)
    commit(store, [make(id="a", given=True)])
    segment = root / segment_name(0)
    whole = segment.stat().st_size
    with segment.open("ab") as file:
        file.write(b'{"seq":1,' + make(id="b").body[1:] + b"\n")
    if known:
        reader = FileReader(root)
        assert 2 == len(ask(reader, {})["entries"])
        reader.close()
    with segment.open("ab") as file:
        file.truncate(whole)
    assert not commit(store, [make(id="b", given=True, data=1)])[0].repeat
    assert commit(store, [make(id="b", given=True, data=1)])[0].repeat
    assert not commit(store, [make(id="c", given=True)])[0].repeat
    repeated = commit(store, [make(id="b", given=True, data=1), make(id="c", given=True)])
    assert [(1, True), (2, True)] == [(receipt.seq, receipt.repeat) for receipt in repeated]
    assert 3 == store.size
    store.close()


def test_an_index_that_leads_astray_is_thrown_away(root: Path, make: Any) -> None:
    """Where a place in the index is wrong, the log is asked, and the repeat is found."""
    store = FileStore(root)
    commit(store, [make(id=f"d{number}", given=True) for number in range(9)])
    eventually(lambda: indexed(root) == 9)
    with sqlite3.connect(root / "index.sqlite3") as connection:
        connection.execute("UPDATE record SET byte = byte + 1 WHERE seq = 4")
    connection.close()
    assert commit(store, [make(id="d4", given=True)])[0].repeat
    assert 9 == store.size
    store.close()
