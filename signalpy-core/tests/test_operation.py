"""Operations: who acts, in which chain, wherever the work is carried on; and what of it stays in memory."""

import asyncio
import gc
import logging
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalpy.kernel import Call, Kernel, Operation, Publication, acting_as, component, hookimpl, runnable, subscribe
from signalpy.operation import Context, current
from signalpy.runtime import Runtime
from signalpy.span import Span


def test_acting_as_sets_who_acts_and_takes_it_back() -> None:
    """Inside the block there is an actor, outside there is none, also after an error."""
    assert current() is None
    with acting_as("alice", on_behalf_of="carol", client={"ip": "::1"}) as here:
        assert here is current()
        assert ("alice", "carol", {"ip": "::1"}) == (here.actor, here.on_behalf_of, here.client)
    assert current() is None
    with pytest.raises(ZeroDivisionError), acting_as("alice"):
        1 / 0  # noqa: B018 - it is there to fail
    assert current() is None


def test_an_inner_block_keeps_what_it_does_not_say_of_the_chain() -> None:
    """Client, correlation and causation come from outside; on whose behalf somebody acts is said anew."""
    with (
        acting_as("alice", on_behalf_of="carol", client={"ip": "::1"}, correlation_id="c-1", causation_id="p-1"),
        acting_as("bob") as inner,
    ):
        assert ("bob", None, {"ip": "::1"}) == (inner.actor, inner.on_behalf_of, inner.client)
        assert ("c-1", "p-1") == (inner.correlation_id, inner.causation_id)


def test_an_inner_block_may_say_otherwise() -> None:
    """What is given counts, an empty client included."""
    with (
        acting_as("alice", client={"ip": "::1"}, correlation_id="c-1", causation_id="p-1"),
        acting_as("bob", client={}, correlation_id="c-2", causation_id="p-2") as inner,
    ):
        assert ({}, "c-2", "p-2") == (inner.client, inner.correlation_id, inner.causation_id)


KINDS = ("call", "event", "background", "task", "thread", "plain task", "block")


@dataclass
class Node:
    """Something that is to be done: in which way, by whom if that is said, and what it leads to."""

    kind: str
    actor: str | None
    children: "list[Node]" = field(default_factory=list)
    seen: Operation | None = None
    ids: tuple[str, str | None, str | None] | None = None

    def all(self) -> "Iterator[Node]":
        yield self
        for child in self.children:
            yield from child.all()


def _node(children: st.SearchStrategy[list[Node]]) -> st.SearchStrategy[Node]:
    return st.builds(Node, st.sampled_from(KINDS), st.sampled_from([None, None, "alice", "bob"]), children)


TREES = st.recursive(_node(st.just([])), lambda inner: _node(st.lists(inner, max_size=3)), max_leaves=8)


@component("tree", version="1.0")
class Tree:
    """Does what a node says, and leads on from there to its children."""

    rt: Runtime

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    @runnable("call")
    async def call(self, params: Any) -> None:
        await self._visit(params["node"])

    @subscribe("tree.event")
    async def on_event(self, event_type: str, data: Any) -> None:
        await self._visit(data["node"])

    @subscribe("tree.background", background=True)
    async def on_background(self, event_type: str, data: Any) -> None:
        await self._visit(data["node"])

    @runnable("thread", thread=True)
    def thread(self, params: Any) -> None:
        node = self._note(params["node"])
        for child in node.children:
            self._lead_from_thread(child)

    async def _visit(self, node: Node) -> None:
        for child in self._note(node).children:
            await self._lead(child)

    def _note(self, node: Node) -> Node:
        here = current()
        assert isinstance(here, Operation)
        assert node.seen is None, "visited once"
        node.ids = here.operation_id, here.correlation_id, here.causation_id
        node.seen = here
        return node

    async def _lead(self, node: Node) -> None:
        data = {"node": node}
        if node.kind == "event":
            await self.rt.publish("tree.event", data, actor=node.actor)
        elif node.kind == "background":
            await self.rt.publish("tree.background", data, actor=node.actor)
        elif node.kind == "task":
            self.rt.create_task(self.rt.invoke("tree.call", data, actor=node.actor))
        elif node.kind == "plain task":
            task = asyncio.create_task(self.rt.invoke("tree.call", data, actor=node.actor))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif node.kind == "block" and node.actor is not None:
            with acting_as(node.actor):
                await self.rt.invoke("tree.call", data)
        else:
            await self.rt.invoke("tree.thread" if node.kind == "thread" else "tree.call", data, actor=node.actor)

    def _lead_from_thread(self, node: Node) -> None:
        data = {"node": node}
        if node.kind in ("event", "background"):
            self.rt.publish_sync(f"tree.{node.kind}", data, actor=node.actor)
        elif node.kind == "block" and node.actor is not None:
            with acting_as(node.actor):
                self.rt.invoke_sync("tree.call", data)
        else:
            self.rt.invoke_sync("tree.thread" if node.kind == "thread" else "tree.call", data, actor=node.actor)


def _kernel(*classes: type) -> Kernel:
    kernel = Kernel({})
    kernel.discover(classes)
    return kernel


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110 - what it looks at is no event
            await asyncio.sleep(0.001)


@settings(max_examples=60)
@given(TREES)
def test_actor_client_and_chain_reach_whatever_is_done(root: Node) -> None:
    """However operations lead to others (calls, events, queues, tasks, threads), each knows parent and first."""

    async def run() -> None:
        async with _kernel(Tree) as kernel:
            with acting_as(root.actor or "outside", on_behalf_of="carol", client={"ip": "::1"}):
                await kernel.bus.invoke("tree.call", {"node": root})
            await _until(lambda: all(node.ids is not None for node in root.all()))
            await _until(lambda: not kernel.get("tree").tasks)

    for node in root.all():
        node.seen = node.ids = None
    asyncio.run(run())
    assert root.ids is not None
    assert (root.ids[0], None) == root.ids[1:]
    _check(root, actor=root.actor or "outside", behalf="carol", first=root.ids[0])
    ids = [node.ids[0] for node in root.all() if node.ids is not None]
    assert len(ids) == len(set(ids))


def _check(node: Node, *, actor: str, behalf: str | None, first: str) -> None:
    assert node.ids is not None
    assert node.seen is not None
    assert (actor, behalf, {"ip": "::1"}) == (node.seen.actor, node.seen.on_behalf_of, node.seen.client)
    for child in node.children:
        assert child.ids is not None
        assert child.seen is not None
        assert (first, node.ids[0]) == child.ids[1:]
        assert "tree" == child.seen.caller
        anew = child.kind == "block" and child.actor is not None
        _check(child, actor=child.actor or actor, behalf=None if anew else behalf, first=first)


@component("echo", version="1.0")
class Echo:
    """Tells the operation that it is in."""

    rt: Runtime

    @runnable("here")
    async def here(self) -> Context | None:
        return current()

    @runnable("through")
    async def through(self, params: Any) -> Any:
        with acting_as("dora", **params):
            return await self.rt.invoke("echo.here")

    @runnable("here-in-thread", thread=True)
    def here_in_thread(self) -> tuple[Context | None, int]:
        return current(), threading.get_ident()


async def test_chains_of_other_systems_are_taken_up() -> None:
    """A correlation and a causation that were given stand in the first operation; only the correlation goes on."""
    async with _kernel(Echo) as kernel:
        with acting_as("alice", correlation_id="c-1", causation_id="p-1"):
            first = await kernel.bus.invoke("echo.here")
            second = await kernel.bus.invoke("echo.through", {})
    assert ("c-1", "p-1") == (first.correlation_id, first.causation_id)
    assert "c-1" == second.correlation_id
    assert second.causation_id not in (None, "p-1", second.operation_id)


async def test_inside_an_operation_the_parent_can_be_given() -> None:
    """What a component takes from elsewhere may begin another chain."""
    async with _kernel(Echo) as kernel:
        here = await kernel.bus.invoke("echo.through", {"correlation_id": "c-2", "causation_id": "p-2"})
    assert ("dora", "c-2", "p-2") == (here.actor, here.correlation_id, here.causation_id)


async def test_each_root_operation_begins_a_chain() -> None:
    """Two calls from outside have nothing to do with each other, also inside one block."""
    async with _kernel(Echo) as kernel:
        with acting_as("alice"):
            one, two = await kernel.bus.invoke("echo.here"), await kernel.bus.invoke("echo.here")
    assert (one.operation_id, None) == (one.correlation_id, one.causation_id)
    assert (two.operation_id, None) == (two.correlation_id, two.causation_id)
    assert one.operation_id != two.operation_id


async def test_operations_side_by_side_do_not_mix() -> None:
    """Every one of many at once sees its own actor before and after it has waited."""

    @component("slow", version="1.0")
    class Slow:
        @runnable("who")
        async def who(self) -> list[str | None]:
            before = current()
            await asyncio.sleep(0.001)
            after = current()
            assert before is not None
            assert after is not None
            return [before.actor, after.actor]

    async with _kernel(Slow) as kernel:
        names = [f"user-{number}" for number in range(50)]
        found = await asyncio.gather(*(kernel.bus.invoke("slow.who", actor=name) for name in names))
    assert [[name, name] for name in names] == found


async def test_a_thread_of_ones_own_brings_its_actor_along() -> None:
    """``acting_as`` in a thread counts for what that thread asks of the bus, and nowhere else."""
    async with _kernel(Echo) as kernel:

        def ask() -> Any:
            with acting_as("thread"):
                return kernel.bus.invoke_sync("echo.here-in-thread")

        here, ident = await asyncio.to_thread(ask)
        assert current() is None
    assert "thread" == here.actor
    assert threading.get_ident() != ident


async def test_an_id_is_a_uuid7_made_when_it_is_first_read() -> None:
    """Nobody who does not ask for an id pays for one; who asks twice gets the same."""
    async with _kernel(Echo) as kernel:
        here = await kernel.bus.invoke("echo.here")
        assert here.span.id is None
        assert here.operation_id is here.operation_id
        later = await kernel.bus.invoke("echo.here")
    assert 7 == uuid.UUID(here.operation_id).version
    assert uuid.RFC_4122 == uuid.UUID(here.operation_id).variant
    assert here.operation_id < later.operation_id


async def test_what_is_shown_of_an_operation_holds_no_payload() -> None:
    """Parameters, payloads and results are not in what logs print of an operation."""
    shown: list[str] = []

    class Recorder:
        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Callable[[], Any]) -> Any:
            shown.append(repr(operation))
            assert isinstance(operation, Call | Publication)
            return await proceed()

    async with _kernel(Echo) as kernel:
        kernel.hooks.register(Recorder())
        await kernel.bus.invoke("echo.through", {"client": {"token": "canary-7f3a"}})
        await kernel.bus.publish("a.b", {"token": "canary-7f3a"})
    assert ["<Call echo.through by kernel>", "<Call echo.here by echo>", "<Publication a.b by kernel>"] == shown[:3]
    assert [] == [text for text in shown if "canary" in text]


class Payload(dict[str, Any]):
    """A payload that can be watched."""

    def __init__(self, left: int) -> None:
        super().__init__(left=left)
        ALIVE.add(self)

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


ALIVE: "weakref.WeakSet[Payload]" = weakref.WeakSet()
LINKS = 1500


def _spans() -> int:
    return sum(type(item) is Span for item in gc.get_objects())


class Chain:
    """Something that leads from each event to the next, and counts what is alive near the end."""

    rt: Runtime

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.payloads = self.spans = -1

    async def go_on(self, left: int) -> None:
        if left:
            await self.rt.publish("chain.link", Payload(left - 1))
            return
        gc.collect()
        self.payloads = len(ALIVE)
        self.spans = _spans()
        self.done.set()


@component("chain", version="1.0")
class ByQueue(Chain):
    """Each event leads to the next out of a queue."""

    @subscribe("chain.link", background=True)
    async def on_link(self, event_type: str, data: Any) -> None:
        await self.go_on(data["left"])


@component("chain", version="1.0")
class ByTask(Chain):
    """Each event starts a task that publishes the next."""

    @subscribe("chain.link")
    async def on_link(self, event_type: str, data: Any) -> None:
        self.rt.create_task(self.go_on(data["left"]))


@component("chain", version="1.0")
class ByPlainTask(Chain):
    """Each event starts a task that the kernel knows nothing of, under an actor of its own, which makes a call."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: set[asyncio.Task[None]] = set()

    @subscribe("chain.link")
    async def on_link(self, event_type: str, data: Any) -> None:
        task = asyncio.create_task(self.call(data["left"]))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def call(self, left: int) -> None:
        with acting_as("link", client={"left": left}):
            await self.rt.invoke("chain.next", {"left": left})

    @runnable("next")
    async def next(self, params: Any) -> None:
        await self.go_on(params["left"])


@pytest.mark.parametrize("cls", [ByQueue, ByTask, ByPlainTask])
async def test_a_long_chain_does_not_keep_its_past(cls: type) -> None:
    """After thousands of events, each caused by the one before, only the last few are in memory."""
    ALIVE.clear()
    gc.collect()
    before = _spans()  # of other tests
    async with _kernel(cls) as kernel:
        await kernel.bus.publish("chain.link", Payload(LINKS))
        chain = kernel.get("chain")
        async with asyncio.timeout(60):
            await chain.done.wait()
    assert 0 < chain.payloads < 10
    assert chain.spans - before < 20


async def test_an_operation_that_is_over_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of a call or an event stays behind in the kernel once it has ended, well or badly."""

    @component("end", version="1.0")
    class End:
        @runnable("well")
        async def well(self, params: Any) -> None: ...

        @runnable("badly")
        async def badly(self, params: Any) -> None:
            raise ValueError

        @subscribe("end.*")
        async def on_event(self, event_type: str, data: Any) -> None:
            if event_type == "end.badly":
                raise ValueError

        @subscribe("end.*", background=True)
        async def on_background(self, event_type: str, data: Any) -> None:
            if event_type == "end.badly":
                raise ValueError

    async def use(kernel: Kernel) -> None:
        for way in ("well", "badly"):
            try:
                await kernel.bus.invoke(f"end.{way}", Payload(0))
            except ValueError as error:
                error.__traceback__ = None
            await kernel.bus.publish(f"end.{way}", Payload(0))

    caplog.set_level(logging.CRITICAL, "signalpy.bus")  # what is caught of the log keeps tracebacks
    ALIVE.clear()
    async with _kernel(End) as kernel:
        await use(kernel)
        await asyncio.sleep(0.01)
        gc.collect()
        assert 0 == len(ALIVE)
