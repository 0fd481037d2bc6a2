"""`signalpy run` tells a service manager how it does: started, reloading, reloaded or not, stopping."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from signalpy.cli.notifier import Notifier

if TYPE_CHECKING:
    from conftest import Serving, Site

NEEDY = """
from signalpy import component, lifecycle

@component("needy")
class Needy:
    @lifecycle.activate
    def activate(self):
        import os
        self.rt.log.warning("child would tell %s", os.environ.get("NOTIFY_SOCKET"))
"""
FILE = '[plugins]\nallow = ["acme-needy"]\n'


class Manager:
    """What systemd listens with."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(20)

    def next(self) -> dict[str, str]:
        """The next message."""
        return dict(line.split("=", 1) for line in self._socket.recv(8192).decode().splitlines())

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest) -> Iterator[Manager]:
    """With a socket in the file system, or in the name space that only Linux has."""
    with tempfile.TemporaryDirectory() as folder:
        abstract = request.param == "abstract"
        if abstract and not Path("/proc/net/unix").exists():
            pytest.skip("abstract sockets are of Linux")
        manager = Manager(f"@signalpy-test-{os.getpid()}" if abstract else f"{folder}/notify")
        yield manager
        manager.close()


def now() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_process_tells_how_it_does(site: Site, serving: Callable[..., Serving], manager: Manager) -> None:
    """Ready when all has started; a reload from beginning to end, also of a wrong file; and that it stops."""
    site.install(
        "acme-needy",
        entry_points="[signalpy.components]\nneedy = acme_needy:Needy\n",
        modules={"acme_needy.py": NEEDY},
    )
    (site.root.parent / "signalpy.toml").write_text(FILE)
    process = serving(NOTIFY_SOCKET=manager.address)
    assert process.until("child would tell").endswith("child would tell None")
    assert {"READY": "1", "STATUS": "running: config, needy"} == manager.next()

    before = now()
    process.send(signal.SIGHUP)
    begun = manager.next()
    assert ("1", True) == (begun["RELOADING"], before <= int(begun["MONOTONIC_USEC"]) <= now())
    ended = manager.next()
    assert ("1", True) == (ended["READY"], ended["STATUS"].startswith("reloaded "))

    process.write(FILE + "[policy.needy]\naudt = true\n")
    assert "1" == manager.next()["RELOADING"]
    ended = manager.next()
    assert "1" == ended["READY"]
    assert "reload refused, what was in force stays" in ended["STATUS"]
    assert "audt" in ended["STATUS"]

    assert 0 == process.stop()
    assert {"STOPPING": "1", "STATUS": "draining"} == manager.next()


def test_a_reload_of_nothing_ends_too(site: Site, serving: Callable[..., Serving], manager: Manager) -> None:
    """Without a file there is nothing to read again, and the manager is not left waiting."""
    process = serving("--safe", NOTIFY_SOCKET=manager.address)
    assert "READY" in manager.next()
    process.send(signal.SIGHUP)
    assert "RELOADING" in manager.next()
    assert {"READY": "1", "STATUS": "running"} == manager.next()


def test_a_manager_that_is_gone_is_a_warning(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """The process goes on; where nobody asked, nothing is told."""
    Notifier(None).ready("running")
    assert not caplog.messages
    Notifier(str(tmp_path / "gone")).ready("running")
    [told] = caplog.messages
    assert "cannot be told of this process" in told
