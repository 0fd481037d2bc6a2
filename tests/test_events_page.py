"""The page on typed events: its module, installed as the page says, answers as the page says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "events.md").read_text()
FILES = re.compile(r"^`(?P<path>[\w./]+)`[^\n]*:\n\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
[(COMMAND, SHOWN)] = re.findall(r"^```console\n\$ ([^\n]+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's module beside its metadata, as an installer would write it."""
    files = {found["path"]: found["text"] for found in FILES.finditer(PAGE)}
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
             for group, points in project["entry-points"].items()]  # fmt: skip
    (info / "entry_points.txt").write_text("\n".join(lines))
    (tmp_path / "shop_events.py").write_text(files["shop_events.py"])
    return tmp_path


def run(folder: Path, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """A command of the page, with the page's module installed."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    words = [sys.executable, "-m", *shlex.split(command), *more]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_the_command_prints_what_the_page_shows(folder: Path) -> None:
    """Version, older versions that are read, and fields."""
    done = run(folder, COMMAND)
    assert (SHOWN, 0) == (done.stdout, done.returncode), done.stderr


def test_the_json_schemas_come_by_stamp(folder: Path) -> None:
    """Each names its dialect, itself and its fields."""
    schemas = json.loads(run(folder, "signalpy schema --json").stdout)
    told = schemas["order.placed/v3"]
    assert ["cents", "customer", "order"] == sorted(told["properties"]) == sorted(told["required"])
    assert "https://json-schema.org/draft/2020-12/schema" == told["$schema"]
    assert "urn:signalpy:event:order.placed/v3" == told["$id"]


def test_an_unknown_event_is_named_with_the_nearest(folder: Path) -> None:
    """One line, exit code 2."""
    done = run(folder, "signalpy schema order.plced")
    assert (2, "") == (done.returncode, done.stdout)
    assert "Did you mean 'order.placed'" in done.stderr


def test_what_may_not_load_is_not_imported(folder: Path) -> None:
    """allow and deny govern this group too; a broken module costs one line and nothing else."""
    (folder / "signalpy.toml").write_text('[plugins]\ndeny = ["signalpy-shop-events"]\n')
    (folder / "shop_events.py").write_text("raise RuntimeError('imported')\n")
    assert "order.placed/v3" not in json.loads(run(folder, "signalpy schema --json").stdout)
    (folder / "signalpy.toml").unlink()
    done = run(folder, "signalpy schema --json")
    assert 0 == done.returncode
    assert "order.placed/v3" not in json.loads(done.stdout)
    assert "the event order.placed of signalpy-shop-events is left out" in done.stderr


def test_what_was_stored_is_read_in_the_form_of_today(folder: Path) -> None:
    """The functions of the page, in a chain."""
    code = (
        "import shop_events; from signalpy.schemas import KNOWN; import json;"
        "r = KNOWN.read('order.placed/v1', {'order': 'a', 'client': 'c', 'amount': 1.5});"
        "print(json.dumps([r.schema, r.flag, r.data]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert ["order.placed/v3", "upcast", {"order": "a", "customer": "c", "cents": 150}] == json.loads(done.stdout)
