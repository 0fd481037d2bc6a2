"""The dispatcher: keeps the routes of every caller, and knows what is under way."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias
from weakref import WeakSet

from signalpy.bus.delivery import Delivery, Handling
from signalpy.bus.gate import Gate, Locked, Passes, nobody
from signalpy.bus.route import CallRoute, EventRoute, Route
from signalpy.bus.tables import Tables
from signalpy.hooks import HookRegistry, Implementation
from signalpy.hookspecs import INVOKE, PUBLISH, RECORD
from signalpy.operation import OUTSIDE, Operation, Publication, Terms, current_span
from signalpy.policy import Policies, Publishing, Verdict
from signalpy.span import Span

log = logging.getLogger("signalpy.bus")

CACHE: Final = 4096
"""How many routes of each kind a caller keeps; beyond that they are made anew."""

KERNEL_EVENTS: Final = "kernel."
OWN: Final = ""
"""Under which the kernel's own operations are filed, which no policy keeps back."""


ALLOWED: Final = Verdict()

Shape: TypeAlias = tuple[tuple[Delivery, ...], Verdict, tuple[Implementation, ...]]
"""What the route of an event type depends on: subscribers, verdict, interceptors."""


class Routes:
    """What one door has at hand: the compiled routes, the gate, the loop.

    :ivar caller: whose policies they follow.
    :ivar events: routes by event type; a name costs a look-up.
    :ivar shared: the same routes by what they are made of: many event types have the same subscribers.
    :ivar publishing: the verdicts on what the caller publishes, once they are needed.
    """

    __slots__ = ("caller", "calls", "events", "gate", "loop", "publishing", "shared")

    def __init__(self, caller: str, gate: Gate) -> None:
        self.caller = caller
        self.gate: Gate | Locked = gate
        self.loop: asyncio.AbstractEventLoop | None = None
        self.calls: dict[str, CallRoute] = {}
        self.events: dict[str, EventRoute] = {}
        self.shared: dict[Shape, EventRoute] = {}
        self.publishing: Publishing | None = None

    def all(self) -> Iterator[Route]:
        """Every route."""
        yield from self.calls.values()
        yield from self.shared.values()

    def clear(self) -> None:
        """Forgets them."""
        self.calls.clear()
        self.events.clear()
        self.shared.clear()
        self.publishing = None


class Dispatcher:
    """Makes routes from tables, policies and hooks, and drops them all whenever one of these changes.

    Event types that have the same subscribers, interceptors and verdict share a route.

    Policies and hooks may be changed from any thread: a route is made, or all are dropped, under a lock.
    """

    def __init__(self, hooks: HookRegistry) -> None:
        self.hooks = hooks
        self.policies = Policies()
        self._make_tables: Callable[[], Tables] = Tables
        self._tables: Tables | None = None
        self.gate = Gate()
        self._in_use: set[Routes] = set()
        # An operation under way holds its route, also in the moment before it is entered there: nobody else need.
        self._retired: WeakSet[Route] = WeakSet()
        self._lock = threading.RLock()
        self._left = asyncio.Event()
        hooks.on_change = self.reroute

    def __repr__(self) -> str:
        return f"<Dispatcher(callers={len(self._in_use)}, retired={len(self._retired)}, {self.tables!r})>"

    def set_gate(self, state: str, passes: Passes = nobody) -> None:
        """See ``Gate.set``."""
        self.gate.set(state, passes)

    @property
    def tables(self) -> Tables:
        """The tables in force; made when first needed after a change, since many changes come in a row."""
        with self._lock:
            if self._tables is None:
                self._tables = self._make_tables()
            return self._tables

    def swap(self, make: Callable[[], Tables]) -> None:
        """Puts other tables in force; what is under way keeps its route.

        :param make: makes them from what is in force from now until the next swap.
        """
        with self._lock:
            self._make_tables, self._tables = make, None
            self.reroute()

    def set_policies(self, change: Callable[[Policies], Policies]) -> tuple[Policies, Policies]:
        """Puts other policies in force; what is under way keeps its verdict.

        :param change: makes them from those in force.
        :returns: the policies before and after.
        """
        with self._lock:
            before = self.policies
            self.policies = change(before)
            self.reroute()
            return before, self.policies

    def reroute(self) -> None:
        """Drops every route. Callers that have none cost nothing."""
        with self._lock:
            for routes in self._in_use:
                self._retire(routes)
            self._in_use.clear()

    def call_route(self, routes: Routes, target: str) -> CallRoute:
        """Makes and keeps the route of a caller to ``target``."""
        with self._lock:
            if len(routes.calls) >= CACHE:
                self._retire(routes)
            self._in_use.add(routes)
            caller = routes.caller
            verdict = self.policies.for_invoke(caller, target) if caller != OWN else Verdict()
            terms = Terms(_name(caller), verdict, target in self.tables.endpoints)
            recorders, interceptors = self.hooks.ordered(RECORD), self._around(INVOKE, target)
            route = routes.calls[target] = CallRoute(terms, target, self.tables, recorders, interceptors)
            return route

    def event_route(self, routes: Routes, event_type: str) -> EventRoute:
        """Finds or makes the route of a caller publishing ``event_type``, and keeps it."""
        with self._lock:
            if len(routes.events) >= CACHE:
                routes.events.clear()
            tables = self._tables or self.tables
            verdict = self._verdict(routes, event_type)
            shape = (tables.subscribers(event_type), verdict, self._around(PUBLISH, event_type))
            route = routes.shared.get(shape) or self._share(routes, shape)
            routes.events[event_type] = route
            return route

    def _share(self, routes: Routes, shape: Shape) -> EventRoute:
        if len(routes.shared) >= CACHE:
            self._retire(routes)
        self._in_use.add(routes)
        deliveries, verdict, interceptors = shape
        terms = Terms(_name(routes.caller), verdict)
        route = EventRoute(terms, deliveries, self.hooks.ordered(RECORD), interceptors, self.dead_letter)
        routes.shared[shape] = route
        return route

    def dead_letter(self, event: Publication, delivery: Delivery, error: BaseException) -> None:
        """Says that a subscriber did not take an event, in the log and to the hook."""
        where = f"{delivery.component}.{delivery.spec.method}"
        log.error("event %s did not reach %s: %s", event.event_type, where, type(error).__name__, exc_info=error)
        self.hooks.notify("signalpy_dead_letter", event=event, component=delivery.component, error=error)

    def handling(self, span: Span | None) -> Any:
        """The owner of the handler that an operation is in, if it is known."""
        if span is None:
            return None
        if isinstance(span, Handling):
            return span.owner
        for route in self._all():
            for operation in route.running:
                if operation.made is not None and operation.made.span is span:
                    return route.handling(operation)
        return None

    def doing(self, task: asyncio.Task[Any]) -> Operation | None:
        """The innermost operation that runs in ``task``. May be called from any thread; nothing is made for it."""
        running = [item for route in self._all() for item, its_task in list(route.running.items()) if its_task is task]
        around: set[Span] = set()
        for item in running:
            span = item.outer.span
            while span is not None and span not in around:
                around.add(span)
                span = span.parent
        return next((item for item in running if item.made is None or item.made.span not in around), None)

    def under_way(
        self, owner: Any = None, *, apart_from: frozenset[Span] = frozenset()
    ) -> dict[Span, asyncio.Task[Any] | None]:
        """The operations that run, of those that pass through ``owner`` if one is given."""
        routes = [route for route in self._all() if owner is None or owner in route.owners]
        return {span: task for route in routes for span, task in route.spans().items() if span not in apart_from}

    async def drained(self, owner: Any, apart_from: Callable[[], frozenset[Span]]) -> None:
        """Returns when no operation is under way that started before now and passes through ``owner`` (``None``: any).

        :param apart_from: the operations that need not end, asked again whenever one ends or ``nudge`` is called.
        """
        self.reroute()
        waiting = [route for route in self._retired if owner is None or owner in route.owners]
        while _any_left(waiting, apart_from()):
            self._left.clear()
            await self._left.wait()

    def nudge(self) -> None:
        """Makes whoever waits in ``drained`` look again."""
        self._left.set()

    def _all(self) -> list[Route]:
        with self._lock:
            return [*(route for routes in self._in_use for route in routes.all()), *self._retired]

    def _around(self, hook: str, name: str) -> tuple[Implementation, ...]:
        every = self.hooks.ordered(hook)
        return tuple([item for item in every if item.covers(name)]) if every else ()

    def _verdict(self, routes: Routes, event_type: str) -> Verdict:
        if routes.caller == OWN:
            return ALLOWED
        if routes.publishing is None:
            routes.publishing = self.policies.publishing(routes.caller)
        verdict = routes.publishing.of(event_type)
        if event_type.startswith(KERNEL_EVENTS) and verdict.allowed:
            return Verdict(allowed=False, rule="kernel.* is the kernel's to publish", audit=verdict.audit)
        return verdict

    def _retire(self, routes: Routes) -> None:
        for route in routes.all():
            route.retired = True
            route.left = self._left.set
            self._retired.add(route)
        routes.clear()


def _any_left(routes: Iterable[Route], spared: frozenset[Span]) -> bool:
    return any(route.under_way(spared) for route in routes)


def _name(caller: str) -> str:
    return caller if caller != OWN else OUTSIDE


def ancestors() -> frozenset[Span]:
    """The spans of the operations that the caller is inside of."""
    found: set[Span] = set()
    span = current_span()
    while span is not None and span not in found:
        found.add(span)
        span = span.parent
    return frozenset(found)
