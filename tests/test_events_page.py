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

from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.stores.file import FileStore

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "events.md").read_text()
FILES = re.compile(r"^`(?P<path>[\w./]+)`[^\n]*:\n\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
(SCHEMA, SAMPLES) = re.findall(r"^```console\n\$ ([^\n]+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


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
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """A command of the page, with the page's module installed."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    words = [sys.executable, "-m", *shlex.split(command), *more]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_the_command_prints_what_the_page_shows(folder: Path) -> None:
    """Version, older versions that are read, and fields."""
    command, shown = SCHEMA
    done = run(folder, command)
    assert (shown, 0) == (done.stdout, done.returncode), done.stderr


def test_the_samples_of_the_page_are_read(folder: Path) -> None:
    """The command writes what is missing and says so; without it, all is well after that."""
    command, shown = SAMPLES
    done = run(folder, command.removeprefix("python -m "))
    assert 0 == done.returncode, done.stdout
    assert re.fullmatch(".*".join(re.escape(part) for part in shown.split("…")), done.stdout, re.DOTALL), done.stdout
    assert 0 == run(folder, "pytest --quiet").returncode


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


def test_an_export_brings_payloads_to_the_form_of_today(folder: Path) -> None:
    """The upcasters of installed plugins are found without a kernel; without the plugin the payload is as stored."""
    store = FileStore(folder / "trail")
    body = '{"id":"1","time":"2026-01-01T00:00:00.000000Z","kind":"event","action":"order.placed","outcome":"success",'
    body += '"schema":"order.placed/v1","data":{"order":"a","client":"c","amount":1.5}}'
    append_sync(store, Draft(id="1", body=body.encode()))
    store.close()
    done = run(folder, "signalpy audit export --format jsonl --store trail")
    assert 0 == done.returncode, done.stderr
    [read] = [each for each in map(json.loads, done.stdout.splitlines()) if each["kind"] == "event"]
    assert ("order.placed/v3", {"order": "a", "customer": "c", "cents": 150}) == (read["schema"], read["data"])
    assert {"flag": "upcast", "stored": "order.placed/v1"} == read["schema_reading"]
    (folder / "signalpy.toml").write_text('[plugins]\ndeny = ["signalpy-shop-events"]\n')
    done = run(folder, "signalpy audit export --format jsonl --store trail")
    [stored] = [each for each in map(json.loads, done.stdout.splitlines()) if each["kind"] == "event"]
    assert ("order.placed/v1", {"order": "a", "client": "c", "amount": 1.5}) == (stored["schema"], stored["data"])
