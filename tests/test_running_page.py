"""The page on running does what it says: its commands are run in one shell, and its unit is one that works."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signalpy.configuration import load
from tests.pages import Page, blanks, pattern

PAGE = Page("running.md")
PATIENCE = 20.0
"""Seconds until what a process does by itself, such as looking at its file, must show."""


class Shell:
    """One shell, with the program on its path, in which ``$!`` and ``$?`` mean what they mean."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["sh"],
            cwd=folder,
            env={**environ(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        """What a command prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\ncode=$?; echo '=end='; (exit $code)\n")
        self._process.stdin.flush()
        said = []
        while (line := self._process.stdout.readline()) != "=end=\n":
            assert line, (command, said)
            said.append(line)
        return "".join(said)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.communicate("kill $! 2>/dev/null; wait\n", timeout=30)


def environ() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("SIGNALPY")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the page: a plugin of one file and a configuration."""
    [plugin], [configuration] = PAGE.blocks("python"), PAGE.blocks("toml")
    (tmp_path / "shop.py").write_text(plugin)
    (tmp_path / "signalpy.toml").write_text(configuration)
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def shell(folder: Path) -> Iterator[Shell]:
    shell = Shell(folder)
    yield shell
    shell.close()


def test_every_command_says_what_the_page_shows(shell: Shell) -> None:
    """One after the other; what a process writes into its log by itself is waited for."""
    assert 20 <= len(PAGE.commands())
    for command, shown in PAGE.commands():
        said = shell.run(command)
        if command.endswith("&"):
            wait_until(lambda: "cli: running" in shell.run("cat run.log"))
            continue
        if command.startswith(("cat ", "grep ")):
            end = time.monotonic() + PATIENCE
            while not re.fullmatch(pattern(shown), blanks(said)) and time.monotonic() < end:
                time.sleep(0.1)
                said = shell.run(command)
        assert re.fullmatch(pattern(shown), blanks(said)), (command, said)


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_every_command_of_the_table_is_shown_and_is_one() -> None:
    """What ``--attach`` answers is in the table, and each of it is run above or below."""
    from signalpy.cli.attached import ANSWERED

    table = PAGE.text.partition("\n## Every command\n")[2].partition("\n\nThe other")[0]
    named = set(re.findall(r"`([a-z]+(?: [a-z]+)?)[^`]*`", table.partition("|---|")[2]))
    shown = {words for command, _ in PAGE.commands() for words in re.findall(r"--attach \S+ (\S+ ?\S*)", command)}
    for name in named:
        assert any(words.startswith(name.split(" ")[0]) for words in shown), name
    assert set(ANSWERED) == {name.split(" ")[0] for name in named} - {"audit"}
    for name in named:
        assert f"Usage: signalpy {name}" in help_of(name)


def help_of(command: str) -> str:
    """In a process of its own: click keeps what it has once shown."""
    words = [sys.executable, "-m", "signalpy", *command.split(" "), "--help"]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_options_of_a_start_are_those_of_the_commands() -> None:
    """Each of the table goes with each command that the page names."""
    table = PAGE.text.partition("\n## Start without something\n")[2].partition("\n```")[0]
    options = re.findall(r"^\| `(--[a-z]+)", table, re.MULTILINE)
    assert ["--without", "--safe", "--plugin"] == options
    for command in ("run", "invoke", "plugins", "why"):
        shown = help_of(command)
        assert [] == [option for option in options if option not in shown]


def unit() -> configparser.ConfigParser:
    [text] = PAGE.blocks("ini")
    found = configparser.ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string(text)
    return found


def seconds(name: str) -> float:
    return float(unit()["Service"][name])


@pytest.fixture
def started(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """What the unit starts, with its paths below the folder of the test, and the socket at which systemd listens."""
    service = unit()["Service"]
    words = shlex.split(service["ExecStart"])
    assert "/srv/shop/.venv/bin/signalpy" == words[0]
    assert f"{service['WorkingDirectory']}/.venv/bin/signalpy" == words[0]
    words = [sys.executable, "-m", "signalpy", *(word.replace("/etc/shop", str(folder)) for word in words[1:])]
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(folder / "notify"))
    listening.settimeout(seconds("TimeoutStartSec"))
    process = subprocess.Popen(words, cwd=folder, env={**environ(), "NOTIFY_SOCKET": str(folder / "notify")})
    yield process, listening
    listening.close()
    if process.poll() is None:
        process.kill()
        process.wait()


def told(listening: socket.socket) -> str:
    return listening.recv(8192).decode()


def test_the_unit_starts_reloads_and_drains(
    started: tuple[subprocess.Popen[bytes], socket.socket], folder: Path
) -> None:
    """By the protocol of its type: ready, reloading and ready again, stopping; then it ends by itself, in time."""
    process, listening = started
    service = unit()["Service"]
    assert "notify-reload" == service["Type"]
    assert "READY=1\n" in told(listening)
    process.send_signal(signal.Signals[service["ReloadSignal"]])
    assert told(listening).startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert told(listening).startswith("READY=1\nSTATUS=reloaded ")
    process.send_signal(signal.SIGTERM)
    assert "STOPPING=1\n" in told(listening)
    assert 0 == process.wait(timeout=seconds("TimeoutStopSec"))
    assert seconds("TimeoutStopSec") > load(folder / "signalpy.toml", environ={}).kernel.shutdown_deadline


def test_a_start_that_cannot_be_mended_by_another_has_the_exit_code_of_the_unit(folder: Path) -> None:
    """A wrong file, and an essential component that does not start."""
    [code] = unit()["Service"]["RestartPreventExitStatus"].split()
    for text in ("[kernel]\nsocked = 1\n", '[plugins]\nallow = []\nrequired = ["shop"]\n'):
        (folder / "signalpy.toml").write_text(text)
        command = [sys.executable, "-m", "signalpy", "run"]
        done = subprocess.run(command, cwd=folder, env=environ(), capture_output=True, timeout=60)
        assert int(code) == done.returncode, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_finds_nothing_wrong_in_the_unit(tmp_path: Path) -> None:
    """Every key is one, and every value is taken; an older systemd does not know the type, and says so."""
    [text] = PAGE.blocks("ini")
    (tmp_path / "shop.service").write_text(text.replace("/srv/shop/.venv/bin/signalpy", sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "shop.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "shop.service" in line]
    known = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True).stdout
    version = int(re.findall(r"\d+", known)[0])
    older = ("notify-reload", "ReloadSignal")
    assert [] == [line for line in said if version >= 253 or not any(word in line for word in older)]
