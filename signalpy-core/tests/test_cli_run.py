"""`signalpy run` as a process: it serves, drains on the first signal, gives up on the second."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Site

WORKER = """
import asyncio
from pathlib import Path
from signalpy import component, lifecycle, runnable

@component("worker")
class Worker:
    @lifecycle.activate
    async def activate(self):
        self.rt.create_task(self.work(), name="work")

    async def work(self):
        await self.rt.invoke("worker.slow", actor="alice")

    @runnable("slow")
    async def slow(self):
        try:
            Path("started").touch()
            await asyncio.sleep({seconds})
            Path("finished").touch()
        except asyncio.CancelledError:
            Path("cancelled").touch()
            raise

    @lifecycle.deactivate
    def deactivate(self):
        Path("deactivated").touch()
"""


def until(path: Path) -> None:
    for _ in range(2000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path.name} did not appear")


class Running:
    def __init__(self, site: Site, seconds: float, *, source: str = WORKER, **environ: str) -> None:
        site.install(
            "acme-worker",
            entry_points="[signalpy.components]\nworker = acme_worker:Worker\n",
            modules={"acme_worker.py": source.replace("{seconds}", str(seconds))},
        )
        self.folder = site.root.parent
        (self.folder / "signalpy.toml").write_text(
            '[plugins]\nallow = ["acme-worker"]\n[policy.worker]\naudit = true\n'
        )
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SIGNALPY")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "signalpy", "run"],
            cwd=self.folder,
            env={**clean, "PYTHONPATH": str(site.root), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until(self.folder / "started")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def left(self) -> set[str]:
        return {name for name in ("finished", "cancelled", "deactivated") if (self.folder / name).exists()}


@contextmanager
def running(site: Site, seconds: float, *, source: str = WORKER, **environ: str) -> Iterator[Running]:
    started = Running(site, seconds, source=source, **environ)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_drains(site: Site, number: int) -> None:
    """What runs is finished, components are deactivated, and the exit code is 0."""
    with running(site, 0.5) as process:
        process.signal(number)
        code, out, err = process.end()
        assert (0, "") == (code, out)
        assert {"finished", "deactivated"} == process.left()
        assert "running: config, worker" in err
        assert "Traceback" not in err


def test_a_signal_while_booting(site: Site) -> None:
    """A boot that takes long can be stopped: what has started is stopped again, and that is a clean end."""
    slow = WORKER.replace(
        'self.rt.create_task(self.work(), name="work")', "Path('started').touch(); await asyncio.sleep(60)"
    )
    with running(site, 0, source=slow) as process:
        process.signal(signal.SIGTERM)
        code, _, err = process.end()
        assert 0 == code
        assert "stopped before everything had started" in err
        assert "running:" not in err


def test_policy_lines_are_json(site: Site) -> None:
    """The policy lines stand on stderr as one JSON object each; other lines are no JSON."""
    with running(site, 0) as process:
        until(process.folder / "finished")
        process.signal(signal.SIGTERM)
        lines = process.end()[2].splitlines()
        objects = [json.loads(line) for line in lines if line.startswith("{")]
        assert [{"action": "invoke", "caller": "worker", "target": "worker.slow"}] == objects
        assert any(" INFO signalpy.cli: stopped" in line for line in lines)


def test_the_log_level_is_an_option(site: Site) -> None:
    """At WARNING a healthy run says nothing."""
    site.component("acme-x", "x")
    process = subprocess.Popen(
        [sys.executable, "-m", "signalpy", "run", "--log-level", "warning"],
        env={**os.environ, "PYTHONPATH": str(site.root), "SIGNALPY__PLUGINS__ALLOW": '["acme-x"]'},
        stderr=subprocess.PIPE,
        text=True,
    )
    until(site.mark)
    time.sleep(0.5)
    process.terminate()
    assert "" == process.communicate(timeout=30)[1]
    assert 0 == process.returncode


def test_the_second_signal_cuts_the_drain_short(site: Site) -> None:
    """What still runs is cancelled, and the exit code is that of the signal."""
    with running(site, 60) as process:
        process.signal(signal.SIGTERM)
        time.sleep(0.5)
        assert None is process.process.poll()
        process.signal(signal.SIGINT)
        code, _, err = process.end()
        assert 128 + signal.SIGINT == code
        assert "cancelled" in process.left()
        assert "stopped before everything had drained" in err


def test_the_deadline_of_the_configuration(site: Site) -> None:
    """Without a second signal the drain ends at the deadline, and that is a clean stop."""
    with running(site, 60, SIGNALPY__KERNEL__SHUTDOWN_DEADLINE="0.3") as process:
        process.signal(signal.SIGTERM)
        assert 0 == process.end()[0]
        assert {"cancelled", "deactivated"} == process.left()


def test_a_failed_boot_is_2(site: Site) -> None:
    """If an essential component does not start, the last line says so and the exit code is 2."""
    site.install(
        "acme-x",
        entry_points="[signalpy.components]\nx = acme_x:X\n",
        modules={"acme_x.py": "raise RuntimeError('no')"},
    )
    result = site.signalpy("run", SIGNALPY__PLUGINS__REQUIRED='["x"]', SIGNALPY__PLUGINS__ALLOW='["acme-x"]')
    assert 2 == result.returncode
    assert "importing acme_x failed: RuntimeError: no" in result.stderr.splitlines()[-1]


def test_a_component_that_is_not_active_is_told(site: Site) -> None:
    """A run without a broken component goes on, and says which one and why."""
    site.install(
        "acme-x",
        entry_points="[signalpy.components]\nx = acme_x:X\n",
        modules={"acme_x.py": "raise RuntimeError('no')"},
    )
    with running(site, 0, SIGNALPY__PLUGINS__ALLOW='["acme-*"]') as process:
        until(process.folder / "finished")
        process.signal(signal.SIGTERM)
        code, _, err = process.end()
        assert 0 == code
        assert "WARNING signalpy.cli: x is not active: failed" in err
