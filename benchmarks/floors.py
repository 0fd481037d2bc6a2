"""The least that operations cost which keep the promises of the bus: each a bare program for one event or one target.

They have what no operation may lack: the context of what is done inside, a record that hooks and subscribers can be
shown, the register of what is under way, and failures of subscribers that reach nobody else. They lack what makes a bus
of it: many names and callers, policies and components that change, a gate, what a publisher may say besides, typed
events, and routes that a drain waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from benchmarks.awaits import Handler, Timed, calls
from benchmarks.transfer import Transfer
from signalpy.bus.tasks import current_task
from signalpy.operation import Call, Context, Publication, Terms, context_of, enter, leave, read_here

TARGET = "accounts.transfer"


def published(handlers: Iterable[Handler]) -> Timed:
    """Publications of one event to one handler, or to several."""
    several = tuple(handlers)

    async def timed(times: int) -> float:
        loop, terms = asyncio.get_running_loop(), Terms(running={})
        running = terms.running

        async def to_one(event_type: str, data: Any) -> None:
            here = read_here()
            outer = here if type(here) is Context else context_of(here)
            event = Publication(outer, terms, None, event_type, data)
            token = enter(event)
            running[event] = current_task(loop)
            try:
                await only(event_type, data)
            except Exception:  # noqa: BLE001, S110 - a dead letter that nobody reads
                pass
            finally:
                del running[event]
                leave(token)

        async def to_all(event_type: str, data: Any) -> None:
            steps = iter(several)
            here = read_here()
            outer = here if type(here) is Context else context_of(here)
            event = Publication(outer, terms, None, event_type, data, steps=steps)
            token = enter(event)
            running[event] = current_task(loop)
            try:
                for handle in steps:
                    try:  # noqa: SIM105 - `suppress` costs as much as an await
                        await handle(event_type, data)
                    except Exception:  # noqa: BLE001, S110 - a dead letter that nobody reads
                        pass
            finally:
                del running[event]
                leave(token)

        only = several[0]
        return await calls(to_all if len(several) > 1 else to_one)(times)

    return timed


def invoked(handle: Callable[[Transfer], Awaitable[Any]]) -> Timed:
    """Invocations of one target: unknown fields are refused, and the model's own validator is called."""
    check = Transfer.__pydantic_validator__.validate_python

    async def timed(times: int) -> float:
        loop, terms = asyncio.get_running_loop(), Terms(running={})
        running = terms.running

        async def invoke(target: str, params: Any) -> Any:
            made = check(params)
            if len(made.__pydantic_fields_set__) < len(params):
                raise ValueError("a field that is not known")
            here = read_here()
            outer = here if type(here) is Context else context_of(here)
            call = Call(outer, terms, None, target, made)
            token = enter(call)
            running[call] = current_task(loop)
            try:
                return await handle(made)
            finally:
                del running[call]
                leave(token)

        return await calls(invoke, TARGET)(times)

    return timed


def intercepted(handle: Callable[[Transfer], Awaitable[Any]], hook: Callable[..., Awaitable[Any]]) -> Timed:
    """The same behind one interceptor, which may go inward as often as it likes, until it ends."""
    check = Transfer.__pydantic_validator__.validate_python

    async def timed(times: int) -> float:
        loop, terms = asyncio.get_running_loop(), Terms(running={})
        running = terms.running

        async def invoke(target: str, params: Any) -> Any:
            made = check(params)
            if len(made.__pydantic_fields_set__) < len(params):
                raise ValueError("a field that is not known")
            here = read_here()
            outer = here if type(here) is Context else context_of(here)
            call = Call(outer, terms, None, target, made)
            inside, over = 0, False

            async def proceed() -> Any:
                nonlocal inside
                if over:
                    raise RuntimeError("the hook has ended")
                inside += 1
                try:
                    return await handle(made)
                finally:
                    inside -= 1

            token = enter(call)
            running[call] = current_task(loop)
            try:
                return await hook(call, proceed)
            finally:
                over = True
                del running[call]
                leave(token)

        return await calls(invoke, TARGET)(times)

    return timed
