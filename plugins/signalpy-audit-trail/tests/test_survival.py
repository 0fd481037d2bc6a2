"""The trail when things go wrong: a full disk, a kill, a store that cannot be opened."""

from __future__ import annotations

import asyncio
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from signalpy import AuditUnavailable, BootError, Kernel, OutcomeUnrecorded, component, subscribe
from signalpy_audit_trail import AuditTrail, open_trail

Records = Callable[..., list[dict[str, Any]]]


@component("listener", version="1.0")
class Listener:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    @subscribe("order.*")
    def on_order(self, event_type: str, data: Any) -> None:
        self.heard.append(data)


@asynccontextmanager
async def running(root: Path) -> AsyncIterator[Kernel]:
    kernel = Kernel(config={"audit-trail": {"store": f"file://{root}"}})
    kernel.discover([AuditTrail, Listener])
    async with kernel:
        yield kernel


@pytest.fixture(name="stored")
def _stored(root: Path) -> Records:
    """Every record that is in the trail now, or those that have the fields given."""

    def read(**fields: Any) -> list[dict[str, Any]]:
        with open_trail(root) as trail:
            return [record for record in trail.records() if fields.items() <= record.items()]

    return read


LIMIT = 200_000
TOO_MUCH = "p" * (LIMIT + 50_000)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow beyond `LIMIT` bytes: a record with `TOO_MUCH` in it cannot be written."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


async def test_a_full_disk_refuses_what_would_be_recorded_and_the_gap_is_a_record(root: Path, stored: Records) -> None:
    """What was done says so, the rest is refused, queries and status answer; afterwards nothing is missing but time."""
    async with running(root) as kernel:
        await kernel.bus.publish("order.made", {"n": 0})
        with full_disk():
            with pytest.raises(OutcomeUnrecorded):
                await kernel.bus.publish("order.made", {"n": 1, "padding": TOO_MUCH})
            with pytest.raises(AuditUnavailable, match="nothing ran"):
                await kernel.bus.publish("order.made", {"n": 2})
            answer = await kernel.bus.invoke("audit-trail.query", {"type": "order.*"})
            assert [0] == [entry["data"]["n"] for entry in answer["entries"]]
            status = await kernel.bus.invoke("audit-trail.status")
            assert (False, True, True) == (status["healthy"], "cause" in status, "way_out" in status)
        while not (await kernel.bus.invoke("audit-trail.status"))["healthy"]:  # noqa: ASYNC110 (the log tries every second)
            await asyncio.sleep(0.05)
        await kernel.bus.publish("order.made", {"n": 3})
        assert [0, 1, 3] == [data["n"] for data in kernel.get("listener").heard]
    assert [0, 1, 3] == [record["data"]["n"] for record in stored(kind="event")]
    assert 1 == len(stored(kind="access"))
    (gap,) = stored(kind="gap")
    assert (1, 0) == (gap["data"]["count"], gap["data"]["lost"])
    assert gap["data"]["start"] < gap["data"]["end"]


async def test_an_application_stops_while_the_log_cannot_be_written(
    root: Path, stored: Records, caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel's own events are never refused; what could not be written is told where it can be."""
    async with running(root) as kernel:
        with full_disk():
            with pytest.raises(OutcomeUnrecorded):
                await kernel.bus.publish("order.made", {"n": 1, "padding": TOO_MUCH})
            await kernel.shutdown()
    assert "closed without a last record" in caplog.text
    assert "are lost" in caplog.text
    assert "could not be published" not in caplog.text
    assert [] == stored(kind="event")


async def test_an_unclean_stop_is_a_gap_on_the_next_start(
    root: Path, stored: Records, child: Callable[..., Any]
) -> None:
    """Who was killed is told once, before anything else is recorded."""
    process: subprocess.Popen[str] = child("audited", root, "wait")
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    for _ in range(2):
        async with running(root):
            pass
    (gap,) = stored(kind="gap")
    assert ("unclean stop", process.pid) == (gap["data"]["cause"], gap["data"]["stopped_process"])
    starts = stored(action="audit-trail.started")
    assert starts[0]["seq"] < gap["seq"] < starts[1]["seq"]


async def test_what_was_acknowledged_survives_a_kill(root: Path, stored: Records, child: Callable[..., Any]) -> None:
    """Every event whose publish had returned is in the trail, however suddenly the process ended."""
    process: subprocess.Popen[str] = child("audited", root, "publish")
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    told += process.stdout.readlines()
    acknowledged = {tuple(map(int, line.split())) for line in told if line.endswith("\n") and line != "ready\n"}
    async with running(root):
        pass
    recorded = [(record["data"]["worker"], record["data"]["number"]) for record in stored(action="order.made")]
    assert acknowledged <= set(recorded)
    assert len(recorded) == len(set(recorded))
    assert list(range(len(stored()))) == [record["seq"] for record in stored()]


async def test_a_trail_that_cannot_be_opened_stops_the_boot(tmp_path: Path) -> None:
    """An application that must be audited does not start without its trail, and says why."""
    (tmp_path / "file").write_text("no trail")
    kernel = Kernel(
        config={"plugins": {"required": ["audit-trail"]}, "audit-trail": {"store": f"file://{tmp_path / 'file'}"}}
    )
    kernel.discover([AuditTrail, Listener])
    with pytest.raises(BootError, match="audit-trail"):
        await kernel.boot()
