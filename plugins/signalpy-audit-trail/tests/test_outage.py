from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.outage import Outage, way_out
from signalpy_audit_trail.store import StoreBusy, StoreClosed, StoreDamaged, WriteFailed

CHILD = Path(__file__).parent / "children" / "outage.py"


@pytest.fixture
def full_disk(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command where ``tmp_path`` is a file system of 200 KiB."""
    script = 'mount -t tmpfs -o size=200k tmpfs "$1" && shift && exec "$@"'
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let a user mount a file system of his own")
    return lambda *command: subprocess.run([*inside, *command], capture_output=True, text=True, timeout=60)


def check(report: dict[str, Any], code: str) -> None:
    assert ["seq 0", "seq 1"] == report["before"]
    assert all(code in answer for answer in report["during"])
    assert code in report["refused"]
    assert report["readable"] == 2
    status = report["status"]
    assert (False, 3, 2) == (status["healthy"], status["queued"], status["size"])
    assert code in status["cause"]
    assert "writing is tried again every 0.1 s" in status["way_out"]
    assert all(code in answer for answer in report["more"])
    records = report["records"]
    numbers = [record["data"]["n"] for record in records if record["kind"] == "event"]
    gaps = [record["data"] for record in records if record["kind"] == "gap"]
    # Five were kept, for that is the capacity; five more had no room, and one was refused on its own wish.
    assert [0, 1, 2, 3, 4, 5, 6, 12] == numbers
    assert [*range(len(records))] == [record["seq"] for record in records]
    assert (1, 10, 5) == (len(gaps), gaps[0]["count"], gaps[0]["lost"])
    assert code in gaps[0]["cause"]
    assert 0 < gaps[0]["seconds"] < 20
    assert report["after"].startswith("seq ")


def test_a_limit_that_is_reached_and_raised(root: Path) -> None:
    """Callers are told, records stay queued up to the capacity, and a gap record tells of it all afterwards."""
    done = subprocess.run([sys.executable, str(CHILD), str(root), "limit"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), "File too large")


def test_a_full_disk_that_gets_room_again(
    root: Path, full_disk: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The same on a disk that is really full."""
    done = full_disk(sys.executable, str(CHILD), str(root), "disk")
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), "No space left on device")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (WriteFailed("x", code=errno.ENOSPC), "free space on its file system; writing is tried again every 1 s"),
        (WriteFailed("x", code=errno.EROFS), "make its file system writable"),
        (OSError(errno.EACCES, "x"), "give this user the right to write in its folder"),
        (WriteFailed("x", code=99999), "remove the cause"),
        (StoreBusy("x"), "end or resume the process that holds the lock"),
        (StoreDamaged("x"), "restore the trail from a copy, or configure another store and restart"),
        (StoreClosed("x"), "restart the application"),
        (RuntimeError("x"), "remove the cause"),
    ],
)
def test_the_way_out_follows_from_the_cause(error: Exception, expected: str) -> None:
    """An operator is told what to do about this very failure."""
    assert way_out(error, 1.0).startswith(expected)


def test_a_cause_is_one_line() -> None:
    """Whatever an error says, its cause fits into a status line, and is never empty."""
    assert Outage(RuntimeError("a\n  b")).cause == "a b"
    assert Outage(RuntimeError()).cause == "RuntimeError"
