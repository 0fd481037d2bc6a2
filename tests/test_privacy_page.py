"""The page on privacy says what the trail does: its tables are rules, its commands run, its example prints."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from signalpy import Kernel
from signalpy.configuration import load
from signalpy_audit_trail import AuditTrail
from signalpy_audit_trail.privacy.rules import Action, parse_rules
from tests.pages import Page

PAGE = Page("privacy.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an application that has the first configuration of the page, and has recorded an order of zoe."""
    (tmp_path / "signalpy.toml").write_text(PAGE.blocks("toml")[0])

    async def run() -> None:
        config: Any = load(tmp_path / "signalpy.toml", environ={}).tree
        config["audit-trail"]["store"] = f"file://{tmp_path}/trail"
        kernel = Kernel(config=config)
        kernel.discover([AuditTrail])
        async with kernel:
            lines = [{"note": "a gift"}]
            await kernel.bus.publish("order.placed", {"customer": "zoe", "lines": lines}, subject="zoe")

    asyncio.run(run())
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


def test_every_configuration_is_one(tmp_path: Path) -> None:
    """Its rules are read, and each action of the code has its row in the table of the page."""
    for block in PAGE.blocks("toml"):
        (tmp_path / "signalpy.toml").write_text(block)
        parse_rules(load(tmp_path / "signalpy.toml", environ={}).tables["audit-trail"]["privacy"])
    assert [*Action] == re.findall(r"^\| `(\w+)` \| ", PAGE.text, re.MULTILINE)


def test_the_example_reads_what_is_encrypted(folder: Path) -> None:
    """As it stands, beside the trail."""
    (example,) = PAGE.blocks("python")
    done = run(folder, "-c", example)
    assert ("a gift\n", "") == (done.stdout, done.stderr)


def test_every_command_runs(folder: Path) -> None:
    """One after the other, each with success, and it prints what the page shows."""
    assert 6 == len(PAGE.commands())
    for command, shown in PAGE.commands():
        done = run(folder, "-m", *shlex.split(command))
        assert (0, "") == (done.returncode, done.stderr), command
        pattern = ".*".join(re.escape(part) for part in shown.split("…"))
        assert re.fullmatch(pattern, done.stdout, re.DOTALL), (command, done.stdout)
    assert 0 == run(folder, "-m", "signalpy", "audit", "query", "--type", "order.*").returncode
