"""What travels: the operation in hand, and who stands behind it.

An operation is one call or one publication. It is what hooks and subscribers are given, and it is also the context: one
context variable holds the innermost one, so that actor, client, correlation and causation reach whatever is done
inside it, in nested calls, events, background subscribers, tasks and threads that the kernel starts.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final

import uuid_utils
from msgspec import Struct
from msgspec.structs import replace as _replace

from signalpy.policy import Verdict

OUTSIDE = "kernel"
"""The caller of an operation that comes from outside any component."""

_MAKING: Final = threading.Lock()


class Span(Struct, eq=False):
    """The life of one operation: its id once somebody asked for it, and whether it still runs.

    ``holds`` counts what keeps it alive: its own run, deliveries that wait in a queue, tasks started under it.
    ``parent`` is cut when the run ends, so that a long chain of events does not keep its whole past in memory. ``at``
    is how far the deliveries of a publication have come.
    """

    holds: int = 1
    id: str | None = None
    parent: Span | None = None
    at: Any = None

    def read(self) -> str:
        """The id, a UUIDv7 (RFC 9562) made at the first reading; one, also if several threads read at once."""
        if self.id is None:
            with _MAKING:
                if self.id is None:
                    self.id = str(uuid_utils.uuid7())
        return self.id


class Context(Struct, eq=False, kw_only=True, frozen=True):
    """Who acts, for whom, from where, and in which chain of operations.

    ``span`` is the operation that runs here, if one does; it need not be what caused what follows.
    """

    actor: str | None = None
    on_behalf_of: str | None = None
    client: Mapping[str, Any] | None = None
    correlation: Span | str | None = None
    causation: Span | str | None = None
    span: Span | None = None

    @property
    def correlation_id(self) -> str | None:
        """Id of the first operation of the chain, or the id given to ``acting_as``."""
        return _id(self.correlation)

    @property
    def causation_id(self) -> str | None:
        """Id of the operation that led to this one, if any."""
        return _id(self.causation)


class Operation(Context, eq=False, kw_only=True, frozen=True):
    """One call or publication. Hooks and subscribers read it and can change nothing in it.

    :param caller: name of the component that asked for it, or ``"kernel"``.
    :param verdict: what the policy says of it; taken before anything else.
    """

    caller: str
    verdict: Verdict
    span: Span

    @property
    def operation_id(self) -> str:
        """UUIDv7 of this operation, made when first read."""
        return self.span.read()

    @property
    def kind(self) -> str:
        """``"invoke"`` or ``"publish"``."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The target of a call, the event type of a publication."""
        raise NotImplementedError

    @property
    def audit(self) -> str | None:
        """The audit level in force: ``None``, ``"metadata"``, ``"request"`` or ``"full"``."""
        return self.verdict.audit


class Call(Operation, eq=False, kw_only=True, frozen=True):
    """An invocation of ``target`` (``component.runnable``).

    ``params`` are as the caller gave them where recorders look, and an instance of the target's model for interceptors.
    """

    target: str
    params: Any
    known: bool = True

    @property
    def kind(self) -> str:
        """``"invoke"``."""
        return "invoke"

    @property
    def name(self) -> str:
        """The target."""
        return self.target

    def __repr__(self) -> str:
        return f"<Call {self.target} by {self.caller}>"


class Fact(Struct, frozen=True, eq=False):
    """What a publisher says of what its event tells, apart from the payload. Most say nothing, and share one.

    :param subject: whom or what the fact concerns.
    :param schema: ``"account.transfer/v2"``, or ``None``.
    :param outcome: whether what the event tells of succeeded.
    :param error: what went wrong in what it tells of.
    :param occurred_at: when it happened (aware); ``None`` for now.
    :param id: the publisher's own id, by which a repeated delivery is known.
    :param instance: the typed event, if one was published.
    """

    subject: tuple[str, ...] = ()
    schema: str | None = None
    outcome: str = "success"
    error: Any = None
    occurred_at: datetime | None = None
    id: str | None = None
    instance: Any = None


PLAIN: Final = Fact()
"""Nothing is said."""


class Publication(Operation, eq=False, kw_only=True, frozen=True):
    """An event on its way to the subscribers.

    :param data: the payload; a mapping.
    :param fact: what its publisher says besides; each part is an attribute here too.
    """

    event_type: str
    data: Any
    fact: Fact = PLAIN

    @property
    def subject(self) -> tuple[str, ...]:
        """Whom or what the fact concerns."""
        return self.fact.subject

    @property
    def schema(self) -> str | None:
        """The stamp of the payload's form, ``"account.transfer/v2"``."""
        return self.fact.schema

    @property
    def outcome(self) -> str:
        """Whether what the event tells of succeeded."""
        return self.fact.outcome

    @property
    def error(self) -> Any:
        """What went wrong in what the event tells of."""
        return self.fact.error

    @property
    def occurred_at(self) -> datetime | None:
        """When it happened (aware); ``None`` for now."""
        return self.fact.occurred_at

    @property
    def id(self) -> str | None:
        """The publisher's own id, by which a repeated delivery is known."""
        return self.fact.id

    @property
    def instance(self) -> Any:
        """The typed event, if one was published and no interceptor replaced it."""
        return self.fact.instance

    @property
    def kind(self) -> str:
        """``"publish"``."""
        return "publish"

    @property
    def name(self) -> str:
        """The event type."""
        return self.event_type

    def __repr__(self) -> str:
        return f"<Publication {self.event_type} by {self.caller}>"


CURRENT: ContextVar[Context | None] = ContextVar("signalpy_operation", default=None)


def current() -> Context | None:
    """The innermost operation, or what ``acting_as`` set, or ``None``."""
    return CURRENT.get()


def current_span() -> Span | None:
    """The span of the innermost operation, if there is one."""
    here = CURRENT.get()
    return here.span if here is not None else None


def breaks_off(error: BaseException) -> bool:
    """Whether an exception out of foreign code is none of its failures but the end of this task: somebody cancelled it.

    A ``CancelledError`` that nobody asked for, or a ``SystemExit``, is a failure like any other.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


def cause(outer: Context) -> Span | str | None:
    """What causes an operation that begins inside ``outer``: the operation that it is, or what had caused it."""
    return outer.causation if type(outer) is Context else outer.span


@contextmanager
def acting_as(
    actor: str | None,
    *,
    on_behalf_of: str | None = None,
    client: Mapping[str, Any] | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
) -> Iterator[Context]:
    """Sets who acts for everything done inside the ``with`` block, in this task and in what it starts.

    :param client: where the request came from, e.g. ``{"ip": …, "request_id": …}``; kept from outside if not given.
    :param correlation_id: the chain this belongs to; kept from outside if not given.
    :param causation_id: what led to this, if it came from another system.
    """
    outer = CURRENT.get() or Context()
    inner = Context(
        actor=actor,
        on_behalf_of=on_behalf_of,
        client=client if client is not None else outer.client,
        correlation=correlation_id if correlation_id is not None else outer.correlation,
        causation=causation_id if causation_id is not None else cause(outer),
        span=outer.span,
    )
    token = CURRENT.set(inner)
    try:
        yield inner
    finally:
        CURRENT.reset(token)


def handled(event: Publication, span: Span) -> Publication:
    """The same publication while one of its background subscribers handles it."""
    return _replace(event, span=span)


def with_params(call: Call, params: Any) -> Call:
    """The same call with other parameters."""
    return _replace(call, params=params)


def with_data(event: Publication, data: Any) -> Publication:
    """The same publication with another payload; a typed instance no longer describes it."""
    fact = event.fact if event.fact.instance is None else _replace(event.fact, instance=None)
    return _replace(event, data=data, fact=fact)


def _id(link: Span | str | None) -> str | None:
    return link.read() if isinstance(link, Span) else link
