"""A route: everything that one caller's operations on one target pass through, compiled once.

The order is the same for every operation: verdict, recorders, policy, validation, interceptors, handlers. An operation
keeps the route that it started with; a change of tables, policies or hooks makes new routes.
"""

from __future__ import annotations

import json
import logging
import operator
from abc import ABC, abstractmethod
from asyncio import CancelledError, Task
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from signalpy.bus.delivery import DeadLetter, Delivery
from signalpy.bus.endpoint import Endpoint
from signalpy.bus.tables import Tables
from signalpy.errors import ActorMissing, PolicyDenied
from signalpy.hooks import Implementation, compile_ring
from signalpy.operation import Call, Operation, Publication, Terms, breaks_off, with_data, with_params
from signalpy.params import Validate
from signalpy.policy import Verdict
from signalpy.span import Span

policy_log = logging.getLogger("signalpy.audit")


def _nobody_waits() -> None:
    """Stands in ``Route.left`` until the route is retired."""


class Route(ABC):
    """What calls and events have in common.

    :ivar running: the operations under way, with their tasks.
    :ivar retired: no new operation takes this route; ``left`` is called when one ends
        that had begun.
    """

    __slots__ = ("__weakref__", "left", "owners", "retired", "run", "running", "terms")

    def __init__(self, terms: Terms, owners: set[Any]) -> None:
        self.terms = terms
        self.running = terms.running
        self.owners = frozenset(owner for owner in owners if owner is not None)
        self.retired = False
        self.left: Callable[[], None] = _nobody_waits
        self.run: Callable[[Any], Awaitable[Any]]

    def spans(self) -> dict[Span, Task[Any] | None]:
        """The lives of the operations under way, with their tasks."""
        return {operation.span: task for operation, task in list(self.running.items())}

    @abstractmethod
    def handling(self, operation: Any) -> Any:
        """The owner of the handler that an operation has come to, if it has come to one."""

    def under_way(self, apart_from: frozenset[Span]) -> bool:
        """Whether an operation is under way that is not one of these."""
        return any(item.made is None or item.made.span not in apart_from for item in self.running)


class CallRoute(Route):
    """One caller's calls of one target.

    :ivar at_hand: what every call takes from here, taken at once: the terms, those that run, ``validate`` where nobody
        is to see a call before its parameters are validated, and the handler where, besides, nothing stands before it.
    """

    __slots__ = ("at_hand", "endpoint")

    def __init__(
        self,
        terms: Terms,
        target: str,
        tables: Tables,
        recorders: Sequence[Implementation],
        interceptors: Sequence[Implementation],
    ) -> None:
        endpoint = tables.endpoints.get(target)
        rings = {item.owner for item in (*recorders, *interceptors)}
        super().__init__(terms, rings | {endpoint.owner} if endpoint is not None else rings)
        self.endpoint = endpoint
        validate: Validate | None = None
        handler: Callable[[Any], Awaitable[Any]] | None = None
        if endpoint is None:
            self.run = compile_ring(recorders, _past_policy(terms.verdict, _absent(tables)), None)
        elif recorders or not terms.verdict.plain:
            inner = _validated(endpoint, interceptors)
            self.run = compile_ring(recorders, _past_policy(terms.verdict, inner), None)
        else:
            self.run = _intercepted(endpoint, interceptors)
            validate = endpoint.validate
            handler = endpoint.handler if not interceptors else None
        self.at_hand = (terms, terms.running, validate, handler)

    def handling(self, call: Any) -> Any:
        """The target's owner."""
        return self.endpoint.owner if self.endpoint is not None else None


class EventRoute(Route):
    """One caller's publications of all event types that have the same subscribers, interceptors and verdict.

    :ivar at_hand: what every publication takes from here, taken at once: the terms, those that run, and where nothing
        stands before the subscribers and all are async and take type and data, the only one, or all of them.
    """

    __slots__ = ("_dead_letter", "at_hand", "deliveries")

    def __init__(
        self,
        terms: Terms,
        deliveries: tuple[Delivery, ...],
        recorders: Sequence[Implementation],
        interceptors: Sequence[Implementation],
        dead_letter: DeadLetter,
    ) -> None:
        rings = {item.owner for item in (*recorders, *interceptors)}
        super().__init__(terms, rings | {item.owner for item in deliveries})
        self.deliveries = deliveries
        self._dead_letter = dead_letter
        free = not recorders and not interceptors and terms.verdict.plain
        bare = free and all(item.simple and item.is_async for item in deliveries)
        functions = tuple([item.function for item in deliveries])
        alone = len(functions) == 1
        only = functions[0] if bare and alone else None
        self.at_hand = (terms, terms.running, only, functions if bare and not alone else None)
        deliver = compile_ring(interceptors, _delivering(deliveries, dead_letter), with_data)
        self.run = compile_ring(recorders, _past_policy(terms.verdict, deliver), None)

    def handling(self, event: Any) -> Any:
        """The owner of the subscriber that the publication has come to, if it has come to one."""
        _, _, only, _ = self.at_hand
        if only is not None:
            return self.deliveries[0].owner
        left = event.steps if event.steps is not None else event.span.at
        at = len(self.deliveries) - operator.length_hint(left) - 1 if left is not None else -1
        return self.deliveries[at].owner if at >= 0 else None

    def takes(self, error: BaseException, event: Publication) -> bool:
        """Whether what one of the ``functions`` raised is its own failure, and then a dead letter.

        Else the publisher was cancelled, and those not reached are dead letters.
        """
        left = operator.length_hint(event.steps) if event.steps is not None else 0
        at = len(self.deliveries) - left - 1
        if not breaks_off(error):
            self._dead_letter(event, self.deliveries[at], error)
            return True
        if isinstance(error, CancelledError):
            for step in self.deliveries[at + 1 :]:
                self._dead_letter(event, step, error)
        return False


def _delivering(deliveries: tuple[Delivery, ...], dead_letter: DeadLetter) -> Callable[[Publication], Awaitable[None]]:
    async def deliver(event: Publication) -> None:
        """Hands the event to every subscriber, one after the other.

        What one raises reaches neither the others nor the caller.
        """
        steps = iter(deliveries)
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
                if not breaks_off(error):
                    dead_letter(event, step, error)  # one subscriber's failure reaches nobody else
                    continue
                if isinstance(error, CancelledError):
                    waited = (step,) if step.queue is not None else ()  # for room in its queue
                    for missed in (*waited, *steps):
                        dead_letter(event, missed, error)
                raise

    return deliver


def _past_policy(verdict: Verdict, inner: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    """``inner`` behind the policy, where that has something to say."""
    if verdict.plain:
        return inner

    async def enforce(operation: Operation) -> Any:
        verdict = operation.verdict
        if verdict.audit:
            _policy_line(operation)
        if not verdict.allowed:
            raise denied(operation)
        return await inner(operation)

    return enforce


def _intercepted(endpoint: Endpoint, interceptors: Sequence[Implementation]) -> Callable[[Call], Awaitable[Any]]:
    """The interceptors around the handler, for a call whose parameters are validated."""
    handler, validate = endpoint.handler, endpoint.validate

    def innermost(call: Call) -> Awaitable[Any]:
        return handler(call.params)

    return compile_ring(interceptors, innermost, lambda call, new: with_params(call, validate(new)))


def _validated(endpoint: Endpoint, interceptors: Sequence[Implementation]) -> Callable[[Call], Awaitable[Any]]:
    """Validation, and the interceptors around the handler. What stands further out sees what the caller gave."""
    handler, validate = endpoint.handler, endpoint.validate
    if not interceptors:
        return lambda call: handler(validate(call.params))
    ring = _intercepted(endpoint, interceptors)
    return lambda call: ring(with_params(call, validate(call.params)))


def _absent(tables: Tables) -> Callable[[Call], Awaitable[Any]]:
    def absent(call: Call) -> Awaitable[Any]:
        raise tables.absent(call.target)

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
