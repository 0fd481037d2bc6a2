"""The dispatcher: keeps the routes of every caller, and knows what is under way."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from signalpy.bus.delivery import Delivery, Handling
from signalpy.bus.route import CallRoute, EventRoute, Route
from signalpy.bus.tables import Tables
from signalpy.errors import LifecycleError, ShuttingDown
from signalpy.hooks import HookRegistry, Implementation
from signalpy.hookspecs import INVOKE, PUBLISH, RECORD
from signalpy.matching import matches_any
from signalpy.operation import Context, Publication, Span, current_span
from signalpy.policy import Policies, Verdict

log = logging.getLogger("signalpy.bus")

CACHE: Final = 4096
"""How many routes of each kind a caller keeps; beyond that they are made anew."""

KERNEL_EVENTS: Final = "kernel."
OWN: Final = ""
"""Under which the kernel's own operations are filed, which no policy keeps back."""


Passes: TypeAlias = Callable[[str], bool]
"""Whether an operation of this caller, in the context in force, passes a gate that holds the others."""


def _nobody(_: str) -> bool:
    return False


class Routes:
    """The compiled routes of one door, whose policies are those of ``caller``."""

    __slots__ = ("caller", "calls", "events")

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.calls: dict[str, CallRoute] = {}
        self.events: dict[str, EventRoute] = {}

    def all(self) -> Iterator[Route]:
        """Every route."""
        yield from self.calls.values()
        yield from self.events.values()


class Gate:
    """Holds or refuses new root operations; what belongs to a running or queued operation passes.

    :ivar state: ``"closed"`` before boot and after shutdown, ``"open"``, ``"held"`` while an exclusive component
        changes, ``"draining"`` during shutdown, and ``"expired"`` when its deadline has passed: then nothing passes.
    """

    def __init__(self) -> None:
        self.state = "closed"
        self._passes: Passes = _nobody
        self._opened = asyncio.Event()

    def set(self, state: str, passes: Passes) -> None:
        """Changes the state; held operations go on when it is no longer ``"held"``.

        :param passes: whose operations pass while others are held.
        """
        self.state = state
        self._passes = passes
        if state == "held":
            self._opened.clear()
        else:
            self._opened.set()

    async def admit(self, outer: Context, caller: str, *, own: bool = False) -> None:
        """Returns when the operation may start.

        :param outer: the context that it would start in, which is the one in force.
        :param own: it is the kernel's own; only a change of an exclusive component holds it up.

        :raises ShuttingDown: while the kernel drains.
        :raises LifecycleError: if the kernel does not run.
        """
        while self.state == "held":
            if self._passes(caller):
                return
            await self._opened.wait()
        if outer.span is not None and outer.span.holds > 0 and self.state == "draining":
            return
        if own and self.state != "closed":
            return
        if self.state in ("draining", "expired"):
            raise ShuttingDown("the kernel is shutting down and takes no new operation.")
        if self.state == "closed":
            raise LifecycleError("the kernel is not running. Boot it first: await kernel.boot().")


class Dispatcher:
    """Makes routes from tables, policies and hooks, and drops them all whenever one of these changes.

    Policies and hooks may be changed from any thread: a route is made, or all are dropped, under a lock.
    """

    def __init__(self, hooks: HookRegistry) -> None:
        self.hooks = hooks
        self.policies = Policies()
        self._make_tables: Callable[[], Tables] = Tables
        self._tables: Tables | None = None
        self.gate: Gate | None = Gate()
        self._closed_gate = self.gate
        self._in_use: set[Routes] = set()
        self._retired: list[Route] = []
        self._lock = threading.RLock()
        self._left = asyncio.Event()
        hooks.on_change = self.reroute

    def __repr__(self) -> str:
        return f"<Dispatcher(callers={len(self._in_use)}, retired={len(self._retired)}, {self.tables!r})>"

    @property
    def tables(self) -> Tables:
        """The tables in force; made when first needed after a change, since many changes come in a row."""
        with self._lock:
            if self._tables is None:
                self._tables = self._make_tables()
            return self._tables

    def set_gate(self, state: str, passes: Passes = _nobody) -> None:
        """Opens the gate (it is then out of the way altogether) or sets it to another state; see ``Gate.set``."""
        self._closed_gate.set(state, passes)
        self.gate = None if state == "open" else self._closed_gate

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
            self._retired = [route for route in self._retired if route.spans]

    def call_route(self, routes: Routes, target: str) -> CallRoute:
        """Makes and keeps the route of a caller to ``target``."""
        with self._lock:
            if len(routes.calls) >= CACHE:
                self._retire(routes)
            self._in_use.add(routes)
            caller = routes.caller
            verdict = self.policies.for_invoke(caller, target) if caller != OWN else Verdict()
            recorders = self.hooks.ordered(RECORD)
            interceptors = self._around(INVOKE, target)
            route = routes.calls[target] = CallRoute(target, verdict, self.tables, recorders, interceptors)
            return route

    def event_route(self, routes: Routes, event_type: str) -> EventRoute:
        """Makes and keeps the route of a caller publishing ``event_type``."""
        with self._lock:
            if len(routes.events) >= CACHE:
                self._retire(routes)
            self._in_use.add(routes)
            verdict = self._publish_verdict(routes.caller, event_type)
            around = self.hooks.ordered(RECORD), self._around(PUBLISH, event_type)
            route = EventRoute(verdict, self.tables.subscribers(event_type), *around, self.dead_letter)
            routes.events[event_type] = route
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
        return next((route.handling(span) for route in self._all() if span in route.spans), None)

    def under_way(
        self, owner: Any = None, *, apart_from: frozenset[Span] = frozenset()
    ) -> dict[Span, asyncio.Task[Any] | None]:
        """The operations that run, of those that pass through ``owner`` if one is given."""
        routes = [route for route in self._all() if owner is None or owner in route.owners]
        return {span: task for route in routes for span, task in route.spans.items() if span not in apart_from}

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
            return [route for routes in self._in_use for route in routes.all()] + self._retired

    def _around(self, hook: str, name: str) -> list[Implementation]:
        return [item for item in self.hooks.ordered(hook) if matches_any(name, item.options.targets) is not None]

    def _publish_verdict(self, caller: str, event_type: str) -> Verdict:
        if caller == OWN:
            return Verdict()
        verdict = self.policies.for_publish(caller, event_type)
        if verdict.allowed and event_type.startswith(KERNEL_EVENTS):
            return Verdict(allowed=False, rule="kernel.* is the kernel's to publish", audit=verdict.audit)
        return verdict

    def _retire(self, routes: Routes) -> None:
        for route in routes.all():
            if route.spans:
                route.retired = True
                route.left = self._left.set
                self._retired.append(route)
        routes.calls.clear()
        routes.events.clear()


def _any_left(routes: Iterable[Route], spared: frozenset[Span]) -> bool:
    return any(span not in spared for route in routes for span in route.spans)


def ancestors() -> frozenset[Span]:
    """The spans of the operations that the caller is inside of."""
    found: set[Span] = set()
    span = current_span()
    while span is not None and span not in found:
        found.add(span)
        span = span.parent
    return frozenset(found)
