"""What a command writes never lands on the trail, on its keys, or on something that is none of its own."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.stores import open_store

EXPORT = [sys.executable, "-m", "signalpy", "audit", "export", "--store"]


def export(folder: Path, *words: str, store: str = "trail") -> subprocess.CompletedProcess[str]:
    """The command, for real."""
    return subprocess.run([*EXPORT, store, *words], cwd=folder, capture_output=True, text=True, timeout=60)


def contents(folder: Path) -> dict[str, str]:
    """What every file holds."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def folder(tmp_path: Path, make: Any) -> Path:
    """A trail that has its keys, as a file and as a database, and names that lead to them in a roundabout way."""
    for url in ("trail", "sqlite:trail.db"):
        store = open_store(f"file://{tmp_path / url}" if url == "trail" else f"sqlite://{tmp_path / 'trail.db'}")
        append_sync(store, *(make(action="account.transfer") for _ in range(5)))
        store.close()
        assert 0 == export(tmp_path, "-o", f"first-{url[-2:]}", store=url).returncode
    (tmp_path / "way").symlink_to("trail")
    (tmp_path / "there").symlink_to("trail.keys/signing.key")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    return tmp_path


OWN = ["trail/00000000000000000000.jsonl", "trail/new", "trail", "trail.keys/signing.key", "trail.keys/new",
       "way/checkpoint", "there", "folder/../trail/checkpoint"]  # fmt: skip


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("how", [("-o",), ("-o", "rows", "--manifest"), ("--follow", "-o"), ("--cursor-file",)])
def test_an_export_never_writes_over_its_trail(folder: Path, name: str, how: tuple[str, ...]) -> None:
    """Neither over the log nor over the keys, whatever leads there: one line, exit code 2, nothing changed."""
    before = contents(folder)
    done = export(folder, *how, name)
    assert (2, 1, "") == (done.returncode, done.stderr.count("\n"), done.stdout)
    assert "belongs to the trail or its keys" in done.stderr
    assert before == contents(folder)


@pytest.mark.parametrize("name", ["trail.db", "trail.db-wal", "trail.db.keys/x"])
def test_a_database_and_what_lies_beside_it_are_safe_too(folder: Path, name: str) -> None:
    """A trail in one file has more than one file."""
    before = contents(folder)
    done = export(folder, "-o", name, store="sqlite:trail.db")
    assert (2, before) == (done.returncode, contents(folder))
    assert "belongs to the trail" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("snapshot", "trail/copy"),
        ("snapshot", "trail.keys/copy"),
        ("prove", "1", "-o", "trail/checkpoint"),
        ("prove", "1", "-o", "there"),
    ],
)
def test_no_copy_and_no_proof_lands_there_either(folder: Path, words: tuple[str, ...]) -> None:
    """Every command that writes a file looks first."""
    before = contents(folder)
    command = [sys.executable, "-m", "signalpy", "audit", *words, "--store", "trail"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (2, 1, before) == (done.returncode, done.stderr.count("\n"), contents(folder))
    assert "belongs to the trail or its keys" in done.stderr


def test_a_proof_is_for_its_owner_to_give_away(folder: Path) -> None:
    """It holds a record."""
    command = [sys.executable, "-m", "signalpy", "audit", "prove", "1", "-o", "proof", "--store", "trail"]
    assert 0 == subprocess.run(command, cwd=folder, timeout=60).returncode
    assert 0o600 == (folder / "proof").stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-o", "rows", "--manifest", "rows"), "--manifest and --output name the same file"),
        (("-o", "rows", "--manifest", "folder/../rows"), "--manifest and --output name the same file"),
        (("-o", "rows", "--cursor-file", "rows"), "--cursor-file and --output name the same file"),
        (("-o", "folder"), "expected a file, found a folder"),
        (("-o", "pipe"), "expected a file, found a device or a pipe"),
        (("-o", "/dev/null"), "expected a file, found a device or a pipe"),
        (("--follow", "-o", "pipe"), "expected a file, found a device or a pipe"),
    ],
)
def test_two_things_never_go_into_one_file(folder: Path, words: tuple[str, ...], told: str) -> None:
    """Nor into what is no file: a device would be replaced by one."""
    before = contents(folder)
    done = export(folder, *words)
    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    assert told in done.stderr
    assert before == contents(folder)


@pytest.mark.parametrize("form", ["jsonl", "csv", "cloudevents", "ocsf", "syslog"])
def test_rows_are_not_appended_to_what_is_no_export(folder: Path, form: str) -> None:
    """A file of somebody's without a line feed at its end was taken for a row that a crash had cut off."""
    (folder / "letter").write_text("not for an export")
    done = export(folder, "--cursor-file", "cursor", "-o", "letter", "--format", form)
    assert (2, "not for an export") == (done.returncode, (folder / "letter").read_text())
    assert f"does not begin as an export in {form}" in done.stderr
    assert not (folder / "cursor").exists()
    for _ in range(2):
        assert 0 == export(folder, "--cursor-file", "cursor", "-o", "rows", "--format", form).returncode


def begun(folder: Path, make: Any) -> subprocess.Popen[str]:
    """An export that is in the middle of its rows."""
    store = open_store(f"file://{folder / 'trail'}")
    for _ in range(30):
        append_sync(store, *(make(action="account.transfer") for _ in range(1000)))
    store.close()
    command = [*EXPORT, "trail", "--format", "ocsf", "-o", "rows"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not any(path.stat().st_size for path in folder.glob(".rows.*")):
        assert process.poll() is None
        time.sleep(0.005)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_export_that_is_ended_leaves_nothing(tmp_path: Path, make: Any, number: signal.Signals) -> None:
    """Neither rows nor manifest, nor what was to become them."""
    process = begun(tmp_path, make)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert 0 != process.returncode
    assert {"trail", "trail.keys"} == {path.name for path in tmp_path.iterdir()}


def test_an_export_that_is_killed_leaves_nothing_that_looks_done(tmp_path: Path, make: Any) -> None:
    """Hidden files for the owner only, under names of their own; the next export is not hindered."""
    process = begun(tmp_path, make)
    process.kill()
    process.communicate(timeout=60)
    left = [path for path in tmp_path.iterdir() if path.name not in ("trail", "trail.keys")]
    assert all(path.name.startswith((".rows.", ".rows.manifest.")) for path in left)
    assert {0o600} == {path.stat().st_mode & 0o777 for path in left}
    assert 0 == export(tmp_path, "-o", "rows").returncode


def test_a_full_disk_leaves_nothing(folder: Path) -> None:
    """One line, exit code 2; the export of before is still there."""
    before = {name: value for name, value in contents(folder).items() if not name.startswith("trail")}
    limit = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)); "
    run = "import sys; sys.argv = ['signalpy', *sys.argv[1:]]; runpy.run_module('signalpy', run_name='__main__')"
    words = ["audit", "export", "--store", "trail", "--format", "ocsf", "-o", "first-il"]
    done = subprocess.run(
        [sys.executable, "-c", limit + run, *words], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert (2, "signalpy: first-il: the export cannot be written: File too large\n") == (done.returncode, done.stderr)
    assert before == {name: value for name, value in contents(folder).items() if not name.startswith("trail")}
