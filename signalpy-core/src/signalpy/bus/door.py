"""A caller's door to the bus: invoke and publish, from tasks and from threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, Unpack, cast

from signalpy.bus.dispatcher import OWN, Dispatcher, Routes
from signalpy.bus.gate import Locked
from signalpy.bus.route import CallRoute, EventRoute
from signalpy.bus.said import Said, not_text, told, wrong
from signalpy.bus.tasks import current_task
from signalpy.errors import LifecycleError
from signalpy.operation import OUTSIDE, PLAIN, Call, Context, Publication, by, context_of, enter, leave, read_here

T = TypeVar("T")

LOOK: Final = 0.5
"""Seconds between two looks of a waiting thread whether the loop is still there."""


class Bus:
    """Invoke and publish as one caller. Safe to use from any task of the kernel's loop.

    :param caller: whose policy counts: a component's name, or ``"kernel"`` from outside any component.
    :param own: the kernel itself speaks: no policy keeps it back, and it alone may publish ``kernel.*``.
    """

    __slots__ = ("_caller", "_dispatcher", "_own", "_routes")

    def __init__(self, dispatcher: Dispatcher, caller: str = OUTSIDE, *, own: bool = False) -> None:
        self._caller = caller
        self._own = own
        self._dispatcher = dispatcher
        self._routes = Routes(OWN if own else caller, dispatcher.gate)

    def __repr__(self) -> str:
        return f"<Bus({self._caller}, calls={len(self._routes.calls)}, events={len(self._routes.events)})>"

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Names the loop on which the kernel runs."""
        self._routes.loop = loop

    def _close(self, error: Callable[[], LifecycleError]) -> None:
        """Lets no operation through any more; each gets ``error``."""
        self._routes.gate = Locked(error)

    # What follows is run for every operation: a look-up, one record, one context variable, and the handler. Nothing is
    # made that is not needed each time, and no function stands between; what that saves is in docs/performance.md.

    async def invoke(self, target: str, params: Any = None, *, actor: str | None = None) -> Any:
        """Calls ``component.runnable`` and returns what its handler returns.

        :param params: a mapping, or an instance of the target's model.
        :param actor: who does it, if not whom ``acting_as`` names.
        :raises TargetNotFound: nobody offers the target; ``ComponentUnavailable`` if its component does not run.
        :raises InvalidParams: the parameters do not fit; every problem is told, and no value.
        :raises PolicyDenied: the policy, an interceptor (``Refused``) or a missing actor (``ActorMissing``) forbids it.
        :raises ShuttingDown: the kernel is stopping. Whatever the handler raises comes through unchanged.
        """
        outer = read_here()
        if type(outer) is not Context:
            outer = context_of(outer)
        if actor:
            outer = by(actor, outer)
        routes = self._routes
        if routes.gate.shut:
            await routes.gate.admit(outer, self._caller, own=self._own)
        route = routes.calls.get(target) if type(target) is str else None
        if route is None:
            route = self._call_route(target)
        terms, running, validate, handler = route.at_hand
        if validate is not None:
            params = validate(params)
        call = Call(outer, terms, None, target, params)
        token = enter(call)
        running[call] = current_task(routes.loop)
        try:
            if handler is not None:
                return await handler(params)
            return await route.run(call)
        finally:
            del running[call]
            if call.made is not None:
                call.span.end()
            if route.retired:
                route.left()
            leave(token)

    async def publish(  # noqa: C901, PLR0912 - every step taken out costs a tenth of the whole
        self, event_type: Any, data: Any = None, **said: Unpack[Said]
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
        outer = read_here()
        if type(outer) is not Context:
            outer = context_of(outer)
        if said or type(event_type) is not str:
            event_type, data, fact = told(event_type, data, said)
            actor = said.get("actor")
            if actor:
                outer = by(actor, outer)
        if data is None:
            data = {}
        routes = self._routes
        if routes.gate.shut:
            await routes.gate.admit(outer, self._caller, own=self._own)
        route = routes.events.get(event_type)
        if route is None:
            route = self._event_route(event_type)
        terms, running, only, functions = route.at_hand
        steps = iter(functions) if functions is not None else None
        event = Publication(outer, terms, None, event_type, data, fact, steps)
        token = enter(event)
        running[event] = current_task(routes.loop)
        try:
            if only is not None:
                try:
                    await only(event_type, data)
                except BaseException as failure:
                    if not route.takes(failure, event):
                        raise
            elif steps is None:
                await route.run(event)
            else:
                for handle in steps:
                    try:
                        await handle(event_type, data)
                    except BaseException as failure:
                        if not route.takes(failure, event):
                            raise
        finally:
            del running[event]
            if event.made is not None:
                event.span.end()
            if route.retired:
                route.left()
            leave(token)

    def invoke_sync(self, target: str, params: Any = None, *, actor: str | None = None) -> Any:
        """``invoke`` from another thread; who acts is taken over from the calling thread's context.

        :raises LifecycleError: on the loop's own thread, which it would block, or if the kernel does not run.
        """
        return self._from_thread("invoke_sync", lambda: self.invoke(target, params, actor=actor))

    def publish_sync(self, event_type: Any, data: Any = None, **said: Unpack[Said]) -> None:
        """``publish`` from another thread; raises as ``invoke_sync`` does."""
        self._from_thread("publish_sync", lambda: self.publish(event_type, data, **said))

    def _call_route(self, target: Any) -> CallRoute:
        if not isinstance(target, str):
            raise not_text("invoke", "target", target)
        return self._dispatcher.call_route(self._routes, target)

    def _event_route(self, event_type: str) -> EventRoute:
        if not event_type:
            raise wrong("publish", "event_type", "is empty")
        return self._dispatcher.event_route(self._routes, event_type)

    def _from_thread(self, name: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        loop = self._routes.loop
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
        result, error = _awaited(name, _outcome(make()), loop)
        if error is not None:
            raise error
        return cast("T", result)


def _awaited(name: str, outcome: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    """What ``outcome`` returns on ``loop``.

    :raises LifecycleError: if that loop is closed meanwhile: nothing would ever answer.
    """
    try:
        asked = asyncio.run_coroutine_threadsafe(outcome, loop)
    except RuntimeError:
        outcome.close()
        raise _closed(name) from None
    while True:
        try:
            return asked.result(LOOK)
        except TimeoutError:  # of the wait; the operation's own comes as its outcome
            if loop.is_closed() and not asked.done():
                raise _closed(name) from None


def _closed(name: str) -> LifecycleError:
    return LifecycleError(
        f"{name}: the kernel's event loop was closed before it could answer. Shut down first: await kernel.shutdown()."
    )


async def _outcome(operation: Coroutine[Any, Any, T]) -> tuple[T | None, BaseException | None]:
    """What an operation returned, or raised: no exception of a handler is to stop the loop or to change on its way."""
    try:
        return await operation, None
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - it is raised again where the operation was asked for
        return None, error
