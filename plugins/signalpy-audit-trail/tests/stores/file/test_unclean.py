from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.stores.file import FileStore


def test_a_clean_stop_leaves_no_marker(root: Path) -> None:
    """A writer that closes is not missed by the next."""
    FileStore(root).close()
    store = FileStore(root)
    assert ([], 1) == (list(store.unclean), len(list((root / "writers").iterdir())))
    store.close()
    assert not list((root / "writers").iterdir())


def test_a_killed_writer_is_reported_until_that_is_settled(root: Path, child: Any) -> None:
    """A writer that was killed is found by each next one, until its gap is recorded."""
    process = child("append", root, "a", 0, 10)
    assert process.stdout.readline() == "open\n"
    process.kill()
    process.wait()
    first = FileStore(root)
    assert [process.pid] == [left.process for left in first.unclean]
    assert first.unclean[0].started.endswith("Z")
    first.close()
    second = FileStore(root)
    assert [process.pid] == [left.process for left in second.unclean]
    second.settle_unclean()
    assert not second.unclean
    second.close()
    third = FileStore(root)
    assert not third.unclean
    third.close()


def test_only_one_reports_a_killed_writer(root: Path, child: Any) -> None:
    """While one writer has taken notice, another does not report the same again; living writers are never reported."""
    process = child("append", root, "a", 0, 10)
    process.stdout.readline()
    assert not FileStore(root, guest=True).unclean
    living = FileStore(root)
    assert not living.unclean
    process.kill()
    process.wait()
    first, second = FileStore(root), FileStore(root)
    assert (1, 0) == (len(first.unclean), len(second.unclean))
    for store in (first, second, living):
        store.close()


def test_a_guest_leaves_no_trace(root: Path, make: Any) -> None:
    """A short visit is no writer that may stop uncleanly."""
    guest = FileStore(root, guest=True)
    commit(guest, [make()])
    assert not (root / "writers").exists()
    guest.close()


def test_a_marker_that_cannot_be_read_counts_all_the_same(root: Path) -> None:
    """A crash may leave an empty marker: it tells of an unclean stop, if not of whom."""
    FileStore(root).close()
    (root / "writers" / "1-0.json").write_bytes(b"")
    (root / "writers" / "2-0.json").write_text(json.dumps({"process": 2, "started": "2020-01-01T00:00:00.000000Z"}))
    store = FileStore(root)
    assert [2, 0] == [left.process for left in store.unclean]
    store.close()
