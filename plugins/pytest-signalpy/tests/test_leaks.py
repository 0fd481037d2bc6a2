"""The check after each test: what a component left behind fails it, naming the component; nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Run

pytest_plugins = ["pytester"]

EITHER = pytest.mark.parametrize("test", ["async def test_it(kernel):\n", "def test_it(kernel):\n"])


def leaky(activate: str, test: str, *, head: str = "") -> str:
    return f"""
{head}
@component("leaky")
class Leaky:
    @lifecycle.activate
    async def start(self):
        {activate}

@pytest.mark.signalpy(components=[Loyalty, Leaky], stubs={{"accounts.credit": 1}})
{test}    pass
"""


@EITHER
def test_a_task(run: Run, test: str) -> None:
    """A task that was not made by `rt.create_task` and still runs."""
    result = run(leaky("self.task = asyncio.create_task(asyncio.sleep(60), name='poll')", test))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["left behind by a component:", "  leaky: task 'poll' (sleep) still runs"])


@EITHER
def test_a_thread(run: Run, test: str) -> None:
    """A thread that still runs, also one of a pool that nobody shut down."""
    head = "from concurrent.futures import ThreadPoolExecutor\npools = []"
    result = run(leaky("pools.append(ThreadPoolExecutor(1, 'poll')); pools[0].submit(int)", test, head=head))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["  leaky: thread 'poll_0' still runs"])


def test_a_handler_in_a_thread_that_does_not_end(run: Run) -> None:
    """A runnable with `thread=True` whose caller has gone is named, once the kernel has stopped."""
    source = """
gone = threading.Event()

@component("busy")
class Busy:
    @runnable("wait", thread=True)
    def wait(self):
        gone.wait(5)

@pytest.mark.signalpy(components=[Busy], config={"kernel": {"shutdown_deadline": 0.1}})
async def test_it(kernel):
    task = asyncio.create_task(kernel.bus.invoke("busy.wait"))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])

def test_after():
    gone.set()
"""
    result = run(source)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["  busy: thread 'signalpy_0' still runs"])


def test_what_ends_in_time_is_no_leak(run: Run) -> None:
    """Supervised tasks, threads that are joined, the loop's own threads, and what ends a moment later."""
    source = """
@component("tidy")
class Tidy:
    @lifecycle.activate
    async def start(self):
        self.rt.create_task(asyncio.sleep(60))
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        self.last = asyncio.create_task(asyncio.sleep(0.2))
        await asyncio.to_thread(int)

    def work(self):
        self.over = threading.Event()
        self.over.wait(60)

    @lifecycle.deactivate
    async def stop(self):
        self.over.set()
        await asyncio.to_thread(self.thread.join)

@pytest.mark.signalpy(components=[Tidy])
async def test_it(kernel):
    pass
"""
    run(source).assert_outcomes(passed=1)


def test_what_the_test_itself_leaves_is_its_own(run: Run) -> None:
    """Tasks and threads that no component started are nobody's leak, even in the file of the component."""
    source = """
@pytest.mark.signalpy(components=[Loyalty], stubs={"accounts.credit": 1})
async def test_it(kernel):
    test_it.task = asyncio.create_task(asyncio.sleep(60))
    test_it.thread = threading.Thread(target=threading.Event().wait, args=(3,), daemon=True)
    test_it.thread.start()
"""
    run(source).assert_outcomes(passed=1)


def test_code_of_the_plugins_package_is_the_components(run: Run, pytester: pytest.Pytester) -> None:
    """A helper in another module of the component's package is the component's doing."""
    package = pytester.mkpydir("leaking")
    (package / "helper.py").write_text(
        "import asyncio\ndef poll():\n    return asyncio.create_task(asyncio.sleep(60))\n"
    )
    (package / "part.py").write_text(
        "from signalpy import component, lifecycle\n"
        "from leaking.helper import poll\n"
        "@component('imported')\n"
        "class Imported:\n"
        "    @lifecycle.activate\n"
        "    async def start(self):\n"
        "        self.task = poll()\n"
    )
    pytester.syspathinsert()
    source = """
from leaking.part import Imported

@pytest.mark.signalpy(components=[Imported])
async def test_it(kernel):
    pass
"""
    result = run(source)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["  imported: task * still runs"])


def test_a_hook_that_was_put_back(run: Run) -> None:
    """A hook implementation of a component that is registered after the kernel has stopped."""
    source = """
@component("sticky")
class Sticky:
    @hookimpl
    def signalpy_component_activated(self, component):
        pass

@pytest.mark.signalpy(components=[Sticky])
async def test_it(kernel):
    plugin = kernel._roster.get("sticky").ledger.plugin
    await kernel.shutdown()
    kernel.hooks.install(plugin)
"""
    result = run(source)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["  sticky: hook signalpy_component_activated is still registered"])
