from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.stores.file import FileStore

Records = Callable[[], list[dict[str, Any]]]


def acknowledged(lines: str) -> list[int]:
    whole = lines[: lines.rfind("\n") + 1]
    return [int(seq) for line in whole.splitlines() if line != "open" for seq in line.split()]


@pytest.mark.parametrize("padding", [10, 30_000])
def test_acknowledged_records_survive_a_kill(root: Path, child: Any, records: Records, padding: int) -> None:
    """Killed amid appends, again and again: whatever was acknowledged is there, without a hole or a torn line."""
    seen: list[int] = []
    for delay in (0.05, 0.1, 0.2, 0.15):
        process = child("append", root, "a", 0, padding)
        process.stdout.readline()
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(delay)
        process.kill()
        seen += acknowledged(process.communicate()[0])
        store = FileStore(root)
        store.close()
        kept = [record["seq"] for record in records()]
        assert [*range(len(kept))] == kept
        assert set(seen) <= set(kept)
    assert len(seen) > 20
    assert len(seen) == len(set(seen))


def test_writers_take_turns(root: Path, child: Any, records: Records) -> None:
    """Several processes append at once: one row of positions, every record once, nobody left behind."""
    count = 600
    processes = {name: child("append", root, name, count, 50) for name in ("a", "b", "c")}
    for process in processes.values():
        process.stdout.readline()
    for process in processes.values():
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = {name: process.communicate(timeout=60)[0] for name, process in processes.items()}
    assert {0} == {process.returncode for process in processes.values()}
    kept = records()
    assert [*range(3 * count)] == [record["seq"] for record in kept]
    for name, output in outputs.items():
        mine = [record for record in kept if record["actor"] == name]
        assert [*range(count)] == [record["data"]["n"] for record in mine]
        assert acknowledged(output) == [record["seq"] for record in mine]
    # Until the first of them is done, all have had a fair part of the turns.
    ends = {name: max(record["seq"] for record in kept if record["actor"] == name) for name in processes}
    shares = Counter(record["actor"] for record in kept[: min(ends.values())])
    assert min(shares.values()) * 2 > max(shares.values())


def test_the_living_go_on_when_one_is_killed(root: Path, child: Any, records: Records) -> None:
    """A writer that is killed in its turn holds nobody up, and what it had been told is kept."""
    victim, living = child("append", root, "victim", 0, 5000), child("append", root, "living", 400, 50)
    for process in (victim, living):
        process.stdout.readline()
    for process in (victim, living):
        process.stdin.write("\n")
        process.stdin.flush()
    time.sleep(0.15)
    victim.kill()
    told = acknowledged(victim.communicate()[0])
    living.communicate(timeout=60)
    kept = records()
    assert [*range(len(kept))] == [record["seq"] for record in kept]
    assert set(told) <= {record["seq"] for record in kept if record["actor"] == "victim"}
    assert [*range(400)] == [record["data"]["n"] for record in kept if record["actor"] == "living"]
