from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.store import StoreBusy, WriteFailed
from signalpy_audit_trail.stores.file import FileStore

Records = Callable[[], list[dict[str, Any]]]
Fail = Callable[..., None]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fail]:
    """Let system calls fail as a bad device does: ``fail("pwrite", nth=2)``; ``fail()`` heals all."""
    real = {name: getattr(os, name) for name in ("pwrite", "fdatasync", "fsync", "ftruncate", "open")}

    def fail(name: str | None = None, *, nth: int = 1, code: int = errno.EIO, times: int = 1) -> None:
        for each, call in real.items():
            monkeypatch.setattr(os, each, call)
        if name is None:
            return
        calls = 0

        def failing(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real[name](*arguments, **options)
            calls += 1
            if nth <= calls < nth + times:
                if name == "pwrite":  # half of it was written
                    real[name](arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], arguments[2])
                raise OSError(code, os.strerror(code))
            return real[name](*arguments, **options)

        monkeypatch.setattr(os, name, failing)

    yield fail
    fail()


def sizes(root: Path) -> dict[int, int]:
    return {int(path.name[:20]): path.stat().st_size for path in root.glob("*.jsonl")}


@pytest.mark.parametrize("name", ["pwrite", "fdatasync", "fsync", "open"])
@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("segment_bytes", [1 << 20, 400])
@pytest.mark.parametrize("before", [0, 3])
def test_a_failed_turn_leaves_the_log_as_it_was(
    *, root: Path, make: Any, records: Records, fail: Fail, name: str, nth: int, segment_bytes: int, before: int
) -> None:
    """Whichever system call fails, none of that turn's records is there, and the next turn writes them all."""
    store = FileStore(root, segment_bytes=segment_bytes)
    for number in range(before):
        commit(store, [make(data={"n": number})])
    fail(name, nth=nth)
    failed = []
    for number in range(before, before + 4):
        try:
            commit(store, [make(data={"n": number})])
        except WriteFailed as error:
            failed.append(error.code)
            assert [*range(number)] == [record["data"]["n"] for record in records()]
            commit(store, [make(data={"n": number})])
    fail()
    store.close()
    assert len(failed) <= 1
    assert [*range(before + 4)] == [record["data"]["n"] for record in records()]
    again = FileStore(root)
    assert again.size == before + 4
    again.close()


def test_a_file_is_not_written_again_after_a_failed_sync(
    store: FileStore, make: Any, records: Records, fail: Fail, root: Path
) -> None:
    """After a failed sync the file is cut to what was acknowledged, and another segment is begun."""
    commit(store, [make(data={"n": 0})])
    size = sizes(root)[0]
    fail("fdatasync")
    with pytest.raises(WriteFailed, match="Input/output error"):
        commit(store, [make(data={"n": 1})])
    fail()
    assert {0: size} == sizes(root)
    commit(store, [make(data={"n": 1})])
    assert {0, 1} == set(sizes(root))
    assert size == sizes(root)[0]


def test_other_writers_leave_that_file_alone_as_well(root: Path, make: Any, records: Records, fail: Fail) -> None:
    """The failure of one writer seals the segment for all."""
    one, two = FileStore(root), FileStore(root)
    commit(one, [make(data={"n": 0})])
    commit(two, [make(data={"n": 1})])
    fail("fdatasync")
    with pytest.raises(WriteFailed):
        commit(one, [make(data={"n": 2})])
    fail()
    size = sizes(root)[0]
    commit(two, [make(data={"n": 2})])
    commit(one, [make(data={"n": 3})])
    assert (size, {0, 2}) == (sizes(root)[0], set(sizes(root)))
    assert [*range(4)] == [record["data"]["n"] for record in records()]
    one.close()
    two.close()


def test_until_the_cut_is_made_nobody_else_writes(root: Path, make: Any, records: Records, fail: Fail) -> None:
    """Records that were not acknowledged and cannot be cut off are not taken over by another writer."""
    one, two = FileStore(root), FileStore(root, wait=0.05)
    commit(one, [make(data={"n": 0})])
    fail("fdatasync")
    broken = os.ftruncate
    os.ftruncate = lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error"))
    with pytest.raises(WriteFailed):
        commit(one, [make(data={"n": 1})])
    with pytest.raises(WriteFailed):
        commit(one, [make(data={"n": 1})])
    with pytest.raises(StoreBusy, match=r"expected the turn to write within 0.05 s"):
        commit(two, [make(data={"n": 1})])
    os.ftruncate = broken
    fail()
    commit(one, [make(data={"n": 1})])
    commit(two, [make(data={"n": 2})])
    assert [*range(3)] == [record["data"]["n"] for record in records()]
    one.close()
    two.close()


def test_a_device_that_stays_broken_keeps_failing(store: FileStore, make: Any, records: Records, fail: Fail) -> None:
    """Every turn tries to begin a new segment, until one can be made."""
    commit(store, [make(data={"n": 0})])
    fail("fdatasync")
    with pytest.raises(WriteFailed):
        commit(store, [make(data={"n": 1})])
    fail("open", code=errno.ENOSPC, times=3)
    for _ in range(3):
        with pytest.raises(WriteFailed, match="No space left on device") as caught:
            commit(store, [make(data={"n": 1})])
        assert errno.ENOSPC == caught.value.code
    commit(store, [make(data={"n": 1})])
    assert [0, 1] == [record["data"]["n"] for record in records()]
