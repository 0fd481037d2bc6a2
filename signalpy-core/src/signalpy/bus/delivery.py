"""A delivery: one subscription of a live component, and the bounded queue of a background one."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable
from contextvars import Context as Variables
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from signalpy.bus.endpoint import not_awaited
from signalpy.definition import SubscriptionSpec
from signalpy.operation import CURRENT, Publication, handled
from signalpy.span import Span

DeadLetter: TypeAlias = Callable[[Publication, "Delivery", BaseException], None]


class QueueFull(Exception):
    """A background subscriber did not take events fast enough for ``queue_wait`` seconds."""


class Delivery:
    """One subscription. ``simple`` ones are called by the bus itself with type and data."""

    __slots__ = ("component", "function", "is_async", "owner", "queue", "simple", "spec")

    def __init__(self, owner: Any, component: str, instance: object, spec: SubscriptionSpec) -> None:
        self.owner = owner
        self.component = component
        self.spec = spec
        self.function: Callable[..., Any] = getattr(instance, spec.method)
        self.is_async = spec.is_async
        self.queue: BackgroundQueue | None = None
        self.simple = not (spec.takes_event or spec.event_class or spec.background)

    def __repr__(self) -> str:
        return f"<Delivery {self.spec.pattern} to {self.component}.{self.spec.method}>"

    async def deliver(self, event: Publication) -> None:
        """Hands the event over: to the queue of a background subscriber, else to the method."""
        if self.queue is not None:
            await self.queue.put(event)
        else:
            await self.call(event)

    async def call(self, event: Publication) -> None:
        """Calls the method with what it takes."""
        spec = self.spec
        data = event.data
        if spec.event_class is not None:
            data = event.instance if isinstance(event.instance, spec.event_class) else spec.event_class.of(data)
        extra = (event,) if spec.takes_event else ()
        result = self.function(event.event_type, data, *extra)
        if self.is_async:
            await result
        elif result is not None:
            self.check(result)

    def check(self, result: Any) -> None:
        """Refuses what a plain ``def`` returned, if that is a coroutine."""
        if inspect.iscoroutine(result):
            raise not_awaited(result, f"{self.component}.{self.spec.method}")


class Handling(Span, eq=False):
    """One background subscriber's handling of an event. It is no operation of its own and has the event's id.

    :ivar owner: the live component's record.
    """

    event: Span | None = None
    owner: Any = None

    def read(self) -> str:
        """The id of the event."""
        return self.event.read() if self.event is not None else super().read()


@dataclass(eq=False, slots=True)
class Item:
    """A queued event, with the publisher's context variables."""

    event: Publication
    variables: Variables


class BackgroundQueue:
    """The events that wait for one background subscriber, and the tasks that hand them over, one after the other.

    Publishers that wait for room get it in the order in which they came.

    :param size: how many may wait.
    :param wait: seconds that a publisher waits for room; then the delivery is a dead letter.
    """

    def __init__(self, delivery: Delivery, *, size: int, wait: float, dead_letter: DeadLetter) -> None:
        self._delivery = delivery
        self._items: deque[Item] = deque()
        self._room = asyncio.Semaphore(size)
        self._wait = wait
        self._dead_letter = dead_letter
        self._running: dict[asyncio.Task[None], Handling] = {}
        self._at_once = 1
        self._ended = asyncio.Event()
        self._closed = False
        self._title = f"signalpy queue of {delivery.component}"

    def __repr__(self) -> str:
        return f"<BackgroundQueue(waiting={len(self._items)}, running={len(self._running)})>"

    async def put(self, event: Publication) -> None:
        """Queues an event; waits for room.

        :raises QueueFull: if none comes within ``queue_wait``.
        """
        if not self._closed:
            await self._take_room()
        if self._closed:
            self._room.release()  # the next publisher that waits learns it too
            raise QueueFull(f"{self._delivery.component} has stopped")
        event.span.holds += 1
        self._items.append(Item(event, copy_context()))
        self._next()

    def busy(self, ancestors: frozenset[Span]) -> bool:
        """Whether anything waits or runs, apart from what an operation among ``ancestors`` runs in."""
        return bool(self._items) or any(span not in ancestors for span in self._running.values())

    def spans(self) -> list[Handling]:
        """The spans of what is being handled."""
        return list(self._running.values())

    async def drain(self, ancestors: frozenset[Span] = frozenset()) -> None:
        """Returns when everything queued has been handled. Beside what itself asks for the drain, the next one runs."""
        self._at_once = 1 + sum(span in ancestors for span in self._running.values())
        self._next()
        while self.busy(ancestors):
            self._ended.clear()
            await self._ended.wait()

    async def close(self) -> None:
        """Stops at once: cancels what runs; what waits becomes dead letters."""
        self._closed = True
        running = [task for task in self._running if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=1)
        while self._items:
            item = self._items.popleft()
            self._dead_letter(item.event, self._delivery, asyncio.CancelledError("the component stopped"))
            item.event.span.holds -= 1
        self._room.release()
        self._ended.set()

    async def _take_room(self) -> None:
        if not self._room.locked():
            await self._room.acquire()  # at once
            return
        try:
            async with asyncio.timeout(self._wait):
                await self._room.acquire()
        except TimeoutError:
            where = f"{self._delivery.component}.{self._delivery.spec.method}"
            raise QueueFull(f"the queue of {where} stayed full for {self._wait:g} s") from None

    def _next(self) -> None:
        """Begins with the event that has waited longest, unless one is being handled."""
        while self._items and len(self._running) < self._at_once and not self._closed:
            item = self._items.popleft()
            self._room.release()
            event = item.event
            span = Handling(parent=event.span, event=event.span, owner=self._delivery.owner)
            task = asyncio.create_task(self._handle(event, span), name=self._title, context=item.variables)
            self._running[task] = span
            task.add_done_callback(partial(self._finish, event, span), context=item.variables)

    async def _handle(self, event: Publication, span: Handling) -> None:
        CURRENT.set(handled(event, span))
        try:
            await self._delivery.call(event)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - becomes a dead letter
            self._dead_letter(event, self._delivery, error)

    def _finish(self, event: Publication, span: Handling, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        span.end()
        event.span.holds -= 1
        self._next()
        if not self._items:
            self._ended.set()
        error = asyncio.CancelledError("the delivery was cancelled") if task.cancelled() else task.exception()
        if error is not None:
            self._dead_letter(event, self._delivery, error)
