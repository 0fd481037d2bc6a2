"""``signalpy --attach``: a process that runs is asked, for real; and policies of the file, without it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Site

ONE_FILE = '''
from signalpy import component, runnable

@component("greeter", version="1")
class Greeter:
    """Greets."""

    @runnable("greet", description="Greets")
    async def greet(self):
        return {"hello": "world"}
'''
FILE = '[kernel]\nsocket = "s"\n\n[policy.greeter]\naudit = true\n'


def signalpy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command beside the process."""
    command = [sys.executable, "-m", "signalpy", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration and a plugin of one file; nothing that is installed is started."""
    (tmp_path / "signalpy.toml").write_text(FILE)
    (tmp_path / "greeter.py").write_text(ONE_FILE)
    return tmp_path


@pytest.fixture
def running(folder: Path) -> Iterator[Path]:
    """``signalpy run``, until its socket answers."""
    command = [sys.executable, "-m", "signalpy", "run", "--safe", "--plugin", "greeter.py:Greeter"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(300):
            if signalpy(folder, "--attach", "s", "status").returncode == 0:
                break
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        yield folder
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert 0 == process.returncode
    assert not (folder / "s").exists()


def test_a_process_that_runs_answers(running: Path) -> None:
    """States, why, status and calls are those of the process; its answers are what the commands print."""
    states = {
        row["name"]: row["state"] for row in json.loads(signalpy(running, "--attach", "s", "plugins", "--json").stdout)
    }
    assert "active" == states["greeter"]
    assert "greeter: active" in signalpy(running, "why", "greeter", "--attach", "s").stdout
    status = json.loads(signalpy(running, "--attach", "s", "status", "--json").stdout)
    assert {"state", "pid"} & set(status)
    done = signalpy(running, "--attach", "s", "invoke", "greeter.greet", "--actor", "alice")
    assert ({"hello": "world"}, 0) == (json.loads(done.stdout), done.returncode)
    done = signalpy(running, "--attach", "s", "invoke", "greeter.gret")
    assert done.returncode in (1, 2)
    assert "greeter.greet" in done.stderr


def test_a_command_that_boots_leaves_the_socket_to_the_process(running: Path) -> None:
    """One call, or a look at what would start, goes beside a process that serves, and takes nothing from it."""
    start = ("--safe", "--plugin", "greeter.py:Greeter")
    done = signalpy(running, "invoke", "greeter.greet", *start)
    assert (0, {"hello": "world"}) == (done.returncode, json.loads(done.stdout)), done.stderr
    assert "greeter: active" in signalpy(running, "why", "greeter", "--boot", *start).stdout
    assert 0 == signalpy(running, "--attach", "s", "status").returncode


def test_policies_of_the_process_are_changed_with_a_receipt_and_survive_a_reload(running: Path) -> None:
    """Before and after are told; the next call sees it; entries of the running process outrank the file."""
    done = signalpy(running, "--attach", "s", "policy", "set", "kernel", '{"invoke_deny": ["greeter.*"]}')
    receipt = json.loads(done.stdout)
    assert ["greeter.*"] == receipt["after"]["invoke_deny"]
    done = signalpy(running, "--attach", "s", "policy", "explain", "kernel", "greeter.greet")
    assert "greeter.*" in done.stdout
    (running / "signalpy.toml").write_text(FILE + "\n[policy.other]\naudit = true\n")
    assert 0 == signalpy(running, "--attach", "s", "reload").returncode
    done = signalpy(running, "--attach", "s", "policy", "explain", "kernel", "greeter.greet", "--json")
    assert json.loads(done.stdout)["allowed"] is False
    (running / "signalpy.toml").write_text("[policy.other]\naudt = true\n")
    done = signalpy(running, "--attach", "s", "reload")
    assert done.returncode in (1, 2)
    assert "audt" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--attach", "nothing", "status"), "nothing"),
        (("status",), "--attach PATH status"),
        (("reload",), "--attach PATH reload"),
        (("--attach", "s", "graph"), "cannot be asked of a process that runs"),
        (("--attach", "s", "plugins", "--boot"), "goes without --attach"),
        (("policy", "set", "a", "{}"), "--attach PATH policy set"),
        (("status", "--attach"), "requires an argument"),
    ],
)
def test_what_cannot_be_asked_is_one_line(folder: Path, words: tuple[str, ...], told: str) -> None:
    """Exit code 2."""
    done = signalpy(folder, *words)
    assert 2 == done.returncode
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_policies_of_the_file_are_checked_and_explained_without_a_process(folder: Path) -> None:
    """Unknown keys with the nearest known one, names that nothing has; exit code 1, a line each."""
    (folder / "signalpy.toml").write_text("[policy.accounts]\naudt = true\n\n[policy.acounts]\naudit = true\n")
    done = signalpy(folder, "policy", "check")
    assert 1 == done.returncode
    assert "audit" in done.stdout
    assert "acounts" in done.stdout
    (folder / "signalpy.toml").write_text('[policy.accounts]\ninvoke_deny = ["notifications.*"]\n')
    assert 0 == signalpy(folder, "policy", "check").returncode
    found = json.loads(signalpy(folder, "policy", "explain", "accounts", "notifications.send", "--json").stdout)
    assert found["allowed"] is False
    done = signalpy(folder, "policy", "explain", "accounts", "account.transfer", "--publish")
    assert (0, "") == (done.returncode, done.stderr)


def test_no_name_commands_the_terminal_of_the_operator(folder: Path) -> None:
    """Entries, callers and paths are shown escaped, in lines, in columns, in JSON and in errors."""
    (folder / "signalpy.toml").write_text(
        '[policy."\\u001b[2J\\u009b"]\naudit = true\ninvoke_deny = ["\\u001b[31m*"]\n'
    )
    for words in (
        ("policy", "check"),
        ("policy", "check", "--json"),
        ("policy", "explain", "\x1b[2J\x9b", "\x1b[31m.x"),
        ("policy", "explain", "\x1b[2J\x9b", "\x1b[31m.x", "--json"),
        ("why", "\x1b[2J\x9b"),
        ("--attach", "\x1b[2J\x9b", "status"),
    ):
        done = signalpy(folder, *words)
        assert "\\u001b[" in done.stdout or "\\x1b[" in done.stdout + done.stderr, words
        assert (done.stdout + done.stderr).replace("\n", "").isprintable(), words


TOOLS = """
import click

from signalpy.cli import attachable, options


@attachable
@click.command()
def asks():
    click.echo(f"asks {options().attach}")


@click.command()
def reads():
    click.echo("reads")
"""


def test_a_command_of_a_plugin_says_that_it_asks(site: Site) -> None:
    """One that does not say so is refused with ``--attach``, before it could do something else than is meant."""
    entry_points = "[signalpy.commands]\nasks = acme_tools:asks\nreads = acme_tools:reads\n"
    site.install("acme-tools", entry_points=entry_points, modules={"acme_tools.py": TOOLS})
    assert "asks s\n" == site.signalpy("--attach", "s", "asks").stdout
    assert "reads\n" == site.signalpy("reads").stdout
    done = site.signalpy("reads", "--attach", "s")
    assert (2, "") == (done.returncode, done.stdout)
    assert "reads cannot be asked of a process that runs; leave out --attach" in done.stderr
    assert "Did you mean 'reads'?" in site.signalpy("reeds", "--attach", "s").stderr
