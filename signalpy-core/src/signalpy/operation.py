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
from typing import Any, Final, TypeAlias, final

from msgspec import Struct
from msgspec.structs import force_setattr
from msgspec.structs import replace as _replace

from signalpy.policy import Verdict
from signalpy.span import Span

OUTSIDE = "kernel"
"""The caller of an operation that comes from outside any component."""

_MAKING: Final = threading.Lock()


@final
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


NOWHERE: Final = Context()
"""Nobody acts, and nothing led here."""


class Terms(Struct, eq=False, frozen=True):
    """What all operations of one caller on one route have in common.

    :param caller: name of the component that asks for them, or ``"kernel"``.
    :param verdict: what the policy says of them, if somebody acts.
    :param known: whether somebody offers the target.
    :param running: those that run now, with their tasks.
    """

    caller: str = OUTSIDE
    verdict: Verdict = Verdict()
    known: bool = True
    running: dict[Operation, asyncio.Task[Any] | None] = {}


class Operation(Struct, eq=False, frozen=True):
    """One call or publication. Hooks and subscribers read it and can change nothing in it.

    It is made for every call and every event, so it holds little; what is seldom asked for is worked out then.

    :param outer: the context in which it began.
    :param made: the context of what is done inside it; ``None`` until something is.
    """

    outer: Context
    terms: Terms
    made: Context | None

    @property
    def inside(self) -> Context:
        """The context of what is done inside of it."""
        return self.made or _entered(self)

    @property
    def span(self) -> Span:
        """Its life."""
        return self.inside.span  # type: ignore[return-value] # an operation always has one

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
    def actor(self) -> str | None:
        """Who does it."""
        return self.outer.actor

    @property
    def on_behalf_of(self) -> str | None:
        """For whom the actor does it."""
        return self.outer.on_behalf_of

    @property
    def client(self) -> Mapping[str, Any] | None:
        """Where the request came from."""
        return self.outer.client

    @property
    def correlation_id(self) -> str:
        """Id of the first operation of the chain, which may be this one, or the id given to ``acting_as``."""
        return self.outer.correlation_id or self.operation_id

    @property
    def causation_id(self) -> str | None:
        """Id of the operation that led to this one, if any."""
        return self.outer.causation_id

    @property
    def caller(self) -> str:
        """Name of the component that asked for it, or ``"kernel"``."""
        return self.terms.caller

    @property
    def verdict(self) -> Verdict:
        """What the policy says of it; taken before anything else."""
        verdict = self.terms.verdict
        return verdict if self.outer.actor is not None else verdict.without_actor()

    @property
    def audit(self) -> str | None:
        """The audit level in force: ``None``, ``"metadata"``, ``"request"`` or ``"full"``."""
        return self.terms.verdict.audit


class Call(Operation, eq=False, frozen=True):
    """An invocation of ``target`` (``component.runnable``).

    ``params`` are as the caller gave them where recorders look, and an instance of the target's model for interceptors.
    """

    target: str
    params: Any

    @property
    def kind(self) -> str:
        """``"invoke"``."""
        return "invoke"

    @property
    def name(self) -> str:
        """The target."""
        return self.target

    @property
    def known(self) -> bool:
        """Whether somebody offers the target."""
        return self.terms.known

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


class Publication(Operation, eq=False, frozen=True):
    """An event on its way to the subscribers.

    :param data: the payload; a mapping.
    :param fact: what its publisher says besides; each part is an attribute here too.
    :param steps: the subscribers that it has not reached, where the bus calls them itself; else its span knows.
    """

    event_type: str
    data: Any
    fact: Fact = PLAIN
    steps: Any = None

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


Here: TypeAlias = Context | Operation

CURRENT: ContextVar[Here | None] = ContextVar("signalpy_operation", default=NOWHERE)

# Bound once, for the bus: ``CURRENT.get`` on an imported name makes a bound method at every operation.
read_here, enter, leave = CURRENT.get, CURRENT.set, CURRENT.reset


def current() -> Here | None:
    """The innermost operation, or what ``acting_as`` set, or ``None``."""
    here = CURRENT.get()
    return here if here is not NOWHERE else None


def surroundings() -> Context:
    """The context in which an operation that begins now begins."""
    return context_of(CURRENT.get())


def context_of(here: Here | None) -> Context:
    """What ``CURRENT`` holds, as a context."""
    if here is None:
        return NOWHERE
    if type(here) is Context:
        return here
    return here.made or _entered(here)


def current_span() -> Span | None:
    """The span of the innermost operation, if there is one."""
    return surroundings().span


def breaks_off(error: BaseException) -> bool:
    """Whether an exception out of foreign code is none of its failures but the end of this task: somebody cancelled it.

    A ``CancelledError`` that nobody asked for, or a ``SystemExit``, is a failure like any other.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


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
    outer = surroundings()
    inner = Context(
        actor=actor or None,
        on_behalf_of=on_behalf_of,
        client=client if client is not None else outer.client,
        correlation=correlation_id if correlation_id is not None else outer.correlation,
        causation=causation_id if causation_id is not None else outer.causation,
        span=outer.span,
    )
    token = CURRENT.set(inner)
    try:
        yield inner
    finally:
        CURRENT.reset(token)


def by(actor: str, outer: Context) -> Context:
    """The same context with another actor."""
    return _replace(outer, actor=actor)


def under(span: Span, outer: Context) -> Context:
    """The same context inside of ``span``, which need not be an operation."""
    return _replace(outer, span=span)


def handled(event: Publication, span: Span) -> Publication:
    """The same publication while one of its background subscribers handles it."""
    return _replace(event, made=_replace(event.inside, causation=span, span=span), steps=None)


def with_params(call: Call, params: Any) -> Call:
    """The same call with other parameters."""
    return Call(call.outer, call.terms, call.inside, call.target, params)


def with_data(event: Publication, data: Any) -> Publication:
    """The same publication with another payload; a typed instance no longer describes it."""
    fact = event.fact if event.fact.instance is None else _replace(event.fact, instance=None)
    return Publication(event.outer, event.terms, event.inside, event.event_type, data, fact)


def _entered(operation: Operation) -> Context:
    """Makes the context of what is done inside an operation; one, also if several threads ask at once."""
    outer = operation.outer
    with _MAKING:
        if operation.made is None:
            span = Span(outer.span)
            made = Context(
                actor=outer.actor,
                on_behalf_of=outer.on_behalf_of,
                client=outer.client,
                correlation=outer.correlation or span,
                causation=span,
                span=span,
            )
            force_setattr(operation, "made", made)
            if operation not in operation.terms.running:
                span.end()
        return operation.made  # type: ignore[return-value] # it was made just now


def _id(link: Span | str | None) -> str | None:
    return link.read() if isinstance(link, Span) else link
