"""What went over the bus while a test ran: a pair of hooks, and the lists that they fill."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Self, TypeVar, overload

from signalpy import Call, Operation, PolicyDenied, Publication, hookimpl
from signalpy.hookspecs import Proceed
from signalpy.matching import matches

R = TypeVar("R", "PublishedEvent", "Invocation")


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event as its subscribers got it.

    :param data: a copy of the payload, made when it was published.
    :param instance: the typed event, if one was published.
    """

    type: str
    data: Any
    caller: str
    actor: str | None
    subject: tuple[str, ...]
    schema: str | None
    outcome: str
    error: Any
    occurred_at: datetime | None
    id: str | None
    instance: Any
    operation: Publication = field(repr=False)

    @property
    def name(self) -> str:
        """What patterns are matched against: the type."""
        return self.type


@dataclass(slots=True)
class Invocation:
    """One call, also one that was refused, invalid, failed or cancelled.

    :param params: as the caller gave them.
    :param result: what the caller got; ``None`` while it runs, and if it raised.
    :param error: what the caller got raised; ``None`` if nothing.
    :param done: whether it has ended.
    """

    target: str
    params: Any
    caller: str
    actor: str | None
    operation: Call = field(repr=False)
    result: Any = None
    error: BaseException | None = None
    done: bool = False

    @property
    def name(self) -> str:
        """What patterns are matched against: the target."""
        return self.target

    @property
    def denied(self) -> bool:
        """Whether a policy or an interceptor refused it."""
        return isinstance(self.error, PolicyDenied)


class _Seen(Sequence[R], Generic[R]):
    """A list, in the order in which things began, with helpers that take patterns as ``@subscribe`` does."""

    def __init__(self, items: Sequence[R] = ()) -> None:
        self._items: list[R] = list(items)
        self._more = asyncio.Event()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({', '.join(self.names()) or 'none'})>"

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._items))

    def __bool__(self) -> bool:
        return bool(self._items)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> list[R]: ...
    def __getitem__(self, index: int | slice) -> R | list[R]:
        return self._items[index]

    def names(self) -> list[str]:
        """The types of the events, or the targets of the calls."""
        return [item.name for item in self._items]

    def of(self, pattern: str, *, caller: str | None = None) -> Self:
        """Those whose name matches ``pattern``, and that this component asked for, if one is named."""
        return type(self)(
            [item for item in self._items if matches(item.name, pattern) and caller in (None, item.caller)]
        )

    def one(self, pattern: str = "*") -> R:
        """The only one whose name matches.

        :raises AssertionError: if there is none, or there are several; it names what there is.
        """
        found = self.of(pattern)
        if len(found) != 1:
            raise AssertionError(f"expected one {pattern!r}, found {len(found)} among {self.names()}")
        return found[0]

    def clear(self) -> None:
        """Forgets what was seen so far."""
        self._items.clear()

    async def wait_for(self, pattern: str, *, count: int = 1, timeout: float = 5) -> Self:  # noqa: ASYNC109
        """Waits until there are ``count`` whose name matches, and returns these.

        :param timeout: seconds.
        :raises AssertionError: if it takes longer; it names what there is.
        """
        try:
            async with asyncio.timeout(timeout):
                while len(found := self.of(pattern)) < count:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            told = f"expected {count} of {pattern!r} within {timeout:g} s, found {self.names()}"
            raise AssertionError(told) from None
        return found

    def _add(self, item: R) -> None:
        self._items.append(item)
        self._more.set()


class Published(_Seen[PublishedEvent]):
    """The events that reached the subscribers, without those of the kernel itself (``kernel.*``)."""

    def types(self) -> list[str]:
        """The types, in order."""
        return self.names()


class Invocations(_Seen[Invocation]):
    """The calls, whoever made them."""

    def targets(self) -> list[str]:
        """The targets, in order."""
        return self.names()


class Journal:
    """The hooks that see everything and change nothing: a recorder, and the innermost ring of events."""

    def __init__(self) -> None:
        self.published = Published()
        self.invocations = Invocations()

    @hookimpl
    async def signalpy_record(self, operation: Operation, proceed: Proceed) -> Any:
        """Notes a call and how it ended."""
        if not isinstance(operation, Call):
            return await proceed()
        params = _kept(operation.params)
        call = Invocation(operation.target, params, operation.caller, operation.actor, operation)
        self.invocations._add(call)
        try:
            call.result = await proceed()
        except BaseException as error:
            call.error = error
            raise
        finally:
            call.done = True
        return call.result

    @hookimpl(trylast=True)
    async def signalpy_publish(self, event: Publication, proceed: Proceed) -> None:
        """Notes an event as it goes to its subscribers."""
        if not event.event_type.startswith("kernel."):
            self.published._add(
                PublishedEvent(
                    type=event.event_type,
                    data=_kept(event.data),
                    caller=event.caller,
                    actor=event.actor,
                    subject=event.subject,
                    schema=event.schema,
                    outcome=event.outcome,
                    error=event.error,
                    occurred_at=event.occurred_at,
                    id=event.id,
                    instance=event.instance,
                    operation=event,
                )
            )
        await proceed()


def _kept(value: Any) -> Any:
    """A copy, so that what a component does with it later does not show; the value itself if it cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - a value may hold a lock, a socket, anything
        return dict(value) if isinstance(value, Mapping) else value
