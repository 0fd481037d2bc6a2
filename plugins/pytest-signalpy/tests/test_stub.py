"""Stubs: what answers in the place of components that a test does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Run

pytest_plugins = ["pytester"]


def test_every_kind_of_answer(run: Run) -> None:
    """Functions of the parameters or of none, `async def` or not, values, and exceptions."""
    source = """
async def wait(params):
    await asyncio.sleep(0)
    return params

STUBS = {
    "a.echo": lambda params: params,
    "a.none": lambda: "none",
    "a.wait": wait,
    "a.value": {"rate": [1]},
    "a.raises": ValueError("no"),
    "a.raises-class": KeyError,
    "b-c.deep.name": len,
}

@pytest.mark.signalpy(stubs=STUBS)
async def test_it(kernel):
    call = kernel.bus.invoke
    assert {"x": 1} == await call("a.echo", {"x": 1})
    assert "none" == await call("a.none", {"x": 1})
    assert {"x": 1} == await call("a.wait", {"x": 1})
    assert 1 == await call("b-c.deep.name", {"x": 1})
    (await call("a.value"))["rate"].append(2)
    assert {"rate": [1]} == await call("a.value")
    with pytest.raises(ValueError, match="no"):
        await call("a.raises")
    with pytest.raises(KeyError):
        await call("a.raises-class")
"""
    run(source).assert_outcomes(passed=1)


def test_calls_are_recorded(run: Run) -> None:
    """A stub's calls are among the invocations, with the parameters as they came."""
    source = """
@pytest.mark.signalpy(components=[Loyalty], stubs={"accounts.credit": None})
async def test_it(kernel, invocations):
    await kernel.bus.invoke("loyalty.give", {"account": "alice", "points": 5})
    assert {"account": "alice", "amount": 5} == invocations.one("accounts.*").params
"""
    run(source).assert_outcomes(passed=1)


def test_a_stub_has_a_version_that_fits(run: Run) -> None:
    """A component that depends on another in a range is content with its stub."""
    source = """
def needing(name, specifier):
    return component(name, depends=[f"accounts{specifier}"])(type(name, (), {}))

RANGES = {"a": ">=1.2,<2", "b": ">1.4", "c": "", "d": "!=1.0", "e": "==1.5.*"}
NEEDY = [needing(name, specifier) for name, specifier in RANGES.items()]

@pytest.mark.signalpy(components=NEEDY, stubs={"accounts.credit": None})
async def test_it(kernel):
    assert {"active"} == {info.state for info in kernel.plugins()}
"""
    run(source).assert_outcomes(passed=1)
