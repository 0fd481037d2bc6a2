"""The fixture `kernel`: what it is made of, and on which loop it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Run

pytest_plugins = ["pytester"]

MARK = """
pytestmark = pytest.mark.signalpy(components=[Loyalty], stubs={"accounts.credit": {"ok": True}})
"""
GIVE = """
    assert {"ok": True} == await kernel.bus.invoke("loyalty.give", {"account": "alice"})
"""


def test_only_what_is_named_is_there(run: Run) -> None:
    """Of all that is installed nothing is known to the kernel but what the mark names."""
    source = """
@pytest.mark.signalpy(components=["accounts"])
async def test_one(kernel):
    [accounts, config] = kernel.plugins()
    assert ("accounts", "signalpy-accounts", "active") == (accounts.name, accounts.distribution, accounts.state)
    assert "config" == config.name

def test_none(kernel):
    assert ["config"] == [info.name for info in kernel.plugins()]
"""
    run(source).assert_outcomes(passed=2)


def test_the_environment_has_no_say(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the machine does not reach the configuration, and neither does a file."""
    Path("signalpy.toml").write_text("[plugins]\ndeny = ['loyalty']\n")
    monkeypatch.setitem(os.environ, "SIGNALPY__LOYALTY__LIMIT", "3")
    source = f"""{MARK}
async def test_it(kernel):
    assert None is kernel.configuration.get("loyalty.limit")
    {GIVE}
"""
    run(source).assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])
def test_it_runs_on_the_loop_of_the_test(run: Run, scope: str) -> None:
    """Whatever loop pytest-asyncio takes for a test, a background subscriber runs on it."""
    source = f"""{MARK}
@pytest.mark.asyncio(loop_scope="{scope}")
async def test_it(kernel, published):
    await kernel.bus.publish("account.transfer", {{}})
    await published.wait_for("loyalty.heard")
"""
    run(source, mode="strict").assert_outcomes(passed=1)


def test_the_default_scope_of_the_loop_counts(run: Run) -> None:
    """The scope may also stand in the settings of pytest-asyncio."""
    source = f"""{MARK}
async def test_it(kernel, published):
    await kernel.bus.publish("account.transfer", {{}})
    await published.wait_for("loyalty.heard")
"""
    run(source, "-o", "asyncio_default_test_loop_scope=session").assert_outcomes(passed=1)


def test_a_fixture_of_the_author_may_use_it(run: Run) -> None:
    """The kernel runs already while fixtures that depend on it are set up, and while they are torn down."""
    source = f"""{MARK}
@pytest.fixture
async def rich(kernel):
    yield await kernel.bus.invoke("loyalty.give", {{"account": "alice"}})
    assert {{"ok": True}} == await kernel.bus.invoke("loyalty.give", {{"account": "alice"}})

async def test_it(rich):
    assert {{"ok": True}} == rich
"""
    run(source).assert_outcomes(passed=1)


def test_it_runs_under_anyio(run: Run) -> None:
    """The plugin of anyio may drive the tests as well."""
    source = f"""{MARK}
@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_it(kernel, published):
    await kernel.bus.publish("account.transfer", {{}})
    await published.wait_for("loyalty.heard")
"""
    run(source, mode="strict").assert_outcomes(passed=1)
    run(source, "-p", "no:asyncio", "-W", "ignore::pytest.PytestConfigWarning").assert_outcomes(passed=1)


def test_trio_is_refused_in_words(run: Run) -> None:
    """The kernel is one of asyncio, and says so."""
    source = f"""{MARK}
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_it(kernel):
    pass
"""
    result = run(source, mode="strict")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*kernel: it runs on asyncio, and this test runs on trio*"])


def test_an_async_test_without_a_driver(run: Run) -> None:
    """What to install or to mark is told."""
    result = run(f"{MARK}\nasync def test_it(kernel):\n    pass\n", mode="strict")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs pytest-asyncio or anyio*"])


def test_a_plain_test_has_one_in_a_thread(run: Run) -> None:
    """A test that is no coroutine calls the kernel as a thread of an application does."""
    source = f"""{MARK}
def test_it(kernel, published):
    assert {{"ok": True}} == kernel.bus.invoke_sync("loyalty.give", {{"account": "alice"}}, actor="eve")
    assert {{"ok": True}} == kernel.proxy("loyalty").sync.give(account="bob")
    assert ["eve", None] == [event.actor for event in published]
"""
    run(source).assert_outcomes(passed=1)


def test_a_test_may_stop_it(run: Run) -> None:
    """A kernel that the test itself has shut down is left as it is."""
    run(f"{MARK}\nasync def test_it(kernel):\n    await kernel.shutdown()\n").assert_outcomes(passed=1)


@pytest.mark.parametrize("test", ["async def test_it(kernel):\n    pass\n", "def test_it(kernel):\n    pass\n"])
def test_a_component_that_does_not_start(run: Run, test: str) -> None:
    """The test is not run, and the reason is the kernel's own."""
    source = f"""
@component("needy", depends=["elsewhere"])
class Needy:
    pass

@pytest.mark.signalpy(components=[Needy])
{test}
"""
    result = run(source)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["needy: waiting: *elsewhere*"])


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("components=['acounts']", "no installed distribution has the component 'acounts'*accounts*"),
        ("components=Loyalty", "components must be a list of classes and names, found type"),
        ("components='accounts'", "components must be a list of classes and names, found str"),
        ("components=[3]", "components are classes or names of installed components, found int"),
        ("component=[Loyalty]", "expected only components, config, stubs, time, found 'component'"),
        ("[Loyalty]", "expected only components, config, stubs, time, found 1 arguments without a name"),
        ("config='x.toml'", "config must be a mapping, found str"),
        ("config={'kernel': {'queue': 1}}", "*has no key 'queue'*"),
        ("stubs={'accounts': 1}", "*expected a target such as 'accounts.transfer', found 'accounts'*"),
        ("components=[Loyalty], stubs={'loyalty.give': 1}", "the component 'loyalty' is among the components already*"),
    ],
)
def test_a_wrong_mark(run: Run, mark: str, words: str) -> None:
    """What is wrong is told in one line, and the test is not run."""
    result = run(f"@pytest.mark.signalpy({mark})\nasync def test_it(kernel):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*@pytest.mark.signalpy: {words}*"])


def test_marks_are_laid_over_each_other(run: Run) -> None:
    """Components are those of the closest mark; configuration and stubs are merged, the closest first."""
    source = """
pytestmark = pytest.mark.signalpy(
    components=["accounts"],
    config={"kernel": {"queue_size": 7}, "accounts": {"decimals": 0}},
    stubs={"one.a": 1, "one.b": 1},
)

@pytest.mark.signalpy(components=[Loyalty], config={"kernel": {"queue_wait": 3}}, stubs={"one.b": 2})
async def test_it(kernel):
    assert ["config", "loyalty", "one"] == [info.name for info in kernel.plugins()]
    assert (7, 3) == (kernel.configuration.kernel.queue_size, kernel.configuration.kernel.queue_wait)
    assert [1, 2] == [await kernel.bus.invoke(f"one.{name}") for name in "ab"]
"""
    run(source).assert_outcomes(passed=1)


def test_it_is_inert_where_nobody_asks_for_it(pytester: pytest.Pytester) -> None:
    """A session that uses no fixture of it loads neither the kernel nor pydantic, and strict marks pass."""
    pytester.makepyfile(
        """
import sys

import pytest

@pytest.mark.signalpy(components=[])
def test_it():
    heavy = ("pydantic", "msgspec", "signalpy.kernel", "time_machine", "uuid_utils")
    assert [] == [name for name in heavy if name in sys.modules]
"""
    )
    alone = ["-p", "pytest_signalpy.plugin", "--strict-markers", "-W", "error", "-p", "no:cacheprovider"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patch.delenv("PYTEST_ADDOPTS", raising=False)
        pytester.runpytest_subprocess(*alone).assert_outcomes(passed=1)
