"""The place of the socket: who may have it, what is found there, and what is left."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalpy.control import ControlError
from signalpy.control.address import LONGEST, Address, claim


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="sp-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


def take(path: Path) -> Address:
    return claim(str(path))


def test_only_the_user_may_use_it(folder: Path) -> None:
    """Mode 0600 whatever the umask, which is as it was afterwards."""
    before = os.umask(0)
    try:
        address = take(folder / "s")
        assert 0 == os.umask(0)
    finally:
        os.umask(before)
    assert 0o600 == stat.S_IMODE((folder / "s").stat().st_mode)
    address.release()
    assert [] == list(folder.iterdir())


def test_it_never_has_another_mode(folder: Path) -> None:
    """Who looks all the time while the place is taken again and again sees no other mode."""
    seen: set[int] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                seen.add(stat.S_IMODE((folder / "s").stat().st_mode))
            except FileNotFoundError:
                continue

    before = os.umask(0)
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for _ in range(200):
            take(folder / "s").release()
    finally:
        os.umask(before)
        over.set()
        watcher.join()
    assert seen <= {0o600}


def test_what_a_killed_process_left_is_replaced(folder: Path) -> None:
    """Its socket is there and refuses."""
    code = (
        f"import os\nfrom signalpy.control.address import claim\nclaim({str(folder / 's')!r})\nos.kill(os.getpid(), 9)"
    )
    assert -9 == subprocess.run([sys.executable, "-c", code], check=False).returncode
    assert (folder / "s").exists()
    take(folder / "s").release()


def test_one_that_lives_is_left_alone(folder: Path) -> None:
    """The second is refused, and the first still answers."""
    first = take(folder / "s")
    with pytest.raises(ControlError, match=r"a process that runs serves at .* already.*\{pid\}"):
        take(folder / "s")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / "s"))
    first.release()


CONTENDER = """
import sys
from signalpy.control import ControlError
from signalpy.control.address import claim
print("ready", flush=True)
sys.stdin.readline()
try:
    held = claim(sys.argv[1])
    print("won", flush=True)
except ControlError:
    print("lost", flush=True)
sys.stdin.readline()
"""


def test_of_several_that_find_a_dead_one_one_wins(folder: Path) -> None:
    """They start at once; none takes the place from the one that has it."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(folder / "s"))
    dead.close()
    command = [sys.executable, "-c", CONTENDER, str(folder / "s")]
    each = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(4)
    ]
    pipes = [(process.stdin, process.stdout) for process in each]
    assert ["ready\n"] * 4 == [out.readline() for _, out in pipes if out is not None]
    for go, _ in pipes:
        assert go is not None
        go.write("\n")
    told = [out.readline() for _, out in pipes if out is not None]
    for process in each:
        process.communicate("\n", timeout=30)
    assert ["lost\n", "lost\n", "lost\n", "won\n"] == sorted(told)


def test_the_number_of_the_process_may_be_part_of_it(folder: Path) -> None:
    """So several processes have one configuration."""
    address = claim(str(folder / "s-{pid}"))
    assert folder / f"s-{os.getpid()}" == address.path
    address.release()


def test_another_ones_socket_is_not_removed(folder: Path) -> None:
    """Who put a file in its place keeps it."""
    address = take(folder / "s")
    (folder / "s").unlink()
    (folder / "s").write_text("mine")
    address.release()
    assert "mine" == (folder / "s").read_text()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("file", "is there already and is no socket"),
        ("folder", "is there already and is no socket"),
        ("link", "is there already and is no socket"),
        ("nowhere/s", "there is no folder"),
        ("x" * 200, f"may have {LONGEST}"),
        ("a\0b", "NUL"),
    ],
)
def test_a_place_that_cannot_be_taken_is_told(folder: Path, name: str, told: str) -> None:
    """In one line, and nothing there is touched."""
    (folder / "file").write_text("mine")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to(folder / "file")
    with pytest.raises(ControlError, match=told):
        take(folder / name)
    assert "mine" == (folder / "file").read_text()
    assert 3 == len(list(folder.iterdir()))
