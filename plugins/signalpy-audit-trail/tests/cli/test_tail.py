from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.stores.file import FileStore

Run = Callable[..., Result]


@pytest.mark.parametrize(("options", "expected"), [((), 10), (("-n", 3), 3), (("-n", 0), 0), (("-n", 1000), 25)])
def test_the_last_records_oldest_first(run: Run, filled: Path, options: tuple[object, ...], expected: int) -> None:
    """Ten lines if nothing else is said, in the order in which they were written."""
    result = run("tail", "--store", "file:trail", "--json", *options)
    assert [*range(25 - expected, 25)] == [json.loads(line)["seq"] for line in result.stdout.splitlines()]
    assert (0, "") == (result.exit_code, result.stderr)


def test_it_is_recorded(run: Run, filled: Path, records: Callable[[], list[dict[str, Any]]]) -> None:
    """Following the trail is an access like any other."""
    run("tail", "--store", "file:trail", "-n", 3)
    record = records()[-1]
    assert ("access", "audit-trail.tail") == (record["kind"], record["action"])
    assert {"filters": {"lines": 3, "follow": False}, "returned": 3} == record["data"]


def test_it_follows_what_comes(filled: Path, tmp_path: Path, make: Any) -> None:
    """``-f`` prints records as others write them, over segments, until it is interrupted."""
    command = [
        sys.executable,
        "-u",
        "-m",
        "signalpy",
        "audit",
        "tail",
        "-f",
        "-n",
        "1",
        "--json",
        "--store",
        "file:trail",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            assert json.loads(following.stdout.readline())["seq"] == 24
            assert json.loads(following.stdout.readline())["kind"] == "access"
            store = FileStore(filled, segment_bytes=400)
            for number in range(5):
                commit(store, [make(data={"n": number}), make(data={"n": number})])
            store.close()
            seen = [json.loads(following.stdout.readline())["seq"] for _ in range(10)]
        finally:
            following.send_signal(signal.SIGINT)
        assert following.wait(timeout=20) == 130
    assert [*range(26, 36)] == seen


def test_what_comes_stands_under_the_head(filled: Path, tmp_path: Path, make: Any) -> None:
    """``-f`` keeps its columns when a record comes with longer words than all before it."""
    command = [sys.executable, "-u", "-m", "signalpy", "audit", "tail", "-f", "-n", "1", "--store", "file:trail"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            lines = [following.stdout.readline() for _ in range(3)]  # the head, the last record, the access
            store = FileStore(filled)
            commit(store, [make(kind="lifecycle", actor="carol", outcome="cancelled", subjects=["account:7"])])
            store.close()
            lines.append(following.stdout.readline())
        finally:
            following.send_signal(signal.SIGINT)
        assert following.wait(timeout=20) == 130
    assert lines[0].index("ACTOR") == lines[3].index("carol")
    assert lines[1].index("account:") == lines[0].index("ABOUT")
    assert lines[2].startswith("25 ")


def test_no_trail_is_one_line(run: Run) -> None:
    """A trail that is not there is an error, not an empty answer."""
    result = run("tail", "--store", "file:nowhere")
    assert (2, 1) == (result.exit_code, len(result.stderr.splitlines()))


def test_an_empty_trail_is_no_error(run: Run, root: Path) -> None:
    """A trail without records has no last ones."""
    FileStore(root).close()
    result = run("tail", "--store", "file:trail")
    assert (0, "") == (result.exit_code, result.stdout)
