"""The pages of docs/ say what the programs do: each command of a ``console`` block is run, in the order of the page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.signing import Keys
from signalpy_audit_trail.stores.file import FileStore
from tests.pages import Page


def make_trail(folder: Path) -> None:
    """The trail that the pages speak of."""
    store = FileStore(folder / "trail")
    body = '{{"id":"{0}","time":"2026-01-01T00:00:00.000000Z","kind":"event","action":"a.b","outcome":"success"}}'
    append_sync(store, *(Draft(id=str(n), body=body.format(n).encode()) for n in range(20)))
    sign_head(store, Keys(folder / "trail.keys").ensure(store.origin))
    store.close()


@pytest.mark.parametrize("page", ["auditors.md", "export.md", "stores.md"])
def test_every_command_of_a_page_runs(page: str, tmp_path: Path) -> None:
    """In one folder, one after the other, each with success; output that the page shows is printed."""
    make_trail(tmp_path)
    commands = Page(page).commands()
    assert commands
    for command, shown in commands:
        words = shlex.split(command)
        words, target = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
        assert "signalpy" == words[0]
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert 0 == done.returncode, (command, done.stderr)
        if target is not None:
            (tmp_path / target).write_text(done.stdout)
        pattern = ".*".join(re.escape(part) for part in shown.split("…"))
        assert not shown or re.fullmatch(pattern, done.stdout), (command, done.stdout)
