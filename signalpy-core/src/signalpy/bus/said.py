"""What a publisher says of an event besides its type and data, checked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, TypedDict

from signalpy.errors import InvalidParams
from signalpy.matching import did_you_mean
from signalpy.operation import PLAIN, Fact
from signalpy.params import invalid

OUTCOMES: Final = ("success", "failure", "denied", "cancelled")


class Said(TypedDict, total=False):
    """The keywords of ``publish``: who did it, and the parts of ``Fact``."""

    actor: str | None
    subject: str | Iterable[str]
    schema: str | None
    outcome: str
    error: Any
    occurred_at: datetime | None
    id: str | None


KEYWORDS: Final = (*Said.__annotations__,)


def told(event_type: Any, data: Any, said: Said) -> tuple[str, Any, Fact]:
    """The event type as a text, the payload, and the fact.

    :param event_type: a text, or a typed event, which is its own payload.
    :raises InvalidParams: for what makes no sense; no value is in it.
    :raises TypeError: for a keyword that there is not.
    """
    for name in said:
        if name not in KEYWORDS:
            raise TypeError(f"publish: unknown keyword {name!r}.{did_you_mean(name, KEYWORDS)}")
    instance, schema = None, said.get("schema")
    if not isinstance(event_type, str):
        instance, event_type, data, schema = _typed(event_type, data, schema)
    if instance is None and len(said) == 1 and "actor" in said:
        return event_type, data, PLAIN
    outcome, occurred_at, id = said.get("outcome", "success"), said.get("occurred_at"), said.get("id")
    subjects = _subjects(event_type, said.get("subject", ()))
    if outcome not in OUTCOMES:
        raise wrong(event_type, "outcome", f"must be one of {', '.join(OUTCOMES)}")
    if occurred_at is not None and (not isinstance(occurred_at, datetime) or occurred_at.utcoffset() is None):
        raise wrong(event_type, "occurred_at", "must be a datetime with a time zone, e.g. datetime.now(timezone.utc)")
    if id is not None and (not isinstance(id, str) or not id):
        raise wrong(event_type, "id", "must be a text that is not empty")
    return event_type, data, Fact(subjects, schema, outcome, said.get("error"), occurred_at, id, instance)


def wrong(event_type: str, name: str, problem: str) -> InvalidParams:
    """The error for one keyword."""
    return invalid(event_type or "publish", [{"loc": (name,), "msg": problem, "type": "value"}])


def not_text(where: str, name: str, value: Any, expected: str = "a text") -> InvalidParams:
    """The error for a target or an event type that is no text."""
    found = type(value).__name__
    return invalid(where, [{"loc": (name,), "msg": f"expected {expected}, found {found}", "type": "string_type"}])


def _subjects(event_type: str, subject: Any) -> tuple[str, ...]:
    if isinstance(subject, str):
        return (subject,)
    # Most are tuples, and to ask for an abstract class costs more than all the rest.
    subjects = tuple(subject) if isinstance(subject, (tuple, Iterable)) else (subject,)
    for item in subjects:
        if not isinstance(item, str):
            raise wrong(event_type, "subject", "must be a text or several")
    return subjects


def _typed(event: Any, data: Any, schema: str | None) -> tuple[Any, str, Any, str | None]:
    from signalpy.event import Event

    if not isinstance(event, Event):
        raise not_text("publish", "event_type", event, "a text or an Event")
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
