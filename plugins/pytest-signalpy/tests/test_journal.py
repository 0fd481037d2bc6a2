"""The fixtures `published` and `invocations`: what went over the bus, and the helpers to ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Run

pytest_plugins = ["pytester"]

MARK = """
pytestmark = pytest.mark.signalpy(components=[Loyalty], stubs={"accounts.credit": lambda params: params["amount"]})
"""


def test_events_have_their_fields(run: Run) -> None:
    """An event is kept as its subscribers got it, with who published it and whom it concerns."""
    source = f"""{MARK}
async def test_it(kernel, published):
    await kernel.bus.invoke("loyalty.give", {{"account": "alice", "points": 3}}, actor="eve")
    event = published.one("loyalty.*")
    assert ("loyalty.given", {{"points": 3}}, "loyalty", "eve") == (event.type, event.data, event.caller, event.actor)
    assert (("alice",), "success", None, None) == (event.subject, event.outcome, event.error, event.id)
    assert event.operation.causation_id
    assert "<Published(loyalty.given)>" == repr(published)
    published.clear()
    assert not published
"""
    run(source).assert_outcomes(passed=1)


def test_what_a_component_changes_later_does_not_show(run: Run) -> None:
    """The payload is a copy."""
    source = f"""{MARK}
async def test_it(kernel, published):
    data = {{"points": [1]}}
    await kernel.bus.publish("loyalty.x", data)
    data["points"].append(2)
    assert {{"points": [1]}} == published[0].data
    lock = threading.Lock()
    await kernel.bus.publish("loyalty.y", {{"lock": lock}})
    assert lock is published.one("loyalty.y").data["lock"]
"""
    run(source).assert_outcomes(passed=1)


def test_what_was_refused_is_not_published(run: Run) -> None:
    """An event that a policy kept back is in no list, the call that wanted it is, as failed."""
    source = f"""{MARK}
from signalpy import PolicyDenied

@pytest.mark.signalpy(config={{"policy": {{"loyalty": {{"publish_deny": ["loyalty.*"]}}}}}})
async def test_it(kernel, published, invocations):
    with pytest.raises(PolicyDenied):
        await kernel.bus.invoke("loyalty.give", {{"account": "alice"}})
    assert [] == published.types()
    assert invocations.one().denied
"""
    run(source).assert_outcomes(passed=1)


def test_calls_tell_how_they_ended(run: Run) -> None:
    """Results and errors, in the order in which the calls began; unknown and invalid ones too."""
    source = f"""{MARK}
from signalpy import InvalidParams, TargetNotFound

async def test_it(kernel, invocations):
    await kernel.bus.invoke("loyalty.give", {{"account": "alice"}}, actor="eve")
    for target in ("loyalty.give", "loyalty.take"):
        with pytest.raises((InvalidParams, TargetNotFound)):
            await kernel.bus.invoke(target, {{}})
    assert ["loyalty.give", "accounts.credit", "loyalty.give", "loyalty.take"] == invocations.targets()
    outer, inner, invalid, unknown = invocations
    assert ("kernel", "loyalty", "eve") == (outer.caller, inner.caller, inner.actor)
    assert (1, 1, {{"account": "alice"}}, {{"account": "alice", "amount": 1}}) == (
        outer.result, inner.result, outer.params, inner.params
    )
    assert (InvalidParams, TargetNotFound) == (type(invalid.error), type(unknown.error))
    assert [inner] == list(invocations.of("*", caller="loyalty"))
    assert [invalid, unknown] == invocations[2:]
    assert all(call.done and not call.denied for call in invocations)
"""
    run(source).assert_outcomes(passed=1)


def test_a_call_that_hangs_is_not_done(run: Run) -> None:
    """A cancelled call has its error once it has ended."""
    source = """
async def forever():
    await asyncio.Event().wait()

@pytest.mark.signalpy(stubs={"slow.go": forever})
async def test_it(kernel, invocations):
    task = asyncio.create_task(kernel.bus.invoke("slow.go"))
    await invocations.wait_for("slow.go")
    assert not invocations[0].done
    task.cancel()
    await asyncio.wait([task])
    assert isinstance(invocations[0].error, asyncio.CancelledError)
"""
    run(source).assert_outcomes(passed=1)


def test_waiting_for_an_event(run: Run) -> None:
    """What a background subscriber publishes is waited for, and what does not come is told in words."""
    source = f"""{MARK}
async def test_it(kernel, published):
    for _ in range(2):
        await kernel.bus.publish("account.transfer", {{}})
    heard = await published.wait_for("loyalty.*", count=2)
    assert ["loyalty.heard"] * 2 == heard.types()
    with pytest.raises(AssertionError, match=r"expected 1 of 'never' within 0.01 s, found \\['account.transfer'"):
        await published.wait_for("never", timeout=0.01)
    with pytest.raises(AssertionError, match="expected one 'loyalty.heard', found 2 among"):
        published.one("loyalty.heard")
"""
    run(source).assert_outcomes(passed=1)


def test_typed_events_keep_their_instance(run: Run) -> None:
    """A typed event has its stamp, its payload and itself."""
    source = """
from signalpy import Event

class Given(Event, type="loyalty.given", version=2):
    points: int

async def test_it(kernel, published):
    await kernel.bus.publish(Given(points=3))
    event = published.one("loyalty.given")
    assert ("loyalty.given/v2", {"points": 3}, Given(points=3)) == (event.schema, event.data, event.instance)
"""
    run(source).assert_outcomes(passed=1)


def test_an_interceptor_stands_outside_of_what_is_published(run: Run) -> None:
    """What an interceptor puts in the place of the payload is what subscribers get, and what is kept."""
    source = f"""{MARK}
@component("doubler")
class Doubler:
    @hookimpl(trylast=True)
    async def signalpy_publish(self, event, proceed):
        await proceed({{"points": 2 * event.data["points"]}})

@pytest.mark.signalpy(components=[Loyalty, Doubler])
async def test_it(kernel, published):
    await kernel.bus.invoke("loyalty.give", {{"account": "alice", "points": 3}})
    assert {{"points": 6}} == published.one("loyalty.given").data
"""
    run(source).assert_outcomes(passed=1)
