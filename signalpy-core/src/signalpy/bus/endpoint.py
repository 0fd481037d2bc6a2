"""An endpoint: a runnable of a live component, ready to be called."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from signalpy.definition import RunnableSpec
from signalpy.operation import current_span
from signalpy.params import Validate, validator
from signalpy.span import Span

Working: TypeAlias = dict[asyncio.Future[Any], Span | None]
"""What runs in threads, and for which operation."""


@dataclass(eq=False, slots=True)
class Endpoint:
    """What a target leads to.

    :param owner: the live component's record.
    :param handler: async, takes validated parameters.
    """

    target: str
    owner: Any
    spec: RunnableSpec
    validate: Validate
    handler: Callable[[Any], Awaitable[Any]]


def endpoint(
    owner: Any,
    component: str,
    instance: object,
    spec: RunnableSpec,
    *,
    threads: Executor,
    working: Working,
) -> Endpoint:
    """The endpoint of one runnable.

    :param threads: where ``thread=True`` runs.
    :param working: holds what runs there, also after its caller was cancelled.
    """
    target = f"{component}.{spec.name}"
    method = getattr(instance, spec.method)
    validate = validator(target, spec.params, takes_params=spec.takes_params)
    if spec.is_async:
        handler = method if spec.takes_params else _without_params(method)
    elif spec.thread:
        handler = _threaded(method, spec.takes_params, threads, working)
    else:
        handler = _inline(method, spec.takes_params, target)
    return Endpoint(target, owner, spec, validate, handler)


def _without_params(method: Callable[[], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    return lambda params: method()


def _inline(method: Callable[..., Any], takes_params: bool, target: str) -> Callable[[Any], Awaitable[Any]]:
    async def handler(params: Any) -> Any:
        result = method(params) if takes_params else method()
        if inspect.iscoroutine(result):
            raise not_awaited(result, target)
        return result

    return handler


def not_awaited(result: Any, where: str) -> TypeError:
    """The error for a plain ``def`` that hands back a coroutine, which nobody would run."""
    result.close()
    return TypeError(
        f"{where}: a plain def runs inline and cannot use the bus, but it returned a coroutine. Write async def and"
        " await it."
    )


def _threaded(
    method: Callable[..., Any], takes_params: bool, threads: Executor, working: Working
) -> Callable[[Any], Awaitable[Any]]:
    async def handler(params: Any) -> Any:
        run = partial(copy_context().run, _outcome, method, *([params] if takes_params else ()))
        future = asyncio.get_running_loop().run_in_executor(threads, run)
        working[future] = current_span()
        future.add_done_callback(working.pop)
        result, error = await asyncio.shield(future)
        if error is not None:
            raise error
        return result

    return handler


def _outcome(method: Callable[..., Any], *arguments: Any) -> tuple[Any, BaseException | None]:
    """What a method returned, or raised: a future takes no ``StopIteration``, and would never be done."""
    try:
        return method(*arguments), None
    except BaseException as error:  # noqa: BLE001 - it is raised again where the thread was asked for
        return None, error
