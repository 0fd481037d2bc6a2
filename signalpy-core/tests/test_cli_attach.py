"""``signalpy --attach``: a process that runs is asked, for real; and policies of the file, without it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from signalpy.control import Client, ControlError

if TYPE_CHECKING:
    from conftest import Site

ONE_FILE = '''
import asyncio
from pathlib import Path

from signalpy import component, runnable

@component("greeter", version="1")
class Greeter:
    """Greets."""

    @runnable("greet", description="Greets")
    async def greet(self):
        return {"hello": "world"}

    @runnable("wait", description="Does not end")
    async def wait(self):
        try:
            Path("waiting").touch()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            Path("cancelled").touch()
            raise

    @runnable("tell", description="Tells much")
    async def tell(self, params):
        return {"much": "\u00e4" * params["size"]}
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


def serve(folder: Path) -> subprocess.Popen[str]:
    """``signalpy run``, as soon as its socket answers."""
    command = [sys.executable, "-m", "signalpy", "run", "--safe", "--plugin", "greeter.py:Greeter"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for _ in range(300):
        if '"running"' in signalpy(folder, "--attach", "s", "status", "--json").stdout:
            break
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


@pytest.fixture
def running(folder: Path) -> Iterator[Path]:
    """The folder of a process that serves until the end of the test."""
    process = serve(folder)
    try:
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


class TestWhenItGoesWrong:
    """One clear line, and an exit code, whatever is at the other end."""

    def one_line(self, done: subprocess.CompletedProcess[str], told: str, code: int = 2) -> None:
        assert (code, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines())), done
        assert told in done.stderr

    @pytest.mark.parametrize(
        ("path", "told"),
        [
            ("", "expected the path of a socket, found an empty text"),
            (".", ". is no socket"),
            ("signalpy.toml", "signalpy.toml is no socket"),
            ("nothing/s", "no process serves at nothing/s: there is no such socket"),
            ("x" * 200, "too long: it has 200 bytes"),
            ("stale", "no process serves at stale any more; the one that did has ended"),
        ],
    )
    def test_nobody_is_there(self, folder: Path, path: str, told: str) -> None:
        """What is there instead is said."""
        left = socket.socket(socket.AF_UNIX)
        left.bind(os.path.relpath(folder / "stale"))
        left.close()
        self.one_line(signalpy(folder, "--attach", path, "status"), told)

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (b"", "closed the connection before it answered. If it was to change something, look whether it did."),
            (b'{"v":1,"result":{"a', "closed the connection before it answered"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak as this version does: expected a reply"),
            (b'{"v":2,"result":{}}\n', "does not speak as this version does: expected a reply of version 1"),
            (b'{"v":1,"result":1}\n', "answers status with a int, not a dict"),
            (b"x" * (65 << 20), "answers with more than 67108864 bytes"),
        ],
        ids=["nothing", "half", "another protocol", "another version", "another type", "too much"],
    )
    def test_another_program_answers(self, folder: Path, answer: bytes, told: str) -> None:
        """Nothing at all, half an answer, something else, or without end."""
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.path.relpath(folder / "s"))
            listening.listen()

            def once() -> None:
                taken, _ = listening.accept()
                with taken, contextlib.suppress(OSError):
                    taken.recv(1 << 16)
                    taken.sendall(answer)

            thread = threading.Thread(target=once)
            thread.start()
            self.one_line(signalpy(folder, "--attach", "s", "status"), told)
            thread.join()

    def test_nobody_answers(self, folder: Path) -> None:
        """A process that stands still is given up, and one at which no place is free after a moment."""
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.path.relpath(folder / "s"))
            listening.listen(0)
            given_up = pytest.raises(ControlError, match=r"does not answer: nothing came for 0\.1 s")
            with Client(os.path.relpath(folder / "s"), timeout=0.1) as client, given_up:
                client.ask("status")
            with contextlib.ExitStack() as stack:
                for _ in range(3):
                    taken = stack.enter_context(socket.socket(socket.AF_UNIX))
                    taken.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        taken.connect(os.path.relpath(folder / "s"))
                self.one_line(signalpy(folder, "--attach", "s", "status"), "does not take a connection")

    def test_a_process_that_is_killed_while_it_answers(self, folder: Path) -> None:
        """Who waits for it is told at once, and what it has left behind does not stand in the way of the next."""
        process = serve(folder)
        asking = asked(folder, "invoke", "greeter.wait")
        until(folder / "waiting")
        process.kill()
        process.communicate()
        _, said = asking.communicate(timeout=20)
        assert (2, 1) == (asking.returncode, len(said.splitlines()))
        assert "closed the connection before it answered" in said
        self.one_line(signalpy(folder, "--attach", "s", "status"), "the one that did has ended")
        again = serve(folder)
        again.terminate()
        again.communicate(timeout=30)

    def test_who_gives_up_ends_what_he_has_asked_for(self, running: Path) -> None:
        """Ctrl-C: no traceback, the exit code of shells, and the process cancels the call."""
        asking = asked(running, "invoke", "greeter.wait")
        until(running / "waiting")
        asking.send_signal(signal.SIGINT)
        _, said = asking.communicate(timeout=20)
        assert (130, "") == (asking.returncode, said)
        until(running / "cancelled")

    def test_many_ask_at_once(self, running: Path) -> None:
        """Each gets its own answer, also beside one that takes long, and policy changes of all of them count."""
        waiting = asked(running, "invoke", "greeter.wait")
        until(running / "waiting")
        crowd = [asked(running, "policy", "set", f"c{number}", '{"audit": true}') for number in range(8)]
        for number, asking in enumerate(crowd):
            said, problem = asking.communicate(timeout=60)
            assert (0, "") == (asking.returncode, problem)
            assert f"c{number}" == json.loads(said)["name"]
        found = json.loads(signalpy(running, "--attach", "s", "policy", "explain", "c7", "x.y", "--json").stdout)
        assert "request" == found["audit"]
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=20)

    def test_an_answer_that_no_message_holds(self, running: Path) -> None:
        """It is refused with both sizes; one that is large comes whole."""
        done = signalpy(running, "--attach", "s", "invoke", "greeter.tell", '{"size": 2000000}')
        assert "\u00e4" * 2_000_000 == json.loads(done.stdout)["much"]
        done = signalpy(running, "--attach", "s", "invoke", "greeter.tell", '{"size": 12000000}')
        self.one_line(done, "bytes, and 67108864 can be sent")

    def test_a_request_that_no_message_holds(self, running: Path) -> None:
        """It is not sent."""
        command = [sys.executable, "-m", "signalpy", "--attach", "s", "invoke", "greeter.tell", "-"]
        values = json.dumps({"text": "x" * 2_000_000})
        done = subprocess.run(command, cwd=running, capture_output=True, text=True, timeout=60, input=values)
        self.one_line(done, "bytes, and a process takes 1048576")


def asked(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A command that is under way."""
    command = [sys.executable, "-m", "signalpy", "--attach", "s", *words]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end, path
        time.sleep(0.02)
