"""Strict mode from outside: no intent record, no call; no record, no delivery; what a kill leaves in doubt is said."""

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

from signalpy import AuditUnavailable, Kernel, OutcomeUnrecorded, component, runnable, subscribe
from signalpy_audit_trail import AuditTrail, open_trail

LIMIT = 200_000
TOO_MUCH = "p" * (LIMIT + 50_000)
Records = Callable[..., list[dict[str, Any]]]


@component("shop", version="1.0")
class Shop:
    def __init__(self) -> None:
        self.ran: list[Any] = []
        self.heard: list[Any] = []
        self.root: Path | None = None

    @runnable("order")
    async def order(self, params: Any) -> Any:
        self.ran.append(params.get("n"))
        await asyncio.sleep(0)
        return {"result": TOO_MUCH if params.get("big") else params.get("n")}

    @runnable("look")
    def look(self) -> list[str]:
        assert self.root is not None
        with open_trail(self.root) as trail:
            return [
                f"{record['action']} {record['outcome']}" for record in trail.records() if record["kind"] == "invoke"
            ]

    @subscribe("order.*")
    def on_order(self, event_type: str, data: Any) -> None:
        assert self.root is not None
        with open_trail(self.root) as trail:
            self.heard.append(len(trail.query(type="order.*", kind="event")["entries"]))


@asynccontextmanager
async def running(root: Path) -> AsyncIterator[Kernel]:
    config = {"audit-trail": {"store": f"file://{root}", "mode": "strict"}, "policy": {"shop": {"audit": "full"}}}
    kernel = Kernel(config=config)
    kernel.discover([AuditTrail, Shop])
    async with kernel:
        kernel.get("shop").root = root
        yield kernel


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow beyond `LIMIT` bytes: a record with `TOO_MUCH` in it cannot be written."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


async def healthy(kernel: Kernel) -> None:
    while not (await kernel.bus.invoke("audit-trail.status"))["healthy"]:  # noqa: ASYNC110 (the log tries every second)
        await asyncio.sleep(0.05)


@pytest.fixture(name="stored")
def _stored(root: Path) -> Records:
    def read(**fields: Any) -> list[dict[str, Any]]:
        with open_trail(root) as trail:
            return [record for record in trail.records() if fields.items() <= record.items()]

    return read


async def test_the_intent_is_durable_before_anything_runs(root: Path, stored: Records) -> None:
    """The handler itself finds the record of its intent in the trail; the outcome shares the operation."""
    async with running(root) as kernel:
        assert ["shop.look intent"] == await kernel.bus.invoke("shop.look", actor="alice")
    intent, outcome = stored(kind="invoke")
    assert ("intent", "success") == (intent["outcome"], outcome["outcome"])
    assert intent["operation_id"] == outcome["operation_id"]
    assert intent["id"] != outcome["id"]
    assert ("alice", "alice") == (intent["actor"], outcome["actor"])
    assert "duration_us" not in intent
    assert outcome["duration_us"] >= 0


async def test_without_an_intent_record_nothing_runs_and_nothing_is_kept(root: Path, stored: Records) -> None:
    """A full disk refuses the call before its handler runs; when there is room again the log holds nothing of it."""
    async with running(root) as kernel:
        with full_disk():
            for _ in range(2):
                with pytest.raises(AuditUnavailable, match="refused, nothing ran") as caught:
                    await kernel.bus.invoke("shop.order", {"n": 1, "padding": TOO_MUCH})
                assert caught.value.retry
        await healthy(kernel)
        await kernel.bus.invoke("shop.order", {"n": 2})
        assert [2] == kernel.get("shop").ran
    assert [2, 2] == [record["data"]["params"]["n"] for record in stored(action="shop.order")]


async def test_done_but_unrecorded_is_told_apart_from_refused(root: Path, stored: Records) -> None:
    """The disk fills up between intent and outcome: the error carries the result, and the record comes later."""
    async with running(root) as kernel:
        with full_disk():
            with pytest.raises(OutcomeUnrecorded) as caught:
                await kernel.bus.invoke("shop.order", {"n": 1, "big": True})
            assert {"result": TOO_MUCH} == caught.value.result
            assert not caught.value.retry
        await healthy(kernel)
    assert ["intent", "success"] == [record["outcome"] for record in stored(action="shop.order")]


async def test_an_event_is_durable_before_it_is_delivered(root: Path, stored: Records) -> None:
    """The subscriber finds the event in the trail; one that cannot be recorded is not delivered and not kept."""
    async with running(root) as kernel:
        await kernel.bus.publish("order.made", {"n": 1})
        with full_disk(), pytest.raises(AuditUnavailable, match="nothing ran"):
            await kernel.bus.publish("order.made", {"n": 2, "padding": TOO_MUCH})
        await healthy(kernel)
        assert [1] == kernel.get("shop").heard
    assert [1] == [record["data"]["n"] for record in stored(action="order.made")]


async def test_what_is_denied_or_unknown_needs_no_intent(root: Path, stored: Records) -> None:
    """Nothing would run: one record each, as in every mode."""
    async with running(root) as kernel:
        kernel.set_policy("kernel", {"invoke_deny": ["shop.look"]})
        with pytest.raises(PermissionError):
            await kernel.bus.invoke("shop.look")
        with pytest.raises(KeyError):
            await kernel.bus.invoke("shop.nothing")
    assert ["denied", "failure"] == [record["outcome"] for record in stored(kind="invoke")]


@pytest.mark.parametrize("steps", range(12))
async def test_cancellation_at_any_step_leaves_no_intent_open(root: Path, stored: Records, steps: int) -> None:
    """Wherever the caller is cancelled, an intent that is in the log has its outcome, and what ran is in the log."""
    async with running(root) as kernel:
        task = asyncio.create_task(kernel.bus.invoke("shop.order", {"n": 1}))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        ran = kernel.get("shop").ran
    outcomes = [record["outcome"] for record in stored(action="shop.order")]
    assert outcomes in ([], ["intent", "cancelled"], ["intent", "success"])
    assert not ran or outcomes


async def test_a_kill_leaves_in_doubt_what_ran_and_the_next_start_says_so(
    root: Path, stored: Records, child: Callable[..., Any]
) -> None:
    """An intent of a killed process gets an in_doubt record, once; that of a process that lives does not."""
    killed: subprocess.Popen[str] = child("strict", root)
    living: subprocess.Popen[str] = child("strict", root)
    for process in (killed, living):
        assert process.stdout is not None
        assert "running\n" == process.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    for _ in range(2):
        async with running(root):
            pass
    (doubt,) = stored(outcome="in_doubt")
    (intent,) = [record for record in stored(outcome="intent") if record["origin"]["process"] == killed.pid]
    told = ("operation_id", "action", "actor", "target", "data", "level", "kind", "caller")
    assert {name: intent[name] for name in told} == {name: doubt[name] for name in told}
    assert ("alice", "child.hang") == (doubt["actor"], doubt["action"])
    assert living.stdin is not None
    living.stdin.write("go on\n")
    living.stdin.flush()
    living.wait(timeout=30)
    assert ["success"] == [
        r["outcome"] for r in stored(action="child.hang") if r["outcome"] not in ("intent", "in_doubt")
    ]
    with open_trail(root) as trail:
        shown = [entry["outcome"] for entry in trail.query(type="child.hang", intents=False)["entries"]]
    assert {"success", "in_doubt"} == set(shown)
