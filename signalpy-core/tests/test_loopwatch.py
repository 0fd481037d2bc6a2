"""Code that keeps the event loop busy: it really does in these tests, and the watch says whose it is."""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from signalpy import Kernel, acting_as, adopted, component, hookimpl, lifecycle, runnable, subscribe
from signalpy.kernel import loopwatch

if TYPE_CHECKING:
    from conftest import Site

LIMIT = 0.2
SECONDS = 0.7


def block(seconds: float = SECONDS) -> None:
    """Somebody else's code, below that of a component."""
    time.sleep(seconds)


def compute() -> None:
    """Pure Python, without any call that waits."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        pass


def passed(function: Any) -> Any:
    """A decorator whose wrapper is the same code for all."""

    @functools.wraps(function)
    async def wrapper(*args: Any) -> Any:
        return await function(*args)

    return wrapper


@component("orders", version="1.2")
class Orders:
    rt: Any

    @runnable("sleep")
    async def sleep(self, params: Any) -> None:
        block()

    @runnable("compute")
    def compute(self, params: Any) -> None:
        self._deeper()

    def _deeper(self) -> None:
        compute()

    @runnable("decorated")
    @passed
    async def decorated(self, params: Any) -> None:
        block()

    @runnable("thread", thread=True)
    def thread(self) -> None:
        block()

    @runnable("outer")
    async def outer(self, params: Any) -> None:
        await self.rt.invoke("bills.inner")

    @runnable("after")
    async def after(self, params: Any) -> None:
        await self.rt.invoke("bills.quick")
        block()

    @runnable("tell")
    async def tell(self, params: Any) -> None:
        await self.rt.publish("order.placed", {})

    @runnable("later")
    async def later(self, params: Any) -> None:
        async def background() -> None:
            block()

        await self.rt.create_task(background())

    @runnable("pieces")
    async def pieces(self, params: Any) -> None:
        for _ in range(50):
            block(SECONDS / 35)
            await asyncio.sleep(0)


@component("bills", version="2.0")
class Bills:
    @runnable("inner")
    async def inner(self) -> None:
        block()

    @runnable("quick")
    async def quick(self) -> None: ...

    @subscribe("order.*")
    def on_order(self, event_type: str, data: Any) -> None:
        block()

    @subscribe("late", background=True)
    async def on_late(self, event_type: str, data: Any) -> None:
        block()

    @runnable("guarded")
    async def guarded(self, params: Any) -> None: ...


@component("guard", version="3.1")
class Guard:
    @hookimpl(targets=["bills.guarded"], timeout=0.05, on_error="isolate")
    async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
        compute()
        return await proceed()


class Seen:
    """What a kernel tells of its loop."""

    def __init__(self) -> None:
        seen: list[Any] = []
        more = asyncio.Condition()
        self.events, self.more = seen, more

        @component("seen", version="0")
        class Watcher:
            @subscribe("kernel.loop.blocked")
            async def on(self, event_type: str, data: Any) -> None:
                async with more:
                    seen.append(data)
                    more.notify_all()

        self.component = Watcher


def kernel_of(seen: Seen, *classes: type, limit: float = LIMIT) -> Kernel:
    kernel = Kernel({"kernel": {"blocked_after": limit}})
    kernel.discover([seen.component, *(classes or (Orders, Bills, Guard))])
    return kernel


async def told(seen: Seen, count: int = 1) -> list[Any]:
    """The events, once there are so many."""
    async with asyncio.timeout(10), seen.more:
        await seen.more.wait_for(lambda: len(seen.events) >= count)
    return seen.events


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "signalpy.watchdog"]


@pytest.mark.parametrize(
    ("target", "who", "what", "function"),
    [
        ("orders.sleep", ("orders", "1.2"), "runnable orders.sleep", "Orders.sleep"),
        ("orders.compute", ("orders", "1.2"), "runnable orders.compute", "Orders._deeper"),
        ("orders.decorated", ("orders", "1.2"), "runnable orders.decorated", "Orders.decorated"),
        ("orders.outer", ("bills", "2.0"), "runnable bills.inner", "Bills.inner"),
        ("orders.after", ("orders", "1.2"), "runnable orders.after", "Orders.after"),
        ("orders.tell", ("bills", "2.0"), "subscriber of order.*", "Bills.on_order"),
        ("bills.guarded", ("guard", "3.1"), "hook signalpy_invoke", "Guard.signalpy_invoke"),
    ],
)
async def test_whoever_keeps_the_loop_busy_is_named_also_under_nested_operations(
    target: str, who: tuple[str, str], what: str, function: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Component, version, what it is and where; once when it has taken too long, and once with the whole duration."""
    seen = Seen()
    async with kernel_of(seen) as kernel:
        await kernel.bus.invoke(target, {"card": "4111-secret"})
        [event] = await told(seen)
    assert who == (event["component"], event["version"])
    assert what == event["what"]
    assert event["line"].startswith(f"{__name__}:")
    assert event["line"].endswith(f" in {function}")
    assert SECONDS - 2 * LIMIT < event["seconds"] < 10
    first, whole = warnings(caplog)
    assert "the event loop has been kept busy for more than 0.2 s by " in first
    assert f"{' '.join(who)} ({what})" in first
    assert "it cannot be interrupted" in first
    assert f"was kept busy for {event['seconds']:.3g} s by {' '.join(who)} ({what})" in whole
    assert "4111" not in caplog.text + str(event)


async def test_the_operation_and_the_innermost_line_are_told() -> None:
    """What the component's own line calls, and the innermost operation of the task, here one within another."""
    seen = Seen()
    async with kernel_of(seen) as kernel:
        with acting_as("alice"):
            await kernel.bus.invoke("orders.outer")
        await told(seen)
        await kernel.bus.invoke("orders.tell")
        nested, event = await told(seen, 2)
    assert ("bills.inner", "order.placed") == (nested["operation"], event["operation"])
    assert nested["innermost"].endswith(" in block")


async def test_background_subscribers_and_tasks_of_a_component_are_named() -> None:
    """Neither runs in the task of the call that led to it."""
    seen = Seen()
    async with kernel_of(seen) as kernel:
        await kernel.bus.publish("late", {})
        await told(seen)
        await kernel.bus.invoke("orders.later")
        late, task = await told(seen, 2)
    assert ("bills", "subscriber of late") == (late["component"], late["what"])
    assert ("orders", "1.2") == (task["component"], task["version"])


async def test_a_step_of_a_component_that_comes_while_the_kernel_runs_is_named() -> None:
    """activate of a class that is added; it is not active yet."""

    @component("slow", version="4")
    class Slow:
        @lifecycle.activate
        def activate(self) -> None:
            block()

    seen = Seen()
    async with kernel_of(seen) as kernel:
        await kernel.add(Slow)
        [event] = await told(seen)
    assert ("slow", "4", "lifecycle method activate") == (event["component"], event["version"], event["what"])


async def test_what_is_registered_by_hand_is_named() -> None:
    """A plain object with a hook has no version, and its name."""

    class Plain:
        @hookimpl
        async def signalpy_publish(self, event: Any, proceed: Any) -> None:
            if event.name == "order.placed":
                block()
            await proceed()

    seen = Seen()
    async with kernel_of(seen, Orders) as kernel:
        kernel.hooks.register(Plain(), "plain")
        await kernel.bus.publish("order.placed", {})
        [event] = await told(seen)
    assert ("plain", "", "hook signalpy_publish") == (event["component"], event["version"], event["what"])


async def test_code_that_components_share_is_told_apart() -> None:
    """That of a common base, and that which adopts objects."""

    class Base:
        @runnable("go")
        async def go(self) -> None:
            block()

    one = component("one", version="1")(type("One", (Base,), {}))
    two = component("two", version="1")(type("Two", (Base,), {}))

    class Service:
        async def serve(self) -> None:
            block()

    names = ("first", "second")
    seen = Seen()
    async with kernel_of(seen, one, two, *(adopted(Service(), name) for name in names)) as kernel:
        for count, target in enumerate(("two.go", "one.go", "first.serve", "second.serve")):
            await kernel.bus.invoke(target)
            await told(seen, count + 1)
        found = seen.events
    assert ["two", "one", "first", "second"] == [event["component"] for event in found]


async def test_several_in_one_step_are_told_with_their_shares(caplog: pytest.LogCaptureFixture) -> None:
    """Calls that await nothing let nobody else in between: the whole is told once, and what each took of it."""
    seen = Seen()
    async with kernel_of(seen) as kernel:
        for target in ("orders.compute", "bills.inner", "orders.compute"):
            await kernel.bus.invoke(target)
        [event] = await told(seen)
    assert "orders" == event["component"]
    assert 3 * SECONDS - 2 * LIMIT < event["seconds"]
    [other] = event["others"]
    assert ("bills", "runnable bills.inner") == (other["component"], other["what"])
    assert 0 < other["seconds"] < event["seconds"] / 2
    assert "; also by bills 2.0 (runnable bills.inner) at " in warnings(caplog)[-1]


async def test_a_subscriber_that_blocks_at_being_told_is_not_told_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each event would lead to the next: of the same culprit there is one in a while, with how many were left out."""
    monkeypatch.setattr(loopwatch, "QUIET", 1.5)

    @component("slow", version="1")
    class Slow:
        @subscribe("*")
        def on(self, event_type: str, data: Any) -> None:
            if event_type in ("order.placed", "kernel.loop.blocked"):
                block(0.3)

    seen = Seen()
    async with kernel_of(seen, Slow) as kernel:
        await kernel.bus.publish("order.placed", {})
        await told(seen)
        await asyncio.sleep(0.5)
        assert 1 == len(seen.events)
        assert 2 == kernel._loopwatch.times
        await asyncio.sleep(1)
        await kernel.bus.publish("order.placed", {})
        [first, second] = await told(seen, 2)
    assert "untold" not in first
    assert ("slow", 1) == (second["component"], second["untold"])
    assert 6 <= len(warnings(caplog))


async def test_code_of_no_component_is_told_by_its_line(caplog: pytest.LogCaptureFixture) -> None:
    """An application may block its loop itself."""
    seen = Seen()
    async with kernel_of(seen):
        block()
        [event] = await told(seen)
    assert None is event["component"]
    assert event["innermost"].startswith(f"{__name__}:")
    assert event["innermost"].endswith(" in block")
    assert "code of no component of this kernel" in warnings(caplog)[0]


async def test_an_installed_component_is_named_with_its_distribution(importable: Site) -> None:
    """Also for code in another module of its package, in a task that somebody else started."""
    importable.install(
        "acme-slow",
        "7.1",
        entry_points="[signalpy.components]\nslow = acme_slow.service:Slow\n",
        modules={
            "acme_slow/__init__.py": "",
            "acme_slow/helper.py": f"import time\n\n\nasync def work():\n    time.sleep({SECONDS})\n",
            "acme_slow/service.py": "import signalpy\n@signalpy.component('slow')\nclass Slow: ...\n",
        },
    )
    seen = Seen()
    kernel = Kernel({"plugins": {"allow": ["acme-*"]}, "kernel": {"blocked_after": LIMIT}})
    kernel.discover(["slow"])
    kernel.discover([seen.component])
    async with kernel:
        helper = sys.modules.get("acme_slow.helper") or __import__("acme_slow.helper").helper
        await asyncio.create_task(helper.work())
        [event] = await told(seen)
    assert ("slow", "7.1", "acme-slow") == (event["component"], event["version"], event["distribution"])
    assert "acme_slow.helper:5 in work" == event["line"]


@pytest.mark.parametrize(
    "busy",
    [
        lambda kernel: kernel.bus.invoke("orders.thread"),
        lambda kernel: kernel.bus.invoke("orders.pieces"),
        lambda kernel: asyncio.sleep(SECONDS),
        lambda kernel: asyncio.gather(*(kernel.bus.invoke("orders.pieces") for _ in range(3))),
    ],
    ids=["a thread", "short steps", "waiting", "many short steps"],
)
async def test_nobody_is_accused_who_lets_the_loop_go_on(
    busy: Callable[[Kernel], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What runs in a thread, waits, or comes in short steps keeps nobody from the loop, however much there is of it."""
    seen = Seen()
    async with kernel_of(seen, limit=0.5) as kernel:
        await busy(kernel)
        await asyncio.sleep(0.2)
        assert [] == seen.events
    assert [] == warnings(caplog)


async def test_status_tells_how_often_and_the_longest_and_last(tmp_path: Path) -> None:
    """Over the operator's socket, as `signalpy status` shows it."""
    from signalpy.control import Client

    seen = Seen()
    socket = str(tmp_path / "s")
    kernel = Kernel({"kernel": {"blocked_after": LIMIT, "socket": socket}})
    kernel.discover([seen.component, Orders, Bills])
    async with kernel:

        def status() -> Any:
            with Client(socket) as client:
                return client.ask("status")["blocked"]

        assert {"times": 0} == await asyncio.to_thread(status)
        await kernel.bus.invoke("orders.sleep", {})
        await told(seen)
        await kernel.bus.invoke("orders.compute")
        await told(seen, 2)
        found = await asyncio.to_thread(status)
    assert 2 == found["times"]
    assert "runnable orders.compute" == found["last"]["what"]
    assert max(event["seconds"] for event in seen.events) == found["longest"]["seconds"]


async def test_it_is_off_at_nought(caplog: pytest.LogCaptureFixture) -> None:
    """No thread, no warning."""
    seen = Seen()
    async with kernel_of(seen, limit=0) as kernel:
        assert "signalpy loop watch" not in {thread.name for thread in threading.enumerate()}
        await kernel.bus.invoke("orders.sleep", {})
        await asyncio.sleep(0.05)
    assert [] == seen.events + warnings(caplog)


async def test_it_ends_with_the_kernel() -> None:
    """No thread is left, of kernels one after the other and beside each other, nor of one that does not boot."""
    before = set(threading.enumerate())
    for _ in range(3):
        async with kernel_of(Seen()), kernel_of(Seen()):
            watching = [thread for thread in threading.enumerate() if thread.name == "signalpy loop watch"]
            assert 2 == len({*watching} - before)
    left = set(threading.enumerate()) - before
    assert [] == [thread.name for thread in left if thread.name.startswith("signalpy")]


async def test_several_kernels_name_their_own() -> None:
    """On one loop both tell that it was kept busy; the one whose component it is knows its name."""
    ours, theirs = Seen(), Seen()
    async with kernel_of(ours, Orders) as kernel, kernel_of(theirs, Bills):
        await kernel.bus.invoke("orders.sleep", {})
        assert ["orders"] == [event["component"] for event in await told(ours)]
        assert [None] == [event["component"] for event in await told(theirs)]


def test_a_kernel_that_was_never_shut_down_keeps_no_thread() -> None:
    """When its loop is closed there is nothing left to watch."""

    async def leave() -> None:
        kernel = kernel_of(Seen(), limit=0.04)
        await kernel.boot()

    with asyncio.Runner() as runner:
        runner.run(leave())
        [thread] = [item for item in threading.enumerate() if item.name == "signalpy loop watch"]
        assert thread.daemon
    thread.join(timeout=5)
    assert not thread.is_alive()


async def test_what_has_run_is_not_kept() -> None:
    """The watch remembers a step by a weak reference: nothing lives longer for it."""

    class Held: ...

    held: list[weakref.ref[Held]] = []

    async def work() -> None:
        mine = Held()
        held.append(weakref.ref(mine))
        block(0.15)

    async with kernel_of(Seen(), limit=0.2):
        for _ in range(3):
            await asyncio.create_task(work())
            assert None is held[-1]()


FORKING = """
import asyncio, os, sys, threading, time, warnings
from signalpy import Kernel, component, runnable

warnings.simplefilter("ignore")


@component("orders", version="1")
class Orders:
    @runnable("sleep")
    async def sleep(self):
        time.sleep(0.4)


def kernel():
    made = Kernel({"plugins": {"allow": []}, "kernel": {"blocked_after": 0.1}})
    made.discover([Orders])
    return made


async def child():
    async with kernel() as own:
        assert 1 == sum(thread.name == "signalpy loop watch" for thread in threading.enumerate())
        await own.bus.invoke("orders.sleep")
        await asyncio.sleep(0.05)
        assert 1 == own._loopwatch.times


async def parent():
    async with kernel() as own:
        if os.fork() == 0:
            own._loopwatch.stop()
            thread = threading.Thread(target=lambda: asyncio.run(child()))
            thread.start()
            thread.join()
            os._exit(0 if not any("loop watch" in item.name for item in threading.enumerate()) else 3)
        _, status = os.wait()
        assert 0 == status, status
        await own.bus.invoke("orders.sleep")
        await asyncio.sleep(0.05)
        print(own._loopwatch.times)


asyncio.run(parent())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_a_process_that_forks_has_one_in_each() -> None:
    """The child's copy is stopped without waiting for a thread that is not there; a kernel of its own is watched."""
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60, check=False)
    assert (0, "1") == (done.returncode, done.stdout.strip().splitlines()[-1]), done.stderr


def test_it_says_what_it_has_seen() -> None:
    """The repr has the limit and the count."""
    assert "<LoopWatch(limit=0.2 s, times=0)>" == repr(kernel_of(Seen())._loopwatch)
