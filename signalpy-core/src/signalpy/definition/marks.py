"""The decorators for methods: ``runnable``, ``subscribe``, ``lifecycle``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from signalpy.definition.signature import shape_of, wrong
from signalpy.definition.spec import MARKS, RunnableSpec, StageSpec, SubscriptionSpec
from signalpy.errors import DefinitionError
from signalpy.matching import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])

RUNNABLE_NAME: Final = re.compile(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*")
STAGES: Final = {"activate": 0, "deactivate": 0, "reconfigure": 2}


def _mark(function: F, spec: object) -> F:
    marks = [*getattr(function, MARKS, ()), spec]
    setattr(function, MARKS, tuple(marks))
    return function


def runnable(name: str, *, params: Any = None, description: str = "", thread: bool = False) -> Callable[[F], F]:
    """Makes a method callable over the bus as ``component.name``.

    :param params: model of the parameters (a pydantic model or a dataclass); the method gets an instance. Without a
        model a method that takes a parameter gets the mapping as it was given.
    :param thread: run a plain ``def`` in a worker thread.
    :raises DefinitionError: for a bad name, a wrong signature or a wrong model, naming class, method and fix.
    """
    if callable(name):
        raise wrong(name, "@runnable stands without a name", 'Write @runnable("transfer")')

    def decorate(function: F) -> F:
        if not isinstance(name, str) or not RUNNABLE_NAME.fullmatch(name):
            raise wrong(
                function, f"bad runnable name {name!r}", 'Use letters, digits and "_", e.g. @runnable("transfer")'
            )
        shape = shape_of(function, "@runnable")
        if any(isinstance(mark, RunnableSpec) for mark in getattr(function, MARKS, ())):
            raise wrong(function, "it is a runnable already", "Keep one @runnable per method")
        if not (shape.takes(0) or shape.takes(1)):
            raise wrong(
                function,
                f"a runnable takes (self) or (self, params), found {_found(shape.names)}",
                "Change its parameters",
            )
        if params is not None and not shape.takes(1):
            raise wrong(function, "it has a params model but takes no parameter", "Write (self, params)")
        if params is not None and not _is_model(params):
            raise wrong(
                function,
                f"params must be a model class, found {params!r}",
                "Give a pydantic model, e.g. params=TransferParams",
            )
        if thread and shape.is_async:
            raise wrong(function, "thread=True stands on an async def", "Remove thread=True or make it a plain def")
        spec = RunnableSpec(name, function.__name__, params, description, thread, shape.is_async, shape.takes(1))
        return _mark(function, spec)

    return decorate


def subscribe(pattern: Any, *, description: str = "", background: bool = False) -> Callable[[F], F]:
    """Makes a method take the events whose type matches ``pattern`` (``fnmatch``), or the typed events of a class.

    The method takes ``(self, event_type, data)``, and a third parameter ``event`` if it wants the whole publication.

    :param pattern: a text, or an ``Event`` class; then ``data`` is an instance of it.
    :param background: deliver through a bounded queue, in a supervised worker, instead of within ``publish``.
    :raises DefinitionError: for a bad pattern or a wrong signature, naming class, method and fix.
    """
    if callable(pattern) and not isinstance(pattern, type):
        raise wrong(pattern, "@subscribe stands without a pattern", 'Write @subscribe("account.*")')

    def decorate(function: F) -> F:
        shape = shape_of(function, "@subscribe")
        event_class = pattern if isinstance(pattern, type) else None
        text = getattr(event_class, "event_type", None) if event_class is not None else pattern
        if not isinstance(text, str) or not text:
            raise wrong(
                function,
                f"bad pattern {pattern!r}",
                'Give a text, e.g. @subscribe("account.*"), or an Event class with a type',
            )
        wants_event = len(shape.names) > 2 and (shape.names[2] == "event" or shape.names[2] in shape.required)
        if not shape.takes(3 if wants_event else 2):
            fix = "Write (self, event_type, data) or (self, event_type, data, event)"
            raise wrong(function, f"a subscriber takes two parameters, or three, found {_found(shape.names)}", fix)
        spec = SubscriptionSpec(
            text, function.__name__, description, background, shape.is_async, wants_event, event_class
        )
        return _mark(function, spec)

    return decorate


class _Lifecycle:
    """``@lifecycle.activate``, ``@lifecycle.deactivate``, ``@lifecycle.reconfigure`` (old settings, new settings)."""

    def activate(self, function: F | None = None) -> F:
        """Marks the method that starts the component; its services and settings are there already."""
        return _stage(function, "activate")

    def deactivate(self, function: F | None = None) -> F:
        """Marks the method that stops the component; its services are still there."""
        return _stage(function, "deactivate")

    def reconfigure(self, function: F | None = None) -> F:
        """Marks the method ``(self, old, new)`` that is told of changed settings."""
        return _stage(function, "reconfigure")

    def __getattr__(self, stage: str) -> Callable[[F], F]:
        if stage.startswith("__"):
            raise AttributeError(stage)

        def decorate(function: F) -> F:
            hint = did_you_mean(stage, STAGES)
            raise wrong(function, f"unknown lifecycle stage {stage!r}", f"Known: {', '.join(STAGES)}.{hint}")

        return decorate


lifecycle: Final = _Lifecycle()


def _stage(function: F | None, stage: str) -> F:
    if function is None:
        raise DefinitionError(
            f"@lifecycle.{stage} stands with parentheses. Write @lifecycle.{stage}", component=None, method=None
        )
    shape = shape_of(function, f"@lifecycle.{stage}")
    count = STAGES[stage]
    if not shape.takes(count):
        expected = "(self, old, new)" if count else "(self)"
        raise wrong(function, f"{stage} takes {expected}, found {_found(shape.names)}", "Change its parameters")
    return _mark(function, StageSpec(stage, function.__name__, shape.is_async))


def _found(names: tuple[str, ...]) -> str:
    return f"({', '.join(('self', *names))})"


def _is_model(params: Any) -> bool:
    return isinstance(params, type) and (hasattr(params, "model_validate") or hasattr(params, "__dataclass_fields__"))
