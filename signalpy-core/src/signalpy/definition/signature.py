"""What a function can be called with, checked where it is decorated."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from signalpy.definition.spec import wrapped
from signalpy.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class Shape:
    """How a method may be called. ``most`` is ``None`` for ``*args``; counts leave ``self`` out."""

    is_async: bool
    least: int
    most: int | None
    names: tuple[str, ...]
    required: tuple[str, ...]

    def takes(self, count: int) -> bool:
        """Whether a call with ``count`` arguments after ``self`` fits."""
        return self.least <= count and (self.most is None or count <= self.most)


def wrong(function: Any, problem: str, fix: str) -> DefinitionError:
    """The error for a method: names class and method, what is wrong, and the fix."""
    inner = wrapped(function)
    where = getattr(inner, "__qualname__", None) or type(inner).__name__
    owner, _, method = where.rpartition(".")
    return DefinitionError(f"{where}: {problem}. {fix}", component=owner.rpartition(".")[2] or None, method=method)


def shape_of(function: Any, decorator: str) -> Shape:
    """The shape of a method.

    :raises DefinitionError: for what is no plain method: a static or class method, a generator, something that cannot
        be called.
    """
    if isinstance(function, staticmethod | classmethod):
        kind = type(function).__name__
        raise wrong(function, f"{decorator} stands on a {kind}", "Make it a plain method: def …(self, …)")
    bindable = hasattr(function, "__get__") and not isinstance(function, partial)
    if not callable(function) or isinstance(function, type) or not bindable:
        raise wrong(function, f"{decorator} stands on a {type(function).__name__}", "Put it on a method")
    inner = inspect.unwrap(function)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise wrong(function, f"{decorator} stands on a generator", "Return a value instead of yielding")
    return _shape(
        function, decorator, is_async=inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inner)
    )


def _shape(function: Callable[..., Any], decorator: str, *, is_async: bool) -> Shape:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise wrong(
            function, f"{decorator} stands on something without a readable signature", "Wrap it in a method"
        ) from None
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    spread = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    stuck = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if stuck:
        fix = "Give it a default or remove it; arguments are passed by position"
        raise wrong(function, f"keyword-only parameter {stuck[0]!r} has no default", fix)
    if not positional and not spread:
        raise wrong(function, "it takes no self", "Make it a plain method: def …(self, …)")
    own = positional[1:]
    required = tuple(p.name for p in own if p.default is p.empty)
    return Shape(is_async, len(required), None if spread else len(own), tuple(p.name for p in own), required)
