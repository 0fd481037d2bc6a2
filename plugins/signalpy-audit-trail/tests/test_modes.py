"""The standard mode on a real bus: what is waited for, what is refused, and what a cancellation cannot do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from signalpy import (
    AuditUnavailable,
    Call,
    InvalidParams,
    Kernel,
    OutcomeUnrecorded,
    PolicyDenied,
    Publication,
    Refused,
    TargetNotFound,
    component,
    hookimpl,
    runnable,
    subscribe,
)
from signalpy_audit_trail.capture import Capture
from signalpy_audit_trail.draft import Draft, Receipt
from signalpy_audit_trail.drafting import Drafting
from signalpy_audit_trail.modes import Standard
from signalpy_audit_trail.origin import Origins
from signalpy_audit_trail.scribe import Scribe
from signalpy_audit_trail.settings import Settings
from signalpy_audit_trail.taken import TakenAccess

FULL = {"*": {"audit": "full"}}


class Amount(BaseModel):
    amount: int


class SwitchedLog:
    """A log that the test stops, breaks and mends."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.healthy = True
        self.broken = False
        self.open = asyncio.Event()
        self.open.set()
        self.handed = asyncio.Event()

    def submit(self, draft: Draft, *, keep: bool = True) -> asyncio.Future[Receipt]:
        self.handed.set()
        return asyncio.ensure_future(self._append(draft))

    async def offer(self, draft: Draft, *, patience: float) -> bool:
        raise AssertionError("nobody offers in this mode")

    def status(self) -> dict[str, Any]:
        return {"cause": "disk full", "way_out": "free space"}

    async def _append(self, draft: Draft) -> Receipt:
        await self.open.wait()
        if self.broken:
            self.healthy = False
            raise AuditUnavailable("disk full")
        self.kept.append(json.loads(draft.body))
        return Receipt(seq=len(self.kept) - 1, id=draft.id)

    def brief(self, *fields: str) -> list[tuple[Any, ...]]:
        return [
            tuple(record.get(field) for field in fields) for record in self.kept if "kernel." not in record["action"]
        ]


class Recorder:
    """The recorder and the innermost interceptor of the trail, on a log of the test's own."""

    def __init__(self, log: SwitchedLog, **settings: Any) -> None:
        made = Settings(**settings)
        self.capture = Capture(made, Origins("test"))
        self.mode = Standard(self.capture, Scribe(Drafting(made.max_record)), log)

    @hookimpl
    async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
        if isinstance(operation, Call):
            taken = self.capture.call(operation)
            if isinstance(taken, TakenAccess):
                return await self.mode.access(taken, proceed)
            if taken is not None:
                return await self.mode.call(taken, proceed)
        elif (told := self.capture.event(operation)) is not None:
            return await self.mode.event(told, proceed)
        return await self.mode.untaken(operation, proceed)

    @hookimpl(trylast=True)
    async def signalpy_publish(self, event: Publication, proceed: Any) -> None:
        await self.mode.delivering(event)
        await proceed()


@component("bank", version="1.0")
class Bank:
    def __init__(self) -> None:
        self.ran: list[str] = []
        self.started = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    @runnable("pay", params=Amount)
    async def pay(self, params: Amount) -> dict[str, Any]:
        self.ran.append("pay")
        self.started.set()
        await self.go.wait()
        return {"paid": params.amount}

    @runnable("fail")
    async def fail(self, params: Any) -> dict[str, Any]:
        raise ValueError("no")

    @runnable("broke")
    async def broke(self, params: Any) -> dict[str, Any]:
        return {"error": "Insufficient funds"}

    @runnable("outer")
    async def outer(self, params: Any) -> Any:
        return await self.rt.invoke("bank.forbidden", {})  # type: ignore[attr-defined]

    @runnable("forbidden")
    async def forbidden(self, params: Any) -> None: ...

    @subscribe("paid.*")
    async def on_paid(self, event_type: str, data: Any) -> None:
        self.ran.append(event_type)
        self.started.set()
        await self.go.wait()


@component("audit-trail", version="1.0")
class Answers:
    @runnable("query")
    async def query(self, params: Any) -> dict[str, Any]:
        if params.get("actor") == "wrong":
            raise ValueError("actor: no")
        return {"entries": [1, 2], "next": None}

    @runnable("status")
    async def status(self) -> dict[str, Any]:
        return {}


class Refuser:
    """An interceptor that refuses everything, before or after it."""

    def __init__(self, *, late: bool = False) -> None:
        self.late = late

    @hookimpl(targets=["bank.*"])
    async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
        raise Refused("limit", rule="limits")

    @hookimpl
    async def signalpy_publish(self, event: Any, proceed: Any) -> None:
        if self.late:
            await proceed()
        raise Refused("limit", rule="limits")


class World:
    def __init__(self, kernel: Kernel, log: SwitchedLog, bank: Bank) -> None:
        self.kernel, self.log, self.bank, self.bus = kernel, log, bank, kernel.bus


@asynccontextmanager
async def world(policies: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[World]:
    log = SwitchedLog()
    kernel = Kernel(config={}, policies=FULL if policies is None else policies)
    kernel.discover([Bank, Answers])
    kernel.hooks.register(Recorder(log, **settings))
    async with kernel:
        log.handed.clear()
        try:
            yield World(kernel, log, kernel.get("bank"))
        finally:
            log.broken = False
            log.open.set()


async def test_a_call_has_one_record_before_its_caller_has_the_result() -> None:
    """The result is given out when the record is durable, and not before."""
    async with world() as here:
        here.log.open.clear()
        caller = asyncio.create_task(here.bus.invoke("bank.pay", {"amount": 5}, actor="alice"))
        await here.log.handed.wait()
        await asyncio.sleep(0.01)
        assert not caller.done()
        here.log.open.set()
        assert {"paid": 5} == await caller
        data = {"params": {"amount": 5}, "result": {"paid": 5}}
        assert [("invoke", "bank.pay", "alice", "success", data)] == here.log.brief(
            "kind", "action", "actor", "outcome", "data"
        )


@pytest.mark.parametrize(
    ("target", "params", "error", "outcome", "told"),
    [
        ("bank.fail", {}, ValueError, "failure", {"type": "ValueError", "message": "no", "by": "bank"}),
        ("bank.pay", {"amount": "x"}, InvalidParams, "failure", None),
        ("bank.pya", {}, TargetNotFound, "failure", None),
        ("bank.broke", {}, None, "failure", {"message": "Insufficient funds", "by": "bank"}),
    ],
)
async def test_every_way_to_fail_is_recorded(target: str, params: Any, error: Any, outcome: str, told: Any) -> None:
    """Handlers that raise or return an error, invalid parameters, unknown targets: all are failures, and go on."""
    async with world() as here:
        if error is not None:
            with pytest.raises(error):
                await here.bus.invoke(target, params)
        else:
            await here.bus.invoke(target, params)
        (record,) = here.log.kept[1:]
        assert (target, outcome) == (record["action"], record["outcome"])
        assert told in (None, record["error"])
        assert params == record["data"]["params"]


async def test_a_denied_call_is_recorded_at_the_one_that_was_denied() -> None:
    """The inner call was denied; the outer one, which let the denial through, has failed."""
    async with world({"bank": {"invoke_deny": ["bank.forbidden"]}, "*": {"audit": True}}) as here:
        with pytest.raises(PolicyDenied):
            await here.bus.invoke("bank.outer", {})
        (inner, outer) = here.log.kept[1:]
        assert ("bank.forbidden", "denied", 'policy "bank": invoke_deny "bank.forbidden"') == (
            inner["action"],
            inner["outcome"],
            inner["error"]["by"],
        )
        assert ("bank.outer", "failure", "bank") == (outer["action"], outer["outcome"], outer["error"]["by"])
        assert inner["causation_id"] == outer["operation_id"] == inner["correlation_id"]


async def test_a_denial_is_recorded_where_nothing_else_is() -> None:
    """Without any audit, a denied call has a record without values, and the others have none."""
    async with world({"bank": {"invoke_deny": ["bank.forbidden"]}}, events=[]) as here:
        await here.bus.invoke("bank.pay", {"amount": 1})
        with pytest.raises(PolicyDenied):
            await here.bus.invoke("bank.outer", {})
        assert [("bank.forbidden", "denied", "metadata", None)] == here.log.brief("action", "outcome", "level", "data")


@pytest.mark.parametrize("policies", [{}, {"*": {"audit": "full"}}])
async def test_a_refusal_by_an_interceptor_is_a_denial(policies: dict[str, Any]) -> None:
    """Whether the call is audited or not, its refusal has one record that names the rule."""
    async with world(policies, events=[]) as here:
        here.kernel.hooks.register(Refuser())
        with pytest.raises(Refused):
            await here.bus.invoke("bank.pay", {"amount": 1})
        with pytest.raises(Refused):
            await here.bus.publish("paid.x", {})
        (call, event) = here.log.kept[1:]
        assert ("denied", "limits", "denied", "limits") == (
            call["outcome"],
            call["error"]["by"],
            event["outcome"],
            event["error"]["by"],
        )
        assert [] == here.bank.ran


async def test_an_event_that_is_refused_before_its_delivery_has_one_record() -> None:
    """What nobody received is recorded as denied, and not as having happened."""
    async with world() as here:
        here.kernel.hooks.register(Refuser())
        with pytest.raises(Refused):
            await here.bus.publish("paid.x", {"a": 1})
        assert [("paid.x", "denied", {"a": 1})] == here.log.brief("action", "outcome", "data")


async def test_an_event_that_is_refused_after_its_delivery_has_happened_all_the_same() -> None:
    """A refusal that comes too late is a second record of the same operation."""
    async with world() as here:
        here.kernel.hooks.register(Refuser(late=True))
        with pytest.raises(Refused):
            await here.bus.publish("paid.x", {"a": 1})
        assert [("paid.x", "success"), ("paid.x", "denied")] == here.log.brief("action", "outcome")
        assert 1 == len({record["operation_id"] for record in here.log.kept[1:]})
        assert 2 == len({record["id"] for record in here.log.kept[1:]})


async def test_an_event_is_handed_over_before_its_delivery_and_durable_before_publish_returns() -> None:
    """Writing and delivering overlap; the publisher waits for both."""
    async with world() as here:
        here.log.open.clear()
        publisher = asyncio.create_task(here.bus.publish("paid.x", {"a": 1}))
        await here.bank.started.wait()
        assert here.log.handed.is_set()
        await asyncio.sleep(0.01)
        assert not publisher.done()
        here.log.open.set()
        await publisher
        assert [("event", "paid.x", "success")] == here.log.brief("kind", "action", "outcome")


async def test_the_record_of_an_event_comes_before_those_of_what_it_causes() -> None:
    """Positions in the log follow cause and effect."""

    @component("chain", version="1.0")
    class Chain:
        @subscribe("paid.*")
        async def on_paid(self, event_type: str, data: Any) -> None:
            await self.rt.invoke("bank.pay", {"amount": 1})  # type: ignore[attr-defined]

    async with world() as here:
        await here.kernel.add(Chain)
        await here.bus.publish("paid.x", {})
        assert [("paid.x",), ("bank.pay",)] == here.log.brief("action")


async def test_what_was_done_but_not_recorded_says_so() -> None:
    """The error carries what the operation returned or raised; it must not be tried again."""
    async with world() as here:
        here.log.broken = True
        with pytest.raises(OutcomeUnrecorded) as caught:
            await here.bus.invoke("bank.pay", {"amount": 5})
        assert ({"paid": 5}, None, False) == (caught.value.result, caught.value.error, caught.value.retry)
        assert isinstance(caught.value.__cause__, AuditUnavailable)
        here.log.healthy = True
        with pytest.raises(OutcomeUnrecorded) as caught:
            await here.bus.invoke("bank.fail", {})
        assert isinstance(caught.value.error, ValueError)
        here.log.healthy = True
        with pytest.raises(OutcomeUnrecorded):
            await here.bus.publish("paid.x", {})
        assert ["pay", "paid.x"] == here.bank.ran


async def test_captured_operations_are_refused_while_the_log_cannot_be_written() -> None:
    """Nothing runs that would have to be recorded; everything else does, and all of it again once the log is back."""
    async with world({"bank.pay": {"audit": True}}, events=["paid.*"]) as here:
        here.log.healthy = False
        for operation in (here.bus.invoke("bank.pay", {"amount": 1}), here.bus.publish("paid.x", {})):
            with pytest.raises(AuditUnavailable, match=r"nothing ran.*disk full.*free space") as caught:
                await operation
            assert caught.value.retry
        assert [] == here.bank.ran
        assert {"error": "Insufficient funds"} == await here.bus.invoke("bank.broke", {})
        await here.bus.publish("other", {})
        here.log.healthy = True
        await here.bus.invoke("bank.pay", {"amount": 1})
        assert ["pay"] == here.bank.ran


async def test_queries_are_served_while_the_log_cannot_be_written() -> None:
    """An auditor can read during an outage; the record of it is with the log."""
    async with world() as here:
        here.log.healthy = False
        here.log.open.clear()
        assert 2 == len((await here.bus.invoke("audit-trail.query", {}))["entries"])
        here.log.open.set()
        await asyncio.sleep(0.01)
        assert [("access", {"filters": {}, "returned": 2})] == here.log.brief("kind", "data")


async def test_an_access_has_one_record_whatever_comes_of_it() -> None:
    """Answered, wrong or asked for in vain: one access record; asking for the status leaves none."""
    async with world() as here:
        await here.bus.invoke("audit-trail.query", {"actor": "x"})
        with pytest.raises(ValueError, match="no"):
            await here.bus.invoke("audit-trail.query", {"actor": "wrong"})
        await here.bus.invoke("audit-trail.status")
        assert [
            ("access", "success", {"filters": {"actor": "x"}, "returned": 2}),
            ("access", "failure", {"filters": {"actor": "wrong"}}),
        ] == (here.log.brief("kind", "outcome", "data"))


async def cancelled_when(task: asyncio.Task[Any], moment: asyncio.Event) -> None:
    await moment.wait()
    assert not task.done()
    task.cancel()


async def test_a_call_that_is_cancelled_while_it_runs_is_recorded_as_cancelled() -> None:
    """The cancellation goes on when the record is durable."""
    async with world() as here:
        here.bank.go.clear()
        here.log.open.clear()
        caller = asyncio.create_task(here.bus.invoke("bank.pay", {"amount": 5}))
        await cancelled_when(caller, here.bank.started)
        await here.log.handed.wait()
        for _ in range(3):
            caller.cancel()
            await asyncio.sleep(0)
        assert not caller.done()
        here.log.open.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert [("bank.pay", "cancelled")] == here.log.brief("action", "outcome")


async def test_a_caller_that_is_cancelled_while_it_waits_for_the_log_loses_no_record() -> None:
    """Once handed over the record is the log's; the caller is cancelled when it is durable."""
    async with world() as here:
        here.log.open.clear()
        caller = asyncio.create_task(here.bus.invoke("bank.pay", {"amount": 5}))
        await cancelled_when(caller, here.log.handed)
        await asyncio.sleep(0.01)
        assert not caller.done()
        here.log.open.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert [("bank.pay", "success")] == here.log.brief("action", "outcome")


async def test_a_publisher_that_is_cancelled_during_delivery_has_published() -> None:
    """The event happened; its record stands as its publisher told it."""
    async with world() as here:
        here.bank.go.clear()
        publisher = asyncio.create_task(here.bus.publish("paid.x", {}))
        await cancelled_when(publisher, here.bank.started)
        with pytest.raises(asyncio.CancelledError):
            await publisher
        assert [("paid.x", "success")] == here.log.brief("action", "outcome")


@pytest.mark.parametrize("broken", [False, True])
async def test_a_timeout_around_an_operation_stays_a_timeout(broken: bool) -> None:
    """A cancellation is never replaced by another error, also where the record fails; that is its cause."""
    async with world() as here:
        here.bank.go.clear()
        here.log.broken = broken
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.02):
                await here.bus.invoke("bank.pay", {"amount": 5})
        cancelled = caught.value.__cause__
        assert broken == isinstance(cancelled.__cause__ if cancelled else None, OutcomeUnrecorded)


@pytest.mark.parametrize("steps", range(40))
@pytest.mark.parametrize("operation", ["call", "event"])
async def test_cancellation_at_any_step_suppresses_no_record_of_what_ran(operation: str, steps: int) -> None:
    """Wherever a caller is cancelled, what ran has exactly one record, and what has no record did not run."""
    async with world() as here:
        here.kernel.hooks.register(Slow())
        made = here.bus.invoke("bank.pay", {"amount": 5}) if operation == "call" else here.bus.publish("paid.x", {})
        task = asyncio.create_task(made)
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        records = here.log.brief("outcome")
        assert len(records) == 1 if here.bank.ran else len(records) <= 1
        assert records != [("success",)] or here.bank.ran


class Slow:
    """Interceptors that take several turns of the loop before and after."""

    @hookimpl
    async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
        await turns()
        result = await proceed()
        await turns()
        return result

    @hookimpl
    async def signalpy_publish(self, event: Any, proceed: Any) -> None:
        await turns()
        await proceed()
        await turns()


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_thousand_operations_at_once_have_a_record_each() -> None:
    """Concurrent callers wait for their own records only, and none is lost or doubled."""
    async with world() as here:
        results = await asyncio.gather(*(here.bus.invoke("bank.pay", {"amount": number}) for number in range(1000)))
        assert [{"paid": number} for number in range(1000)] == results
        assert set(range(1000)) == {record["data"]["params"]["amount"] for record in here.log.kept[1:]}
        assert 1001 == len(here.log.kept)
