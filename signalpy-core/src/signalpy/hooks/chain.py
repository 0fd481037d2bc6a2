"""A ring: implementations and what they stand around, compiled into one async function.

It is compiled once per target and kept until hooks, policies or components change; without an implementation it is
the inner function itself and costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import CoroutineType
from typing import Any, Final, TypeAlias

from msgspec import Struct

from signalpy.errors import HookError, Refused
from signalpy.hooks.plugin import Implementation
from signalpy.operation import breaks_off

log = logging.getLogger("signalpy.hooks")

Run: TypeAlias = Callable[[Any], Awaitable[Any]]
Change: TypeAlias = Callable[[Any, Any], Any]
_KEEP: Final = object()
_NOTHING: Final = object()


class Step(Struct, eq=False):
    """What a hook gets as ``proceed``: goes on to the next ring inward, with another value if one is given.

    It ends with the hook: nothing goes inward any more when the hook has returned or raised.

    :param item: the hook.
    :param operation: what goes inward; ``None`` when the hook has ended.
    :param change: see `compile_ring`.
    :param inside: how many times it has gone inward and not come back yet.
    :param result: what came back last; ``error``: what was raised, if nothing came back since.
    :param emptied: told when nothing is inside any more, once somebody waits for it.
    """

    item: Implementation
    operation: Any
    inner: Run
    change: Change | None
    inside: int = 0
    result: Any = _NOTHING
    error: BaseException | None = None
    emptied: asyncio.Event | None = None

    def __repr__(self) -> str:
        return f"<proceed of {self.item}>"  # and nothing of what goes in or comes back

    async def __call__(self, new: Any = _KEEP) -> Any:
        """Goes inward; with ``new``, a call has other parameters and an event another payload."""
        operation = self.operation
        if operation is None:
            raise self._wrong("called proceed() after it had ended. Await it inside.")
        if self.change is None:
            self._once(new)
        elif new is not _KEEP:
            operation = self.change(operation, new)
        self.inside += 1
        try:
            self.result = result = await self.inner(operation)
            self.error = None
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.inside -= 1
            if self.emptied is not None and not self.inside:
                self.emptied.set()
        return result

    async def outside(self) -> None:
        """Returns when nothing runs inward any more, which a hook may have left to a task of its own."""
        self.emptied = asyncio.Event()
        await self.emptied.wait()

    def _once(self, new: Any) -> None:
        if new is not _KEEP:
            raise self._wrong("gave proceed() a value, and a recorder changes nothing. Call it without one.")
        if self.inside or self.result is not _NOTHING or self.error is not None:
            raise self._wrong("called proceed() twice. A recorder calls it once.")

    def _wrong(self, what: str) -> HookError:
        return HookError(f"{self.item} {what}", plugin=self.item.plugin, hook=self.item.hook)


class TimedStep(Step, eq=False):
    """The same for a hook whose own time is limited.

    :param pause: its clock, once it runs.
    """

    pause: OwnTime | None = None

    async def __call__(self, new: Any = _KEEP) -> Any:
        """Goes inward; meanwhile the hook's clock stands still."""
        pause = self.pause
        if pause is None or self.operation is None:
            return await super().__call__(new)
        if not self.inside:
            pause.stop()
        try:
            return await super().__call__(new)
        finally:
            if self.operation is not None and not self.inside:
                pause.start()


class OwnTime:
    """The time that a hook spends itself: runs while it works, stands still while it awaits ``proceed``."""

    __slots__ = ("_left", "_since", "_timeout")

    def __init__(self, seconds: float, timeout: asyncio.Timeout) -> None:
        self._left = seconds
        self._timeout = timeout
        self._since = 0.0

    def start(self) -> None:
        """Sets the clock going."""
        self._since = asyncio.get_running_loop().time()
        if not self._timeout.expired():
            self._timeout.reschedule(self._since + max(self._left, 0))

    def stop(self) -> None:
        """Stops the clock."""
        self._left -= asyncio.get_running_loop().time() - self._since
        if not self._timeout.expired():
            self._timeout.reschedule(None)


def compile_ring(implementations: Sequence[Implementation], inner: Run, change: Change | None) -> Run:
    """``inner`` with the implementations around it, the first one outermost.

    :param change: makes the operation that goes inward when a hook calls ``proceed(new)``; ``None`` for recorders,
        which must call ``proceed()`` once and change nothing.
    """
    run = inner
    for item in reversed(implementations):
        run = _recorder(item, run) if change is None else _interceptor(item, run, change)
    return run


def _recorder(item: Implementation, inner: Run) -> Run:
    call = _caller(item)

    async def record(operation: Any) -> Any:
        step = Step(item, operation, inner, None)
        try:
            await call(operation, step)
        except BaseException as error:
            if error is not step.error:
                _note(error, item)
            raise
        finally:
            step.operation = None
            if step.inside:
                await step.outside()
        if step.error is not None:
            raise step.error
        if step.result is _NOTHING:
            raise HookError(
                f"{item} returned without awaiting proceed(). Await it once, or raise.",
                plugin=item.plugin,
                hook=item.hook,
            )
        return step.result

    return record


def _interceptor(item: Implementation, inner: Run, change: Change) -> Run:
    call = _caller(item)
    timeout, on_error = item.options.timeout, item.options.on_error
    if timeout is not None or on_error in ("isolate", "deny"):
        return _guarded(item, call, inner, change)

    async def intercept(operation: Any) -> Any:
        step = Step(item, operation, inner, change)
        try:
            result = await call(operation, step)
            if type(result) is CoroutineType:
                _awaited(item, step, result)
        except BaseException as error:
            if error is not step.error:
                _note(error, item)
            raise
        finally:
            step.operation = None
            if step.inside:
                await step.outside()
        return result

    return intercept


def _guarded(item: Implementation, call: Callable[..., Awaitable[Any]], inner: Run, change: Change) -> Run:
    on_error = item.options.on_error

    async def intercept(operation: Any) -> Any:
        step = TimedStep(item, operation, inner, change)
        try:
            result = await _timed(item, call, operation, step)
            if type(result) is CoroutineType:
                _awaited(item, step, result)
        except BaseException as error:
            if error is step.error or breaks_off(error):
                raise
            _note(error, item)
            if on_error == "deny" and not isinstance(error, Refused):
                raise Refused(
                    f"{item} failed, and its failure denies", rule=f"{item.plugin}: on_error", target=_target(operation)
                ) from error
            # A hook that has cut short what it stands around cannot be passed over: nothing is left to go on with.
            if on_error != "isolate" or isinstance(error, Refused) or isinstance(step.error, asyncio.CancelledError):
                raise
            item.passed_over += 1
            log.exception("hook %s failed and is passed over", item)
        else:
            return result
        finally:
            step.operation = None
            if step.inside:
                await step.outside()
        if step.error is not None:
            raise step.error
        return step.result if step.result is not _NOTHING else await inner(operation)

    return intercept


async def _timed(item: Implementation, call: Callable[..., Awaitable[Any]], operation: Any, step: TimedStep) -> Any:
    seconds = item.options.timeout
    if seconds is None:
        return await call(operation, step)
    try:
        async with asyncio.timeout(None) as limit:
            step.pause = OwnTime(seconds, limit)
            step.pause.start()
            return await call(operation, step)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise TimeoutError(f"{item} took more than {seconds:g} s of its own") from error


def _caller(item: Implementation) -> Callable[..., Awaitable[Any]]:
    """The implementation as a function of (operation, proceed), whatever order its own arguments have."""
    function = item.function
    if len(item.takes) == 1:
        return lambda operation, step: function(step)
    if item.takes[0] == "proceed":
        return lambda operation, step: function(step, operation)
    return function


def _awaited(item: Implementation, step: Step, result: CoroutineType[Any, Any, Any]) -> None:
    """Refuses what a forgotten ``await`` gives: the caller would take it for the result, and nothing has run."""
    if result.cr_code in _GOES_INWARD and step.result is _NOTHING and step.error is None:
        result.close()
        raise HookError(
            f"{item} returned proceed() without awaiting it, so nothing ran. Use: return await proceed()",
            plugin=item.plugin,
            hook=item.hook,
        )


_GOES_INWARD: Final = (Step.__call__.__code__, TimedStep.__call__.__code__)


def _note(error: BaseException, item: Implementation) -> None:
    note = f"raised by hook {item.hook} of plugin {item.source}"
    with suppress(Exception):  # an exception may refuse to be changed; it comes through all the same
        if not breaks_off(error) and note not in getattr(error, "__notes__", ()):
            error.add_note(note)


def _target(operation: Any) -> str:
    return str(operation.name)
