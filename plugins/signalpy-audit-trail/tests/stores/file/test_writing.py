from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.store import StoreClosed, StoreForked
from signalpy_audit_trail.stores.file import FileStore

Records = Callable[[], list[dict[str, Any]]]


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_files_are_for_their_owner_only(store: FileStore, make: Any, root: Path) -> None:
    """Folders are 0700 and files 0600, the index and its helpers included."""
    commit(store, [make(id="d", given=True)])
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in files(root)}
    assert {0o700} == {stat.S_IMODE(path.stat().st_mode) for path in (root, root / "writers")}


def test_a_leaf_is_a_line(store: FileStore, make: Any, root: Path) -> None:
    """The bytes of a body are kept as they are, behind their position, one on each line."""
    draft = make(data={"text": "ü\u2028\n"})
    commit(store, [draft])
    assert b'{"seq":0,' + draft.body[1:] + b"\n" == (root / "00000000000000000000.jsonl").read_bytes()


def test_segments_are_sealed_by_size(root: Path, make: Any, records: Records) -> None:
    """A full segment is left alone, and the next is named by its first position."""
    store = FileStore(root, segment_bytes=2000)
    for number in range(30):
        commit(store, [make(data={"n": number})])
    store.close()
    segments = sorted(root.glob("*.jsonl"))
    firsts = [int(path.name.removesuffix(".jsonl")) for path in segments]
    counts = [path.read_bytes().count(b"\n") for path in segments]
    assert len(segments) > 3
    assert all(path.stat().st_size <= 2000 for path in segments)
    assert firsts == [sum(counts[:place]) for place in range(len(counts))]
    assert [*range(30)] == [record["data"]["n"] for record in records()]


def test_a_record_larger_than_a_segment_has_one_of_its_own(root: Path, make: Any, records: Records) -> None:
    """No record is too large for the log: 16 MiB in one line are read back."""
    store = FileStore(root, segment_bytes=1000)
    for size in (10, 16 << 20, 10):
        commit(store, [make(data="x" * size)])
    store.close()
    assert [10, 16 << 20, 10] == [len(record["data"]) for record in records()]


def test_segments_are_sealed_by_age(root: Path, make: Any) -> None:
    """A segment whose first record is too old is sealed by the next record, also by another writer."""
    for _ in range(2):
        store = FileStore(root, segment_age=3600)
        commit(store, [make(recorded_at="2020-01-01T00:00:00.000000Z")])
        store.close()
    assert [0, 1] == sorted(int(path.name.removesuffix(".jsonl")) for path in root.glob("*.jsonl"))


def test_an_opened_trail_goes_on_where_it_was(root: Path, make: Any, records: Records) -> None:
    """Opening again continues the positions, and the origin stays."""
    origins = set()
    for _ in range(3):
        store = FileStore(root)
        commit(store, [make(), make()])
        origins.add(store.origin)
        store.close()
    assert ([*range(6)], 1) == ([record["seq"] for record in records()], len(origins))


def test_origins_do_not_follow_from_the_path(tmp_path: Path) -> None:
    """Two trails never have the same origin, not even one after the other in the same place."""
    origins = set()
    for place in ("a", "b"):
        store = FileStore(tmp_path / place)
        origins.add(store.origin)
        store.close()
    (tmp_path / "a").rename(tmp_path / "c")
    store = FileStore(tmp_path / "a")
    origins.add(store.origin)
    store.close()
    assert len(origins) == 3


def test_a_closed_store_takes_nothing(store: FileStore, make: Any) -> None:
    """After closing, also twice, appending is an error of its own."""
    store.close()
    store.close()
    with pytest.raises(StoreClosed, match="is closed; open it anew"):
        commit(store, [make()])


def test_a_fork_is_noticed(store: FileStore, make: Any, records: Records) -> None:
    """A forked child cannot write through its parent's store, and harms neither trail nor marker."""
    commit(store, [make()])
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            commit(store, [make()])
        except StoreForked:
            os.write(write, b"forked")
        store.close()
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    assert os.read(read, 10) == b"forked"
    os.close(read)
    commit(store, [make()])
    assert len(records()) == 2
    other = FileStore(Path(store.url.removeprefix("file://")))
    assert not other.unclean
    other.close()


def test_a_removed_segment_is_noticed_by_the_next_turn(store: FileStore, make: Any, root: Path) -> None:
    """A writer does not go on into a file that nobody can see any more."""
    commit(store, [make()])
    (root / "00000000000000000000.jsonl").unlink()
    with pytest.raises(OSError, match="missing"):
        commit(store, [make()])
