"""A caller's door to the bus: invoke and publish, from tasks and from threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from signalpy.bus.dispatcher import OWN, Dispatcher, Routes
from signalpy.bus.tasks import current_task
from signalpy.errors import InvalidParams, LifecycleError
from signalpy.operation import CURRENT, OUTSIDE, PLAIN, Call, Context, Fact, Publication, Span, cause
from signalpy.params import invalid

T = TypeVar("T")

OUTCOMES: Final = ("success", "failure", "denied", "cancelled")
_NOBODY: Final = Context()


class Bus:
    """Invoke and publish as one caller. Safe to use from any task of the kernel's loop.

    :param caller: whose policy counts: a component's name, or ``"kernel"`` from outside any component.
    :param own: the kernel itself speaks: no policy keeps it back, and it alone may publish ``kernel.*``.
    """

    __slots__ = ("_calls", "_dispatcher", "_events", "_loop", "_own", "_routes", "caller")

    def __init__(self, dispatcher: Dispatcher, caller: str = OUTSIDE, *, own: bool = False) -> None:
        self.caller = caller
        self._own = own
        self._dispatcher = dispatcher
        self._routes = Routes(OWN if own else caller)
        self._calls = self._routes.calls
        self._events = self._routes.events
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<Bus({self.caller}, calls={len(self._calls)}, events={len(self._events)})>"

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Names the loop on which the kernel runs."""
        self._loop = loop

    async def invoke(self, target: str, params: Any = None, *, actor: str | None = None) -> Any:
        """Calls ``component.runnable`` and returns what its handler returns.

        :param params: a mapping, or an instance of the target's model.
        :param actor: who does it, if not whom ``acting_as`` names.
        :raises TargetNotFound: nobody offers the target; ``ComponentUnavailable`` if its component does not run.
        :raises InvalidParams: the parameters do not fit; every problem is told, and no value.
        :raises PolicyDenied: the policy, an interceptor (``Refused``) or a missing actor (``ActorMissing``) forbids it.
        :raises ShuttingDown: the kernel is stopping. Whatever the handler raises comes through unchanged.
        """
        if not isinstance(target, str):
            raise _no_text("invoke", "target", target)
        outer = CURRENT.get() or _NOBODY
        if self._dispatcher.gate is not None:
            await self._dispatcher.gate.admit(outer, self.caller, own=self._own)
        route = self._calls.get(target) or self._dispatcher.call_route(self._routes, target)
        parent = outer.span
        who = actor or outer.actor or None
        span = Span(parent=parent)
        call = Call(
            actor=who,
            on_behalf_of=outer.on_behalf_of,
            client=outer.client,
            correlation=outer.correlation or span,
            causation=cause(outer),
            span=span,
            caller=self.caller,
            verdict=route.verdict if who is not None else route.actorless,
            target=target,
            params=params,
            known=route.endpoint is not None,
        )
        token = CURRENT.set(call)
        route.spans[span] = current_task(self._loop)
        try:
            if route.handler is not None and route.validate is not None:
                return await route.handler(route.validate(params))
            return await route.run(call)
        finally:
            del route.spans[span]
            span.holds -= 1
            span.parent = span.at = None
            if route.retired:
                route.left()
            CURRENT.reset(token)

    async def publish(
        self,
        event_type: Any,
        data: Any = None,
        *,
        actor: str | None = None,
        subject: str | Iterable[str] = (),
        schema: str | None = None,
        outcome: str = "success",
        error: Any = None,
        occurred_at: datetime | None = None,
        id: str | None = None,
    ) -> None:
        """Hands an event to every subscriber and returns when the inline ones are done.

        :param event_type: a name such as ``"account.transfer"``, or a typed ``Event``.
        :param data: the payload, a mapping; subscribers share it and must not change it.
        :param actor: who did it, if not whom ``acting_as`` names.
        :param subject: whom or what the fact concerns, one or several.
        :param schema: ``"account.transfer/v2"``; stamped by a typed event itself.
        :param outcome: ``"success"``, ``"failure"``, ``"denied"`` or ``"cancelled"`` of what the event tells of.
        :param error: what went wrong in it.
        :param occurred_at: when it happened (aware); now, if not given.
        :param id: the publisher's own id, by which a repeated delivery is known.
        :raises InvalidParams: a keyword that makes no sense.
        :raises PolicyDenied: as for ``invoke``. What subscribers raise does not come here.
        :raises ShuttingDown: the kernel is stopping.
        """
        fact = PLAIN
        if (
            type(event_type) is not str
            or not event_type
            or schema is not None
            or error is not None
            or id is not None
            or (subject != () or outcome != "success" or occurred_at is not None)
        ):
            instance = None
            if not isinstance(event_type, str):
                instance, event_type, data, schema = _typed(event_type, data, schema)
            subjects = _checked(event_type, subject, outcome, occurred_at, id)
            fact = Fact(subjects, schema, outcome, error, occurred_at, id, instance)
        outer = CURRENT.get() or _NOBODY
        if self._dispatcher.gate is not None:
            await self._dispatcher.gate.admit(outer, self.caller, own=self._own)
        route = self._events.get(event_type) or self._dispatcher.event_route(self._routes, event_type)
        who = actor or outer.actor or None
        span = Span(parent=outer.span)
        event = Publication(
            actor=who,
            on_behalf_of=outer.on_behalf_of,
            client=outer.client,
            correlation=outer.correlation or span,
            causation=cause(outer),
            span=span,
            caller=self.caller,
            verdict=route.verdict if who is not None else route.actorless,
            event_type=event_type,
            data={} if data is None else data,
            fact=fact,
        )
        token = CURRENT.set(event)
        route.spans[span] = current_task(self._loop)
        try:
            if route.only is not None:
                try:
                    await route.only(event_type, event.data)
                except BaseException as failure:
                    if not route.takes(failure, event):
                        raise
            elif route.free:
                await route.deliver(event)
            else:
                await route.run(event)
        finally:
            del route.spans[span]
            span.holds -= 1
            span.parent = span.at = None
            if route.retired:
                route.left()
            CURRENT.reset(token)

    def invoke_sync(self, target: str, params: Any = None, *, actor: str | None = None) -> Any:
        """``invoke`` from another thread; who acts is taken over from the calling thread's context.

        :raises LifecycleError: on the loop's own thread, which it would block, or if the kernel does not run.
        """
        return self._from_thread("invoke_sync", lambda: self.invoke(target, params, actor=actor))

    def publish_sync(self, event_type: Any, data: Any = None, **keywords: Any) -> None:
        """``publish`` from another thread; raises as ``invoke_sync`` does."""
        self._from_thread("publish_sync", lambda: self.publish(event_type, data, **keywords))

    def _from_thread(self, name: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        loop = self._loop
        if loop is None or loop.is_closed() or not loop.is_running():
            raise LifecycleError(f"{name}: the kernel is not running. Boot it first: await kernel.boot().")
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is loop:
            plain = name.removesuffix("_sync")
            raise LifecycleError(
                f"{name} would block the loop that it waits for. On the loop's own thread use: await bus.{plain}(…)."
            )
        result, error = asyncio.run_coroutine_threadsafe(_outcome(make()), loop).result()
        if error is not None:
            raise error
        return cast("T", result)


async def _outcome(operation: Coroutine[Any, Any, T]) -> tuple[T | None, BaseException | None]:
    """What an operation returned, or raised: no exception of a handler is to stop the loop or to change on its way."""
    try:
        return await operation, None
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - it is raised again where the operation was asked for
        return None, error


def _typed(event: Any, data: Any, schema: str | None) -> tuple[Any, str, Any, str | None]:
    from signalpy.event import Event

    if not isinstance(event, Event):
        raise _no_text("publish", "event_type", event, "a text or an Event")
    if not event.event_type:
        raise invalid(
            "publish",
            [{"loc": ("event_type",), "msg": f"{type(event).__name__} was declared without type=", "type": "missing"}],
        )
    if data is not None:
        raise invalid(
            event.event_type,
            [{"loc": ("data",), "msg": "a typed event carries its own data", "type": "extra_forbidden"}],
        )
    return event, event.event_type, event.payload(), schema or event.schema_id()


def _no_text(where: str, name: str, value: Any, expected: str = "a text") -> InvalidParams:
    found = type(value).__name__
    return invalid(where, [{"loc": (name,), "msg": f"expected {expected}, found {found}", "type": "string_type"}])


def _checked(
    event_type: str, subject: str | Iterable[str], outcome: str, occurred_at: datetime | None, id: str | None
) -> tuple[str, ...]:
    """The subjects as a tuple; everything else is only looked at."""
    problem = None
    if not event_type:
        problem = ("event_type", "is empty")
    elif outcome not in OUTCOMES:
        problem = ("outcome", f"must be one of {', '.join(OUTCOMES)}")
    elif occurred_at is not None and (not isinstance(occurred_at, datetime) or occurred_at.utcoffset() is None):
        problem = ("occurred_at", "must be a datetime with a time zone, e.g. datetime.now(timezone.utc)")
    elif id is not None and (not isinstance(id, str) or not id):
        problem = ("id", "must be a text that is not empty")
    if subject == ():
        subjects: tuple[str, ...] = ()
    else:
        several = subject if isinstance(subject, Iterable) and not isinstance(subject, str) else (subject,)
        subjects = tuple(several)
        if not all(isinstance(item, str) for item in subjects):
            problem = ("subject", "must be a text or several")
    if problem is not None:
        raise invalid(event_type or "publish", [{"loc": (problem[0],), "msg": problem[1], "type": "value"}])
    return subjects
