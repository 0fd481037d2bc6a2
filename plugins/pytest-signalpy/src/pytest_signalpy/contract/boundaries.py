"""How a component bears with others: policies that keep it back, events that make no sense, and the calls of others."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from pytest_signalpy.contract.stage import ACTOR, Play, Stage
from pytest_signalpy.contract.subject import does_not_apply, fails
from signalpy import PolicyDenied
from signalpy.hookspecs import RINGS

ODD_PAYLOADS: Final[tuple[Any, ...]] = ({}, {"unexpected": None}, {"amount": "not a number", "from": 7, "to": []})


class BoundaryChecks:
    """Checks of what the component does to others, and of what others may do to it."""

    def test_works_under_policies(self, stage: Stage) -> None:
        """Where a policy keeps it from publishing and calling, its calls end, and it is well when that is lifted."""

        async def denied(play: Play) -> None:
            play.kernel.set_policy(stage.subject.name, {"publish_deny": ["*"], "invoke_deny": ["*"]})
            await play.attempt_all()
            play.kernel.set_policy(stage.subject.name, {"publish_deny": None, "invoke_deny": None})
            await play.is_well("a policy that kept it back")
            await play.attempt_all()

        stage.run(denied)

    def test_odd_events_reach_nobody_else(self, stage: Stage) -> None:
        """An event whose payload makes no sense fails neither the publisher nor the next subscriber."""
        subscriptions = stage.subject.spec.subscriptions
        types = [_example(item.pattern) for item in subscriptions if not item.pattern.startswith("kernel.")]
        if not types:
            does_not_apply("it subscribes to nothing")

        async def disturb(play: Play) -> None:
            for event_type in types:
                for payload in ODD_PAYLOADS:
                    await _publish(play, event_type, payload)
            await asyncio.sleep(0.05)
            await play.is_well("events that make no sense")

        stage.run(disturb)

    def test_lets_others_pass(self, stage: Stage) -> None:
        """Calls and events of others pass its hooks unchanged, or are refused with `PolicyDenied`."""
        if not any(item.hook in RINGS for item in stage.subject.spec.hooks):
            does_not_apply("it stands around nothing")

        async def pass_by(play: Play) -> None:
            heard = play.kernel.get("bystander").heard
            try:
                answer = await play.call("bystander.echo", {"a": 1})
                await play.kernel.bus.publish("bystander.spoke", {"a": 1}, actor=ACTOR)
            except PolicyDenied:
                return
            except Exception as error:  # noqa: BLE001 - whatever its hooks raise is what is looked for
                fails(f"an operation of others fails in its hooks: {type(error).__name__}: {error}")
            if answer != {"a": 1} or "bystander.spoke" not in heard:
                fails(f"an operation of others is changed by its hooks: {answer!r}, heard {heard}")

        stage.run(pass_by)

    def test_works_without_an_actor(self, stage: Stage) -> None:
        """A call that nobody stands behind ends in a result or in an error, and hurts nothing."""

        async def call(play: Play) -> None:
            for target, params in stage.samples():
                await play.attempt(target, params, actor=None)
            await play.is_well("calls without an actor")

        stage.run(call)


async def _publish(play: Play, event_type: str, payload: Any) -> None:
    before = len(play.kernel.get("bystander").heard)
    try:
        await play.kernel.bus.publish(event_type, payload, actor=ACTOR)
    except PolicyDenied:
        return
    except Exception as error:  # noqa: BLE001 - whatever a subscriber raised is what is looked for
        fails(f"publishing {event_type!r} with {payload!r} raises {type(error).__name__}: {error}")
    if event_type not in play.kernel.get("bystander").heard[before:]:
        fails(f"{event_type!r} with {payload!r} does not reach the other subscriber")


def _example(pattern: str) -> str:
    """A name that the pattern matches, for patterns without brackets."""
    return pattern.replace("*", "contract").replace("?", "x")
