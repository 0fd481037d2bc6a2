from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from signalpy.cli import root as signalpy
from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.stores.file import FileStore

Run = Callable[..., Result]
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``signalpy audit`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(signalpy, ["audit", *map(str, arguments)], prog_name="signalpy")


@pytest.fixture
def filled(root: Path, make: Any) -> Path:
    """A trail of 25 records, in ``trail`` below the folder in which the command runs."""
    store = FileStore(root)
    drafts = [
        make(
            actor="alice" if number % 2 else "bob",
            outcome="success" if number % 5 else "failure",
            subjects=[f"account:{number % 3}"],
            data={"n": number},
            **({} if number % 5 else {"error": {"type": "ValueError", "message": "no funds"}}),
        )
        for number in range(25)
    ]
    commit(store, drafts)
    store.close()
    return root


@pytest.fixture
def read_only(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m signalpy audit …`` where a folder cannot be written by anybody."""
    base = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", READ_ONLY, "sh"]
    probe = tmp_path / "probe"
    probe.mkdir()
    if not shutil.which("unshare") or subprocess.run([*base, str(probe), "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let a user mount a folder read-only")

    def run(folder: Path, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [*base, str(folder), sys.executable, "-m", "signalpy", "audit", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)

    return run
