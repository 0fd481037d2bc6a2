"""A route: everything that one caller's operations on one target pass through, compiled once.

The order is the same for every operation: verdict, recorders, policy, validation, interceptors, handlers. An operation
keeps the route that it started with; a change of tables, policies or hooks makes new routes.
"""

from __future__ import annotations

import json
import logging
import operator
from asyncio import CancelledError, Task
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from signalpy.bus.delivery import DeadLetter, Delivery
from signalpy.bus.endpoint import Endpoint
from signalpy.bus.tables import Tables
from signalpy.errors import ActorMissing, PolicyDenied
from signalpy.hooks import Implementation, compile_ring
from signalpy.operation import Call, Operation, Publication, Span, breaks_off, with_data, with_params
from signalpy.policy import Verdict

policy_log = logging.getLogger("signalpy.audit")


def _nobody_waits() -> None:
    """Stands in ``Route.left`` until the route is retired."""


class Route:
    """What calls and events have in common.

    :ivar spans: the operations under way, with their tasks.
    :ivar retired: no new operation takes this route; ``left`` is called when one ends
        that had begun.
    """

    __slots__ = ("actorless", "left", "owners", "retired", "run", "spans", "verdict")

    def __init__(self, verdict: Verdict, owners: set[Any]) -> None:
        self.verdict = verdict
        self.actorless = verdict.without_actor()
        self.owners = frozenset(owner for owner in owners if owner is not None)
        self.spans: dict[Span, Task[Any] | None] = {}
        self.retired = False
        self.left: Callable[[], None] = _nobody_waits
        self.run: Callable[[Any], Awaitable[Any]]

    def handling(self, span: Span) -> Any:
        """The owner of the handler that the operation is in, if it is known."""
        return None


class CallRoute(Route):
    """One caller's calls of one target. ``handler`` is set where nothing stands between validation and it."""

    __slots__ = ("endpoint", "handler", "target", "validate")

    def __init__(
        self,
        target: str,
        verdict: Verdict,
        tables: Tables,
        recorders: Sequence[Implementation],
        interceptors: Sequence[Implementation],
    ) -> None:
        endpoint = tables.endpoints.get(target)
        rings = {item.owner for item in (*recorders, *interceptors)}
        super().__init__(verdict, rings | {endpoint.owner} if endpoint is not None else rings)
        self.target = target
        self.endpoint = endpoint
        free = endpoint is not None and not recorders and not interceptors
        free = free and verdict.allowed and not verdict.require_actor and not verdict.audit
        self.validate = endpoint.validate if endpoint is not None else None
        self.handler = endpoint.handler if endpoint is not None and free else None
        inner = _absent(tables, target) if endpoint is None else _validated(endpoint, interceptors)
        self.run = compile_ring(recorders, _past_policy(inner), None)

    def handling(self, span: Span) -> Any:
        """The target's owner."""
        return self.endpoint.owner if self.endpoint is not None else None


class EventRoute(Route):
    """One caller's publications of one event type.

    :ivar free: nothing stands between it and the deliveries.
    :ivar only: besides, there is one subscriber, async, that takes type and data: this is it.
    """

    __slots__ = ("_dead_letter", "deliveries", "free", "only")

    def __init__(
        self,
        verdict: Verdict,
        deliveries: tuple[Delivery, ...],
        recorders: Sequence[Implementation],
        interceptors: Sequence[Implementation],
        dead_letter: DeadLetter,
    ) -> None:
        rings = {item.owner for item in (*recorders, *interceptors)}
        super().__init__(verdict, rings | {item.owner for item in deliveries})
        self.deliveries = deliveries
        self._dead_letter = dead_letter
        self.free = (
            not recorders and not interceptors and verdict.allowed and not verdict.require_actor and not verdict.audit
        )
        alone = self.free and len(deliveries) == 1 and deliveries[0].simple and deliveries[0].is_async
        self.only = deliveries[0].function if alone else None
        inner = compile_ring(interceptors, self.deliver, with_data)
        self.run = compile_ring(recorders, _past_policy(inner), None)

    def handling(self, span: Span) -> Any:
        """The owner of the subscriber that the publication has come to."""
        if self.only is not None:
            return self.deliveries[0].owner
        if span.at is None:
            return None
        at = len(self.deliveries) - operator.length_hint(span.at) - 1
        return self.deliveries[at].owner if at >= 0 else None

    async def deliver(self, event: Publication) -> None:
        """Hands the event to every subscriber, one after the other.

        What one raises reaches neither the others nor the caller.
        """
        steps = iter(self.deliveries)
        event.span.at = steps
        event_type, data = event.event_type, event.data
        for step in steps:
            try:
                if not step.simple:
                    await step.deliver(event)
                elif step.is_async:
                    await step.function(event_type, data)
                else:
                    result = step.function(event_type, data)
                    if result is not None:
                        step.check(result)
            except BaseException as error:
                if breaks_off(error):
                    self._break_off(event, step, steps, error)
                    raise
                self._dead_letter(event, step, error)  # one subscriber's failure reaches nobody else

    def takes(self, error: BaseException, event: Publication) -> bool:
        """Whether what the only subscriber raised is its own failure, and then a dead letter."""
        if breaks_off(error):
            return False
        self._dead_letter(event, self.deliveries[0], error)
        return True

    def _break_off(self, event: Publication, step: Delivery, rest: Iterator[Delivery], error: BaseException) -> None:
        """The publisher was cancelled: those that it has not reached are dead letters."""
        if isinstance(error, CancelledError):
            if step.queue is not None:
                self._dead_letter(event, step, error)  # it was waiting for room
            self._not_reached(event, rest, error)

    def _not_reached(self, event: Publication, steps: Iterator[Delivery], error: BaseException) -> None:
        for step in steps:
            self._dead_letter(event, step, error)


def _past_policy(inner: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    async def enforce(operation: Operation) -> Any:
        verdict = operation.verdict
        if verdict.audit:
            _policy_line(operation)
        if not verdict.allowed:
            raise denied(operation)
        return await inner(operation)

    return enforce


def _validated(endpoint: Endpoint, interceptors: Sequence[Implementation]) -> Callable[[Call], Awaitable[Any]]:
    validate, handler = endpoint.validate, endpoint.handler
    if not interceptors:

        async def handle(call: Call) -> Any:
            return await handler(validate(call.params))

        return handle

    async def innermost(call: Call) -> Any:
        return await handler(call.params)

    ring = compile_ring(interceptors, innermost, lambda call, new: with_params(call, validate(new)))

    async def intercepted(call: Call) -> Any:
        return await ring(with_params(call, validate(call.params)))

    return intercepted


def _absent(tables: Tables, target: str) -> Callable[[Call], Awaitable[Any]]:
    async def absent(_: Call) -> Any:
        raise tables.absent(target)

    return absent


def _policy_line(operation: Operation) -> None:
    if not policy_log.isEnabledFor(logging.INFO):
        return
    line: dict[str, Any] = {"action": operation.kind, "caller": operation.caller}
    line["target" if isinstance(operation, Call) else "event"] = operation.name
    if not operation.verdict.allowed:
        line["denied"] = True
    policy_log.info("%s", json.dumps(line, separators=(",", ":")))


def denied(operation: Operation) -> PolicyDenied:
    """The error for an operation that the policy refuses: names caller, target and rule."""
    verb = "invoke" if isinstance(operation, Call) else "publish"
    rule = operation.verdict.rule
    evidence = {"caller": operation.caller, "target": operation.name, "rule": rule}
    if rule == "require_actor":
        return ActorMissing(
            f"{operation.caller} may not {verb} {operation.name} without an actor. Give actor= or use acting_as(…).",
            **evidence,
        )
    return PolicyDenied(f"{operation.caller} may not {verb} {operation.name}: {rule}", **evidence)
