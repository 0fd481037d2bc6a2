"""The component on a real kernel and a real store, from its first record to its last."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from signalpy import (
    BootError,
    ComponentUnavailable,
    Event,
    InvalidParams,
    Kernel,
    LifecycleError,
    PolicyDenied,
    Refused,
    TargetNotFound,
    acting_as,
    component,
    hookimpl,
    runnable,
    subscribe,
)
from signalpy_audit_trail import AuditTrail, open_trail
from signalpy_audit_trail.query import QueryError
from signalpy_audit_trail.store import StoreMissing

Records = Callable[..., list[dict[str, Any]]]


class Owner(BaseModel):
    owner: str
    tags: list[str] = []


class Renamed(Event, type="customer.renamed", version=3):
    old: str
    new: str


@component("shop", version="2.5")
class Shop:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    @runnable("open", params=Owner)
    async def open(self, params: Owner) -> dict[str, Any]:
        params.tags.append("changed by the handler")
        await self.rt.publish("order.made", {"owner": params.owner}, subject=params.owner)  # type: ignore[attr-defined]
        return {"id": 7}

    @runnable("ask")
    async def ask(self, params: Any) -> Any:
        return await self.rt.invoke("audit-trail.query", params)  # type: ignore[attr-defined]

    @runnable("in-thread", thread=True)
    def in_thread(self, params: Any) -> Any:
        return self.rt.invoke_sync("shop.open", params)  # type: ignore[attr-defined]

    @subscribe("order.*")
    def on_order(self, event_type: str, data: Any) -> None:
        self.heard.append(data)


@component("mailer", version="1.0")
class Mailer:
    def __init__(self) -> None:
        self.done = asyncio.Event()

    @subscribe("order.made", background=True)
    async def on_order(self, event_type: str, data: Any) -> None:
        await self.rt.publish("mail.sent", {"to": data["owner"]})  # type: ignore[attr-defined]
        self.done.set()


@asynccontextmanager
async def running(
    root: Path,
    *more: type,
    policies: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Kernel]:
    table = {"store": f"file://{root}", "application": "shop", **settings}
    kernel = Kernel(config={**(config or {}), "audit-trail": table}, policies=policies)
    kernel.discover([AuditTrail, Shop, *more])
    async with kernel:
        yield kernel


def longest(root: Path) -> int:
    """The length of the longest record in the files."""
    return max(len(line) for path in root.rglob("*.jsonl") for line in path.read_bytes().splitlines())


@pytest.fixture(name="stored")
def _stored(root: Path) -> Records:
    """Every record that is in the trail now, or those that have the fields given."""

    def read(**fields: Any) -> list[dict[str, Any]]:
        with open_trail(root) as trail:
            return [record for record in trail.records() if fields.items() <= record.items()]

    return read


async def test_a_run_is_recorded_from_its_start_to_its_stop(root: Path, stored: Records) -> None:
    """What happened is in the trail, in the order of cause and effect, between a first and a last record."""
    async with running(root, policies={"*": {"audit": "full"}}, subjects={"shop.*": ["params.owner"]}) as kernel:
        with acting_as("alice", on_behalf_of="bob", client={"ip": "192.0.2.1"}):
            await kernel.bus.invoke("shop.open", {"owner": "zoe", "tags": ["a"]})
    records = stored()
    assert [
        ("lifecycle", "audit-trail.started"),
        ("lifecycle", "kernel.component.activated"),
        ("lifecycle", "kernel.component.activated"),
        ("lifecycle", "kernel.started"),
        ("event", "order.made"),
        ("invoke", "shop.open"),
        ("lifecycle", "kernel.stopping"),
        ("lifecycle", "kernel.component.deactivated"),
        ("lifecycle", "kernel.component.deactivated"),
        ("lifecycle", "audit-trail.stopped"),
    ] == [(record["kind"], record["action"]) for record in records]
    assert list(range(10)) == [record["seq"] for record in records]
    assert len(records) == len({record["id"] for record in records})
    event, call = records[4:6]
    assert {"params": {"owner": "zoe", "tags": ["a"]}, "result": {"id": 7}} == call["data"]
    assert ("shop", call["operation_id"], call["operation_id"]) == (
        event["caller"],
        event["causation_id"],
        event["correlation_id"],
    )
    for record in (event, call):
        assert ("alice", "bob", {"ip": "192.0.2.1"}, ["zoe"]) == (
            record["actor"],
            record["on_behalf_of"],
            record["client"],
            record["subjects"],
        )
        assert {"application": "shop", "process": os.getpid(), "version": "2.5"}.items() <= record["origin"].items()
    assert call["time"] < event["time"] < event["recorded_at"] < call["recorded_at"]


async def test_the_first_record_tells_what_is_loaded_and_which_policies_are_in_force(
    root: Path, stored: Records
) -> None:
    """An auditor sees under which rules and with which code the trail was begun."""
    async with running(root, policies={"shop": {"audit": True}}, config={"policy": {"*": {"invoke_deny": ["x.*"]}}}):
        pass
    data = stored(action="audit-trail.started")[0]["data"]
    assert {"*": {"invoke_deny": ["x.*"]}, "shop": {"audit": "request"}} == data["policies"]
    (core,) = [item for item in data["inventory"] if item["name"] == "signalpy-core"]
    assert {"name", "version", "record_sha256"} == set(core)
    assert ("standard", ["*"], f"file://{root}") == tuple(data["settings"][key] for key in ("mode", "events", "store"))


async def test_without_a_store_the_trail_goes_to_the_working_directory_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no default that keeps nothing, and none that is silent."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    kernel = Kernel(config={})
    kernel.discover([AuditTrail])
    async with kernel:
        await kernel.bus.publish("a.b", {})
    said = [record for record in caplog.records if "file:audit-trail" in record.getMessage()]
    assert [("signalpy.component.audit-trail", logging.INFO)] == [(record.name, record.levelno) for record in said]
    assert [] == [record for record in caplog.records if record.name == "signalpy.audit"]
    with open_trail(tmp_path / "audit-trail") as trail:
        assert 1 == len(trail.query(type="a.b")["entries"])


async def test_calls_that_never_ran_are_recorded(root: Path, stored: Records) -> None:
    """Denied, unknown, unavailable and invalid: each has its record, at the level of the policy."""

    @component("lonely", version="1.0", depends=["nobody"])
    class Lonely:
        @runnable("x")
        async def x(self, params: Any) -> None: ...

    policies = {
        "*": {"audit": True},
        "kernel": {"invoke_deny": ["shop.ask"]},
        "shop.in-thread": {"require_actor": True},
    }
    attempts = {
        "shop.ask": PolicyDenied,
        "shop.in-thread": PolicyDenied,
        "shop.opne": TargetNotFound,
        "lonely.x": ComponentUnavailable,
        "shop.open": InvalidParams,
    }
    async with running(root, Lonely, policies=policies) as kernel:
        for target, error in attempts.items():
            with pytest.raises(error):
                await kernel.bus.invoke(target, {"secret": "param"})
    found = {
        record["action"]: (record["outcome"], record["error"]["type"], record["error"]["by"])
        for record in stored(kind="invoke")
    }
    assert {
        "shop.ask": ("denied", "PolicyDenied", 'policy "kernel": invoke_deny "shop.ask"'),
        "shop.in-thread": ("denied", "ActorMissing", "require_actor"),
        "shop.opne": ("failure", "TargetNotFound", "kernel"),
        "lonely.x": ("failure", "ComponentUnavailable", "kernel"),
        "shop.open": ("failure", "InvalidParams", "shop"),
    } == found


async def test_who_acts_is_known_in_threads_and_in_the_background(root: Path, stored: Records) -> None:
    """The chain of one request holds together over threads, queues and nested operations."""
    async with running(root, Mailer, policies={"*": {"audit": True}}) as kernel:
        await kernel.bus.invoke("shop.in-thread", {"owner": "zoe"}, actor="alice")
        await kernel.get("mailer").done.wait()
    chain = [record for record in stored() if record["kind"] in ("invoke", "event")]
    assert {"shop.in-thread", "shop.open", "order.made", "mail.sent"} == {record["action"] for record in chain}
    assert {"alice"} == {record.get("actor") for record in chain}
    assert 1 == len({record["correlation_id"] for record in chain})


async def test_a_typed_event_is_stamped_with_its_schema(root: Path, stored: Records) -> None:
    """The record of a typed event has its fields as data, and says by which version they are to be read."""
    async with running(root) as kernel:
        await kernel.bus.publish(Renamed(old="a", new="b"))
    (record,) = stored(kind="event")
    assert ("customer.renamed", "customer.renamed/v3", {"old": "a", "new": "b"}) == (
        record["action"],
        record["schema"],
        record["data"],
    )


async def test_a_repeated_delivery_is_delivered_and_not_recorded_again(root: Path, stored: Records) -> None:
    """The same fact under the same id has one record; another fact under that id has its own, and names the first."""
    async with running(root) as kernel:
        for data in ({"n": 1}, {"n": 1}, {"n": 2}):
            await kernel.bus.publish("order.made", data, id="evt-1")
        assert [{"n": 1}, {"n": 1}, {"n": 2}] == kernel.get("shop").heard
    first, other = stored(kind="event")
    assert ("evt-1", {"n": 1}) == (first["id"], first["data"])
    assert ("evt-1", {"n": 2}) == (other["duplicate_of"], other["data"])
    assert other["id"] != "evt-1"


async def test_a_denied_attempt_does_not_stand_for_the_event_itself(root: Path, stored: Records) -> None:
    """What was denied under an id and is allowed later is recorded again, and so is each denial."""
    async with running(root) as kernel:
        kernel.set_policy("kernel", {"publish_deny": ["order.*"]})
        for _ in range(2):
            with pytest.raises(PolicyDenied):
                await kernel.bus.publish("order.made", {"n": 1}, id="evt-1")
        kernel.set_policy("kernel", {"publish_deny": None})
        await kernel.bus.publish("order.made", {"n": 1}, id="evt-1")
    assert ["denied", "denied", "success"] == [record["outcome"] for record in stored(kind="event")]
    assert [None, "evt-1", "evt-1"] == [record.get("duplicate_of") for record in stored(kind="event")]


async def test_content_never_stops_the_log(root: Path, stored: Records) -> None:
    """Odd and huge payloads, actors, clients, keys and errors are stored as far as they fit, and the next one too."""
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    cyclic: dict[str, Any] = {}
    cyclic["self"] = cyclic
    huge = "h" * 100_000
    payloads: list[Any] = [
        {"text": "\udc80\x00\n\u2028", "nan": float("nan"), "object": object(), 1: (1, {2}), "bytes": b"\xff"},
        {"deep": deep, "cyclic": cyclic},
        {huge: 1, "text": huge},
        {str(number): number for number in range(100_000)},
        [huge] * 100,
        huge,
        None,
    ]
    async with running(root, max_record="16KiB") as kernel:
        for payload in payloads:
            await kernel.bus.publish("order.made", payload, error=huge, subject=[huge], schema=huge)
        with acting_as(huge, on_behalf_of=huge, client={huge: huge}, correlation_id=huge, causation_id=huge):
            await kernel.bus.publish(huge, {}, id=huge)
        await kernel.bus.publish("order.made", {"last": True})
    assert longest(root) <= 16 << 10
    records = stored(kind="event")
    assert len(payloads) + 2 == len(records)
    assert {
        "text": "\\udc80\x00\n\u2028",
        "nan": "NaN",
        "object": {"$type": "builtins.object"},
        "1": [1, [2]],
        "bytes": "/w==",
    } == (records[0]["data"])
    assert {"self": {"$type": "builtins.dict"}} == records[1]["data"]["cyclic"]
    assert records[7]["correlation_id"].startswith("sha256:")
    assert {"last": True} == records[8]["data"]


async def test_a_policy_change_has_one_record_before_what_happens_under_it(root: Path, stored: Records) -> None:
    """Who changed what, also from another thread; the kernel's event about it is not recorded again."""
    async with running(root) as kernel:
        with acting_as("root"):
            kernel.set_policy("shop", {"audit": "full"})
        await kernel.bus.invoke("shop.open", {"owner": "zoe"})
        thread = threading.Thread(target=kernel.set_policy, args=("shop", {"audit": None}))
        thread.start()
        await asyncio.to_thread(thread.join)
    changes = stored(action="kernel.policy.changed")
    assert [("policy", "root", "shop"), ("policy", None, "shop")] == [
        (r["kind"], r.get("actor"), r["target"]) for r in changes
    ]
    assert {"before": {"shop": None}, "after": {"shop": {"audit": "full"}}} == changes[0]["data"]
    (call,) = stored(action="shop.open")
    assert changes[0]["seq"] < call["seq"] < changes[1]["seq"]


async def test_components_that_come_go_or_fail_are_recorded(root: Path, stored: Records) -> None:
    """Changes while the application runs are facts of their own, with who made them."""

    @component("late", version="3.1")
    class Late:
        @runnable("x")
        async def x(self, params: Any) -> None: ...

    @component("broken", version="1.0")
    class Broken:
        from signalpy import lifecycle

        @lifecycle.activate
        def activate(self) -> None:
            raise ValueError("no power")

    async with running(root) as kernel:
        with acting_as("root"):
            await kernel.add(Late)
            await kernel.remove("late")
            with pytest.raises(LifecycleError):
                await kernel.add(Broken)
    found = [record for record in stored(actor="root") if record["kind"] == "lifecycle"]
    assert [
        ("kernel.component.activated", "late"),
        ("kernel.component.deactivated", "late"),
        ("kernel.component.failed", "broken"),
    ] == [(record["action"], record["target"]) for record in found]
    assert {"version": "3.1"}.items() <= found[0]["origin"].items()
    assert ("failure", "ValueError", "no power") == (
        found[2]["outcome"],
        found[2]["error"]["type"],
        found[2]["error"]["message"],
    )


async def test_what_a_shutdown_cancels_is_recorded_as_cancelled(root: Path, stored: Records) -> None:
    """An operation that outlives the deadline ends in the trail, before the trail itself stops."""

    @component("slow", version="1.0")
    class Slow:
        @runnable("wait")
        async def wait(self, params: Any) -> None:
            await asyncio.Event().wait()

    config = {"kernel": {"shutdown_deadline": 0.1}}
    async with running(root, Slow, policies={"*": {"audit": True}}, config=config) as kernel:
        waiting = asyncio.create_task(kernel.bus.invoke("slow.wait", {}, actor="alice"))
        await asyncio.sleep(0)
    assert waiting.cancelled()
    (record,) = stored(kind="invoke")
    assert ("slow.wait", "alice", "cancelled") == (record["action"], record["actor"], record["outcome"])
    assert "audit-trail.stopped" == stored()[-1]["action"]


async def test_a_query_sees_what_was_published_before_it(root: Path, stored: Records) -> None:
    """The answer is complete up to the question, and the question is recorded."""
    async with running(root, subjects={"order.*": ["owner"]}) as kernel:
        for number in range(5):
            await kernel.bus.publish("order.made", {"owner": f"o{number % 2}"}, actor="alice")
            answer = await kernel.bus.invoke("audit-trail.query", {"type": "order.*", "actor": "alice"})
            assert number + 1 == len(answer["entries"])
        page = await kernel.bus.invoke("audit-trail.query", {"subject": "o0", "limit": 2}, actor="auditor")
        rest = await kernel.bus.invoke("audit-trail.query", {"subject": "o0", "limit": 2, "cursor": page["next"]})
        assert [{"owner": "o0"}] * 3 == [entry["data"] for entry in (*page["entries"], *rest["entries"])]
        counts = await kernel.bus.invoke("audit-trail.query", {"count_by": "actor", "kind": "event"})
        assert {"alice": 5} == counts["counts"]
    (access,) = stored(kind="access", actor="auditor")
    assert {"filters": {"subject": "o0", "limit": 2}, "returned": 2} == access["data"]
    assert [] == stored(kind="invoke")


@pytest.mark.parametrize(("filters", "error"), [({"since": "yesterday"}, QueryError), ({"actro": "x"}, InvalidParams)])
async def test_a_question_that_makes_no_sense_is_refused_and_recorded(
    root: Path, stored: Records, filters: Any, error: Any
) -> None:
    """A wrong filter says what would be right; the attempt is an access that failed."""
    async with running(root) as kernel:
        with pytest.raises(error):
            await kernel.bus.invoke("audit-trail.query", filters)
    (access,) = stored(kind="access")
    assert ("failure", error.__name__, {"filters": filters}) == (
        access["outcome"],
        access["error"]["type"],
        access["data"],
    )


@pytest.mark.parametrize(
    ("allow", "allowed"),
    [
        (None, False),
        (["*"], False),
        (["shop.*", "*.query"], False),
        (["audit-trail.status"], False),
        (["audit-trail.query"], True),
        (["*", "audit-trail.*"], True),
    ],
)
async def test_a_component_reads_the_trail_only_if_its_policy_names_it(
    root: Path, stored: Records, allow: list[str] | None, allowed: bool
) -> None:
    """To be allowed everything is not to be allowed this."""
    async with running(root, policies={"shop": {"invoke_allow": allow}} if allow is not None else {}) as kernel:
        if allowed:
            assert (await kernel.bus.invoke("shop.ask", {}))["entries"]
        else:
            with pytest.raises(PolicyDenied):
                await kernel.bus.invoke("shop.ask", {})
    (access,) = stored(kind="access")
    assert ("shop", "success" if allowed else "denied") == (access["caller"], access["outcome"])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"evnts": ["*"]}, "evnts.*Did you mean 'events'"),
        ({"max_record": "1 parsec"}, "max_record.*1MiB"),
        ({"subjects": {"a": ["x..y"]}}, "subjects.*a name or an index"),
        ({"mode": "sloppy"}, "mode.*standard"),
    ],
)
async def test_a_wrong_table_is_named_with_the_key(root: Path, table: dict[str, Any], words: str) -> None:
    """A mistake in the configuration tells the key and what would be right."""
    kernel = Kernel(
        config={"plugins": {"required": ["audit-trail"]}, "audit-trail": {"store": f"file://{root}", **table}}
    )
    kernel.discover([AuditTrail])
    with pytest.raises(BootError, match=f"(?s){words}"):
        await kernel.boot()
    with pytest.raises(StoreMissing):
        open_trail(root)


async def test_the_trail_is_replaced_without_losing_a_fact(root: Path, stored: Records) -> None:
    """Two never live at once: the old one closes, the new one opens, and what was asked meanwhile is recorded."""
    async with running(root) as kernel:
        publishing = [asyncio.create_task(kernel.bus.publish("order.made", {"n": n})) for n in range(50)]
        await kernel.replace(AuditTrail)
        publishing += [asyncio.create_task(kernel.bus.publish("order.made", {"n": n})) for n in range(50, 100)]
        await asyncio.gather(*publishing)
    assert set(range(100)) == {record["data"]["n"] for record in stored(kind="event")}
    assert 100 == len(stored(kind="event"))
    own = [
        record["action"] for record in stored() if record["action"] in ("audit-trail.started", "audit-trail.stopped")
    ]
    assert ["audit-trail.started", "audit-trail.stopped"] * 2 == own


async def test_an_interceptor_of_an_outside_plugin_that_refuses_is_named(root: Path, stored: Records) -> None:
    """A refusal by a rule of some plugin is a denial under that rule, for calls and events alike."""

    class Limits:
        @hookimpl(targets=["shop.open"])
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            raise Refused("too many", rule="limits.per-day")

        @hookimpl(targets=["order.*"], trylast=True)
        async def signalpy_publish(self, event: Any, proceed: Any) -> None:
            raise Refused("too many", rule="limits.per-day")

    async with running(root) as kernel:
        kernel.hooks.register(Limits())
        with pytest.raises(Refused):
            await kernel.bus.invoke("shop.open", {"owner": "zoe"})
        with pytest.raises(Refused):
            await kernel.bus.publish("order.made", {"n": 1})
    assert [("shop.open", "denied", "limits.per-day"), ("order.made", "denied", "limits.per-day")] == [
        (record["action"], record["outcome"], record["error"]["by"])
        for record in stored()
        if record["kind"] in ("invoke", "event")
    ]


async def test_a_store_of_a_distribution_that_is_denied_is_not_loaded(root: Path) -> None:
    """[plugins] governs the drivers of stores too; without one the application does not start."""
    config = {
        "audit-trail": {"store": f"file://{root}"},
        "plugins": {"deny": ["signalpy-audit-trail"], "required": ["audit-trail"]},
    }
    kernel = Kernel(config=config)
    kernel.discover([AuditTrail])
    with pytest.raises(BootError, match="that of signalpy-audit-trail is denied: "):
        await kernel.boot()
    assert not root.exists()  # noqa: ASYNC240 (nothing else runs)
