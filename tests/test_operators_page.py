"""The page for operators says what the commands do: its configuration, commands, tables and schema are held to them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from signalpy.configuration import load
from signalpy.discovery.installed import Reading
from signalpy.doctor import Examined, examine
from signalpy.doctor.live import CHECKS
from signalpy.states import PluginInfo, State
from tests.pages import Page, blanks, pattern

PAGE = Page("operators.md")
MODULE = """\
import time

from signalpy import component, hookimpl, runnable


@component("{name}", version="1.0")
class Service:
    @runnable("total")
    async def total(self):
        time.sleep(0.5)
        return 42

    @hookimpl
    async def signalpy_invoke(self, call, proceed):
        return await proceed()

    @hookimpl
    async def signalpy_publish(self, event, proceed):
        await proceed()
"""


def installed(site: Path, distribution: str, version: str, needs: str) -> None:
    """A distribution of one module, as an installer leaves it."""
    module, name = distribution.replace("-", "_"), distribution.removeprefix("acme-")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": MODULE.format(name=name),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        f"Requires-Dist: {needs}\n",
        f"{info}/entry_points.txt": f"[signalpy.components]\n{name} = {module}:Service\n",
    }
    rows = []
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
        rows.append(f"{path},sha256={urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b'=').decode()},")
    (site / info / "RECORD").write_text("\n".join([*rows, f"{info}/RECORD,,", ""]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The four plugins and the configuration that the page speaks of."""
    installed(tmp_path / "site", "acme-orders", "1.2", "signalpy-core>=0.1")
    installed(tmp_path / "site", "acme-bills", "2.0", "acme-tools>=2")
    installed(tmp_path / "site", "acme-legacy", "0.9", "signalpy-core")
    installed(tmp_path / "site", "acme-new", "1.0", "signalpy-core>=99")
    (tmp_path / "signalpy.toml").write_text("".join(PAGE.blocks("toml")))
    return tmp_path


def test_every_command_says_what_the_page_shows(folder: Path) -> None:
    """In one folder, one after the other; `echo $?` is the exit code of the one before; any blank is as good."""
    environ = {**os.environ, "PYTHONPATH": str(folder / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    code = 0
    assert 12 <= len(PAGE.commands())
    for command, shown in PAGE.commands():
        if command == "echo $?":
            assert f"{code}\n" == shown
            continue
        done = subprocess.run(
            ["sh", "-c", f"{command} 2>&1"], cwd=folder, env=environ, capture_output=True, text=True, timeout=60
        )
        code = done.returncode
        assert re.fullmatch(pattern(shown), blanks(done.stdout)), (command, done.stdout)


def test_the_schema_is_that_of_the_rows() -> None:
    """Keys in their order, and every state."""
    [schema] = map(json.loads, PAGE.blocks("json"))
    item = schema["items"]
    row = PluginInfo("a", None, None, State.ACTIVE).as_dict()
    assert list(row) == item["required"] == list(item["properties"])
    assert [str(state) for state in State] == item["properties"]["state"]["enum"]


def test_every_check_of_the_doctor_is_in_the_table() -> None:
    """In the order in which they are made, those that need a boot last."""
    report = examine(Examined(Reading((), ()), load()))
    table = PAGE.text.partition("\n## The doctor\n")[2].partition("\n## ")[0]
    assert [*report.made, *CHECKS] == re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
